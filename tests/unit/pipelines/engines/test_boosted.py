"""Boosted trees find what the weights before them leave out, through labels of which a part is wrong."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pipelines.engines import boosted
from pipelines.engines.boosted import Growth, Labelled, boost
from pipelines.resolve import expect
from profile_service.identity.anchors import Anchors

GROW = Growth(trees=60, depth=3, least_pairs=20, rate=0.2, most=6.0)
# four patterns of one comparison; the weights before say even odds of each
LEVELS = np.array([[1], [2], [3], [4]])
EVEN = np.zeros(4)
PAIRS = 4000.0


def taught(truth: list[float], same: float, others: float) -> Anchors:
    """Trees from the ids of pairs of which ``truth`` are one person."""
    chance = others + (same - others) * np.array(truth)
    equal = PAIRS * chance
    return boost(LEVELS, EVEN, [Labelled(np.arange(4), equal, PAIRS - equal, same, np.full(4, others))], (), GROW)


@pytest.mark.parametrize(("same", "others"), [(0.97, 0.001), (0.3, 0.02)], ids=["cards", "cookies that change"])
def test_trees_find_the_odds_behind_labels_however_often_an_id_changes(same: float, others: float) -> None:
    truth = [0.05, 0.3, 0.6, 0.9]
    found = taught(truth, same, others).added(LEVELS, EVEN)
    assert 1 / (1 + np.exp(-found)) == pytest.approx(truth, abs=0.06)


def test_weights_that_are_right_are_left_alone() -> None:
    assert taught([0.5] * 4, 0.9, 0.01).added(LEVELS, EVEN) == pytest.approx([0.0] * 4, abs=0.02)


def test_few_pairs_move_nothing() -> None:
    few = Labelled(np.arange(4), np.array([9.0, 0, 0, 0]), np.array([0, 0, 0, 9.0]), 0.9, np.full(4, 0.01))
    assert boost(LEVELS, EVEN, [few], (), GROW).added(LEVELS, EVEN).tolist() == [0.0] * 4


def test_the_same_labels_give_the_same_trees() -> None:
    one, other = (taught([0.1, 0.2, 0.7, 0.8], 0.9, 0.01).as_table() for _ in range(2))
    assert one == other


def test_patterns_shown_alike_are_one_to_a_tree_whichever_ids_say_so() -> None:
    truth = np.array([0.1, 0.3, 0.6, 0.9])
    whole = taught(list(truth), 0.9, 0.01)
    equal = PAIRS * (0.01 + 0.89 * truth)
    parts = [
        Labelled(np.arange(first, first + 4), equal * share, (PAIRS - equal) * share, 0.9, np.full(4, 0.01))
        for first, share in ((0, 0.25), (4, 0.75))
    ]
    parted = boost(np.concatenate([LEVELS, LEVELS]), np.zeros(8), parts, (), GROW)
    assert parted.as_table().keys() == whole.as_table().keys()
    assert parted.added(LEVELS, EVEN) == pytest.approx(whole.added(LEVELS, EVEN), abs=1e-9)


@pytest.mark.parametrize(
    ("stands", "records", "loaded"), [(False, 200_000, True), (False, 100, False), (True, 10**7, False)]
)
def test_what_grows_trees_is_loaded_ahead_where_many_records_will_be_learned_from(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, stands: bool, records: int, loaded: bool
) -> None:
    begun: list[str] = []
    monkeypatch.setattr(boosted, "load_beside", begun.append)
    if stands:
        (tmp_path / "current").write_text("a version")
    expect(tmp_path, records)
    assert begun == ["sklearn.tree"] * loaded
