"""Many pairs get their levels from integer codes; the few that only the texts can settle are named.

The rules themselves stand in ``identity.compare``. What is here answers *yes*, *no* or *ask* for each of them, and may
ask too often, never answer wrongly: a property test holds codes and SQL equal.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from pipelines.engines.coded_records import DATE, ENDS, TWO_ENDS, WORDS, CodedRecords, Codes, Rids, start_of
from profile_service.identity.compare import columns_said_before, otherwise, takes_part
from profile_service.identity.mixture import Integers
from profile_service.identity.model import Comparison, Level, Model

Flags = NDArray[np.bool_]
Both = tuple[NDArray[np.uint64], NDArray[np.uint64]]  # a code of the left records and of the right ones
Answer = tuple[Flags, Flags | None]  # where the rule holds for certain, and where only the texts can tell (or nowhere)


@dataclass(frozen=True)
class Sides:
    """The two rids of each of some pairs, shape (pairs,) each.

    ``whole``: the pairs that these are the ones at ``places`` of; what has been looked up for all of those is not
    looked up again, since records lie far from each other, and their codes in the order of pairs do not.
    """

    records: CodedRecords
    left: Rids
    right: Rids
    whole: Sides | None = None
    places: Rids | Flags | None = None
    known: dict[tuple[str, str], Both] = field(default_factory=dict)

    def at(self, places: Rids | Flags) -> Sides:
        """Some of the pairs."""
        return Sides(self.records, self.left[places], self.right[places], self, places)

    def codes(self, name: str, other: str | None = None) -> Both:
        """A code of the left records and of the right ones."""
        wanted = (name, other or name)
        if wanted not in self.known:
            self.known[wanted] = self._codes(*wanted)
        return self.known[wanted]

    def _codes(self, name: str, other: str) -> Both:
        if self.whole is not None and (known := self.whole.known.get((name, other))):
            return known[0][self.places], known[1][self.places]
        return self.records[name].take(self.left), self.records[other].take(self.right)

    def same(self, name: str, other: str | None = None) -> Flags:
        """Where both have a value and it is the same."""
        left, right = self.codes(name, other)
        result: Flags = (left == right) & (left != 0)
        return result


def speaking(model: Model, records: CodedRecords) -> Codes:
    """By rid a number whose bit is set for each comparison that a record has all values for, shape (size,)."""
    spoken = np.zeros(records.size, dtype=np.uint64)
    for number, comparison in enumerate(model.comparisons):
        if takes_part(comparison, model):
            filled = np.logical_and.reduce([records[column] != 0 for column in comparison.columns])
            spoken |= filled.astype(np.uint64) << np.uint64(number)
    return spoken


def level_numbers(comparison: Comparison, model: Model, pairs: Sides, both: Flags) -> tuple[Integers, Rids]:
    """What one comparison says of each pair, and the places of the pairs whose texts must be asked.

    The numbers are those of ``compare.level_number``, shape (pairs,). ``both``: where neither side lacks a value.
    """
    numbers = np.zeros(len(pairs.left), dtype=np.int64)
    asked: list[Rids] = []
    left = np.nonzero(both)[0]
    for column in columns_said_before(comparison, model):
        left = left[~pairs.at(left).same(column)]
    some = pairs.at(left)
    if comparison.unless_swapped:
        certain, unsure = swapped(some)
        asked.append(left[unsure])
        left, some = _without(certain | unsure, left, some)
    number = 1
    bins = model.bins
    for level in comparison.levels:
        holds, may = _ANSWERS[level.rule](some, level) if level.rule in _ANSWERS else _unknown(some, level)
        if level.well_known:
            known = _known_well(some, level, bins - 1)
            holds, may = holds & known, None if may is None else may & known
        hit = left[holds]
        numbers[hit] = number
        if level.bins:
            bin_of = pairs.records[f"{level.bins}_bin"]
            numbers[hit] += np.minimum(bin_of.take(pairs.left[hit]), bin_of.take(pairs.right[hit])).astype(np.int64)
        if may is not None:
            asked.append(left[may])
            holds = holds | may
        left, some = _without(holds, left, some)
        number += bins if level.bins else 1
    numbers[left] = otherwise(comparison, number)
    return numbers, np.concatenate(asked) if asked else np.zeros(0, dtype=np.intp)


def _without(settled: Flags, left: Rids, some: Sides) -> tuple[Rids, Sides]:
    return left[~settled], some.at(~settled)


def _known_well(pairs: Sides, level: Level, rarest: int) -> Flags:
    left, right = pairs.codes(f"{level.column}_bin")
    result: Flags = (left < rarest) & (right < rarest)
    return result


def swapped(pairs: Sides) -> tuple[Flags, Flags]:
    """Where names are swapped for certain, and where they may nearly be."""
    given, other = pairs.codes("given_fixed")
    at = np.nonzero((given != other) & (given != 0) & (other != 0))[0]
    for name, across in (("given_fixed", "family_fixed"), ("family_fixed", "given_fixed")):
        at = at[_ends_agree(pairs.at(at), name, across)]
    some = pairs.at(at)
    exact = some.same("given_fixed", "family_fixed") & some.same("family_fixed", "given_fixed")
    certain, unsure = np.zeros(len(pairs.left), dtype=bool), np.zeros(len(pairs.left), dtype=bool)
    certain[at[exact]] = True
    unsure[at[~exact]] = True
    return certain, unsure


def _ends_agree(pairs: Sides, name: str, other: str) -> Flags:
    left, right = pairs.codes(f"{name} {ENDS}", f"{other} {ENDS}")
    apart = left ^ right
    ends: Flags = ((apart & np.uint64(0xFF)) == 0) | ((apart & np.uint64(0xFF00)) == 0)
    ends &= (left != 0) & (right != 0)
    return ends


def _unknown(pairs: Sides, _: Level) -> Answer:
    """A rule that reads nothing but texts: asked wherever it is reached."""
    return np.zeros(len(pairs.left), dtype=bool), np.ones(len(pairs.left), dtype=bool)


def _shares_word(pairs: Sides, level: Level) -> Answer:
    same = pairs.same(level.column)
    left, right = pairs.codes(f"{level.column} {WORDS}")
    return same, ~same & ((left & right) != 0)


def _initial(pairs: Sides, level: Level) -> Answer:
    left, right = pairs.codes(f"{level.column} {ENDS}")
    single = ((left | right) >> np.uint64(16)) != 0
    first = ((left ^ right) & np.uint64(0xFF)) == 0
    return single & first & (left != 0) & (right != 0), None


def _jaro_winkler(pairs: Sides, level: Level) -> Answer:
    same = pairs.same(level.column)
    return same, ~same & _ends_agree(pairs, level.column, level.column)


def _damerau(pairs: Sides, level: Level) -> Answer:
    same = pairs.same(level.column)
    left, right = pairs.codes(f"{level.column} {TWO_ENDS}")
    apart = left ^ right
    ends = ((apart & np.uint64(0xFFFF)) == 0) | ((apart & np.uint64(0xFFFF0000)) == 0)
    lengths = np.abs((left >> np.uint64(32)).astype(np.int64) - (right >> np.uint64(32)).astype(np.int64))
    return same, ~same & ends & (lengths <= level.at_most) & (left != 0) & (right != 0)


def _date_parts(codes: NDArray[np.uint64]) -> tuple[NDArray[np.uint64], ...]:
    year, rest = np.divmod(codes, np.uint64(10_000))
    return (year, *np.divmod(rest, np.uint64(100)))


def _day_month_swapped(pairs: Sides, level: Level) -> Answer:
    left, right = pairs.codes(f"{level.column} {DATE}")
    a, b = _date_parts(left), _date_parts(right)
    dates = (left != 0) & (right != 0)
    holds = (a[0] == b[0]) & (a[1] == b[2]) & (a[2] == b[1]) & dates
    return holds, ~dates & _both_speak(pairs, level)


def _two_date_parts(pairs: Sides, level: Level) -> Answer:
    left, right = pairs.codes(f"{level.column} {DATE}")
    agreeing = sum((a == b).astype(np.int8) for a, b in zip(_date_parts(left), _date_parts(right), strict=True))
    dates = (left != 0) & (right != 0)
    return (agreeing >= 2) & dates, ~dates & _both_speak(pairs, level)


def _one_date_part_slipped(pairs: Sides, level: Level) -> Answer:
    """Two parts agree; whether the third is one slip away is for the texts, unless it agrees too."""
    same = pairs.same(level.column)
    two, no_dates = _two_date_parts(pairs, level)
    return same, ~same & (two if no_dates is None else two | no_dates)


def _both_speak(pairs: Sides, level: Level) -> Flags:
    left, right = pairs.codes(level.column)
    result: Flags = (left != 0) & (right != 0)
    return result


_ANSWERS: dict[str, Callable[[Sides, Level], Answer]] = {
    "same": lambda pairs, level: (pairs.same(level.column), None),
    "same_both": lambda pairs, level: (pairs.same(level.column) & pairs.same(level.and_column), None),
    "same_start": lambda pairs, level: (pairs.same(start_of(level.column, level.length)), None),
    "swapped": lambda pairs, _: swapped(pairs),
    "shares_word": _shares_word,
    "initial": _initial,
    "jaro_winkler": _jaro_winkler,
    "damerau": _damerau,
    "day_month_swapped": _day_month_swapped,
    "two_date_parts": _two_date_parts,
    "one_date_part_slipped": _one_date_part_slipped,
}
