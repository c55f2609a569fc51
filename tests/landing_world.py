"""A landing folder and a work store of a test's own, with one call to ingest the one into the other."""

from __future__ import annotations

import gzip
import json
import shutil
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb

from pipelines.ingest import IngestCounts, ingest
from pipelines.progress import SilentProgress
from pipelines.run_context import RunContext
from pipelines.work import TABLES, open_work
from profile_service.contracts.channels import Channel, load_channels

HEADER = "source_record_id,given_name,family_name,email,birth_date,marketing_consent,updated_at,shoe_size"
CUSTOMER: Mapping[str, str] = {
    "source_record_id": "1",
    "given_name": "Ada",
    "family_name": "Byron",
    "email": "ada@example.com",
    "birth_date": "1815-12-10",
    "marketing_consent": "yes",
    "updated_at": "2024-01-01T00:00:00Z",
    "shoe_size": "38",
}


def customer(delimiter: str = ",", **changed: str) -> str:
    """One line of CSV under ``HEADER``; values stand as given, without quoting."""
    return delimiter.join({**CUSTOMER, **changed}[name] for name in HEADER.split(","))


def csv_of(*lines: str, header: str = HEADER, end: str = "\n") -> bytes:
    """A CSV file's bytes."""
    return "".join(line + end for line in (header, *lines)).encode()


def jsonl_of(*rows: Any) -> bytes:
    """A JSONL file's bytes; a string stands as given."""
    return "".join((row if isinstance(row, str) else json.dumps(row)) + "\n" for row in rows).encode()


def zipped(content: bytes) -> bytes:
    """The same, gzipped."""
    return gzip.compress(content)


class LandingWorld:
    """``landing`` and ``work`` under a folder; ``seq`` counts the runs that were committed."""

    def __init__(self, folder: Path) -> None:
        self.landing = folder / "landing"
        self.landing.mkdir(parents=True, exist_ok=True)
        self.work: duckdb.DuckDBPyConnection = open_work(folder / "data")
        self.work.execute("SET fsync_mode = 'NONE'")  # no test cuts the power
        self.seq = 0

    def clear(self) -> None:
        """As new: no file has landed and no run has been."""
        shutil.rmtree(self.landing)
        self.landing.mkdir()
        for table in TABLES:
            self.work.execute(f"DELETE FROM {table}")
        self.seq = 0

    def put(self, name: str, content: bytes) -> Path:
        """A file under the landing folder."""
        path = self.landing / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        return path

    def run(
        self, channels: Sequence[Channel] | None = None, read: Callable[[int], object] = lambda records: None
    ) -> IngestCounts:
        """One run's ingest, committed; rolled back where it fails. ``read``: see ``ingest``."""
        context = RunContext(self.seq + 1, f"run_{self.seq + 1}", datetime(2024, 6, 1, tzinfo=UTC), SilentProgress())
        self.work.execute("BEGIN")
        try:
            counts = ingest(self.work, self.landing, channels or load_channels(), context, read)
        except BaseException:
            self.work.execute("ROLLBACK")
            raise
        self.work.execute("COMMIT")
        self.seq += 1
        return counts

    def deliver(self, name: str, content: bytes) -> IngestCounts:
        """Put a file and run."""
        self.put(name, content)
        return self.run()

    def all(self, query: str) -> list[tuple[Any, ...]]:
        """Every row of a query on the work store."""
        return self.work.execute(query).fetchall()

    def names(self) -> dict[str, str | None]:
        """The standing given name of each record, by its id."""
        return dict(self.all("SELECT source_record_id, given_name FROM records ORDER BY rid"))

    def reasons(self) -> dict[int, list[str]]:
        """The reasons of rejected rows, by line."""
        return dict(self.all("SELECT line, reasons FROM rejected_rows ORDER BY line"))
