"""What two people must share, and how surely, to be told as one household: linked, never merged."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from profile_service.identity.mixture import CLASSES, Floats, Integers, Mixture

# People who live together, as the mixture knows them.
_TOGETHER = tuple(CLASSES.index(name) for name in ("household", "junior", "twin"))
FAMILY_NAME = "family name"


@dataclass(frozen=True)
class Tie:
    """Something shared: levels of a comparison that say so, and others that do where the family name agrees too."""

    name: str
    comparison: str
    levels: tuple[str, ...]
    with_family_name: tuple[str, ...] = ()


@dataclass(frozen=True)
class HouseholdRule:
    """``[household]`` of the model file."""

    least_probability: float
    most_members: int
    family_name: Tie
    ties: tuple[Tie, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """What can be shared, in the order of the bits that ``shared`` answers."""
        return (*(tie.name for tie in self.ties), FAMILY_NAME)

    def shared(self, levels: Integers, named: Mapping[str, tuple[int, Sequence[str]]]) -> Integers:
        """A bit for each of ``names`` that a pattern shares, shape (patterns,); 0 where that is the name alone.

        ``levels``: level numbers, shape (patterns, comparisons); ``named``: for each comparison its place there, and
        the name of the level behind each number.
        """

        def agrees(tie: Tie, wanted: tuple[str, ...]) -> NDArray[np.bool_]:
            if tie.comparison not in named:
                return np.zeros(len(levels), dtype=bool)
            place, names = named[tie.comparison]
            agreed: NDArray[np.bool_] = np.array([name in wanted for name in names])[levels[:, place]]
            return agreed

        family = agrees(self.family_name, self.family_name.levels)
        bits = np.zeros(len(levels), dtype=np.int64)
        for number, tie in enumerate(self.ties):
            holds = agrees(tie, tie.levels) | (agrees(tie, tie.with_family_name) & family)
            bits |= holds.astype(np.int64) << number
        return np.where(bits > 0, bits | (family.astype(np.int64) << len(self.ties)), 0)


def living_together(mixture: Mixture, levels: Integers) -> Floats:
    """The chance that a pair is of two people of one household, twins and parents among them, shape (patterns,)."""
    likelihood = mixture.class_log_likelihood(levels)
    chance = np.exp(likelihood - likelihood.max(axis=1, keepdims=True)) if len(levels) else likelihood
    together: Floats = chance[:, list(_TOGETHER)].sum(axis=1) / chance.sum(axis=1)
    return together


def household_from(table: Mapping[str, Any] | None) -> HouseholdRule | None:
    """Read ``[household]``; a model declared without it tells of no households."""
    if table is None:
        return None
    family, *ties = (
        Tie(
            name=entry["name"],
            comparison=entry["comparison"],
            levels=tuple(entry["levels"]),
            with_family_name=tuple(entry.get("with_family_name", ())),
        )
        for entry in ({"name": FAMILY_NAME, **table["family_name"]}, *table["tie"])
    )
    return HouseholdRule(float(table["least_probability"]), int(table["most_members"]), family, tuple(ties))
