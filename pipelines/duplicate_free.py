"""Which channels hold nobody twice, as runs were told by --channels: kept until another run is told otherwise."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import duckdb

from profile_service.contracts.channels import Channel

Work = duckdb.DuckDBPyConnection


def duplicate_free_in(channels: Sequence[Channel]) -> Mapping[str, bool]:
    """Which channels a file of --channels declares, and whether they hold nobody twice: of others it says nothing."""
    return {channel.name: channel.duplicate_free for channel in channels if not channel.built_in}


def declared_as_before(work: Work, duplicate_free: Mapping[str, bool] | None) -> bool:
    """Whether the channels that hold nobody twice are those that everyone was last resolved with."""
    known = _duplicate_free(work)
    return known == _declared(known, duplicate_free)


def _duplicate_free(work: Work) -> set[str]:
    """The channels that hold nobody twice, as they were kept."""
    work.execute("CREATE TABLE IF NOT EXISTS duplicate_free (channel VARCHAR, number UTINYINT)")
    return {channel for (channel,) in work.execute("SELECT channel FROM duplicate_free").fetchall()}


def _declared(known: set[str], declared: Mapping[str, bool] | None) -> set[str]:
    """The channels that hold nobody twice now: one of which nothing is declared stays as it was."""
    said = declared or {}
    return {channel for channel in known | set(said) if said.get(channel, channel in known)}


def declare_duplicate_free(work: Work, declared: Mapping[str, bool] | None) -> tuple[bool, list[str]]:
    """Keep which channels hold nobody twice; answers whether that is a change, and what an earlier run declared."""
    known = _duplicate_free(work)
    if (apart := _declared(known, declared)) != known:
        work.execute("DELETE FROM duplicate_free")
        for number, channel in enumerate(sorted(apart), start=1):
            work.execute("INSERT INTO duplicate_free VALUES (?, ?)", [channel, number])
    kept = [] if declared is None else sorted(known - set(declared))
    if not kept:
        return apart != known, []
    holds = "channel {} holds" if len(kept) == 1 else "channels {} hold"
    return apart != known, [
        f"{holds.format(', '.join(kept))} nobody twice, as --channels of an earlier run declared and this run's does "
        "not: it stays so until it is declared with duplicate_free = false"
    ]
