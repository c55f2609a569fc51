"""Rows that the vectorised checks refused go through marshmallow: mended if valid after all, else rejected in full."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import duckdb

from pipelines.ingest.parquet import rows_as_json
from pipelines.ingest.reading import Reading, arriving
from pipelines.ingest.rejected import KEPT_CHARACTERS, BadRow, RejectedRows
from pipelines.ingest.text import skip_mark

_PAGE = 10_000  # rows held in memory at a time


def judge_doubtful(work: duckdb.DuckDBPyConnection, reading: Reading, bad: RejectedRows, suppressed: str) -> None:
    """Judge one file's rows whose ``ok`` is false, unless ``suppressed`` (SQL) holds; valid ones become ``ok``."""
    contract = reading.contract
    table = arriving(reading.file.kind)
    names = list(contract.fields)
    line = f"coalesce(line, rowid - {reading.first_row} + {reading.top})"
    lines = _LinesAsSent(reading.text) if reading.text else None
    last = reading.first_row - 1
    end = reading.first_row + reading.staged
    while page := work.execute(
        f"SELECT rowid, {line}, {', '.join(names)} FROM {table}"
        f" WHERE NOT ok AND NOT {suppressed} AND rowid > {last} AND rowid < {end} ORDER BY rowid LIMIT {_PAGE}"
    ).fetchall():
        last = page[-1][0]
        refused: list[tuple[int, dict[str, str | None], list[str]]] = []
        for rowid, number, *values in page:
            row = dict(zip(names, values, strict=True))
            mended, reasons = contract.read(row)
            if reasons:
                refused.append((number, row, reasons))
            else:
                _mend(work, table, rowid, mended)
        numbers = [number for number, _, _ in refused]
        sent = lines.at(numbers) if lines else _from_parquet(work, reading, numbers)
        for number, row, reasons in refused:
            text, length = sent[number]
            bad.add(reading.file, BadRow(number, text, length, reasons, row["source_record_id"]))
    if lines:
        lines.close()


def _mend(work: duckdb.DuckDBPyConnection, table: str, rowid: int, row: Mapping[str, str | None]) -> None:
    # only fields that have a spelling of their own can change, and none of them is a key
    names = ", ".join(f"{name} = ?" for name in row)
    work.execute(f"UPDATE {table} SET ok = true, {names} WHERE rowid = {rowid}", list(row.values()))


def _from_parquet(
    work: duckdb.DuckDBPyConnection, reading: Reading, numbers: Sequence[int]
) -> dict[int, tuple[bytes, int]]:
    if not numbers:
        return {}
    rows = rows_as_json(work, reading.file, numbers)
    return {number: (text.encode(), len(text.encode())) for number, text in rows.items()}


class _LinesAsSent:
    """The lines of a file by number, in ascending order only; a record with an open quote goes on to its last line."""

    def __init__(self, path: Path) -> None:
        self._stream = path.open("rb")
        skip_mark(self._stream)
        self._next = 1

    def at(self, numbers: Sequence[int]) -> dict[int, tuple[bytes, int]]:
        """The start of each record's text and its whole length in bytes."""
        return {number: text for number in numbers for text in self._record(number)}

    def close(self) -> None:
        self._stream.close()

    def _record(self, number: int) -> Iterator[tuple[bytes, int]]:
        line = b""
        while self._next <= number:
            line = self._stream.readline()
            self._next += 1
        whole = line
        while whole.count(b'"') % 2 and line and not whole.lstrip().startswith(b"{"):
            line = self._stream.readline()
            self._next += 1
            whole += line
        text = whole.rstrip(b"\r\n")
        yield text[: 4 * KEPT_CHARACTERS], len(text)
