from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import duckdb
import pytest

from pipelines.declared import declare, declare_duplicate_free
from profile_service.contracts.channels import BUILT_IN, Channel

REGISTRY = Channel(
    "registry", customers="registry/*", columns={"street": ("number", "road")}, formats={"birth_date": "%Y"}
)
STORE = Channel("store", customers="tills/*", duplicate_free=True)


@pytest.fixture
def work() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as work:
        yield work


def names(channels: object) -> list[str]:
    assert isinstance(channels, tuple)
    return [channel.name for channel in channels]


def test_a_run_that_is_told_nothing_reads_the_usual_channels(work: duckdb.DuckDBPyConnection) -> None:
    declared = declare(work, BUILT_IN, 1)
    assert (declared.channels, declared.anew, declared.duplicate_free) == (BUILT_IN, False, {})


def test_what_a_run_was_told_holds_for_later_ones_that_are_told_nothing(work: duckdb.DuckDBPyConnection) -> None:
    told = declare(work, (STORE, *BUILT_IN[1:], REGISTRY), 1)
    assert told.anew
    assert not any(channel.kept for channel in told.channels)
    later = declare(work, BUILT_IN, 2)
    assert later.channels == told.channels, "a kept channel stands where it stood"
    assert names(tuple(c for c in later.channels if c.kept)) == ["store", "registry"]
    assert later.duplicate_free == {"store": True, "registry": False}


@pytest.mark.parametrize(
    ("before", "now", "moved"),
    [
        (REGISTRY, REGISTRY, ()),
        (REGISTRY, replace(REGISTRY, columns={}), ()),
        (REGISTRY, replace(REGISTRY, customers="*/*"), ("customers",)),
        (REGISTRY, replace(REGISTRY, events="registry/events*"), ("events",)),
        (Channel("registry", retired=True), REGISTRY, ("customers",)),
        (BUILT_IN[0], STORE, ("customers", "events")),
        (BUILT_IN[0], REGISTRY, ()),
    ],
)
def test_another_glob_than_an_earlier_run_went_by_is_told_as_such(
    work: duckdb.DuckDBPyConnection, before: Channel, now: Channel, moved: tuple[str, ...]
) -> None:
    declare(work, (before,), 1)
    assert declare(work, (now,), 2).channels[0].moved == moved
    assert not any(channel.moved for channel in declare(work, BUILT_IN, 3).channels)


@pytest.mark.parametrize(
    ("again", "anew"),
    [
        (STORE, False),
        (replace(STORE, duplicate_free=False), True),
        (replace(STORE, columns={"city": ("town",)}), True),
        (replace(STORE, events="tills/events/*"), True),
        (Channel("store", retired=True), True),
    ],
)
def test_what_is_declared_otherwise_is_told_anew(work: duckdb.DuckDBPyConnection, again: Channel, anew: bool) -> None:
    first = declare(work, (STORE, *BUILT_IN[1:]), 1)
    assert declare_duplicate_free(work, first.duplicate_free)
    second = declare(work, (again, *BUILT_IN[1:]), 2)
    assert second.anew is anew
    assert second.channels[0] == again
    third = declare(work, BUILT_IN, 3)
    assert third.channels[0] == again, "the last word holds"


def test_a_channel_that_an_older_version_kept_apart_stays_so(work: duckdb.DuckDBPyConnection) -> None:
    declare(work, BUILT_IN, 1)
    work.execute("INSERT INTO duplicate_free VALUES ('store', 1)")
    assert not declare(work, BUILT_IN, 2).anew
    assert not declare_duplicate_free(work, {})
    assert not declare_duplicate_free(work, None)
    assert declare_duplicate_free(work, {"store": False})
    assert work.execute("SELECT * FROM duplicate_free").fetchall() == []


def test_the_channel_that_was_declared_last_comes_first_among_those_kept(work: duckdb.DuckDBPyConnection) -> None:
    declare(work, (*BUILT_IN, REGISTRY), 1)
    declare(work, (*BUILT_IN, replace(REGISTRY, name="crm")), 2)
    assert names(declare(work, BUILT_IN, 3).channels)[-2:] == ["crm", "registry"]
