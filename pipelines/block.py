"""Every pair of records that shares a live blocking key becomes a candidate pair, once, smaller rid on the left."""

from __future__ import annotations

import duckdb

from pipelines.work import whole_number
from profile_service.identity.block import key_sql
from profile_service.identity.model import Model

Work = duckdb.DuckDBPyConnection


def keys_sql(model: Model, rows: str) -> str:
    """A query of ``(key, rid)``: every blocking key of every row of relation ``rows``."""
    return " UNION ALL ".join(
        f"SELECT key, rid FROM (SELECT {key_sql(rule)} AS key, s.rid FROM {rows} s) WHERE key IS NOT NULL"
        for rule in model.live_rules
    )


def block_all(work: Work, model: Model) -> int:
    """Make ``candidates(l, r)`` from everyone in ``standardised``; answers how many pairs.

    A key held by more records than the model's cap is not live: it finds nothing.
    """
    work.execute(f"CREATE OR REPLACE TEMP TABLE blocking_keys AS {keys_sql(model, 'standardised')}")
    work.execute(
        f"""CREATE OR REPLACE TEMP TABLE live_keys AS
        SELECT k.key, k.rid FROM blocking_keys k SEMI JOIN (
            SELECT key FROM blocking_keys GROUP BY key
            HAVING count(*) BETWEEN 2 AND {model.blocking_cap}) USING (key)"""
    )
    work.execute(
        """CREATE OR REPLACE TEMP TABLE candidates AS
        SELECT DISTINCT a.rid AS l, b.rid AS r FROM live_keys a JOIN live_keys b ON a.key = b.key AND a.rid < b.rid"""
    )
    keep_channels_apart(work)
    work.execute("DROP TABLE blocking_keys")
    work.execute("DROP TABLE live_keys")
    return count(work, "candidates")


def too_wide(work: Work, model: Model) -> list[str]:
    """The wide rules whose keys make more pairs than the model's budget a record allows."""
    rules = [rule for rule in model.blocking_rules if rule.wide]
    names = []
    for rule in rules:
        row = work.execute(
            f"""SELECT coalesce(sum(n * (n - 1) / 2), 0), (SELECT count(*) FROM standardised) FROM (
                SELECT count(*) AS n FROM (SELECT {key_sql(rule)} AS key FROM standardised s) WHERE key IS NOT NULL
                GROUP BY key HAVING n BETWEEN 2 AND {model.blocking_cap})"""
        ).fetchone()
        assert row is not None
        if row[0] > model.settings["blocking"]["budget"] * row[1]:
            names.append(rule.name)
    return names


def keep_channels_apart(work: Work) -> None:
    """Two records of one duplicate-free channel are never one person, so they are no candidates."""
    if work.execute("SELECT 1 FROM duplicate_free LIMIT 1").fetchone():
        work.execute(
            """DELETE FROM candidates c USING standardised a, standardised b
            WHERE a.rid = c.l AND b.rid = c.r AND a.apart = b.apart"""
        )


def count(work: Work, table: str) -> int:
    """Rows of a table."""
    return whole_number(work, f"SELECT count(*) FROM {table}")
