"""What stewards ruled on a shared value is kept while somebody holds it, and since when it is generic, while it is."""

from __future__ import annotations

from datetime import datetime

import duckdb

from profile_service.identity.model import Model

Work = duckdb.DuckDBPyConnection


def make_ruled_anew(work: Work) -> None:
    """Make ``ruled_anew(field, value)``, if it is not there: what was ruled on since the last run."""
    work.execute("CREATE TEMP TABLE IF NOT EXISTS ruled_anew (field VARCHAR, value VARCHAR)")


def keep_since(work: Work, now: datetime) -> None:
    """Bring ``generic_since`` up to date: a value is generic since the run that first withheld it."""
    work.execute("DELETE FROM generic_since WHERE (field, value) NOT IN (SELECT (field, value) FROM generic_values)")
    work.execute(
        """INSERT INTO generic_since SELECT field, value, $now FROM generic_values
        ANTI JOIN generic_since USING (field, value)""",
        {"now": now},
    )


def drop_forsaken_rulings(work: Work, model: Model) -> None:
    """While somebody is erased: forget rulings on values that nobody holds any more, whoever held them.

    The ledger lets go of them once the erasure is carried out, see ``pipelines.erase``.
    """
    if not work.execute("SELECT 1 FROM erasing LIMIT 1").fetchall():
        return
    columns = model.settings["generic"]["columns"]
    held = " UNION ALL ".join(f"SELECT '{column}' AS field, {column} AS value FROM standardised" for column in columns)
    work.execute(
        f"""DELETE FROM generic_rulings WHERE (field, value) NOT IN (
            SELECT (field, value) FROM generic_rulings SEMI JOIN (
                SELECT field, value FROM ({held}) UNION ALL SELECT field, value FROM withheld) USING (field, value))"""
    )
    work.execute(
        """DELETE FROM ruled_values
        WHERE (field, value) NOT IN (SELECT (field, value) FROM generic_rulings)"""
    )
