"""Keys as numbers: whether two are alike, whether some are among others, and what is said of records by number."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipelines.engines.coded_records import begins

Codes = NDArray[np.uint64]
Numbers = NDArray[np.int32]
Flags = NDArray[np.bool_]


def alike(numbers: NDArray[Any]) -> bool:
    """Whether two of the numbers are the same."""
    ordered = np.sort(numbers)
    return bool(np.any(ordered[1:] == ordered[:-1]))


def distinct(numbers: Codes) -> Codes:
    """Each number once, in order: ``np.unique`` without what else it would make."""
    ordered = np.sort(numbers)
    return ordered[begins(ordered)]


def among(some: Codes, ordered: Codes) -> bool:
    """Whether each of ``some`` is one of ``ordered``."""
    sought = distinct(some)
    places = np.searchsorted(ordered, sought)
    return bool(np.all(places < len(ordered))) and bool(np.all(ordered[places] == sought))


def total(numbers: Codes) -> int:
    """Their sum modulo 2**64."""
    return int(numbers.sum(dtype=np.uint64))


@dataclass(frozen=True)
class Table:
    """What is said of records by number: ``of`` has a place for each number up to the highest; ``there``: which are.

    ``once``: no number came twice, and none below zero.
    """

    of: Codes
    there: Flags
    once: bool

    @classmethod
    def made(cls, numbers: Numbers, codes: Codes) -> Table:
        """From the numbers of records, in any order, and what is said of each."""
        known = numbers >= 0
        numbers, codes = numbers[known], codes[known]
        length = int(numbers.max(initial=-1)) + 1
        of, there = np.zeros(length, np.uint64), np.zeros(length, np.bool_)
        of[numbers], there[numbers] = codes, True
        return cls(of, there, bool(np.all(known)) and int(np.count_nonzero(there)) == len(numbers))

    def holds(self, numbers: Numbers) -> bool:
        """Whether each of the numbers is there."""
        if not len(numbers):
            return True
        within = numbers.min() >= 0 and numbers.max() < len(self.of)
        return bool(within) and bool(np.all(self.there[numbers]))

    def covers(self, other: Table) -> bool:
        """Whether all that is there in another is there in this one."""
        length = len(other.there)
        return length <= len(self.there) and bool(np.all(self.there[:length] >= other.there))

    def all_different(self) -> bool:
        """Whether something else is said of each, and of each once."""
        return self.once and not alike(self.of[self.there])

    def equals(self, other: Table) -> bool:
        """Whether the same is said of the same records, of each once."""
        same = np.array_equal(self.there, other.there) and np.array_equal(self.of, other.of)
        return self.once and other.once and bool(same)


@dataclass(frozen=True)
class Customers:
    """Their codes, in order, and sums over what ``customers`` says of each; ``counted``: everyone has counts."""

    codes: Codes
    once: bool
    records: int
    events: int
    said: int
    counted: bool


@dataclass(frozen=True)
class Values:
    """Of the golden values: whether records hold them all, what they say, and whether addresses and fields are whole.

    ``others_once``: fields that do not stand in ``customers`` as they are come once a customer.
    """

    from_records: bool
    said: int = 0
    unmixed: bool = False
    others_once: bool = False


@dataclass(frozen=True)
class Pairs:
    """Of pairs of records: whether each comes once, smaller number on the left, with records that are there.

    ``inside``: how many are within one customer.
    """

    once: bool
    ordered: bool
    known: bool
    inside: int


@dataclass(frozen=True)
class Holders:
    """Of rows of what customers have: whether each key comes once, whether those customers stand, and, of identifiers,
    whether those that several have are marked so."""

    once: bool
    stand: bool
    marked: bool = True


@dataclass(frozen=True)
class Rows:
    """Of rows that name customers: whether each key comes once, the sum of the keys, and that of the customers."""

    once: bool
    keys: int
    customers: int
