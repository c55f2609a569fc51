"""Each file's rows, read as text into one arriving table per kind of feed; the vectorised checks ride along."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import duckdb

from pipelines.ingest.early import Early, reading_named, stamp_of
from pipelines.ingest.landing import FeedFile
from pipelines.ingest.layout import Layout, lay_out, named_apart, need_required, select_sql
from pipelines.ingest.parquet import parquet_columns
from pipelines.ingest.plain_jsonl import look_into_jsonl
from pipelines.ingest.rejected import BadRow, RejectedRows
from pipelines.ingest.sieve import CsvSieve, JsonlSieve, Reject, Sieved
from profile_service.contracts.channels import Channel
from profile_service.contracts.feeds import ALIASES, FeedContract, field_names
from profile_service.contracts.fields import quoted
from profile_service.errors import ProfileError, PromiseBroken, UnusableInput

CLEAN = "clean"  # the sieve's copy, in the file's scratch folder
_LONGEST = 4_000_000  # bytes of a line in the sieve's clean copy, where quotes are doubled


@dataclass(frozen=True)
class Source:
    """How DuckDB is to read a file's rows: a FROM item, the select list, the line's SQL, and how many there are."""

    table: str
    select: str
    line: str  # NULL: rows stand on successive lines, in file order
    rows: int
    top: int = 2  # the line of the first row, where rows stand on successive lines: a header stands above it


@dataclass(frozen=True)
class Reading:
    """What one file held, by its contract: rows staged and refused, where its lines can be read again, notes."""

    file: FeedFile
    file_id: int
    contract: FeedContract
    text: Path | None  # None for Parquet
    first_row: int  # the rowid in the arriving table of its first row
    staged: int
    refused: int
    top: int = 2  # the line of the first row, where rows stand on successive lines
    notes: Sequence[str] = ()

    @property
    def received(self) -> int:
        """Rows the file held."""
        return self.staged + self.refused


def arriving(kind: str) -> str:
    """The name of the temporary table of rows that arrive in this run; its rowid is the order of arrival."""
    return f"arriving_{kind}"


def create_arriving(work: duckdb.DuckDBPyConnection, kind: str) -> None:
    """Make the empty arriving table: every field as text, and ``ok`` where the vectorised checks passed."""
    columns = ", ".join(f"{name} VARCHAR" for name in (*field_names(kind), "extra"))
    columns = f"file_id INTEGER, channel VARCHAR, line BIGINT, {columns}, ok BOOLEAN"
    work.execute(f"CREATE OR REPLACE TEMP TABLE {arriving(kind)} ({columns})")


class Reader:
    """Reads one file after another into the arriving tables."""

    def __init__(self, work: duckdb.DuckDBPyConnection, bad: RejectedRows, now: datetime) -> None:
        """Rows that cannot be read at all go to ``bad``; no row can have been changed after ``now``."""
        self._work = work
        self._bad = bad
        self._now = now

    def read(self, early: Early, file_id: int) -> Reading:
        """Stage one file's rows; UnusableInput, naming the file, where it cannot be read as a whole."""
        file = early.file
        contract = FeedContract(file.kind, file.channel.formats, now=self._now)
        with reading_named(file, early.scratch):
            try:
                reading = self._read(early, file_id, contract)
            except ProfileError:
                # what is wrong with a file that is being written is not what matters of it
                _refuse_changed(early)
                raise
            _refuse_changed(early)
        return reading

    def _read(self, early: Early, file_id: int, contract: FeedContract) -> Reading:
        file, text = early.file, early.text
        refused = 0
        source: Source | None = None
        notes: Sequence[str] = ()
        if not early.stamp[0]:
            pass
        elif text is None:
            source, notes = self._parquet(file, contract)
        else:
            read = self._csv if file.form == "csv" else self._jsonl
            source, refused, notes = read(early, contract, text.path)
            notes = [*text.notes, *notes]
        if source is not None:
            self._stage(file, file_id, contract, source)
        first, staged = self._rows(file.kind, file_id)
        if staged != (source.rows if source else 0):
            raise PromiseBroken(f"{file.name}: {source.rows if source else 0:,} rows counted, {staged:,} read")
        top = source.top if source else 1
        return Reading(file, file_id, contract, text.path if text else None, first, staged, refused, top, notes)

    def _rows(self, kind: str, file_id: int) -> tuple[int, int]:
        """The first rowid of the file's rows in the arriving table, and how many there are, without gaps."""
        row = self._work.execute(
            f"SELECT coalesce(min(rowid), 0), coalesce(max(rowid), -1), count(*) FROM {arriving(kind)}"
            f" WHERE file_id = {file_id}"
        ).fetchone()
        first, last, count = row if row else (0, -1, 0)
        if last - first + 1 != count:
            raise PromiseBroken(f"{count:,} rows of file {file_id} are numbered from {first} to {last}")
        return first, count

    def _stage(self, file: FeedFile, file_id: int, contract: FeedContract, source: Source) -> None:
        canonical = ", ".join(
            f"CASE WHEN ok THEN {field.canonical_sql(name)} ELSE {name} END"
            if field.canonical_sql(name) != name
            else name
            for name, field in contract.fields.items()
        )
        # no text gets here with a NUL in it
        check = contract.check_sql(may_hold_nul=file.form == "parquet")
        self._work.execute("SET preserve_insertion_order = true")  # the order of rows is the order of lines
        try:
            self._work.execute(
                f"INSERT INTO {arriving(file.kind)}"
                f" SELECT {file_id}, {quoted(file.channel.name)}, line, {canonical}, ok FROM"
                f" (SELECT *, {check} AS ok FROM"
                f" (SELECT {source.line} AS line, {source.select} FROM {source.table}))"
            )
        except duckdb.Error as error:
            raise UnusableInput(f"{file.name} cannot be read: {str(error).splitlines()[0]}") from error
        self._work.execute("SET preserve_insertion_order = false")

    def _parquet(self, file: FeedFile, contract: FeedContract) -> tuple[Source, Sequence[str]]:
        names, columns, rows = parquet_columns(self._work, file, contract)
        layout = lay_out(names, file.channel, file.kind)
        need_required(layout, contract, file.name, names)
        select = select_sql(layout, contract, lambda position: columns[position])
        table = f"read_parquet({quoted(str(file.path))}, file_row_number = true, binary_as_string = true)"
        return Source(table, select, "file_row_number + 1", rows), _said(file, layout.notes)

    def _csv(self, early: Early, contract: FeedContract, path: Path) -> tuple[Source | None, int, Sequence[str]]:
        file, delimiter = early.file, early.delimiter
        if not early.header:
            return None, 0, ()
        names, notes = named_apart(early.header)
        layout = lay_out(names, file.channel, file.kind)
        need_required(layout, contract, file.name, names)
        notes = _said(file, [*notes, *layout.notes])
        select = select_sql(layout, contract, lambda position: f"c{position}")
        if early.rows is not None:
            table = _csv_table(path, len(names), delimiter)
            return Source(table, select, "NULL::BIGINT", early.rows), 0, notes
        key = layout.fields.get("source_record_id", ())
        sieve = CsvSieve(delimiter, len(names), key[0] if len(key) == 1 else None, self._refuse(file))
        clean = early.scratch / CLEAN
        sieved = sieve.sift(path, clean)
        return _clean(clean, sieved, (len(names), delimiter), select), sieved.refused, notes

    def _jsonl(self, early: Early, contract: FeedContract, path: Path) -> tuple[Source, int, Sequence[str]]:
        file = early.file
        wanted = _wanted(file.channel, file.kind)
        if (plain := look_into_jsonl(self._work, path, wanted, early.rows)) is not None:
            layout, select = _layout(file, contract, wanted, [place for _, place in plain.keys], "further")
            return Source(plain.table, select, "NULL::BIGINT", plain.rows, top=1), 0, _said(file, layout.notes)
        keys = (*file.channel.columns.get("source_record_id", ())[:1], "source_record_id")
        sieve = JsonlSieve(wanted, keys, self._refuse(file))
        clean = early.scratch / CLEAN
        sieved = sieve.sift(path, clean)
        layout, select = _layout(file, contract, wanted, list(sieve.present), f"c{len(wanted)}")
        notes = _said(file, layout.notes if sieved.kept else ())
        return _clean(clean, sieved, (len(wanted) + 1, ","), select), sieved.refused, notes

    def _refuse(self, file: FeedFile) -> Reject:
        def refuse(line: int, text: bytes, length: int, reason: str, key: str | None) -> None:
            self._bad.add(file, BadRow(line, text, length, [reason], key))

        return refuse


