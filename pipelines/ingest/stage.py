"""The ingest stage: files of a landing folder in, standing versions of records and events out, every row told."""

from __future__ import annotations

import shutil
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import duckdb

from pipelines.ingest.account import hold_to_account
from pipelines.ingest.counts import FeedCounts, IngestCounts
from pipelines.ingest.doubtful import judge_doubtful
from pipelines.ingest.early import Early, look_early
from pipelines.ingest.landing import find_files
from pipelines.ingest.reading import Reader, arriving, create_arriving
from pipelines.ingest.rejected import RejectedRows
from pipelines.ingest.suppressions import Suppressions
from pipelines.ingest.versions import Feed, Outcomes, settle
from pipelines.run_context import RunContext
from profile_service.contracts.channels import Channel
from profile_service.contracts.feeds import KINDS

_SCRATCH = "ingest-"


@dataclass
class _Tally:
    """Counts by feed while the stage is at work."""

    files_read: Counter[Feed] = field(default_factory=Counter)
    files_skipped: Counter[Feed] = field(default_factory=Counter)
    received: Counter[Feed] = field(default_factory=Counter)
    suppressed: Counter[Feed] = field(default_factory=Counter)
    notes: list[str] = field(default_factory=list)


def ingest(
    work: duckdb.DuckDBPyConnection,
    landing: Path,
    channels: Sequence[Channel],
    run: RunContext,
    read: Callable[[int], object] = lambda records: None,
) -> IngestCounts:
    """Take in what is new under ``landing``, within the transaction that the caller has begun on ``work``.

    ``read``: told how many records have been read, before it is found out which of them stand.

    Leaves the temporary table ``changed_records(rid)``: records that are new, or of which another version stands now.
    Raises UnusableInput where the folder or a file cannot be read at all, PromiseBroken where a row got lost; in both
    cases the caller rolls back.
    """
    brought = {
        (str(name), str(kind)) for name, kind in work.execute("SELECT DISTINCT channel, kind FROM files").fetchall()
    }
    found = find_files(landing, channels, brought)
    tally = _Tally(notes=list(found.notes))
    suppressions = Suppressions(work)
    bad = RejectedRows(work, run.run_seq, suppressions)
    for kind in KINDS:
        create_arriving(work, kind)
    known = {str(known_as) for (known_as,) in work.execute("SELECT content_hash FROM files").fetchall()}
    with run.progress.stage("ingest", total=len(found.files)) as stage:
        with _scratch(work) as scratch, closing(look_early(found.files, known, scratch)) as files:
            for early in files:
                _take(work, early, bad, tally, run)
                if early.text is not None:
                    shutil.rmtree(early.scratch)
                stage.advance(1)
        read(sum(rows for (_, kind), rows in tally.received.items() if kind == "customers"))
        outcomes = {kind: _settle(work, kind, run.run_seq, suppressions, tally) for kind in KINDS}
        counts = IngestCounts(_feed_counts(channels, tally, bad, outcomes), tuple(tally.notes))
        hold_to_account(work, run.run_seq, counts)
        for note in counts.notes:
            stage.note(note)
    work.execute("CREATE OR REPLACE TEMP TABLE changed_records AS SELECT rid FROM accepted_customers")
    for kind in KINDS:
        work.execute(f"DROP TABLE accepted_{kind}")
        work.execute(f"DROP TABLE {arriving(kind)}")
    return counts


def _take(work: duckdb.DuckDBPyConnection, early: Early, bad: RejectedRows, tally: _Tally, run: RunContext) -> None:
    """Stage the rows of one file, unless it is known, and reject its bad ones."""
    file = early.file
    feed = (file.channel.name, file.kind)
    if work.execute("SELECT 1 FROM files WHERE content_hash = ?", [early.known_as]).fetchone():
        tally.files_skipped[feed] += 1
        return
    row = work.execute("SELECT coalesce(max(file_id), 0) + 1 FROM files").fetchone()
    file_id = int(row[0]) if row else 1
    reading = Reader(work, bad, run.now).read(early, file_id)
    judge_doubtful(work, reading, bad, bad.suppressions.condition_sql())
    bad.flush()
    work.execute(
        "INSERT INTO files VALUES (?, ?, ?, ?, ?, ?, ?)",
        [file_id, early.known_as, *feed, file.name, reading.received, bad.run_seq],
    )
    tally.files_read[feed] += 1
    tally.received[feed] += reading.received
    tally.notes.extend(reading.notes)


def _settle(
    work: duckdb.DuckDBPyConnection, kind: str, run_seq: int, suppressions: Suppressions, tally: _Tally
) -> Outcomes:
    condition = suppressions.condition_sql()
    held = work.execute(f"SELECT channel, count(*) FROM {arriving(kind)} WHERE {condition} GROUP BY ALL").fetchall()
    for channel, rows in held:
        tally.suppressed[channel, kind] += rows
    return settle(work, kind, run_seq, condition)


def _feed_counts(
    channels: Sequence[Channel], tally: _Tally, bad: RejectedRows, outcomes: dict[str, Outcomes]
) -> tuple[FeedCounts, ...]:
    feeds = []
    for channel in channels:
        for kind in KINDS:
            feed = (channel.name, kind)
            if not tally.files_read[feed] and not tally.files_skipped[feed]:
                continue
            feeds.append(
                FeedCounts(
                    channel=channel.name,
                    kind=kind,
                    files_read=tally.files_read[feed],
                    files_skipped=tally.files_skipped[feed],
                    received=tally.received[feed],
                    accepted=outcomes[kind].accepted[feed],
                    unchanged=outcomes[kind].unchanged[feed],
                    superseded=outcomes[kind].superseded[feed],
                    rejected=bad.rejected[feed],
                    suppressed=tally.suppressed[feed] + bad.suppressed[feed],
                )
            )
    return tuple(feeds)


@contextmanager
def _scratch(work: duckdb.DuckDBPyConnection) -> Iterator[Path]:
    """A folder beside the work store for unpacked copies, gone afterwards; one left by a killed run goes too."""
    row = work.execute("SELECT path FROM duckdb_databases() WHERE database_name = current_database()").fetchone()
    beside = Path(str(row[0])).parent if row and row[0] else None
    if beside is not None:
        for left in beside.glob(f"{_SCRATCH}*"):
            shutil.rmtree(left, ignore_errors=True)
    with tempfile.TemporaryDirectory(prefix=_SCRATCH, dir=beside) as folder:
        yield Path(folder)
