"""Regression trees are boosted on labels of which a known part is wrong."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipelines.beside import load_beside
from profile_service.identity.anchors import Anchors

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
# Records from which ids are met often enough, as a rule.
_WORTH_LOADING = 200_000


@dataclass(frozen=True)
class Labelled:
    """Patterns with how many of their pairs have equal and different ids of one kind, shape (patterns,) each.

    ``same`` and ``others``: the share of equal ids among pairs of one person, and among pairs of two.
    """

    rows: Integers
    equal: Floats
    different: Floats
    same: float
    others: Floats


@dataclass(frozen=True)
class Growth:
    """How many trees, how deep, how many pairs in a leaf, how much of each is kept, and the most they add together."""

    trees: int
    depth: int
    least_pairs: float
    rate: float
    most: float


def load_ahead(records: int) -> None:
    """Begin to load what grows trees, a second of one core, beside work that the interpreter only waits for.

    Where there are few records nothing is loaded: trees are seldom grown on them.
    """
    if records >= _WORTH_LOADING:
        load_beside("sklearn.tree")


def boost(
    shown: Integers, log_odds: Floats, labelled: Sequence[Labelled], silent: tuple[int, ...], grow: Growth
) -> Anchors:
    """Trees that add to ``log_odds`` what the labels say of ``shown`` level numbers, shape (patterns, comparisons).

    What is shown alike has the same odds. Gradient boosting (Friedman 2001) of the likelihood of the labels, in which
    one person has an equal id with chance ``same`` and two people with ``others``: so an id that changes, or is shared
    at home, is no contradiction. Leaves take a step of Newton's method by the expected curvature. The same input gives
    the same trees.
    """
    from sklearn.tree import DecisionTreeRegressor

    rows = np.concatenate([one.rows for one in labelled])
    # patterns that are alike but for what is not shown are one to a tree, whichever kinds of id they have labels of
    _, first, alike = np.unique(_packed(shown[rows]), return_index=True, return_inverse=True)
    patterns = len(first)
    equal = np.concatenate([one.equal for one in labelled])
    weight = equal + np.concatenate([one.different for one in labelled])
    same = np.concatenate([np.full(len(one.rows), one.same) for one in labelled])
    others = np.concatenate([one.others for one in labelled])
    # as a tree would have to make them itself each time
    columns = np.column_stack([shown, log_odds])[rows[first]].astype(np.float32)
    odds = log_odds[rows[first]].copy()
    pairs_of = np.bincount(alike, weights=weight, minlength=patterns)
    nodes: dict[str, list[Any]] = {name: [] for name in ("feature", "threshold", "left", "right", "value")}
    roots = []
    for _ in range(grow.trees):
        one_person = (1.0 / (1.0 + np.exp(-np.clip(odds, -30, 30))))[alike]
        chance = np.clip(others + (same - others) * one_person, 1e-9, 1 - 1e-9)
        slope = (same - others) * one_person * (1.0 - one_person)
        gradient = np.bincount(alike, (equal - weight * chance) / (chance * (1.0 - chance)) * slope, patterns)
        curvature = np.bincount(alike, weight * (slope**2 / (chance * (1.0 - chance)) + 1e-6) + 1e-12, patterns)
        tree = DecisionTreeRegressor(max_depth=grow.depth, random_state=0)
        tree.fit(columns, gradient / curvature, sample_weight=curvature, check_input=False)
        leaf = tree.apply(columns, check_input=False)
        size = tree.tree_.node_count
        sums = np.bincount(leaf, weights=gradient, minlength=size)
        pairs = np.bincount(leaf, weights=pairs_of, minlength=size)
        steps = np.bincount(leaf, weights=curvature, minlength=size)
        # a leaf of few pairs, or of pairs that are certain already, moves nothing far
        value = grow.rate * sums / (steps + 1.0) * (pairs >= grow.least_pairs)
        odds += value[leaf]
        start = sum(len(each) for each in nodes["value"])
        roots.append(start)
        own = np.arange(size)
        ends = tree.tree_.children_left < 0
        nodes["feature"].append(np.where(ends, 0, tree.tree_.feature))
        nodes["threshold"].append(np.where(ends, 0.0, tree.tree_.threshold))
        nodes["left"].append(start + np.where(ends, own, tree.tree_.children_left))
        nodes["right"].append(start + np.where(ends, own, tree.tree_.children_right))
        nodes["value"].append(np.where(ends, value, 0.0))
    whole = {name: np.concatenate(parts) for name, parts in nodes.items()}
    return Anchors(roots=np.array(roots, dtype=np.int64), silent=silent, most=grow.most, depth=grow.depth, **whole)


def _packed(shown: Integers) -> Integers:
    """Rows of level numbers as one number each, shape (rows,): the same for the same rows."""
    return shown @ np.cumprod([1, *(shown.max(axis=0, initial=0) + 1)[:-1]], dtype=np.int64)
