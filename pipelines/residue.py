"""Whatever an erased person has left behind, looked for in every table and in the bytes of every file."""

from __future__ import annotations

import json
import os
import re
import sqlite3
from collections.abc import Collection, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import duckdb
import numpy as np
from numpy.typing import NDArray

from profile_service.contracts.fields import quoted

# Where an id that answers "gone" may stand, in whatever store.
ID_TABLES = frozenset(
    {"customer_ids", "id_history", "id_causes", "customer_id_history", "customer_changes", "ids", "data_dictionary"}
)
# In the bytes of a file two values that stand side by side can look like a short third one.
LEAST_BYTES, LEAST_DIGITS = 8, 11
_SEPARATOR = "\x01"
_BLOCK = 8 << 20
_MULTIPLIER = np.uint64(0x9E3779B97F4A7C15)
_NO_WINDOWS = np.zeros(0, dtype=np.uint64)
Windows = NDArray[np.uint64]


@dataclass(frozen=True)
class Marks:
    """What must be found nowhere: ids of erased customers, their records as channel:id, values only they had."""

    customers: tuple[str, ...]
    keys: tuple[str, ...]
    values: tuple[str, ...]

    @classmethod
    def of(cls, rows: Iterable[tuple[str, str]]) -> Marks:
        """From rows of ``erasing``: (kind, value)."""
        kinds: dict[str, dict[str, None]] = {"customer": {}, "key": {}, "value": {}}
        for kind, value in rows:
            if kind in kinds:
                kinds[kind][value] = None
        return cls(*(tuple(kinds[kind]) for kind in ("customer", "key", "value")))

    def texts(self, table: str) -> tuple[str, ...]:
        """What no text of a table may hold: ids answer "gone" where ids are kept, and nowhere else."""
        return self._spelt if table in ID_TABLES else (*self._spelt, *self.customers)

    @property
    def _spelt(self) -> tuple[str, ...]:
        """The values as they are, and as JSON spells them."""
        return tuple(
            dict.fromkeys([*self.values, *(json.dumps(each, ensure_ascii=False)[1:-1] for each in self.values)])
        )

    @property
    def in_bytes(self) -> tuple[bytes, ...]:
        """The values that stand in no file by chance, also backwards, as a search index keeps a number."""
        found = dict.fromkeys(value for value in self._spelt if _telling(value))
        backwards = dict.fromkeys(value[::-1] for value in found if value.lstrip("+").isdigit())
        return tuple(value.encode() for value in found | backwards)


def _telling(value: str) -> bool:
    return len(value) >= (LEAST_DIGITS if value.lstrip("+").isdigit() else LEAST_BYTES)


@dataclass(frozen=True)
class Found:
    """What was looked at and how much of it holds a mark: rows of a table, or places in a file."""

    where: str
    count: int


def in_duckdb(path: Path, marks: Marks, name: str) -> list[Found]:
    """Rows of each table of a DuckDB file, which nobody is writing, that hold a mark anywhere in a text."""
    with closing(duckdb.connect(str(path), read_only=True)) as database:
        database.execute("SET TimeZone = 'UTC'")
        found = []
        for table, columns in _duckdb_tables(database).items():
            condition = " OR ".join(_duckdb_tests(table, columns, marks)) or "false"
            count = database.execute(f'SELECT count(*) FROM "{table}" WHERE {condition}').fetchall()[0][0]
            found.append(Found(f"{name}:{table}", int(count)))
    return found


def _duckdb_tables(database: duckdb.DuckDBPyConnection) -> dict[str, list[str]]:
    """The columns of each table that can hold a text, each as SQL of one."""
    rows = database.execute(
        """SELECT table_name, list(CASE WHEN data_type = 'VARCHAR' THEN '"' || column_name || '"'
            ELSE 'to_json("' || column_name || '")::VARCHAR' END ORDER BY column_index)
        FROM duckdb_columns()
        WHERE NOT internal AND table_name IN (SELECT table_name FROM duckdb_tables())
        AND NOT regexp_matches(data_type, '^(U?(TINY|SMALL|BIG|HUGE)?INT(EGER)?|FLOAT|DOUBLE|BOOLEAN|DATE|TIME.*)$')
        GROUP BY table_name ORDER BY table_name"""
    ).fetchall()
    return dict(rows)


