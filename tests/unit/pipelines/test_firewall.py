"""The over-merge firewall: what it objects to, and what it lets pass."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipelines.firewall import Thresholds, object_to_over_merging, objections
from profile_service.errors import RunFailed
from profile_service.identity.model import packaged_model
from profile_service.store.generation import Generation, Manifest
from tests.work_world import WorkWorld

STRICT = Thresholds(
    largest_customer=3,
    times_previous=2.0,
    merged_share=0.1,
    merged_least=1,
    conflicting_births=2,
    conflicting_share=0.0,
    conflicting_least=0,
)


def standing(largest: int, customers: int = 10) -> Generation:
    return Generation(Path("x"), Manifest("run_0001", 1, "full", None, "s", customers, largest, 1, 1))


@pytest.fixture
def world(tmp_path: Path) -> WorkWorld:
    made = WorkWorld(tmp_path)
    for number in range(8):
        made.record(f"web:{number}", birth_date=f"198{number}-01-01" if number < 3 else "1990-01-01")
    return made


@pytest.mark.parametrize(
    ("size", "before", "objects"),
    [(3, None, False), (4, None, True), (4, 2, False), (5, 2, True), (5, 3, False)],
)
def test_a_customer_may_be_plausibly_large_or_grow_a_little(
    world: WorkWorld, size: int, before: int | None, objects: bool
) -> None:
    world.identify(world.begin(), [" ".join(f"web:{number}" for number in range(3, 3 + size))])
    found = objections(world.work, standing(before) if before else None, STRICT)
    assert bool(found) is objects
    if objects:
        assert f"has {size} records" in found[0]


def test_birth_dates_that_cannot_be_one_persons_are_a_hard_conflict(world: WorkWorld) -> None:
    world.identify(world.begin(), ["web:0 web:1", "web:2"])
    assert objections(world.work, None, STRICT) == []
    world.identify(world.begin(), ["web:0 web:1 web:2"])
    assert "1 customers have more than 2 birth dates" in objections(world.work, None, STRICT)[0]


def test_a_jump_in_merges_or_splits_is_objected_to(world: WorkWorld) -> None:
    world.identify(world.begin(), ["web:3", "web:4", "web:5", "web:6 web:7"])
    assert objections(world.work, standing(9), STRICT) == []
    world.identify(world.begin(), ["web:3 web:4", "web:5"])
    assert objections(world.work, standing(9), STRICT) == []
    world.identify(world.begin(), ["web:3 web:4 web:5"])
    assert "2 customers are merged away" in objections(world.work, standing(9), STRICT)[0]
    with pytest.raises(RunFailed, match="--accept"):
        object_to_over_merging(world.work, standing(9), STRICT)
    world.identify(world.begin(), ["web:3", "web:4", "web:5"])
    assert "2 customers are split off" in objections(world.work, standing(9), STRICT)[1]


def test_a_work_store_that_knows_nothing_of_what_is_published_is_objected_to(world: WorkWorld) -> None:
    world.identify(world.begin(), ["web:3", "web:4"])
    world.work.execute("UPDATE runs SET run_id = 'run_of_another_store'")
    assert "every id it gave would be lost" in objections(world.work, standing(9), STRICT)[0]


def test_the_packaged_model_has_a_firewall_and_one_without_has_none(world: WorkWorld) -> None:
    assert Thresholds.from_settings(packaged_model().settings) is not None
    assert Thresholds.from_settings({}) is None
    object_to_over_merging(world.work, None, None)


def people(world: WorkWorld, **changed: str) -> list[str]:
    """Thirty records of the store, each landed again with some fields changed; ``{n}`` is its number."""
    given = ("Ada", "Grace", "Mary", "Emmy", "Lise", "Rosalind")
    for n in range(30):
        world.record(f"store:{n}", given_name=given[n % 6], family_name=f"Lovelace{n}", email=f"a{n}@example.com")
    first = world.begin()
    world.identify(first, [])
    world.begin()
    for n in range(30):
        fields = {"given_name": given[n % 6], "family_name": f"Lovelace{n}", "email": f"a{n}@example.com"}
        world.record(f"store:{n}", day=2, **fields | {name: value.format(n=n) for name, value in changed.items()})
    return objections(world.work, standing(3), STRICT)


OTHERS = "30 of 30 changed records of store are of another person than before"
CHANGES: dict[str, tuple[dict[str, str], str]] = {
    "married": ({"family_name": "Whittaker"}, ""),
    "another given name, the same mailbox": ({"given_name": "Zbigniew", "family_name": "Whittaker"}, ""),
    "another person": ({"given_name": "Zbigniew", "family_name": "Whittaker", "email": "z{n}@example.com"}, OTHERS),
    "no name any more": ({"given_name": "", "family_name": "", "email": "z{n}@example.com"}, ""),
}


@pytest.mark.parametrize(("changed", "said"), CHANGES.values(), ids=CHANGES)
def test_a_channel_that_gives_its_ids_to_other_people_is_objected_to(
    tmp_path: Path, changed: dict[str, str], said: str
) -> None:
    found = people(WorkWorld(tmp_path), **changed)
    assert (found[0][: len(OTHERS)] if found else "") == said


@pytest.mark.parametrize(("refused", "objects"), [(49, False), (50, False), (51, True)])
def test_a_feed_of_which_most_rows_are_refused_is_objected_to(world: WorkWorld, refused: int, objects: bool) -> None:
    world.identify(world.begin(), [])
    world.work.execute(
        "INSERT INTO files BY NAME SELECT 'web' AS channel, 'customers' AS kind, 100 AS rows, 2 AS run_seq"
    )
    world.work.execute(
        "INSERT INTO rejected_rows BY NAME SELECT 2 AS run_seq, 'web' AS channel, 'customers' AS kind, "
        "['birth_date is no date'] AS reasons FROM range(?)",
        [refused],
    )
    found = objections(world.work, standing(3), STRICT)
    assert bool(found) is objects
    if objects:
        assert "51 of 100 rows of web customers were refused, most often because birth_date is no date" in found[0]
