"""What a run has to report, read from the work store: customers by channels, changed ids, memory used."""

from __future__ import annotations

import resource
import sys
from dataclasses import asdict
from pathlib import Path

import duckdb

from pipelines.ingest import IngestCounts
from profile_service.contracts.fields import quoted


def customers_by_channels(
    work: duckdb.DuckDBPyConnection, published: Path | None = None
) -> tuple[dict[int, int], dict[int, int]]:
    """Customers by the number of channels they are in: all of them, and those merged from several records.

    ``published``: the warehouse that holds just this, where each customer's channels and records are counted already.
    """
    if published is None:
        counted = """SELECT count(DISTINCT channel) AS channels, count(*) AS records
            FROM membership JOIN records USING (rid) GROUP BY customer_id"""
    else:
        work.execute(f"ATTACH {quoted(str(published))} AS published (READ_ONLY)")
        counted = "SELECT channel_count AS channels, record_count AS records FROM published.customers"
    rows = work.execute(
        f"""SELECT channels, count(*), count(*) FILTER (records > 1) FROM ({counted})
        GROUP BY channels ORDER BY channels"""
    ).fetchall()
    if published is not None:
        work.execute("DETACH published")
    return {row[0]: row[1] for row in rows}, {row[0]: row[2] for row in rows if row[2]}


def record_count(work: duckdb.DuckDBPyConnection) -> int:
    """How many records stand."""
    row = work.execute("SELECT count(*) FROM records").fetchone()
    return int(row[0]) if row else 0


def files_read(work: duckdb.DuckDBPyConnection, run_seq: int) -> list[dict[str, str | int]]:
    """The files that a run read, for people: path, channel, kind and rows."""
    rows = work.execute(
        "SELECT channel, kind, path, rows FROM files WHERE run_seq = ? ORDER BY channel, kind, path", [run_seq]
    ).fetchall()
    return [{"channel": row[0], "kind": row[1], "path": row[2], "rows": row[3]} for row in rows]


def rows_by_channel(counts: IngestCounts) -> dict[str, dict[str, dict[str, int]]]:
    """Counts by channel and kind, as the summary has them."""
    rows: dict[str, dict[str, dict[str, int]]] = {}
    for feed in counts.feeds:
        plain = asdict(feed)
        rows.setdefault(plain.pop("channel"), {})[plain.pop("kind")] = plain
    return rows


def peak_memory_bytes() -> int:
    """The most memory this process and any one of its children have held, in bytes."""
    unit = 1 if sys.platform == "darwin" else 1024
    most = max(resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return most * unit
