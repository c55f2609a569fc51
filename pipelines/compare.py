"""Every candidate pair gets a level per comparison, packed into one number: its pattern."""

from __future__ import annotations

import duckdb
import numpy as np

from profile_service.identity.compare import pattern_sql
from profile_service.identity.mixture import Integers
from profile_service.identity.model import Model

Work = duckdb.DuckDBPyConnection


def compare_pairs(work: Work, model: Model, pairs: str, into: str) -> None:
    """Make ``into(l, r, pattern)`` from relation ``pairs(l, r)`` and the ``standardised`` table."""
    work.execute(
        f"""CREATE OR REPLACE TEMP TABLE {into} AS
        SELECT p.l, p.r, {pattern_sql(model)} AS pattern
        FROM {pairs} p JOIN standardised l ON l.rid = p.l JOIN standardised r ON r.rid = p.r"""
    )


def level_numbers(model: Model, patterns: Integers) -> Integers:
    """Packed patterns, shape (patterns,), as level numbers, shape (patterns, comparisons)."""
    left = patterns.copy()
    columns = []
    for radix in model.radices:
        left, number = np.divmod(left, radix)
        columns.append(number)
    return np.stack(columns, axis=1) if columns else np.zeros((len(patterns), 0), dtype=np.int64)
