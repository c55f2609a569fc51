"""The counts of a run against the work store itself: rows that are told but not there, or there and not told."""

from __future__ import annotations

import duckdb

from pipelines.ingest.counts import FeedCounts, IngestCounts
from profile_service.errors import PromiseBroken

# What this run's files left behind, by channel, kind and outcome; what is of file 0 came in live. History rows of this
# run's own versions arrived and were superseded at once; rows of known versions and of erased people leave no trace but
# the files' row counts.
_LEFT_BEHIND = " UNION ALL ".join(
    [
        f"""SELECT channel, '{kind}', '{outcome}', count(*) FROM {table}
        WHERE changed_seq = $run AND file_id IS DISTINCT FROM 0 GROUP BY ALL"""
        for table, kind, outcome in (
            ("records", "customers", "accepted"),
            ("events", "events", "accepted"),
            ("record_history", "customers", "superseded"),
            ("event_history", "events", "superseded"),
        )
    ]
    + [
        "SELECT channel, kind, 'rejected', count(*) FROM rejected_rows WHERE run_seq = $run GROUP BY ALL",
        "SELECT channel, kind, 'received', sum(rows) FROM files WHERE run_seq = $run GROUP BY ALL",
    ]
)
_TRACED = ("received", "accepted", "superseded", "rejected")
# Keys of which one version may stand.
_UNIQUE = (("records", "channel, source_record_id"), ("records", "rid"), ("events", "channel, event_id"))


def audit_ingest(work: duckdb.DuckDBPyConnection, run_seq: int, counts: IngestCounts) -> list[str]:
    """Each promise that the work store breaks, in words; none if all is well."""
    left = {
        (str(channel), str(kind), str(outcome)): int(rows)
        for channel, kind, outcome, rows in work.execute(_LEFT_BEHIND, {"run": run_seq}).fetchall()
    }
    told = {(feed.channel, feed.kind, name): _of(feed, name) for feed in counts.feeds for name in _TRACED}
    broken = [
        f"{channel} {kind}: {told.get((channel, kind, name), 0):,} rows told as {name},"
        f" {left.get((channel, kind, name), 0):,} found"
        for channel, kind, name in sorted(told.keys() | left.keys())
        if told.get((channel, kind, name), 0) != left.get((channel, kind, name), 0)
    ]
    for table, key in _UNIQUE:
        # equal hashes are cheap to count, and only where there are any the keys themselves are compared
        alike = work.execute(
            f"SELECT count(*) > count(DISTINCT code) FROM {_hashed_keys(work, run_seq, table, key)}"
        ).fetchone()
        twice = f"SELECT 1 FROM {table} GROUP BY {key} HAVING count(*) > 1 LIMIT 1"
        if alike and alike[0] and work.execute(twice).fetchone():
            broken.append(f"{table}: more than one row of the same {key} stands")
    return broken


def hold_to_account(work: duckdb.DuckDBPyConnection, run_seq: int, counts: IngestCounts) -> None:
    """Raise PromiseBroken where ``audit_ingest`` finds anything."""
    if broken := audit_ingest(work, run_seq, counts):
        raise PromiseBroken("; ".join(broken))


def _hashed_keys(work: duckdb.DuckDBPyConnection, run_seq: int, table: str, key: str) -> str:
    """A relation ``(code)`` of the keys to look at: what stood before the run was looked at then."""
    hashed = f"(SELECT hash({key}) AS code FROM {table})"
    few = work.execute(f"SELECT 4 * count(*) FILTER (changed_seq = {run_seq}) < count(*) FROM {table}").fetchone()
    if not (few and few[0]):
        return hashed
    return f"{hashed} SEMI JOIN (SELECT hash({key}) AS code FROM {table} WHERE changed_seq = {run_seq}) USING (code)"


def _of(feed: FeedCounts, name: str) -> int:
    return int(getattr(feed, name))
