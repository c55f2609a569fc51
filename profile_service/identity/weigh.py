"""One record is weighed against many at once, by the very rules for one pair; what was asked is not asked again."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from operator import itemgetter
from typing import Any

import numpy as np

from profile_service.identity.compare import Levels, Question, columns_read, question, takes_part
from profile_service.identity.mixture import LOG2
from profile_service.identity.model import Model
from profile_service.identity.records import StandardisedRecord

Values = Mapping[str, str | None]
_MOST_KEPT = 100_000  # patterns of levels with their weights: a million records have some ten thousand


class Scales:
    """A trained model's comparisons and mixture, made ready once for any number of records; threads may share it."""

    def __init__(self, model: Model) -> None:
        """Raises ValueError for a model that is not trained."""
        if model.trained is None:
            raise ValueError("an untrained model cannot score")
        self._mixture = model.trained.mixture
        self._asked: list[tuple[Question, Callable[[Values], Any]] | None] = [
            (question(comparison, model), itemgetter(*columns_read(comparison, model)))
            if takes_part(comparison, model)
            else None
            for comparison in model.comparisons
        ]
        self._bits: dict[Levels, float] = {}

    def weigh(self, record: StandardisedRecord, others: Sequence[Values]) -> list[float]:
        """The match weight in bits of a record with each of some others (their standard values).

        To the precision in which the batch keeps it.
        """
        if not others:
            return []
        patterns = list(zip(*(self._levels(each, record, others) for each in self._asked), strict=True))
        bits = self._bits
        unknown = [pattern for pattern in dict.fromkeys(patterns) if pattern not in bits]
        if unknown:
            if len(bits) > _MOST_KEPT:
                # a new table, since another thread may be reading the old one
                self._bits = bits = {}
                unknown = list(dict.fromkeys(patterns))
            weights = self._mixture.log_odds(np.array(unknown, dtype=np.int64)) / LOG2
            bits.update(zip(unknown, weights.astype(np.float32).tolist(), strict=True))
        return [bits[pattern] for pattern in patterns]

    def _levels(
        self,
        asked: tuple[Question, Callable[[Values], Any]] | None,
        record: StandardisedRecord,
        others: Sequence[Values],
    ) -> list[int]:
        """What one comparison says of the record with each of the others, asked once for those who are alike in it."""
        if asked is None or any(record[column] is None for column in asked[0].comparison.columns):
            return [0] * len(others)
        compare, read = asked
        known: dict[Any, int] = {}
        levels = []
        for other in others:
            values = read(other)
            level = known.get(values)
            if level is None:
                known[values] = level = compare.level(record, other)
            levels.append(level)
        return levels
