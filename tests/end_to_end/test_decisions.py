"""What is decided live binds the next run, a rebuild and every run after, until it is taken back."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipelines import run as running
from pipelines.progress import SilentProgress
from pipelines.run import Places, RunOptions, run
from pipelines.summary import RunSummary
from profile_service.correct import Decided, Wish, merge, split, undo
from profile_service.erase import erase
from profile_service.lookup import Erased, Found, by_id
from profile_service.review import decide, reviews
from profile_service.settings import Settings
from profile_service.world import World
from tests.end_to_end.worlds import customers, ids
from tests.linkage_world import SAMPLE

WISH = Wish("steward", "seen the passport")


@pytest.fixture
def data_dir(published: Path, tmp_path: Path) -> Path:
    """A data directory of the test's own, with the sample published."""
    shutil.copytree(published, tmp_path / "data", symlinks=True)
    return tmp_path / "data"


@pytest.fixture
def world(data_dir: Path) -> Iterator[World]:
    opened = World.open(Settings(data_dir=data_dir))
    yield opened
    opened.close()


def again(data_dir: Path, landing: Path | None = None, *, rebuild: bool = False) -> str:
    return summed_up(data_dir, landing, rebuild=rebuild).outcome


def summed_up(data_dir: Path, landing: Path | None = None, *, rebuild: bool = False) -> RunSummary:
    return run(Places(landing, data_dir), RunOptions(accept=True, rebuild=rebuild), SilentProgress())


def some(world: World, records: int, count: int) -> list[str]:
    """Ids of customers with so many records."""
    rows = (
        world.state()
        .generation.warehouse()
        .execute("SELECT customer_id FROM customers WHERE record_count = $1 ORDER BY 1 LIMIT $2", [records, count])
    )
    return [str(customer_id) for (customer_id,) in rows.fetchall()]


def owner(world: World, key: str) -> str:
    record = world.state().record(*key.split(":", 1))
    assert record is not None
    return record.customer_id


def of(decided: Decided) -> dict[str, str]:
    """Whose each record is after a decision."""
    return {key: each["customer_id"] for each in decided.after for key in each["records"]}


def test_decisions_bind_the_batch_as_they_bind_live(world: World, data_dir: Path) -> None:
    one, other = some(world, 3, 2)
    (parted,) = some(world, 4, 1)
    queue = [item["review_id"] for item in reviews(world.state(), limit=4).items]
    before = ids(data_dir)
    with world.write() as hand:
        merged = merge(hand, one, [other], WISH)
    first = min(record.key for record in world.state().records_of(parted)).split(":", 1)
    with world.write() as hand:
        apart = split(hand, parted, [(first[0], first[1])], WISH)
    with world.write() as hand:
        same = decide(hand, queue[0], "same", (), WISH)
    with world.write() as hand:
        decide(hand, queue[1], "different", (), WISH)
    live = {key: owner(world, key) for decided in (merged, apart, same) for key in of(decided)}
    done = summed_up(data_dir)
    moved = [key for key, customer_id in live.items() if before[key] != customer_id]
    assert moved
    assert (done.outcome, done.ids["moved_live"], done.ids["churn"]) == ("published", len(moved), 0)
    published = ids(data_dir)
    assert {key: published[key] for key in live} == live
    partition = customers(data_dir)
    assert summed_up(data_dir, rebuild=True).ids["moved_live"] == 0, "they had moved before it"
    assert customers(data_dir) == partition
    assert ids(data_dir) == published
    assert again(data_dir, SAMPLE) == "nothing new"
    world.follow()
    left = {item["review_id"] for item in reviews(world.state(), limit=500).items}
    assert not set(queue[:2]) & left


def test_what_is_taken_back_after_a_run_binds_nothing_live_nor_in_the_next_run(world: World, data_dir: Path) -> None:
    before, given = customers(data_dir), ids(data_dir)
    one, other = some(world, 3, 2)
    with world.write() as hand:
        merged = merge(hand, one, [other], WISH)
    again(data_dir)
    assert customers(data_dir) != before
    world.follow()
    with world.write() as hand:
        back = undo(hand, merged.decision_id, WISH)
    # the id that was merged away is its records' own again
    assert of(back).items() <= given.items()
    (retired,) = back.customers.restored
    since = (world.state().profile(retired) or {})["customer_since"]
    for rebuild in (False, True):
        again(data_dir, rebuild=rebuild)
        assert ids(data_dir) == given
        world.follow()
        assert (world.state().profile(retired) or {})["customer_since"] == since
    assert isinstance(by_id(world.state(), one), Found)
    assert isinstance(by_id(world.state(), other), Found)


@pytest.mark.parametrize("folded", [False, True], ids=["merged while it runs", "merged before it runs"])
def test_what_is_taken_back_while_a_run_is_at_work_has_its_id_on_the_new_generation(
    world: World, data_dir: Path, monkeypatch: pytest.MonkeyPatch, folded: bool
) -> None:
    given = ids(data_dir)
    one, other = some(world, 3, 2)
    decided = []

    def bind() -> None:
        with world.write() as hand:
            decided.append(merge(hand, one, [other], WISH))

    publish = running.publish

    def meanwhile(*arguments: object) -> object:
        if not folded:
            bind()
        with world.write() as hand:
            undo(hand, decided[0].decision_id, WISH)
        return publish(*arguments)  # type: ignore[arg-type]

    if folded:
        bind()
    with monkeypatch.context() as patched:
        patched.setattr(running, "publish", meanwhile)
        assert again(data_dir, rebuild=True) == "published"
    assert world.follow()
    for customer_id in (one, other):
        assert isinstance(by_id(world.state(), customer_id), Found)
    assert again(data_dir) == "published"
    assert ids(data_dir) == given


def test_a_decision_and_an_erasure_while_a_run_is_at_work_stand_on_its_generation(
    world: World, data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, other, gone = some(world, 3, 3)
    publish = running.publish

    def meanwhile(*arguments: object) -> object:
        # the run has folded the log and committed; it has not published
        with world.write() as hand:
            merge(hand, one, [other], WISH)
        with world.write() as hand:
            erase(hand, gone, WISH)
        return publish(*arguments)  # type: ignore[arg-type]

    with monkeypatch.context() as patched:
        patched.setattr(running, "publish", meanwhile)
        assert again(data_dir, rebuild=True) == "published"
    assert world.follow()
    assert isinstance(by_id(world.state(), gone), Erased)
    standing = one if world.state().profile(one) else other
    assert len(world.state().records_of(standing)) == 6
    assert again(data_dir) == "published"
    assert world.follow()
    assert isinstance(by_id(world.state(), gone), Erased)
    assert len(world.state().records_of(standing)) == 6
