"""What --channels said of channels is kept: it holds until a later run says otherwise of the same channel."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace

import duckdb

from profile_service.contracts.channels import BUILT_IN, Channel
from profile_service.contracts.feeds import KINDS

Work = duckdb.DuckDBPyConnection


@dataclass(frozen=True)
class Declared:
    """The channels to read, kept ones among them, and whether anything is declared that was not before."""

    channels: Sequence[Channel]
    anew: bool

    @property
    def duplicate_free(self) -> Mapping[str, bool]:
        """Whether each channel that is declared holds nobody twice; of others, retired ones too, nothing is said."""
        declared = (channel for channel in self.channels if not (channel.built_in or channel.retired))
        return {channel.name: channel.duplicate_free for channel in declared}


def declare(work: Work, channels: Sequence[Channel], run_seq: int) -> Declared:
    """Keep what a run was told of channels, and add what earlier ones were told of channels that it is silent of."""
    work.execute("CREATE TABLE IF NOT EXISTS declared_channels (channel VARCHAR, declaration VARCHAR, run_seq INTEGER)")
    rows = work.execute("SELECT channel, declaration FROM declared_channels ORDER BY run_seq DESC, channel").fetchall()
    before = {name: _read(name, declaration) for name, declaration in rows}
    now = {channel.name: channel for channel in channels if not channel.built_in}
    told_anew = [channel for name, channel in now.items() if before.get(name) != channel]
    for channel in told_anew:
        work.execute("DELETE FROM declared_channels WHERE channel = ?", [channel.name])
        work.execute("INSERT INTO declared_channels VALUES (?, ?, ?)", [channel.name, _written(channel), run_seq])
    kept = {name: replace(channel, kept=True) for name, channel in before.items() if name not in now}
    usual = {channel.name: channel for channel in BUILT_IN}
    all_channels = [
        kept.pop(channel.name, channel)
        if channel.built_in
        else replace(channel, moved=_moved(channel, before.get(channel.name, usual.get(channel.name))))
        for channel in channels
    ]
    declared = Declared((*all_channels, *kept.values()), bool(told_anew))
    known = _duplicate_free(work)
    return replace(declared, anew=declared.anew or _apart(known, declared.duplicate_free) != known)


def declare_duplicate_free(work: Work, declared: Mapping[str, bool] | None) -> bool:
    """Keep which channels hold nobody twice, each with a number; answers whether that is a change.

    A channel of which nothing is declared stays as it was.
    """
    known = _duplicate_free(work)
    apart = _apart(known, declared or {})
    if apart == known:
        return False
    work.execute("DELETE FROM duplicate_free")
    for number, channel in enumerate(sorted(apart), start=1):
        work.execute("INSERT INTO duplicate_free VALUES (?, ?)", [channel, number])
    return True


def _duplicate_free(work: Work) -> set[str]:
    """The channels that hold nobody twice, as they were kept."""
    work.execute("CREATE TABLE IF NOT EXISTS duplicate_free (channel VARCHAR, number UTINYINT)")
    return {channel for (channel,) in work.execute("SELECT channel FROM duplicate_free").fetchall()}


def _apart(known: set[str], declared: Mapping[str, bool]) -> set[str]:
    return {channel for channel in known | set(declared) if declared.get(channel, channel in known)}


def _moved(now: Channel, before: Channel | None) -> tuple[str, ...]:
    """The kinds whose files are looked for elsewhere than before; none of a channel that is new."""
    return tuple(kind for kind in KINDS if before is not None and now.glob(kind) != before.glob(kind))


def _written(channel: Channel) -> str:
    """A declaration as JSON, all that ``_read`` needs."""
    told = asdict(channel)
    for name in ("name", "built_in", "kept", "moved"):
        del told[name]
    return json.dumps(told, sort_keys=True)


def _read(name: str, declaration: str) -> Channel:
    told = json.loads(declaration)
    told["columns"] = {wanted: tuple(names) for wanted, names in told["columns"].items()}
    return Channel(name, **told)
