"""What stewards ruled on a shared value is kept while somebody holds it, and since when it is generic, while it is."""

from __future__ import annotations

from collections.abc import Collection
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


def held_among(
    work: Work, values: Collection[tuple[str, str]], keys: Collection[str]
) -> dict[tuple[str, str], list[str]]:
    """Of values (field, value) those that some of the records ``keys`` hold, by the last run, and which of them do."""
    rows = work.execute(
        "SELECT column_name FROM duckdb_columns() WHERE table_name = 'standardised' AND NOT internal"
    ).fetchall()
    fields = sorted({field for field, _ in values} & {str(name) for (name,) in rows})
    if not fields or not keys:
        return {}
    each = "SELECT rid, '{0}' AS field, {0} AS value FROM standardised SEMI JOIN mine USING (rid)"
    held = " UNION ALL ".join(map(each.format, fields))
    found: dict[tuple[str, str], list[str]] = {}
    for field, value, key in work.execute(
        f"""WITH mine AS (
            SELECT rid, channel || ':' || source_record_id AS key FROM records
            WHERE channel || ':' || source_record_id IN (SELECT unnest($keys::VARCHAR[])))
        SELECT DISTINCT h.field, h.value, key FROM mine JOIN (
            SELECT rid, field, value FROM withheld SEMI JOIN mine USING (rid) UNION ALL {held}) h USING (rid)
        JOIN (SELECT unnest($fields::VARCHAR[]) AS field, unnest($values::VARCHAR[]) AS value) r
            ON r.field = h.field AND r.value = h.value
        ORDER BY ALL""",
        {"keys": list(keys), "fields": [field for field, _ in values], "values": [value for _, value in values]},
    ).fetchall():
        found.setdefault((field, value), []).append(key)
    return found
