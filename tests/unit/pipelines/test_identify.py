"""Ids over runs: kept, created, merged, split, never forgotten."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from pipelines.audits import audit_work
from profile_service.identity.claims import Edge, claim
from tests.work_world import WorkWorld


@pytest.fixture
def world(tmp_path: Path) -> Iterator[WorkWorld]:
    made = WorkWorld(tmp_path)
    for key in ("store:1", "store:2", "store:3", "web:1", "web:2", "web:3"):
        made.record(key)
    yield made
    audit_work(made.work)
    made.work.close()


@pytest.mark.parametrize(
    ("edges", "kept"),
    [
        ([], {}),
        ([Edge(1, "a", 2, "k")], {1: "a"}),
        # merge: most records, then the oldest id
        ([Edge(1, "a", 1, "k"), Edge(1, "b", 2, "k")], {1: "b"}),
        ([Edge(1, "b", 2, "k"), Edge(1, "a", 2, "k")], {1: "a"}),
        # split: the larger part, then the part with the smallest record name
        ([Edge(1, "a", 1, "k"), Edge(2, "a", 3, "l")], {2: "a"}),
        ([Edge(1, "a", 2, "l"), Edge(2, "a", 2, "k")], {2: "a"}),
        # records change sides: each id with its larger part
        ([Edge(1, "a", 3, "k"), Edge(1, "b", 1, "m"), Edge(2, "b", 2, "l")], {1: "a", 2: "b"}),
        # the cluster of most of b's records has taken a: b stays with the rest
        ([Edge(1, "a", 5, "k"), Edge(1, "b", 4, "m"), Edge(2, "b", 1, "l")], {1: "a", 2: "b"}),
        # what came with an id of its own leaves with it, so that the rest keeps the customer's
        ([Edge(1, "a", 2, "k", guests=2), Edge(2, "a", 1, "l")], {2: "a"}),
        # of ids that stand no more, the one that was merged away last
        ([Edge(1, "a", 3, "k", left=5), Edge(1, "b", 1, "k", left=7)], {1: "b"}),
    ],
)
def test_each_cluster_keeps_at_most_one_id_and_each_id_goes_to_one_cluster(
    edges: list[Edge], kept: dict[int, str]
) -> None:
    assert claim(edges) == kept
    assert claim(reversed(edges)) == kept


def test_a_first_run_creates_an_id_for_each_cluster(world: WorkWorld) -> None:
    counts = world.identify(world.begin(), ["store:1 web:1", "store:2 web:2", "store:3", "web:3"])
    assert (counts.created, counts.merged, counts.split, counts.churn, counts.customers) == (4, 0, 0, 0, 4)
    assert world.customer_of("store:1") == world.customer_of("web:1") != world.customer_of("store:2")
    assert [line[1:] for line in world.history()] == [("created", None, True)] * 4


def test_customers_that_were_only_looked_at_are_not_marked_as_changed(world: WorkWorld) -> None:
    world.identify(world.begin(), ["store:1 web:1", "store:2 web:2", "store:3 web:3"])
    world.identify(world.begin(), ["store:1 web:1 web:2", "store:2", "store:3 web:3"], revised=False)
    changed = {
        customer_id
        for (customer_id,) in world.work.execute(
            "SELECT customer_id FROM customer_ids WHERE changed_seq = 2"
        ).fetchall()
    }
    assert changed == {world.customer_of("store:1"), world.customer_of("store:2")}
    world.identify(world.begin(), ["store:3 web:3"])
    (row,) = world.work.execute("SELECT customer_id FROM customer_ids WHERE changed_seq = 3").fetchall()
    assert row == (world.customer_of("store:3"),)


def test_the_same_clusters_again_change_no_id(world: WorkWorld) -> None:
    clusters = ["store:1 web:1", "store:2 web:2", "store:3 web:3"]
    world.identify(world.begin(), clusters)
    before = world.work.execute("SELECT * FROM membership ORDER BY rid").fetchall()
    history = world.history()
    counts = world.identify(world.begin(), clusters)
    assert (counts.created, counts.merged, counts.split, counts.churn, counts.unchanged) == (0, 0, 0, 0, 3)
    assert world.work.execute("SELECT * FROM membership ORDER BY rid").fetchall() == before
    assert world.history() == history


def test_a_run_that_touches_nothing_changes_nothing(world: WorkWorld) -> None:
    world.identify(world.begin(), ["store:1 web:1 store:2 web:2 store:3 web:3"])
    counts = world.identify(world.begin(), [])
    assert (counts.created, counts.churn, counts.unchanged) == (0, 0, 1)
    assert world.work.execute("SELECT count(*) FROM customer_ids WHERE changed_seq = 2").fetchall() == [(0,)]


def test_a_merge_keeps_the_id_of_most_records_and_the_other_becomes_an_alias(world: WorkWorld) -> None:
    world.identify(world.begin(), ["store:1", "store:2 web:2", "store:3", "web:1", "web:3"])
    larger, smaller = world.customer_of("store:2"), world.customer_of("store:1")
    counts = world.identify(world.begin(), ["store:1 store:2 web:2"])
    assert (counts.merged, counts.churn, counts.unchanged) == (1, 1, 3)
    assert world.customer_of("store:1") == larger
    assert (smaller, "merged_into", larger, True) in world.history()
    assert (smaller, "created", None, False) in world.history()


def test_of_two_equal_customers_the_older_id_stands(world: WorkWorld) -> None:
    world.identify(world.begin(), [])
    world.record("kiosk:1")
    world.identify(world.begin(), [])
    older = world.customer_of("store:1")
    assert older < world.customer_of("kiosk:1")
    world.identify(world.begin(), ["kiosk:1 store:1"])
    assert world.customer_of("store:1") == older


def test_an_alias_of_an_alias_names_the_id_that_stands(world: WorkWorld) -> None:
    world.identify(world.begin(), ["store:1", "store:2", "store:3", "web:1 web:2 web:3"])
    first, second, last = (world.customer_of(key) for key in ("store:2", "store:1", "web:1"))
    world.identify(world.begin(), ["store:1 store:2"])
    world.identify(world.begin(), ["store:1 store:2 web:1 web:2 web:3"])
    aliases = dict(world.work.execute("SELECT customer_id, stands_as FROM customer_ids WHERE NOT standing").fetchall())
    assert aliases == {first: last, second: last}
    assert world.work.execute("SELECT count(*) FROM customer_ids WHERE changed_seq = 3").fetchall() == [(3,)]


def test_a_split_leaves_the_id_with_the_larger_part_and_the_history_names_both(world: WorkWorld) -> None:
    world.identify(world.begin(), ["store:1 store:2 store:3 web:1", "web:2", "web:3"])
    whole = world.customer_of("store:1")
    counts = world.identify(world.begin(), ["store:1", "store:2 store:3 web:1"])
    assert (counts.created, counts.split, counts.churn) == (1, 1, 1)
    assert world.customer_of("store:2") == whole
    assert (world.customer_of("store:1"), "split_from", whole, True) in world.history()


def test_a_split_into_equal_parts_leaves_the_id_with_the_smallest_record_name(world: WorkWorld) -> None:
    world.identify(world.begin(), ["store:1 web:3", "store:2", "store:3", "web:1", "web:2"])
    whole = world.customer_of("store:1")
    world.identify(world.begin(), ["web:3", "store:1"])
    assert world.customer_of("store:1") == whole


def test_an_id_stands_again_when_what_was_merged_parts(world: WorkWorld) -> None:
    world.identify(world.begin(), ["store:1", "store:2 web:2", "web:1"])
    before = {key: world.customer_of(key) for key in ("store:1", "store:2", "web:1")}
    world.identify(world.begin(), ["store:1 web:1", "store:2 web:2"])
    merged = before["web:1"] if before["web:1"] != world.customer_of("web:1") else before["store:1"]
    world.identify(world.begin(), ["store:1 web:1 store:2 web:2"])
    counts = world.identify(world.begin(), ["store:1 web:1", "store:2 web:2"])
    assert (counts.created, counts.split, counts.merged) == (0, 1, 0)
    winner = world.customer_of("store:1")
    assert winner in before.values()
    assert alias_of(world, merged) == winner
    counts = world.identify(world.begin(), ["store:1", "web:1", "store:2 web:2"])
    assert {key: world.customer_of(key) for key in before} == before
    assert (counts.created, counts.split, counts.customers) == (0, 1, 5)
    events = [
        event
        for (event,) in world.work.execute(
            "SELECT event FROM id_history WHERE customer_id = ? ORDER BY valid_from", [merged]
        ).fetchall()
    ]
    assert events == ["created", "merged_into", "restored"]


def alias_of(world: WorkWorld, customer_id: str) -> str:
    rows = world.work.execute("SELECT stands_as FROM customer_ids WHERE customer_id = ?", [customer_id]).fetchall()
    return str(rows[0][0])


def test_a_changed_record_marks_its_customer_although_no_id_changes(world: WorkWorld) -> None:
    world.identify(world.begin(), ["store:1 web:1", "store:2 web:2", "store:3 web:3"])
    context = world.begin()
    world.record("web:1", day=4, email="ann@x.example")
    counts = world.identify(context, ["store:1 web:1"])
    assert counts.churn == 0
    changed = world.work.execute("SELECT customer_id FROM customer_ids WHERE changed_seq = 2").fetchall()
    assert changed == [(world.customer_of("web:1"),)]


def test_a_record_that_is_gone_marks_its_customer_and_the_last_one_erases_it(world: WorkWorld) -> None:
    world.identify(world.begin(), ["store:1 web:1", "store:2", "store:3", "web:2", "web:3"])
    pair, alone = world.customer_of("store:1"), world.customer_of("store:2")
    world.forget("web:1")
    world.forget("store:2")
    counts = world.identify(world.begin(), [])
    assert (counts.erased, counts.merged, counts.customers) == (1, 0, 4)
    assert (alone, "erased", None, True) in world.history()
    changed = world.work.execute("SELECT customer_id FROM customer_ids WHERE changed_seq = 2").fetchall()
    assert sorted(changed) == sorted([(pair,), (alone,)])
