"""What tells an erased person from everyone else: the values that must be found nowhere once the erasure is done."""

from __future__ import annotations

import duckdb

from pipelines.residue import literally
from pipelines.work import RECORD_FIELDS
from profile_service.contracts.fields import quoted
from profile_service.privacy import UNSAID

Work = duckdb.DuckDBPyConnection

# Fields whose values point at a person; a name or a city is many people's.
TELLING = ("email", "phone", "street", "loyalty_id", "cookie_id", "device_id", "full_name")
# Shorter texts stand inside other people's values by chance.
LEAST_LETTERS = 6


def keep_marks(work: Work) -> None:
    """Fill ``erasing`` for ``gone_keys`` and ``erased_ids`` before their rows are deleted.

    A value counts only where no other record holds it, not even within a longer one: what a family shares stays.
    """
    work.execute(
        """INSERT INTO erasing
        SELECT erasure_id, customer_id, 'customer', customer_id FROM erased_ids UNION ALL
        SELECT erasure_id, customer_id, 'key', channel || ':' || source_record_id
        FROM gone_keys JOIN erased_ids USING (erasure_id)"""
    )
    work.execute(f"CREATE OR REPLACE TEMP TABLE telling AS {_telling_sql(work)}")
    values = [value for (value,) in work.execute("SELECT DISTINCT value FROM telling ORDER BY value").fetchall()]
    gone = "(channel, source_record_id) IN (SELECT (channel, source_record_id) FROM gone_keys)"
    shared = _held_by_others(work, values, gone)
    work.execute(
        """INSERT INTO erasing SELECT DISTINCT t.erasure_id, e.customer_id, 'value', t.value
        FROM telling t JOIN erased_ids e USING (erasure_id)
        WHERE t.value NOT IN (SELECT unnest($shared::VARCHAR[]))""",
        {"shared": shared},
    )
    work.execute("DROP TABLE telling")


def drop_shared_marks(work: Work) -> None:
    """Let go of values that somebody has by now who came in after the marks were kept: live, or with the landing."""
    values = [
        value
        for (value,) in work.execute(
            "SELECT DISTINCT value FROM erasing WHERE kind = 'value' ORDER BY value"
        ).fetchall()
    ]
    shared = _held_by_others(work, values, "false") if values else []
    if shared:
        work.execute(
            "DELETE FROM erasing WHERE kind = 'value' AND value IN (SELECT unnest($shared::VARCHAR[]))",
            {"shared": shared},
        )


def unsay_marks(work: Work) -> None:
    """Where somebody's reason names a value that must be found nowhere, it says ``[erased]`` instead."""
    values = work.execute("SELECT DISTINCT value FROM erasing WHERE kind = 'value'").fetchall()
    if not values:
        return
    pattern = quoted("|".join(literally(value) for (value,) in sorted(values, key=lambda row: -len(row[0]))))
    for table in ("constraints", "labels", "generic_rulings"):
        work.execute(
            f"""UPDATE {table} SET reason = regexp_replace(reason, {pattern}, {quoted(UNSAID)}, 'gi')
            WHERE regexp_matches(reason, {pattern}, 'i')"""
        )


def _telling_sql(work: Work) -> str:
    """A query of (erasure_id, value): the telling values of the gone records, as sent and as standardised."""
    parts = [
        f"""SELECT k.erasure_id, trim(r.{field}) AS value FROM {table} r
        JOIN gone_keys k USING (channel, source_record_id)"""
        for table in ("records", "record_history")
        for field in TELLING
    ]
    standard = _columns(work, "standardised")
    parts += [
        f"""SELECT k.erasure_id, s.{field} AS value FROM standardised s JOIN records r USING (rid)
        JOIN gone_keys k USING (channel, source_record_id)"""
        for field in TELLING
        if field in standard
    ]
    parts.append(
        f"""SELECT k.erasure_id, w.value FROM withheld w JOIN records r USING (rid)
        JOIN gone_keys k USING (channel, source_record_id) WHERE w.field IN ({", ".join(map(quoted, TELLING))})"""
    )
    return (
        f"SELECT DISTINCT erasure_id, value FROM ({' UNION ALL '.join(parts)}) WHERE length(value) >= {LEAST_LETTERS}"
    )


def _held_by_others(work: Work, values: list[str], gone: str) -> list[str]:
    """Those of some values that stand somewhere in a row of somebody else; ``gone``: SQL true of a row that goes."""
    found: set[str] = set()
    said = ", ".join(RECORD_FIELDS)
    texts = [
        f"SELECT concat_ws(chr(1), source_record_id, {said}, extra) AS text FROM {table} WHERE NOT {gone}"
        for table in ("records", "record_history")
    ]
    texts += [
        f"SELECT concat_ws(chr(1), event_id, source_record_id, extra) AS text FROM {table} WHERE NOT {gone}"
        for table in ("events", "event_history")
    ]
    # a value held back stands in nobody's standard values, in however many spellings it was sent
    texts.append(f"SELECT w.value AS text FROM withheld w JOIN records USING (rid) WHERE NOT {gone}")
    standard = [name for name in TELLING if name in _columns(work, "standardised")]
    if standard:
        texts.append(
            f"""SELECT concat_ws(chr(1), {", ".join(f"s.{name}" for name in standard)}) AS text
            FROM standardised s JOIN records USING (rid) WHERE NOT {gone}"""
        )
    # one automaton tells the few rows in which anything stands; these are then asked for each value
    pattern = quoted("|".join(map(literally, values)))
    for text in texts if values else ():
        checks = ", ".join(f"bool_or(contains(text, {quoted(value)}))" for value in values)
        row = work.execute(f"SELECT {checks} FROM ({text}) WHERE regexp_matches(text, {pattern})").fetchall()[0]
        found |= {value for value, held in zip(values, row, strict=True) if held}
    return sorted(found)


def _columns(work: Work, table: str) -> frozenset[str]:
    rows = work.execute(
        "SELECT column_name FROM duckdb_columns() WHERE table_name = ? AND database_name <> 'temp'", [table]
    ).fetchall()
    return frozenset(str(name) for (name,) in rows)