def _duckdb_tests(table: str, columns: Collection[str], marks: Marks) -> Iterator[str]:
    texts = marks.texts(table)
    if texts:
        # one text a row and one automaton for all marks: the time does not grow with their number
        row = f" || {quoted(_SEPARATOR)} || ".join(f"coalesce({column}, '')" for column in columns)
        pattern = "|".join(map(literally, texts))
        yield f"regexp_matches({row}, {quoted(pattern)})"
    yield from _key_tests([column.strip('"') for column in columns], marks)


def literally(text: str) -> str:
    """A regular expression of RE2 that matches just this text."""
    return re.sub(r"([!-/:-?\[-`{-~])", r"\\\1", text)


def in_sqlite(path: Path, marks: Marks, name: str) -> list[Found]:
    """Rows of each table of a published SQLite file that name a record, or in which a mark is a value."""
    with closing(sqlite3.connect(f"file:{path}?mode=ro&immutable=1", uri=True)) as database:
        tables = database.execute(
            "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'"
        ).fetchall()
        found = []
        for (table,) in tables:
            columns = [row[1] for row in database.execute(f'PRAGMA table_info("{table}")').fetchall()]
            texts = ", ".join(map(quoted, (*marks.texts(table), *marks.keys)))
            tests = [f'"{column}" IN ({texts})' for column in columns] if texts else []
            condition = " OR ".join([*tests, *_key_tests(columns, marks)]) or "false"
            count = database.execute(f'SELECT count(*) FROM "{table}" WHERE {condition}').fetchone()[0]
            found.append(Found(f"{name}:{table}", int(count)))
    return found


def _key_tests(columns: Collection[str], marks: Marks) -> Iterator[str]:
    """SQL: this row names an erased record."""
    keys = ", ".join(map(quoted, marks.keys))
    for channel, name in (("channel", "source_record_id"), ("left_channel", "left_id"), ("right_channel", "right_id")):
        if keys and channel in columns and name in columns:
            yield f"{channel} || ':' || {name} IN ({keys})"


def in_bytes(paths: Iterable[Path], marks: Marks, root: Path, locked: Collection[Path] = ()) -> list[Found]:
    """Places in the bytes of some files where a value stands.

    ``locked``: those of a SQLite database that this process has open. Closing any handle on one would drop the locks of
    all of them (https://sqlite.org/howtocorrupt.html, 2.2), so those stay open until the process ends.
    """
    search = ByteSearch(marks.in_bytes)
    found = []
    for path in paths:
        with os.fdopen(os.open(path, os.O_RDONLY), "rb", closefd=path not in locked) as stream:
            found.append(Found(f"{path.relative_to(root)} (bytes)", search.count(stream)))
    return found


class ByteSearch:
    """Looks for any number of byte strings, of at least ``LEAST_BYTES`` each, in one reading of a file."""

    def __init__(self, wanted: Collection[bytes]) -> None:
        self._wanted = sorted(set(wanted))
        self._longest = max(map(len, self._wanted), default=LEAST_BYTES)
        beginnings = np.array([int.from_bytes(each[:LEAST_BYTES], "little") for each in self._wanted], dtype=np.uint64)
        # a table of 65,536 answers tells most windows apart from every beginning without comparing
        self._maybe = np.zeros(1 << 16, dtype=np.bool_)
        self._maybe[_hashed(beginnings)] = True
        self._beginnings = beginnings

    def count(self, stream: BinaryIO) -> int:
        """In how many places of a file one of them stands."""
        if not self._wanted:
            return 0
        found = 0
        kept, ended = b"", False
        while not ended:
            block = stream.read(_BLOCK)
            ended = not block
            text = kept + block
            # a place that begins in what is kept is counted with the next block
            end = len(text) if ended else max(len(text) - self._longest + 1, 0)
            found += self._places(text, end)
            kept = text[end:]
        return found

    def _places(self, text: bytes, end: int) -> int:
        """How many of them begin in ``text`` before ``end``."""
        found = 0
        for shift in range(LEAST_BYTES):
            whole = (len(text) - shift) // LEAST_BYTES
            windows = np.frombuffer(text, dtype="<u8", count=whole, offset=shift) if whole > 0 else _NO_WINDOWS
            maybe = np.flatnonzero(self._maybe[_hashed(windows)])
            for place in maybe[np.isin(windows[maybe], self._beginnings)].tolist():
                start = place * LEAST_BYTES + shift
                found += start < end and any(text.startswith(each, start) for each in self._wanted)
        return found


def _hashed(windows: Windows) -> Windows:
    """Sixteen bits of each window of eight bytes."""
    hashed: Windows = (windows * _MULTIPLIER) >> np.uint64(48)
    return hashed
