"""Every change of an id has its cause: the first that holds of judgement, model, value, record."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pipelines.causes import CAUSES, enter_causes
from pipelines.changes import cause_in_words, changes_between, id_changes
from profile_service.errors import NotFound, WrongUsage
from tests.work_world import WorkWorld, run_context

Told = list[tuple[str, str, str | None, str | None]]


@pytest.fixture
def world(tmp_path: Path) -> Iterator[WorkWorld]:
    """Two people of one record each, and one of two; all shared a phone that counted for nothing."""
    made = WorkWorld(tmp_path)
    first = made.begin()
    for key in ("store:1", "web:1", "web:2", "mobile:1"):
        made.record(key, 1, given_name="Ann", phone="+441")
    made.link("store:1", "web:1", 4.0)
    made.link("web:2", "mobile:1", -1.0)
    made.identify(first, ["store:1", "web:1", "web:2 mobile:1"])
    yield made
    made.work.close()


def judge(world: WorkWorld, table: str, left: str, right: str, verdict: str) -> None:
    ends = sorted((world.rid(left), world.rid(right)))
    world.work.execute(f"INSERT INTO {table} VALUES (?, ?, ?)", [*ends, verdict])


def merged(world: WorkWorld, model: str = "model-1") -> Told:
    return told(world, ["store:1 web:1", "web:2 mobile:1"], model)


def split(world: WorkWorld, model: str = "model-1") -> Told:
    return told(world, ["store:1", "web:1", "web:2", "mobile:1"], model)


def told(world: WorkWorld, clusters: list[str], model: str) -> Told:
    """Run, and what it told: event, cause, record, other record."""
    context = world.begin() if world.seq == 1 else run_context(2)
    world.identify(context, clusters)
    enter_causes(world.work, context, model)
    return world.work.execute(
        """SELECT i.event, i.cause, a.channel || ':' || a.source_record_id, b.channel || ':' || b.source_record_id
        FROM id_causes i LEFT JOIN records a ON a.rid = i.record LEFT JOIN records b ON b.rid = i.other_record"""
    ).fetchall()


def nothing(world: WorkWorld) -> None:
    """Nothing but the clusters changed."""


def must_link(world: WorkWorld) -> None:
    judge(world, "judged", "store:1", "web:1", "same")


def cannot_link(world: WorkWorld) -> None:
    judge(world, "judged", "web:2", "mobile:1", "different")


def must_link_undone(world: WorkWorld) -> None:
    judge(world, "judged_before", "web:2", "mobile:1", "same")


def cannot_link_undone(world: WorkWorld) -> None:
    judge(world, "judged_before", "store:1", "web:1", "different")


def ordinary(world: WorkWorld) -> None:
    world.work.execute("INSERT INTO flipped VALUES ('phone', '+441', false)")


def generic(world: WorkWorld) -> None:
    world.work.execute("INSERT INTO withheld SELECT rid, 'phone', '+441' FROM records")
    world.work.execute("INSERT INTO flipped VALUES ('phone', '+441', true)")


def changed(world: WorkWorld) -> None:
    world.begin()
    for key in ("web:1", "mobile:1"):
        world.record(key, 5, given_name="Anne")
    world.link("store:1", "web:1", 6.0)
    world.link("web:2", "mobile:1", -4.0)


PAIR, APART = ("store:1", "web:1"), ("web:2", "mobile:1")
Case = tuple[Callable[[WorkWorld], None], Callable[[WorkWorld], Told], tuple[str, str, str, str]]
CASES: dict[str, Case] = {
    "a must-link": (must_link, merged, ("merged_into", "must_link", *PAIR)),
    "a cannot-link": (cannot_link, split, ("split_from", "cannot_link", *APART)),
    "a must-link taken back": (must_link_undone, split, ("split_from", "must_link_undone", *APART)),
    "a cannot-link taken back": (cannot_link_undone, merged, ("merged_into", "cannot_link_undone", *PAIR)),
    "a value let in again": (ordinary, merged, ("merged_into", "value_ordinary", *PAIR)),
    "a value too many share": (generic, split, ("split_from", "value_generic", *APART)),
    "a record that changed, and joins": (changed, merged, ("merged_into", "changed_record", "web:1", "store:1")),
    "a record that changed, and parts": (changed, split, ("split_from", "changed_record", "mobile:1", "web:2")),
    "others' records": (nothing, merged, ("merged_into", "other_records", *PAIR)),
}


@pytest.mark.parametrize("name", CASES)
def test_a_change_has_its_cause(world: WorkWorld, name: str) -> None:
    happened, then, expected = CASES[name]
    happened(world)
    assert then(world) == [expected]


def test_another_model_is_the_cause_unless_somebody_judged(world: WorkWorld) -> None:
    changed(world)
    ordinary(world)
    assert [row[:2] for row in merged(world, "model-2")] == [("merged_into", "model")]


def test_a_new_record_that_brings_two_customers_together_is_named(world: WorkWorld) -> None:
    world.begin()
    world.record("call:9", 5, given_name="Ann")
    world.link("call:9", "web:1", 9.0)
    world.link("call:9", "store:1", 8.0)
    ((event, cause, record, other),) = told(world, ["store:1 web:1 call:9", "web:2 mobile:1"], "model-1")
    assert (event, cause, record) == ("merged_into", "new_record", "call:9")
    assert other in PAIR


def test_a_record_that_goes_from_one_standing_customer_to_another_is_told(world: WorkWorld) -> None:
    told_ = told(world, ["store:1 web:2", "web:1", "mobile:1"], "model-1")
    assert [row[:3] for row in told_] == [("moved", "other_records", "web:2")]


def test_a_first_run_has_nothing_to_explain(world: WorkWorld) -> None:
    assert world.work.execute("SELECT count(*) FROM id_causes").fetchall() == [(0,)]


def test_changes_name_the_people_and_say_why(world: WorkWorld) -> None:
    must_link(world)
    merged(world)
    (change,) = id_changes(world.work, 1, 2)
    assert (change.event, change.names, change.records) == ("merged_into", ("Ann",), ("store:1", "web:1"))
    assert change.cause == "a judgement: one person; store:1 and web:1"


def test_runs_are_named_by_number_or_id_and_in_their_order(world: WorkWorld) -> None:
    merged(world)
    world.work.close()
    found = changes_between(world.data_dir, None, None)
    assert (found.before, found.run_id, found.counts()) == ("run_0001", "run_0002", {"merged_into": 1})
    assert changes_between(world.data_dir, "1", "run_0002") == found
    first = changes_between(world.data_dir, "1", None)
    assert (first.before, first.created, first.changes) == (None, 3, ())
    with pytest.raises(WrongUsage, match="earlier one first"):
        changes_between(world.data_dir, "2", "1")
    with pytest.raises(NotFound, match="there is no run '7': there are 1 to 2"):
        changes_between(world.data_dir, "7", None)


@pytest.mark.parametrize("cause", CAUSES)
def test_every_cause_has_words(cause: str) -> None:
    assert cause_in_words(cause, "web:1", "web:2", 3.0, "phone", "+441")
