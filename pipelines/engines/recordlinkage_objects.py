"""A model's blocking rules and comparisons as recordlinkage objects, for any frame of standard values."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pandas as pd
import recordlinkage
from recordlinkage.base import BaseCompareFeature, BaseIndexAlgorithm

from profile_service.identity.blocking_rule import BlockingRule
from profile_service.identity.compare import columns_read, question, takes_part
from profile_service.identity.mixture import Integers
from profile_service.identity.model import Comparison, Model
from profile_service.identity.records import StandardisedRecord


class SharedKey(BaseIndexAlgorithm):  # type: ignore[misc]
    """Pairs of records that agree on every column of a blocking rule, where no more than ``cap`` records do.

    Works on frames with a column for each standard value that the rule's key names; a missing value is never a key.
    """

    def __init__(self, rule: BlockingRule, cap: int) -> None:
        super().__init__()
        self.rule = rule
        self.cap = cap

    def _link_index(self, df_a: pd.DataFrame, df_b: pd.DataFrame) -> pd.MultiIndex:
        """Pairs between two frames; a key counts its holders in both."""
        keys = self._live_keys([df_a, df_b])
        met = _meetings(keys.iloc[: len(df_a)], keys.iloc[len(df_a) :].reset_index(drop=True))
        return pd.MultiIndex.from_arrays([df_a.index[met["left"]], df_b.index[met["right"]]])

    def _dedup_index(self, df_a: pd.DataFrame) -> pd.MultiIndex:
        """Pairs within one frame, the later row first, as recordlinkage has them."""
        keys = self._live_keys([df_a])
        met = _meetings(keys, keys)
        met = met[met["left"] > met["right"]]
        return pd.MultiIndex.from_arrays([df_a.index[met["left"]], df_a.index[met["right"]]])

    def _live_keys(self, frames: list[pd.DataFrame]) -> pd.Series:
        """A number for the key of each row of the frames, NaN where it has none or too many share it."""
        stacked = pd.concat([self._parts(frame) for frame in frames], ignore_index=True)
        key = stacked.groupby(list(self.rule.key), sort=False, dropna=True).ngroup()
        key = key.where(stacked.notna().all(axis=1))
        holders = key.map(key.value_counts())
        return key.where(holders <= self.cap)

    def _parts(self, frame: pd.DataFrame) -> pd.DataFrame:
        """A column for each part of the key."""
        parts = {}
        for part in self.rule.key:
            column, _, length = part.partition(":")
            parts[part] = frame[column].str[: int(length)] if length else frame[column]
        return pd.DataFrame(parts)


def _meetings(left: pd.Series, right: pd.Series) -> pd.DataFrame:
    """Every place on the left with every place on the right that has the same number: columns ``left``, ``right``."""
    sides = [
        pd.DataFrame({"key": side.to_numpy(), name: np.arange(len(side))}).dropna()
        for name, side in (("left", left), ("right", right))
    ]
    return sides[0].merge(sides[1], on="key")


class LevelNumber(BaseCompareFeature):  # type: ignore[misc]
    """The level number of one comparison of a trained model, by its rules in Python; 0 is ``missing``.

    Works on frames with a column for each standard value that the comparison reads, and ``<column>_bin`` for each that
    has frequency bins.
    """

    def __init__(self, comparison: Comparison, model: Model) -> None:
        self.comparison = comparison
        self.model = model
        self.question = question(comparison, model)
        self.values = columns_read(comparison, model)
        self.binned = list(dict.fromkeys(level.bins for level in comparison.levels if level.bins))
        labels = [*self.values, *(f"{column}_bin" for column in self.binned)]
        super().__init__(labels, labels, label=comparison.name)

    def _compute_vectorized(self, *sides: pd.Series) -> Integers:
        """Level numbers, shape (pairs,), from the columns of the left records and then those of the right ones."""
        pairs = len(sides[0])
        if not takes_part(self.comparison, self.model):
            return np.zeros(pairs, dtype=np.int64)
        half = len(sides) // 2
        left, right = (list(zip(*map(_with_none, side), strict=True)) for side in (sides[:half], sides[half:]))
        met = list(zip(left, right, strict=True))
        read = {cells: self._record(cells) for cells in {*left, *right}}
        known = {(a, b): self.question.level(read[a], read[b]) for a, b in set(met)}
        return np.fromiter((known[pair] for pair in met), dtype=np.int64, count=pairs)

    def _record(self, cells: Iterable[object]) -> StandardisedRecord:
        cells = list(cells)
        values = {
            column: None if cell is None else str(cell)
            for column, cell in zip(self.values, cells[: len(self.values)], strict=True)
        }
        bins = {column: int(str(cell)) for column, cell in zip(self.binned, cells[len(self.values) :], strict=True)}
        return StandardisedRecord("", "", values, bins)


def _with_none(values: pd.Series) -> list[object]:
    """The cells with ``None`` for whatever pandas takes for missing."""
    cells: list[object] = values.astype(object).where(values.notna(), None).tolist()
    return cells


def model_index(model: Model) -> recordlinkage.Index:
    """The model's blocking rules: ``.index(frame)`` gives each candidate pair once."""
    return recordlinkage.Index([SharedKey(rule, model.blocking_cap) for rule in model.live_rules])


def model_compare(model: Model) -> recordlinkage.Compare:
    """The model's comparisons: ``.compute(pairs, frame)`` gives level numbers, a column a comparison."""
    return recordlinkage.Compare([LevelNumber(comparison, model) for comparison in model.comparisons])
