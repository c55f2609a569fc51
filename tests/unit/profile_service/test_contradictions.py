"""Decisions that contradict each other: live answers, the next run and a rebuild obey the same ones, and say so."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipelines.progress import SilentProgress
from pipelines.run import Places, RunOptions, run
from pipelines.summary import RunSummary
from profile_service.correct import Wish, judge, undo
from profile_service.errors import Refused
from profile_service.live.judge import Constraint
from profile_service.review import decide, review_of, reviews
from profile_service.world import World
from tests.end_to_end import worlds

WISH = Wish("steward", "seen the passport")


def three(world: World) -> list[tuple[str, str]]:
    """Three records of three customers of one record each."""
    rows = (
        world.state()
        .generation.warehouse()
        .execute(
            """SELECT channel, source_record_id FROM customer_records SEMI JOIN (
            SELECT customer_id FROM customers WHERE record_count = 1) USING (customer_id) ORDER BY 1, 2 LIMIT 3"""
        )
    )
    return [(str(row[0]), str(row[1])) for row in rows.fetchall()]


def say(world: World, *decisions: tuple[tuple[str, str], tuple[str, str], str]) -> list[str]:
    said = []
    for left, right, verdict in decisions:
        with world.write() as hand:
            said.append(judge(hand, verdict, [Constraint(left, right, verdict)], WISH).decision_id)
    return said


def live(world: World, keys: list[tuple[str, str]]) -> list[bool]:
    """Whether the first is one with the second, the second with the third, the first with the third."""
    a, b, c = (world.state().record(*key) for key in keys)
    assert a is not None
    assert b is not None
    assert c is not None
    return [x.customer_id == y.customer_id for x, y in ((a, b), (b, c), (a, c))]


def batch(data_dir: Path, keys: list[tuple[str, str]]) -> list[bool]:
    given = worlds.ids(data_dir)
    a, b, c = (given[":".join(key)] for key in keys)
    return [a == b, b == c, a == c]


def again(data_dir: Path, *, rebuild: bool = False) -> RunSummary:
    return run(Places(None, data_dir), RunOptions(accept=True, rebuild=rebuild), SilentProgress())


ORDERS = {
    "apart last": (("AB", "same"), ("BC", "same"), ("AC", "different"), [False, True, False], 0),
    "apart first": (("AC", "different"), ("AB", "same"), ("BC", "same"), [True, True, True], 0),
    "apart between": (("BC", "same"), ("AC", "different"), ("AB", "same"), [True, False, False], 0),
}


@pytest.mark.parametrize("order", ORDERS.values(), ids=ORDERS)
def test_the_latest_stand_live_in_the_next_run_and_in_a_rebuild(world: World, data_dir: Path, order) -> None:  # type: ignore[no-untyped-def]
    *said, expected, aside = order
    keys = three(world)
    name = dict(zip("ABC", keys, strict=True))
    decisions = say(world, *((name[pair[0]], name[pair[1]], verdict) for pair, verdict in said))
    assert live(world, keys) == expected
    assert [item["set_aside"]["decision_id"] for item in reviews(world.state(), "conflict").items] == [decisions[aside]]
    for rebuild in (False, True):
        summary = again(data_dir, rebuild=rebuild)
        assert batch(data_dir, keys) == expected
        assert any("1 judgement contradicts later ones" in warning for warning in summary.warnings)
    with worlds.published(data_dir) as warehouse:
        ((decision_id, against),) = warehouse.execute(
            "SELECT decision_id, against FROM match_judgements WHERE standing = 'set aside'"
        ).fetchall()
    assert decision_id == decisions[aside]
    assert set(against) == {*decisions} - {decision_id}
    world.follow()
    assert live(world, keys) == expected


def test_a_contradiction_waits_for_a_steward_until_one_of_the_decisions_is_taken_back(world: World) -> None:
    a, b, c = three(world)
    apart, _, last = say(world, (a, c, "different"), (a, b, "same"), (b, c, "same"))
    (item,) = reviews(world.state(), "conflict").items
    assert item["set_aside"]["verdict"] == "different"
    assert set(item["set_aside"]["against"]) == {"jdg_000000000002", last}
    assert {item["left"], item["right"]} == {":".join(a), ":".join(c)}
    assert review_of(world.state(), item["review_id"])["set_aside"]["decision_id"] == apart
    with world.write() as hand:
        undo(hand, last, WISH)
    assert reviews(world.state(), "conflict").items == []
    assert live(world, [a, b, c]) == [True, False, False]
    with pytest.raises(Refused, match="no such contradiction"):
        review_of(world.state(), item["review_id"])


@pytest.mark.parametrize(("verdict", "expected"), [("same", [True, True, True]), ("different", [False, True, False])])
def test_a_steward_settles_it_by_deciding_anew(world: World, verdict: str, expected: list[bool]) -> None:
    a, b, c = three(world)
    say(world, (a, c, "different"), (a, b, "same"), (b, c, "same"))
    (item,) = reviews(world.state(), "conflict").items
    with world.write() as hand:
        decide(hand, item["review_id"], verdict, [a] if verdict == "different" else [], WISH)
    assert live(world, [a, b, c]) == expected
    assert reviews(world.state(), "conflict").items == []
