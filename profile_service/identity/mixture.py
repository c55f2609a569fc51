"""The latent classes of pairs and their probabilities: what a pattern of levels says, in natural log-odds and bits.

Two records that meet are one person (``match``), one person after a move (``mover``), two people of one
``household``, parent and child of one name (``junior``), ``twin``s, two ``namesake`` strangers, something else that
shares a value (``free``), or a random pair (``rest``). The first two are the same person.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from profile_service.identity.anchors import Anchors

CLASSES = ("match", "mover", "household", "junior", "twin", "namesake", "free", "rest")
SAME_PERSON = (0, 1)
OTHERS = tuple(range(2, len(CLASSES)))
FREE = CLASSES.index("free")
LOG2 = float(np.log(2.0))

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


@dataclass(frozen=True)
class Part:
    """One comparison as the mixture sees it: its role, and kind of each outcome, outcome 0 being ``missing``.

    ``most_bits``: the most that an outcome may weigh for one person; 0 where there is no bound. ``less_than``: the
    number of the outcome that it weighs less than, 0 for none.
    """

    name: str
    role: str
    kinds: tuple[str, ...]
    like_names: tuple[bool, ...]
    most_bits: tuple[float, ...] = ()
    less_than: tuple[int, ...] = ()


@dataclass(frozen=True)
class Mixture:
    """Fitted classes. ``probability[c][k]`` is the chance of each outcome of comparison ``c`` in class ``k``.

    ``shares`` are the classes' shares of *all* pairs of records, candidates or not. ``anchors``: what ids taught
    beyond the classes, in data where they could be trusted. ``place_alone``: the most natural log-odds that a pair has
    of which no name is known and nothing of somebody's own agrees (birth, contact, identifier); None for no bound.
    """

    parts: tuple[Part, ...]
    shares: Floats
    probability: tuple[Floats, ...]
    anchors: Anchors | None = None
    place_alone: float | None = None

    @cached_property
    def _logs(self) -> tuple[Floats, tuple[Floats, ...]]:
        """Logs of the shares, and of each comparison's probabilities as (outcome, class); missing says nothing."""
        tables = []
        for table in self.probability:
            logs = np.zeros((table.shape[1], table.shape[0]))
            logs[1:] = np.log(np.maximum(table[:, 1:].T, 1e-12))
            tables.append(logs)
        return np.log(np.maximum(self.shares, 1e-300)), tuple(tables)

    def class_log_likelihood(self, levels: Integers) -> Floats:
        """Log of share times likelihood, shape (patterns, classes), for level numbers of shape (patterns, comparisons).

        A missing comparison says nothing: it multiplies every class by one.
        """
        shares, tables = self._logs
        total = np.repeat(shares[None, :], len(levels), axis=0)
        for place, table in enumerate(tables):
            total += table.take(levels[:, place], axis=0)
        total[both_names_agree(self.parts, levels), FREE] = -np.inf
        return total

    def log_odds(self, levels: Integers) -> Floats:
        """Natural log of the odds that each pattern is the same person, shape (patterns,)."""
        return self.class_log_odds(levels) + self.anchored(levels)

    def class_log_odds(self, levels: Integers) -> Floats:
        """The same by the classes alone."""
        likelihood = self.class_log_likelihood(levels)
        odds = _log_sum(likelihood[:, list(SAME_PERSON)]) - _log_sum(likelihood[:, list(OTHERS)])
        return np.where(self._place_alone(levels), np.minimum(odds, self.place_alone or 0.0), odds)

    def anchored(self, levels: Integers) -> Floats:
        """What the anchored model adds to the classes' log-odds, shape (patterns,); nothing where there is none."""
        if self.anchors is None:
            return np.zeros(len(levels))
        shown = self.anchors.hidden(levels)
        added = self.anchors.added(shown, self.class_log_odds(shown))
        # by what the trees are shown: an id that they learned from must not decide whether they speak
        return np.where(self._place_alone(shown), 0.0, added)

    def _place_alone(self, levels: Integers) -> NDArray[np.bool_]:
        """Which patterns weigh no more than ``place_alone``."""
        if self.place_alone is None:
            return np.zeros(len(levels), dtype=bool)
        return nameless_at_one_place(self.parts, levels)

    def as_table(self) -> dict[str, Any]:
        """Plain lists, for a file."""
        return {
            "classes": list(CLASSES),
            "shares": self.shares.tolist(),
            "comparisons": [
                {
                    "name": part.name,
                    "role": part.role,
                    "kinds": list(part.kinds),
                    "like_names": list(part.like_names),
                    "most_bits": list(part.most_bits),
                    "less_than": list(part.less_than),
                    "probability": table.tolist(),
                }
                for part, table in zip(self.parts, self.probability, strict=True)
            ],
            "anchors": self.anchors.as_table() if self.anchors else None,
            "place_alone": self.place_alone,
        }

    @classmethod
    def from_table(cls, table: Mapping[str, Any]) -> Mixture:
        """What ``as_table`` gave."""
        entries = table["comparisons"]
        return cls(
            parts=tuple(
                Part(
                    e["name"],
                    e["role"],
                    tuple(e["kinds"]),
                    tuple(e["like_names"]),
                    tuple(e["most_bits"]),
                    tuple(e.get("less_than", ())),
                )
                for e in entries
            ),
            shares=np.array(table["shares"]),
            probability=tuple(np.array(e["probability"]) for e in entries),
            anchors=Anchors.from_table(table.get("anchors")),
            place_alone=table.get("place_alone"),
        )


def both_names_agree(parts: Sequence[Part], levels: Integers) -> NDArray[np.bool_]:
    """Which patterns agree, exactly or nearly, on given and family name; shape (patterns,)."""
    agree = np.ones(len(levels), dtype=bool)
    named = 0
    for place, part in enumerate(parts):
        if part.role in ("given", "family"):
            named += 1
            agrees = np.array([kind in ("exact", "near") for kind in part.kinds])
            agree &= agrees[levels[:, place]]
    return agree if named == 2 else np.zeros(len(levels), dtype=bool)


def nameless_at_one_place(parts: Sequence[Part], levels: Integers) -> NDArray[np.bool_]:
    """Which patterns say of no name anything, and agree on nothing of somebody's own.

    On a place at most, and on what a household's people share as they share the place: where they were born, a trade.
    """
    names = [place for place, part in enumerate(parts) if part.role in ("given", "family")]
    alone = np.full(len(levels), bool(names))
    for place in names:
        alone &= levels[:, place] == 0
    nameless = np.flatnonzero(alone)  # few: only they are asked further
    for place, part in enumerate(parts):
        if part.role in ("birth", "contact", "identifier"):
            agrees = np.array([kind in ("exact", "near") for kind in part.kinds])
            alone[nameless] &= ~agrees[levels[nameless, place]]
    return alone


def _log_sum(columns: Floats) -> Floats:
    top = columns.max(axis=1)
    result: Floats = top + np.log(np.exp(columns - top[:, None]).sum(axis=1))
    return result
