"""Whether a value says nothing of who somebody is: by how many share it, unless a steward has ruled on it."""

from __future__ import annotations

GENERIC, ORDINARY, COUNTED = "generic", "ordinary", "counted"
VERDICTS = (GENERIC, ORDINARY, COUNTED)


def is_generic(counted: bool, verdict: str | None) -> bool:
    """Whether a value counts as missing; ``counted``: too many share it, ``verdict``: the last ruling on it, if any."""
    return verdict == GENERIC or (counted and verdict != ORDINARY)


def generic_sql(counted: str, verdict: str) -> str:
    """The same as SQL of two expressions; the verdict may be NULL."""
    return f"(coalesce({verdict} = '{GENERIC}', false) OR ({counted} AND {verdict} IS DISTINCT FROM '{ORDINARY}'))"
