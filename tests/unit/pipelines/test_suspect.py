"""Signs that a linkage went wrong, without any truth."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipelines.suspect import suspicious_clusters, suspicious_participation
from tests.linkage_world import Learned, LinkageWorld, raw

SURE, DOUBTFUL = 9.0, 0.2


def warnings(learned: Learned, *, linked: int, cut: int = 0, bits: float = SURE, names_differ: bool = False) -> str:
    """What is said of so many linked pairs and so many pairs that look like one person but were cut."""
    model = learned.model
    differ = {c.name: radix - 1 for c, radix in zip(model.comparisons, model.radices, strict=True)}
    level = {"given_name": differ["given_name"] if names_differ else 1}
    pattern = model.pack(tuple(level.get(comparison.name, 0) for comparison in model.comparisons))
    with LinkageWorld(learned.models) as world:
        world.work.execute(
            f"""INSERT INTO scored_pairs SELECT 2 * n, 2 * n + 1, {pattern}, {bits} FROM range({linked + cut}) t(n)"""
        )
        world.work.execute(
            f"""CREATE TEMP TABLE new_clusters AS SELECT r::INTEGER AS rid,
            (CASE WHEN r // 2 < {linked} THEN r // 2 * 2 ELSE r END)::INTEGER AS cluster
            FROM range({2 * (linked + cut)}) t(r)"""
        )
        return " ".join(suspicious_clusters(world.work, model))


@pytest.mark.parametrize(
    ("world", "word"),
    [
        ({"linked": 300, "cut": 30}, "kept apart"),
        ({"linked": 300, "names_differ": True}, "disagree on a name"),
        ({"linked": 300, "bits": DOUBTFUL}, "F1"),
    ],
    ids=["many cut", "names differ", "doubtful"],
)
def test_what_looks_wrong_is_said(learned: Learned, world: dict[str, int], word: str) -> None:
    assert word in warnings(learned, **world)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "world",
    [{"linked": 300}, {"linked": 300, "cut": 5}, {"linked": 20, "cut": 20}, {"linked": 300, "cut": 60, "bits": 3.0}],
    ids=["all linked", "few cut", "too few pairs to say", "cut where it is unsure"],
)
def test_what_looks_right_is_not_worth_a_word(learned: Learned, world: dict[str, int]) -> None:
    assert warnings(learned, **world) == ""


ALIKE = {"given_name": "Kate", "family_name": "Moss", "phone": "0612345678", "email": "kate@example.com"}


@pytest.mark.parametrize("rebuild", [False, True], ids=["later", "rebuilt"])
def test_where_no_comparison_takes_part_it_is_said_and_nothing_else(tmp_path: Path, rebuild: bool) -> None:
    with LinkageWorld(tmp_path) as world:
        world.put(raw(f"store:{n}", **ALIKE) for n in range(300))
        (first,) = world.resolve().warnings
        assert first.startswith("no comparison takes part: of the records that the model learned from, every field")
        world.put([raw("store:300", **ALIKE)])
        assert first in world.resolve(rebuild=rebuild).warnings, "a run that learns nothing says it too"


def test_one_record_alone_has_nothing_to_be_told_from(learned: Learned, tmp_path: Path) -> None:
    assert suspicious_participation(learned.model) == []
    with LinkageWorld(tmp_path) as world:
        world.put([raw("store:1", **ALIKE)])
        assert world.resolve().warnings == []