def _refuse_changed(early: Early) -> None:
    if stamp_of(early.file) != early.stamp:
        raise UnusableInput(f"{early.file.name} changed while it was read: run again when it is complete")


def _clean(path: Path, sieved: Sieved, shape: tuple[int, str], select: str) -> Source:
    """What a sieve has kept, in ``path``; shape: columns and delimiter."""
    # a reader at work in parallel may begin inside a field of several lines
    options = f", parallel = {str(not sieved.multi_line).lower()}, max_line_size = {_LONGEST}"
    table = _csv_table(path, *shape, options, first="'line': 'BIGINT', ")
    return Source(table, select, "line", sieved.kept)


def _csv_table(path: Path, columns: int, delimiter: str, options: str = "", first: str = "") -> str:
    names = first + ", ".join(f"'c{position}': 'VARCHAR'" for position in range(columns))
    return (
        f"read_csv({quoted(str(path))}, columns = {{{names}}}, auto_detect = false, header = false,"
        f" delim = {quoted(delimiter)}, quote = '\"', escape = '\"', nullstr = '', strict_mode = true,"
        f" null_padding = false, skip = 1{options})"
    )


def _wanted(channel: Channel, kind: str) -> list[str]:
    """Every key by which a field of the contract may be called."""
    declared = [name for names in channel.columns.values() for name in names]
    others = [name for field in field_names(kind) for name in ALIASES.get(field, ())]
    return list(dict.fromkeys([*declared, *field_names(kind), *others]))


def _layout(
    file: FeedFile, contract: FeedContract, wanted: Sequence[str], met: Sequence[int | None], further: str
) -> tuple[Layout, str]:
    """The layout of a JSONL file in which the ``wanted`` keys at the places ``met`` were met, and its select list."""
    places = sorted(place for place in met if place is not None)
    layout = lay_out([wanted[place] for place in places], file.channel, file.kind)
    return layout, select_sql(layout, contract, lambda position: f"c{places[position]}", inner=further)


def _said(file: FeedFile, notes: Sequence[str]) -> list[str]:
    return [f"{file.name}: {note}" for note in notes]
