"""Every wrong pair falls under the first thing that its two records share, so that errors can be counted by kind."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import duckdb

Wrong = Literal["missed", "false"]

# Strongest first: a pair counts under the first kind that holds. Values are compared as standardised.
_SAME = "(l.{0} = r.{0})"
_GIVEN, _FAMILY, _BIRTH = (_SAME.format(name) for name in ("given_name", "family_name", "birth_date"))
_EMAIL, _PHONE, _STREET, _POSTCODE = (_SAME.format(name) for name in ("email", "phone", "street", "postcode"))
_CARD = " OR ".join(_SAME.format(name) for name in ("loyalty_id", "cookie_id", "device_id"))
KINDS = (
    ("a loyalty, cookie or device id", _CARD),
    ("e-mail and phone", f"{_EMAIL} AND {_PHONE}"),
    ("e-mail", _EMAIL),
    ("phone", _PHONE),
    ("both names and birth date", f"{_GIVEN} AND {_FAMILY} AND {_BIRTH}"),
    ("both names and postcode or street", f"{_GIVEN} AND {_FAMILY} AND ({_POSTCODE} OR {_STREET})"),
    ("birth date and one name", f"{_BIRTH} AND ({_GIVEN} OR {_FAMILY})"),
    ("one name and postcode or street", f"({_GIVEN} OR {_FAMILY}) AND ({_POSTCODE} OR {_STREET})"),
    ("both names only", f"{_GIVEN} AND {_FAMILY}"),
    ("birth date only", _BIRTH),
    ("postcode or street only", f"{_POSTCODE} OR {_STREET}"),
    ("one name only", f"{_GIVEN} OR {_FAMILY}"),
)
NOTHING = "nothing"
COMPARED = (
    "given_name",
    "family_name",
    "birth_date",
    "email",
    "phone",
    "street",
    "postcode",
    "loyalty_id",
    "cookie_id",
    "device_id",
)

# A group of n records has n(n-1)/2 pairs: beyond this size they are counted, not looked at one by one.
LARGEST_GROUP = 2_000


@dataclass(frozen=True)
class ErrorKind:
    """Wrong pairs that share the same: how many, how many of them were candidate pairs, and one of them to look at.

    ``example`` is empty where all of them are of people who are erased. ``candidates`` is None when the work store
    could not be read; for a false pair a candidate is a link of its own, any other pair was joined through further
    records.
    """

    shared: str
    pairs: int
    candidates: int | None
    example: tuple[str, ...]


def errors_by_kind(desk: duckdb.DuckDBPyConnection, wrong: Wrong, scored: str | None) -> list[ErrorKind]:
    """Count the ``missed`` or the ``false`` pairs of table ``held`` by what they share, most first.

    ``held(rid, key, hidden, person, cluster, <COMPARED>)``, of which no ``hidden`` record is named; ``scored``: a
    relation of candidate pairs ``(l, r)``, l < r.
    """
    same, other = ("person", "cluster") if wrong == "missed" else ("cluster", "person")
    kinds = " ".join(f"WHEN {condition} THEN {number}" for number, (_, condition) in enumerate(KINDS))
    candidate = f"LEFT JOIN {scored} s ON s.l = least(w.l, w.r) AND s.r = greatest(w.l, w.r)" if scored else ""
    counted = "count(s.l)" if scored else "NULL"
    rows = desk.execute(
        f"""WITH in_reach AS (
            SELECT {same} FROM held GROUP BY {same} HAVING count(DISTINCT {other}) > 1 AND count(*) <= {LARGEST_GROUP}),
        reached AS (SELECT * FROM held SEMI JOIN in_reach USING ({same})),
        wrong AS (
            SELECT l.rid AS l, r.rid AS r, l.key AS left_key, r.key AS right_key, l.hidden OR r.hidden AS hidden,
                CASE {kinds} ELSE {len(KINDS)} END AS kind
            FROM reached l JOIN reached r ON l.{same} = r.{same} AND l.key < r.key AND l.{other} <> r.{other})
        SELECT kind, count(*), {counted}, min((left_key, right_key)) FILTER (NOT hidden)
        FROM wrong w {candidate} GROUP BY kind ORDER BY count(*) DESC, kind"""
    ).fetchall()
    return [ErrorKind(_name(kind), pairs, known, tuple(example or ())) for kind, pairs, known, example in rows]


def _name(kind: int) -> str:
    return KINDS[kind][0] if kind < len(KINDS) else NOTHING


def total(kinds: Sequence[ErrorKind]) -> int:
    """All pairs under the given kinds."""
    return sum(kind.pairs for kind in kinds)
