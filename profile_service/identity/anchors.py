"""What pairs with equal and with different ids taught beyond the mixture: boosted trees, as plain numbers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


@dataclass(frozen=True)
class Anchors:
    """Regression trees whose leaves add to the natural log-odds of one person.

    A tree reads the level numbers of a pair and, behind them, their log-odds by the mixture. The nodes of all trees
    stand one after another, shape (nodes,) each: a pair whose ``feature`` is at most ``threshold`` goes ``left``,
    else ``right``; a leaf leads to itself and has a ``value``. ``roots``: the first node of each tree. ``silent``:
    the comparisons that the trees were not shown, for their agreement was what they learned from. ``most``: all trees
    together add or take no more than this.
    """

    roots: Integers
    feature: Integers
    threshold: Floats
    left: Integers
    right: Integers
    value: Floats
    silent: tuple[int, ...]
    most: float
    depth: int

    def hidden(self, levels: Integers) -> Integers:
        """The same level numbers with the comparisons that trees are not shown as missing."""
        shown = levels.copy()
        shown[:, list(self.silent)] = 0
        return shown

    def added(self, shown: Integers, log_odds: Floats) -> Floats:
        """What the trees add for level numbers as ``hidden`` gives them and their log-odds, shape (patterns,)."""
        columns = np.column_stack([shown, log_odds])
        node = np.broadcast_to(self.roots, (len(shown), len(self.roots)))
        rows = np.arange(len(shown))[:, None]
        for _ in range(self.depth):
            goes_left = columns[rows, self.feature[node]] <= self.threshold[node]
            node = np.where(goes_left, self.left[node], self.right[node])
        added: Floats = np.clip(self.value[node].sum(axis=1), -self.most, self.most)
        return added

    def as_table(self) -> dict[str, Any]:
        """Plain lists, for a file."""
        return {name: _plain(getattr(self, name)) for name in self.__dataclass_fields__}

    @classmethod
    def from_table(cls, table: Mapping[str, Any] | None) -> Anchors | None:
        """What ``as_table`` gave."""
        if table is None:
            return None
        whole = {name: np.array(table[name], dtype=np.int64) for name in ("roots", "feature", "left", "right")}
        real = {name: np.array(table[name], dtype=np.float64) for name in ("threshold", "value")}
        return cls(
            roots=whole["roots"],
            feature=whole["feature"],
            threshold=real["threshold"],
            left=whole["left"],
            right=whole["right"],
            value=real["value"],
            silent=tuple(table["silent"]),
            most=float(table["most"]),
            depth=int(table["depth"]),
        )


def _plain(value: Any) -> Any:
    return value.tolist() if isinstance(value, np.ndarray) else list(value) if isinstance(value, tuple) else value
