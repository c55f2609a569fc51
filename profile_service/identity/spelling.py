"""Rare spellings of a name, corrected to the frequent name they are most likely a slip of."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Container, Iterator, Mapping
from functools import cached_property

import jellyfish
from rapidfuzz.distance import DamerauLevenshtein, JaroWinkler


def sound(name: str) -> str | None:
    """The metaphone code of an ASCII name: names that sound alike share it."""
    return jellyfish.metaphone(name) or None


def _with_one_left_out(name: str) -> Iterator[str]:
    yield name
    for place in range(len(name)):
        yield name[:place] + name[place + 1 :]


class Spellings:
    """Known spellings of one column with their counts, indexed so that a near one is found at once.

    The index holds every known spelling with one letter left out (the symmetric-delete idea of W. Garbe), and its
    metaphone code.
    """

    def __init__(
        self,
        counts: Mapping[str, int],
        *,
        least_count: int,
        times_as_frequent: float,
        least_length: int,
        never: Container[str] = (),
    ) -> None:
        """``counts``: records that carry each spelling; rarer ones than the table holds count as one.

        ``never``: names known to be right however rare they are.
        """
        self._counts = counts
        self._never = never
        self._times = times_as_frequent
        self._most = max(counts.values(), default=0)
        self._least_length = least_length
        # what nobody could be corrected to need not be found: a correction is as often more frequent than its slip
        self._least = max(least_count, times_as_frequent)

    @cached_property
    def _index(self) -> tuple[Mapping[str, list[str]], Mapping[str, list[str]]]:
        """Names by what is left of them without a letter, and by how they sound; made when one is first looked for."""
        near, sounds = defaultdict(list), defaultdict(list)
        for name, count in self._counts.items():
            if count >= self._least and len(name) >= self._least_length - 1:
                for part in _with_one_left_out(name):
                    near[part].append(name)
                code = sound(name)
                if code and len(code) > 2:
                    sounds[code].append(name)
        return near, sounds

    def make_ready(self) -> None:
        """Index the spellings now, a tenth of a second for a million records', and not for the first who asks."""
        _ = self._index

    def correct(self, name: str | None) -> str | None:
        """The frequent spelling this one is a slip of, or the name itself."""
        if name is None or len(name) < self._least_length or name in self._never:
            return name
        enough = self._times * self._counts.get(name, 1)
        if enough > self._most:
            return name
        best, best_count = name, 0
        near, sounds = self._index
        for part in _with_one_left_out(name):
            for known in near.get(part, ()):
                count = self._counts[known]
                if count > best_count and count >= enough and DamerauLevenshtein.distance(name, known) == 1:
                    best, best_count = known, count
        if best_count:
            return best
        for known in sounds.get(sound(name) or "", ()):
            count = self._counts[known]
            if count > best_count and count >= enough and JaroWinkler.similarity(name, known) >= 0.85:
                best, best_count = known, count
        return best

    def count(self, name: str) -> int:
        """Records that carry a spelling; 0 for one too rare to be kept."""
        return self._counts.get(name, 0)


def in_each_others_place(given: str | None, family: str | None, givens: Spellings, families: Spellings) -> bool:
    """Whether a given and a family name stand swapped in one record, as far as everyone else's names can tell.

    Asks for evidence from both names together: each is known in the other's place, or one so well that it outweighs.
    Of several words the first tells the given name (``Lorena G``), all or the first the family (``Vasquez Cruz``).
    A name that neither column knows counts as what it is corrected to, where the other one is a name of its column.
    """
    if given is None or family is None:
        return False
    as_given, as_family = _as_given(given, givens), _as_family(given, families)
    their_given, their_family = _as_given(family, givens), _as_family(family, families)
    if not as_given and not as_family and their_given > their_family:
        as_given, as_family = givens.count(_corrected(given, givens)), families.count(_corrected(given, families))
    elif not their_given and not their_family and as_family > as_given:
        their_given = givens.count(_corrected(_first(family), givens))
        their_family = families.count(_corrected(family, families))
    return as_family * their_given > 30 * (as_given + 1) * (their_family + 1)


def _first(name: str) -> str:
    return name.split(" ", 1)[0]


def _as_given(name: str, givens: Spellings) -> int:
    return givens.count(_first(name))


def _as_family(name: str, families: Spellings) -> int:
    return max(families.count(name), families.count(_first(name)))


def _corrected(name: str, spellings: Spellings) -> str:
    return spellings.correct(name) or name
