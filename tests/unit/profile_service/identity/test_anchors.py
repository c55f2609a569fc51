"""What boosted trees add to a pair's weight: as they say, within their bound, the same after being stored."""

from __future__ import annotations

import json

import numpy as np
import pytest

from profile_service.identity.anchors import Anchors

# the first tree asks the level of comparison 1, the second the log-odds, which stand behind three comparisons
TREES = Anchors(
    roots=np.array([0, 3]),
    feature=np.array([1, 0, 0, 3, 0, 0]),
    threshold=np.array([0.5, 0.0, 0.0, -2.0, 0.0, 0.0]),
    left=np.array([1, 1, 2, 4, 4, 5]),
    right=np.array([2, 1, 2, 5, 4, 5]),
    value=np.array([0.0, -0.25, 1.0, 0.0, 0.5, 3.0]),
    silent=(2,),
    most=3.5,
    depth=2,
)


@pytest.mark.parametrize(
    ("level", "log_odds", "added"),
    [(0, -5.0, 0.25), (1, -5.0, 1.5), (0, 0.0, 2.75), (4, 0.0, 3.5), (0, -2.0, 0.25)],
)
def test_every_tree_adds_the_value_of_its_leaf_up_to_the_bound(level: int, log_odds: float, added: float) -> None:
    assert TREES.added(np.array([[9, level, 0]]), np.array([log_odds])).tolist() == [added]


def test_ids_are_not_shown_to_the_trees() -> None:
    levels = np.array([[1, 2, 3]])
    assert TREES.hidden(levels).tolist() == [[1, 2, 0]]
    assert levels.tolist() == [[1, 2, 3]]


def test_stored_trees_add_the_same() -> None:
    stored = Anchors.from_table(json.loads(json.dumps(TREES.as_table())))
    assert stored is not None
    levels, odds = np.random.default_rng(1).integers(0, 4, (50, 3)), np.random.default_rng(2).normal(0, 4, 50)
    assert stored.added(levels, odds).tolist() == TREES.added(levels, odds).tolist()
    assert Anchors.from_table(None) is None
