"""What a run held back from comparing, and what it would have joined: values that too many share."""

from __future__ import annotations

from dataclasses import dataclass

import duckdb

from profile_service.identity.model import Model
from profile_service.identity.rulings import COUNTED


@dataclass(frozen=True)
class HeldBack:
    """A value that counts as missing, with how many records, family names and customers hold it.

    ``allowed``: how many family names a value of the field may have before it says nothing; None without a model.
    ``pairs``: how many pairs of records it would have brought together.
    """

    field: str
    value: str
    holders: int
    distinct_family_names: int
    allowed: int | None
    customers: int
    pairs: int


def _allowed_sql(model: Model) -> str:
    thresholds = model.trained.generic_threshold if model.trained else {}
    allowed = " ".join(f"WHEN '{field}' THEN {count}" for field, count in sorted(thresholds.items()))
    return f"{f'CASE field {allowed} END' if allowed else 'NULL'}::BIGINT"


def generic_values_sql(model: Model) -> str:
    """The rows of ``generic_values`` in the warehouse, in the order of its columns."""
    return f"SELECT h.*, since FROM ({_held_back_sql(model)}) h LEFT JOIN generic_since USING (field, value)"


def generic_rulings_sql(model: Model) -> str:
    """The rows of ``generic_rulings`` in the warehouse: what is taken back is told no more."""
    return f"""
        SELECT field, value, verdict, coalesce(counted, false) AS counted, coalesce(holders, 0) AS holders,
               coalesce(distinct_family_names, 0) AS distinct_family_names, {_allowed_sql(model)} AS allowed,
               author, reason, ruled_at, ruling_id
        FROM generic_rulings LEFT JOIN ruled_values USING (field, value) WHERE verdict <> '{COUNTED}'"""


def _held_back_sql(model: Model) -> str:
    """The columns of ``HeldBack``."""
    return f"""
        SELECT field, value, holders, distinct_family_names, {_allowed_sql(model)} AS allowed,
               coalesce(customers, 0) AS customers, holders * (holders - 1) // 2 AS pairs
        FROM generic_values LEFT JOIN (
            SELECT field, value, count(DISTINCT customer_id) AS customers
            FROM withheld JOIN membership USING (rid) GROUP BY ALL) USING (field, value)"""


def held_back(work: duckdb.DuckDBPyConnection, model: Model) -> tuple[HeldBack, ...]:
    """Every value held back, those that would have joined most first; none before the first run."""
    known = work.execute("SELECT 1 FROM duckdb_tables() WHERE table_name = 'withheld' AND NOT temporary").fetchall()
    if not known:
        return ()
    rows = work.execute(f"{_held_back_sql(model)} ORDER BY pairs DESC, field, value").fetchall()
    return tuple(HeldBack(*row) for row in rows)
