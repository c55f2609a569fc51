"""Which rows of a record were refused, told where its record is asked about: in which run, file and line, and why."""

from __future__ import annotations

from collections.abc import Sequence

import duckdb

from pipelines.merge import columns_of
from pipelines.waiting import Waiting
from profile_service.errors import NotFound

Work = duckdb.DuckDBPyConnection


def no_record(work: Work, key: str, waiting: Waiting) -> NotFound:
    """What to raise where nothing stands by a record's name: that it is too new, or why its last row was refused."""
    if arrived := waiting.arrived(key):
        return NotFound(arrived)
    refused = last_refused(work, key)
    if refused:
        return NotFound(f"no record {key} stands here: {refused}")
    return NotFound(f"no record {key} stands here: it has not come in, its id could not be read, or it is erased")


def refused_since(work: Work, keys: Sequence[str]) -> tuple[str, ...]:
    """In words: of which records that stand a row was refused in the run that they came in with, or after it."""
    rows = work.execute(
        """SELECT channel || ':' || source_record_id AS key, changed_seq FROM records
        WHERE key IN (SELECT unnest($keys::VARCHAR[])) ORDER BY key""",
        {"keys": list(keys)},
    ).fetchall()
    refused = ((key, last_refused(work, key, since)) for key, since in rows)
    return tuple(f"a row of {key} was not taken: {said}" for key, said in refused if said)


def last_refused(work: Work, key: str, since: int = 0) -> str | None:
    """In words: in which run, file and line the last refused row of a record stood, and what was wrong with it.

    ``since``: the number of the first run that is asked about.
    """
    channel, _, source_record_id = key.partition(":")
    if "source_record_id" not in columns_of(work, "rejected_rows"):
        return None  # a store that is only read, made before refused rows were known by their record
    row = work.execute(
        """SELECT coalesce(run_id, 'run ' || run_seq), file, line, reasons, count(*) OVER () FROM rejected_rows
        LEFT JOIN runs USING (run_seq) WHERE kind = 'customers' AND channel = ? AND source_record_id = ?
        AND run_seq >= ? ORDER BY run_seq DESC, file DESC, line DESC LIMIT 1""",
        [channel, source_record_id, since],
    ).fetchone()
    if row is None:
        return None
    run_id, file, line, reasons, rows = row
    last = f" (the last of {rows} refused rows)" if rows > 1 else ""
    return f"{run_id} refused it in {file}, line {line}{last}: {'; '.join(reasons)}"
