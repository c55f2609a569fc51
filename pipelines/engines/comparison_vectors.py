"""Any recordlinkage comparison vectors become level numbers: similarities are cut, flags and numbers taken."""

from __future__ import annotations

import re
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd

from profile_service.identity.mixture import Floats, Integers, Part

ROLES = ("given", "family", "naming", "birth", "further", "place", "contact", "identifier")
# Cuts of a similarity: at or above the first is exact, at or above another is near, below all is differ.
USUAL_CUTS = (1.0, 0.92, 0.8)
_ALIKE = 1e-9

# The first that fits a column's name decides; a role of this table is given to each column once where it says so.
_GUESSES: tuple[tuple[str, str], ...] = (
    ("middle|birth_?place|place_?of_?birth|occupation|job", "further"),
    ("given|first|forename|fname|christian", "given"),
    ("surname|family|last|lname", "family"),
    ("birth|dob|born", "birth"),
    ("suffix|title|gender|sex", "naming"),
    ("e_?mail|phone|mobile|telephone|cell", "contact"),
    ("ssn|soc_sec|social|passport|loyalty|cookie|device|licen[cs]e|tax", "identifier"),
    ("address|street|house|post|zip|suburb|city|town|region|state|county|country", "place"),
)


def guessed_role(name: Hashable) -> str:
    """The role that a column's name speaks of; ``further`` where it says nothing."""
    text = str(name).lower()
    return next((role for pattern, role in _GUESSES if re.search(pattern, text)), "further")


@dataclass(frozen=True)
class Column:
    """One column of comparison vectors; without ``cuts`` its values are level numbers of ``part`` already."""

    label: Hashable
    part: Part
    cuts: tuple[float, ...]

    def numbers(self, values: Floats) -> Integers:
        """Level numbers of values, shape (pairs,); NaN is level 0, missing.

        Raises ``ValueError`` for similarities outside 0 to 1 and for level numbers that the part does not have.
        """
        missing = np.isnan(values)
        known = values[~missing]
        if self.cuts:
            if ((known < 0) | (known > 1)).any():
                raise ValueError(
                    f"column {self.label!r} holds {known[(known < 0) | (known > 1)][0]:g}, and a similarity is between "
                    "0 and 1: for level numbers give the column's Part in `roles`"
                )
            below = [np.where(missing, 0.0, values) < cut - _ALIKE for cut in self.cuts]
            return np.where(missing, 0, 1 + np.sum(below, axis=0, dtype=np.int64))
        if ((known < 0) | (known >= len(self.part.kinds)) | (known % 1 != 0)).any():
            raise ValueError(f"column {self.label!r} does not hold level numbers 0 to {len(self.part.kinds) - 1}")
        return np.where(missing, 0.0, values).astype(np.int64)


def columns_of(
    vectors: pd.DataFrame, roles: Mapping[Hashable, str | Part], cuts: Mapping[Hashable, Sequence[float]]
) -> tuple[Column, ...]:
    """The columns of comparison vectors with their roles, given or guessed, and cuts, given or usual.

    Of several columns whose names speak of one given or family name only the first is it, for one fact stands in one
    column; the others are ``further``. Raises ``ValueError`` for unknown columns, roles and cuts.
    """
    for what, named in (("roles", roles), ("cuts", cuts)):
        if unknown := [label for label in named if label not in vectors.columns]:
            raise ValueError(f"`{what}` names {unknown[0]!r}, which is no column of the comparison vectors")
    columns = []
    names = {role for role in roles.values() if role in ("given", "family")}
    for label in vectors.columns:
        role = roles.get(label) or guessed_role(label)
        if isinstance(role, Part):
            columns.append(Column(label, role, ()))
            continue
        if label not in roles and role in ("given", "family"):
            role = "further" if role in names else role
            names.add(role)
        if role not in ROLES:
            raise ValueError(f"{role!r} is no role: column {label!r} may be {', '.join(ROLES)}")
        levels = _checked(label, cuts.get(label, USUAL_CUTS))
        if vectors[label].dtype.kind == "b":
            levels = (1.0,)
        kinds = ("missing", "exact", *("near" for _ in levels[1:]), "differ")
        columns.append(Column(label, Part(str(label), role, kinds, (False,) * len(kinds)), levels))
    return tuple(columns)


def _checked(label: Hashable, cuts: Sequence[float]) -> tuple[float, ...]:
    levels = tuple(float(cut) for cut in cuts)
    falling = all(above > below for above, below in pairwise(levels))
    if not levels or not falling or levels[0] > 1 or levels[-1] <= 0:
        raise ValueError(f"cuts of {label!r} must fall from at most 1 to above 0, not {list(levels)}")
    return levels


def as_numbers(vectors: Any, labels: Sequence[Hashable] | None = None) -> pd.DataFrame:
    """The vectors as floats with NaN for missing, in the order of ``labels``.

    Raises ``ValueError`` when they are no DataFrame over pairs of records, lack a column or hold anything but numbers.
    """
    if not isinstance(vectors, pd.DataFrame):
        raise ValueError(f"comparison vectors are a pandas DataFrame, not {type(vectors).__name__}")
    if vectors.index.nlevels != 2:
        raise ValueError("comparison vectors have one row for each pair of records: their index is a MultiIndex of two")
    labels = list(vectors.columns if labels is None else labels)
    if missing := [label for label in labels if label not in vectors.columns]:
        raise ValueError(f"the comparison vectors lack the column {missing[0]!r}, which the classifier was fitted with")
    if not vectors.columns.is_unique:
        raise ValueError("two columns of the comparison vectors have the same name: give each feature a label")
    try:
        columns = {label: vectors[label].to_numpy(dtype=np.float64, na_value=np.nan) for label in labels}
    except (TypeError, ValueError) as error:
        raise ValueError(f"comparison vectors hold numbers, flags or nothing: {error}") from error
    return pd.DataFrame(columns, index=vectors.index, columns=labels)
