"""Bad rows go to ``rejected_rows`` with their file, line, text as sent and every reason."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import duckdb

from pipelines.ingest.landing import FeedFile
from pipelines.ingest.suppressions import Suppressions

KEPT_CHARACTERS = 65_536  # of a row as sent; what is cut off is told
_BATCH_ROWS = 5_000
_BATCH_CHARACTERS = 16_000_000


@dataclass(frozen=True)
class BadRow:
    """A row that broke its feed's contract; ``length`` is that of the whole row, in bytes."""

    line: int
    text: bytes
    length: int
    reasons: list[str]
    source_record_id: str | None = None


class RejectedRows:
    """Collects bad rows, writes them by the batch, and counts them by file."""

    def __init__(self, work: duckdb.DuckDBPyConnection, run_seq: int, suppressions: Suppressions) -> None:
        """Write to ``rejected_rows`` of ``work``; rows of ``suppressions`` are only counted."""
        self._work = work
        self.run_seq = run_seq
        self.suppressions = suppressions
        self._batch: list[tuple[str, str, str, int, str, list[str], str | None]] = []
        self._characters = 0
        self.rejected: Counter[tuple[str, str]] = Counter()
        self.suppressed: Counter[tuple[str, str]] = Counter()

    def add(self, file: FeedFile, row: BadRow) -> None:
        """Take one bad row of ``file``."""
        feed = (file.channel.name, file.kind)
        if self.suppressions.hold(file.channel.name, row.source_record_id):
            self.suppressed[feed] += 1
            return
        self.rejected[feed] += 1
        text = row.text.decode(errors="backslashreplace").replace("\0", "\\x00")
        if row.length > KEPT_CHARACTERS:
            text = f"{text[:KEPT_CHARACTERS]}… (cut: the row has {row.length:,} bytes)"
        self._batch.append((*feed, file.name, row.line, text, row.reasons, row.source_record_id))
        self._characters += len(text)
        if len(self._batch) >= _BATCH_ROWS or self._characters >= _BATCH_CHARACTERS:
            self.flush()

    def flush(self) -> None:
        """Write what is collected."""
        if self._batch:
            columns = [list(column) for column in zip(*self._batch, strict=True)]
            values = ", ".join(["unnest(?)"] * (len(columns) - 1) + ["unnest(?::VARCHAR[])"])
            self._work.execute(f"INSERT INTO rejected_rows SELECT {self.run_seq}, {values}", columns)
        self._batch.clear()
        self._characters = 0
