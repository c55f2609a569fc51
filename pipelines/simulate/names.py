"""Names to draw from: a heavy head of common ones and a long tail, by culture and sex."""

from __future__ import annotations

import csv
import unicodedata
from dataclasses import dataclass
from functools import cache
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np

Strings = np.ndarray[Any, np.dtype[np.object_]]
CATALOGUE = Path(__file__).with_name("catalogue")
CULTURES = ("english", "hispanic", "german", "french", "asian")

_TAIL_POWER = 0.55  # how much commoner the first of the tail is than its last; 0 would be all alike


@dataclass(frozen=True)
class Pool:
    """Values with their probabilities."""

    values: Strings
    probabilities: np.ndarray[Any, np.dtype[np.float64]]

    def draw(self, rng: np.random.Generator, count: int) -> Strings:
        """``count`` independent values."""
        cumulated = np.cumsum(self.probabilities)
        drawn: Strings = self.values[np.searchsorted(cumulated, rng.random(count) * cumulated[-1], side="right")]
        return drawn


def read_rows(name: str) -> list[dict[str, str]]:
    """The rows of one catalogue file."""
    with (CATALOGUE / f"{name}.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def pool_of(values: list[str], weights: list[float]) -> Pool:
    """A pool from values and weights that need not sum to one."""
    shares = np.asarray(weights, dtype=np.float64)
    return Pool(np.asarray(values, dtype=object), shares / shares.sum())


@cache
def given_pool(culture: str, sex: str) -> Pool:
    """Given names of one culture and sex (``m`` or ``f``)."""
    rows = [row for row in read_rows("given_names") if (row["culture"], row["sex"]) == (culture, sex)]
    return pool_of([row["name"] for row in rows], [float(row["weight"]) for row in rows])


@cache
def common_family_pool(culture: str) -> Pool:
    """The common family names of one culture."""
    rows = [row for row in read_rows("family_names") if row["culture"] == culture]
    return pool_of([row["name"] for row in rows], [float(row["weight"]) for row in rows])


@cache
def rare_family_pool(culture: str) -> Pool:
    """The long tail; cultures without compounds of their own double two common names, as in García López."""
    values = _compounds(culture)
    if values:
        # a fixed shuffle, so that commonness within the tail does not follow the alphabet
        values = [str(value) for value in np.random.default_rng(1).permutation(np.asarray(values, dtype=object))]
    else:
        common = common_family_pool(culture).values
        joint = " " if culture == "hispanic" else "-"
        values = [f"{first}{joint}{second}" for first in common for second in common if first != second]
    return pool_of(values, [(rank + 10) ** -_TAIL_POWER for rank in range(len(values))])


def _compounds(culture: str) -> list[str]:
    """Every first part with every last part of the same kind, in alphabetical order."""
    parts: dict[tuple[str, str], list[str]] = {}
    for row in read_rows("compounds"):
        if row["culture"] == culture:
            parts.setdefault((row["kind"], row["part"]), []).append(row["text"])
    kinds = {kind for kind, _ in parts}
    return sorted({"".join(pair) for kind in kinds for pair in product(parts[kind, "first"], parts[kind, "last"])})


@cache
def nicknames() -> dict[str, list[str]]:
    """Given name to its nicknames."""
    found: dict[str, list[str]] = {}
    for row in read_rows("nicknames"):
        found.setdefault(row["name"], []).append(row["nickname"])
    return found


@cache
def without_accents(text: str) -> str:
    """``text`` in plain letters: García to Garcia, Weiß to Weiss."""
    plain = unicodedata.normalize("NFKD", text.replace("ß", "ss").replace("ø", "o"))
    return "".join(letter for letter in plain if not unicodedata.combining(letter))
