"""Erased people's rows leave the work store in a run's transaction, and what they leave behind is looked at anew."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import duckdb

from pipelines.ingest.suppressions import adopt_salt
from pipelines.marks import keep_marks
from pipelines.work import whole_number
from profile_service.contracts.fields import quoted
from profile_service.privacy import Erasure, suppression_token_sql

if TYPE_CHECKING:
    from pipelines.run_context import RunContext

Work = duckdb.DuckDBPyConnection
_VERSIONED = ("records", "record_history", "events", "event_history")
_KEYED = (*_VERSIONED, "consents")


@dataclass(frozen=True)
class Forgotten:
    """Rows deleted, by table, and how many erasures they were for."""

    erasures: int
    rows: dict[str, int] = field(default_factory=dict)

    @property
    def changed(self) -> bool:
        """Whether the work store knew anything of these people."""
        return any(self.rows.values())


def forget(work: Work, run: RunContext, erasures: Sequence[Erasure]) -> Forgotten:
    """Delete everything of these people from the work store, in the caller's transaction; again changes nothing.

    Their records' tokens stay as suppressions, so that no feed brings them back. What the deletion touches is left to
    ``resolve`` (temporary tables ``gone_records(rid)`` and ``changed_records(rid)``) and ``identify``. What must be
    found nowhere any more waits in ``erasing`` until ``pipelines.erase`` has looked for it.
    """
    work.execute("CREATE TEMP TABLE IF NOT EXISTS gone_records (rid INTEGER)")
    work.execute("CREATE TEMP TABLE IF NOT EXISTS changed_records (rid INTEGER)")
    _make_linkage_tables(work)
    if not erasures:
        return Forgotten(0)
    _suppress(work, erasures)
    _name_the_gone(work, erasures)
    keep_marks(work)
    rows = {"rejected_rows": _delete_rejected(work)}
    for table in ("constraints", "labels"):
        rows[table] = _delete(
            work,
            table,
            """(left_channel, left_id) IN (SELECT (channel, source_record_id) FROM gone_keys)
            OR (right_channel, right_id) IN (SELECT (channel, source_record_id) FROM gone_keys)""",
        )
    work.execute(
        """INSERT INTO gone_records SELECT DISTINCT rid FROM (
            SELECT rid, channel, source_record_id FROM records UNION ALL
            SELECT rid, channel, source_record_id FROM record_history)
        SEMI JOIN gone_keys USING (channel, source_record_id)"""
    )
    for table in _KEYED:
        work.execute(
            f"""INSERT INTO erasing SELECT erasure_id, customer_id, 'count', '{table}:' || count(*)
            FROM {table} JOIN gone_keys USING (channel, source_record_id) JOIN erased_ids USING (erasure_id)
            GROUP BY erasure_id, customer_id"""
        )
        rows[table] = _delete(
            work, table, "(channel, source_record_id) IN (SELECT (channel, source_record_id) FROM gone_keys)"
        )
    work.execute("UPDATE id_causes SET value = NULL WHERE value IN (SELECT value FROM erasing WHERE kind = 'value')")
    _leave_partners(work)
    _retire_ids(work, run, erasures)
    work.execute("DROP TABLE gone_keys")
    work.execute("DROP TABLE erased_ids")
    return Forgotten(len(erasures), rows)


def _make_linkage_tables(work: Work) -> None:
    """Those that ``resolve`` makes on the first run: an erasure may come before it."""
    work.execute("CREATE TABLE IF NOT EXISTS withheld (rid INTEGER, field VARCHAR, value VARCHAR)")
    work.execute("CREATE TABLE IF NOT EXISTS obeyed (l INTEGER, r INTEGER, verdict VARCHAR)")


def _suppress(work: Work, erasures: Iterable[Erasure]) -> None:
    for erasure in erasures:
        adopt_salt(work, erasure.salt)
        work.execute(
            """INSERT INTO suppressions SELECT token, $at FROM (SELECT unnest($tokens::VARCHAR[]) AS token)
            ANTI JOIN suppressions USING (token)""",
            {"tokens": sorted(erasure.tokens), "at": erasure.at},
        )


def _name_the_gone(work: Work, erasures: Sequence[Erasure]) -> None:
    """Make ``gone_keys(erasure_id, channel, source_record_id)`` and ``erased_ids(erasure_id, customer_id)``."""
    work.execute("CREATE OR REPLACE TEMP TABLE erased_ids (erasure_id VARCHAR, customer_id VARCHAR)")
    for erasure in erasures:
        work.execute("INSERT INTO erased_ids VALUES (?, ?)", [erasure.erasure_id, erasure.customer_id])
    named = " UNION ".join(f"SELECT channel, source_record_id FROM {table}" for table in _KEYED)
    with erased_among(work, erasures, "named") as erased:
        work.execute(
            f"""CREATE OR REPLACE TEMP TABLE gone_keys AS WITH named AS MATERIALIZED ({named})
            SELECT min(erasure_id) AS erasure_id, channel, source_record_id FROM ({erased}) GROUP BY ALL"""
        )


@contextmanager
def erased_among(work: Work, erasures: Sequence[Erasure], rows: str) -> Iterator[str]:
    """A query, good for the block, of the rows in ``rows(channel, source_record_id, …)`` that are erased people's.

    Each row behind the ``erasure_id`` that it belongs to; of several, once for each.
    """
    work.execute("CREATE OR REPLACE TEMP TABLE wanted (erasure_id VARCHAR, salt VARCHAR, token VARCHAR)")
    for erasure in erasures:
        work.execute(
            "INSERT INTO wanted SELECT ?, ?, unnest(?::VARCHAR[])",
            [erasure.erasure_id, erasure.salt, sorted(erasure.tokens)],
        )
    token = suppression_token_sql("{}", "k.channel", "k.source_record_id")
    yield " UNION ALL ".join(
        f"""SELECT w.erasure_id, k.* FROM {rows} k JOIN wanted w
            ON w.salt = {quoted(salt)} AND w.token = {token.format(quoted(salt))}"""
        for salt in sorted({erasure.salt for erasure in erasures})
    )
    work.execute("DROP TABLE wanted")


def _delete(work: Work, table: str, condition: str) -> int:
    """Delete rows; answers how many."""
    count = whole_number(work, f"SELECT count(*) FROM {table} WHERE {condition}")
    if count:
        work.execute(f"DELETE FROM {table} WHERE {condition}")
    return count


def _delete_rejected(work: Work) -> int:
    """Rows that were refused but name a record of these people, or hold a value that only they have."""
    word = "'(^|[^[:alnum:]])' || regexp_escape({}) || '($|[^[:alnum:]])'"
    return _delete(
        work,
        "rejected_rows",
        f"""EXISTS (SELECT 1 FROM gone_keys k WHERE k.channel = rejected_rows.channel
                AND k.source_record_id = rejected_rows.source_record_id)
        OR EXISTS (SELECT 1 FROM gone_keys k WHERE k.channel = rejected_rows.channel
                AND regexp_matches(rejected_rows.row_as_sent, {word.format("k.source_record_id")}))
        OR EXISTS (SELECT 1 FROM erasing e WHERE e.kind = 'value' AND contains(rejected_rows.row_as_sent, e.value))""",
    )


def _leave_partners(work: Work) -> None:
    """Records that a decision tied to a gone one are resolved anew without it."""
    gone = "(SELECT rid FROM gone_records)"
    work.execute(
        f"""INSERT INTO changed_records
        SELECT rid FROM (SELECT unnest([l, r]) AS rid FROM obeyed WHERE l IN {gone} OR r IN {gone})
        SEMI JOIN records USING (rid) ANTI JOIN changed_records USING (rid)"""
    )
    work.execute(f"DELETE FROM obeyed WHERE l IN {gone} OR r IN {gone}")


def _retire_ids(work: Work, run: RunContext, erasures: Sequence[Erasure]) -> None:
    """An erased id answers "gone" for ever: what else it held gets another id, and one never seen here is entered."""
    others = """SELECT rid FROM membership SEMI JOIN erased_ids USING (customer_id)
        ANTI JOIN gone_records USING (rid)"""
    work.execute(f"INSERT INTO changed_records SELECT rid FROM ({others}) ANTI JOIN changed_records USING (rid)")
    work.execute(f"DELETE FROM membership WHERE rid IN ({others})")
    # identify retires those that lose a record in this run; the rest are retired here
    rest = """SELECT DISTINCT customer_id FROM erased_ids
        ANTI JOIN (SELECT customer_id FROM membership SEMI JOIN gone_records USING (rid)) USING (customer_id)"""
    work.execute(f"CREATE OR REPLACE TEMP TABLE retired_ids AS {rest}")
    stale = "SELECT customer_id FROM customer_ids WHERE stands_as IN (SELECT customer_id FROM retired_ids)"
    work.execute(
        f"""CREATE OR REPLACE TEMP TABLE retired_ids AS
        SELECT customer_id FROM retired_ids ANTI JOIN (
            SELECT customer_id FROM customer_ids WHERE stands_as IS NULL) USING (customer_id)
        UNION {stale}"""
    )
    when = {"now": run.now, "seq": run.run_seq}
    mine = "customer_id IN (SELECT customer_id FROM retired_ids)"
    work.execute(f"UPDATE id_history SET valid_to = ? WHERE valid_to IS NULL AND {mine}", [run.now])
    work.execute("INSERT INTO id_history SELECT customer_id, $now, NULL, 'erased', NULL, $seq FROM retired_ids", when)
    work.execute(
        f"UPDATE customer_ids SET standing = false, stands_as = NULL, changed_seq = ? WHERE {mine}", [run.run_seq]
    )
    work.execute(
        """INSERT INTO customer_ids SELECT customer_id, false, NULL, $seq, $seq
        FROM retired_ids ANTI JOIN customer_ids USING (customer_id)""",
        {"seq": run.run_seq},
    )
    work.execute("DROP TABLE retired_ids")
