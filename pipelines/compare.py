"""Every candidate pair gets a level per comparison, packed into one number: its pattern."""

from __future__ import annotations

from collections.abc import Mapping

import duckdb
import numpy as np

from profile_service.identity.compare import pattern_sql
from profile_service.identity.mixture import Integers
from profile_service.identity.model import Model

Work = duckdb.DuckDBPyConnection
Pairs = Mapping[str, str]  # a relation of pairs (l, r) = the name of a table (l, r, pattern) to make of it


def compare_pairs(work: Work, model: Model, pairs: Pairs) -> None:
    """Make a table of patterns from each relation of pairs, by the ``standardised`` table."""
    for relation, into in pairs.items():
        work.execute(
            f"""CREATE OR REPLACE TEMP TABLE {into} AS
            SELECT p.l, p.r, {pattern_sql(model)} AS pattern
            FROM {relation} p JOIN standardised l ON l.rid = p.l JOIN standardised r ON r.rid = p.r"""
        )


def level_numbers(model: Model, patterns: Integers) -> Integers:
    """Packed patterns, shape (patterns,), as level numbers, shape (patterns, comparisons)."""
    left = patterns.copy()
    columns = []
    for radix in model.radices:
        left, number = np.divmod(left, radix)
        columns.append(number)
    return np.stack(columns, axis=1) if columns else np.zeros((len(patterns), 0), dtype=np.int64)
