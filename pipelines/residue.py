"""Whatever an erased person has left behind, looked for in every table and in the bytes of every file."""

from __future__ import annotations

import mmap
import sqlite3
from collections.abc import Collection, Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import duckdb

from profile_service.contracts.fields import quoted

# Where an id that answers "gone" may stand, in whatever store.
ID_TABLES = frozenset({"customer_ids", "id_history", "customer_id_history", "ids", "data_dictionary"})
# In the bytes of a file two values that stand side by side can look like a short third one.
LEAST_BYTES, LEAST_DIGITS = 8, 11
_SEPARATOR = "\x01"


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

    @property
    def in_bytes(self) -> tuple[bytes, ...]:
        """The values that stand in no file by chance, also backwards, as a search index keeps a number."""
        found = dict.fromkeys(value for value in self.values if _telling(value))
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
    """Rows of each table of a DuckDB file, which nobody is writing, that hold a mark."""
    with closing(duckdb.connect(str(path), read_only=True)) as database:
        database.execute("SET TimeZone = 'UTC'")
        found = []
        for table, columns in _duckdb_tables(database).items():
            condition = _condition(table, columns, marks, "contains({}, {})")
            count = database.execute(f'SELECT count(*) FROM "{table}" WHERE {condition}').fetchall()[0][0]
            found.append(Found(f"{name}:{table}", int(count)))
    return found


def _duckdb_tables(database: duckdb.DuckDBPyConnection) -> dict[str, list[str]]:
    rows = database.execute(
        """SELECT table_name, list(column_name ORDER BY column_index) FROM duckdb_columns()
        WHERE NOT internal AND table_name IN (SELECT table_name FROM duckdb_tables())
        AND NOT regexp_matches(data_type, '^(U?(TINY|SMALL|BIG|HUGE)?INT(EGER)?|FLOAT|DOUBLE|BOOLEAN)')
        GROUP BY table_name ORDER BY table_name"""
    ).fetchall()
    return dict(rows)


def in_sqlite(path: Path, marks: Marks, name: str) -> list[Found]:
    """Rows of each table of a published SQLite file that hold a mark; of a search index what it was made from."""
    with closing(sqlite3.connect(f"file:{path}?mode=ro&immutable=1", uri=True)) as database:
        tables = database.execute(
            "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'"
        ).fetchall()
        found = []
        for (table,) in tables:
            columns = [row[1] for row in database.execute(f'PRAGMA table_info("{table}")').fetchall()]
            condition = _condition(table, columns, marks, "instr({}, {}) > 0")
            count = database.execute(f'SELECT count(*) FROM "{table}" WHERE {condition}').fetchone()[0]
            found.append(Found(f"{name}:{table}", int(count)))
    return found


def _condition(table: str, columns: Collection[str], marks: Marks, holds: str) -> str:
    """SQL: this row names an erased record, or holds a value or an id that nothing may hold."""
    texts = list(marks.values)
    if table not in ID_TABLES:
        texts += marks.customers
    # one text a row, so that each mark is looked for once
    row = f" || {quoted(_SEPARATOR)} || ".join(f"coalesce(CAST(\"{column}\" AS VARCHAR), '')" for column in columns)
    tests = [holds.format(f"({row})", quoted(text)) for text in texts] if columns else []
    keys = ", ".join(map(quoted, marks.keys))
    for channel, name in (("channel", "source_record_id"), ("left_channel", "left_id"), ("right_channel", "right_id")):
        if keys and channel in columns and name in columns:
            tests.append(f"{channel} || ':' || {name} IN ({keys})")
    return " OR ".join(tests) or "false"


def in_bytes(paths: Iterable[Path], marks: Marks, root: Path) -> list[Found]:
    """Places in the bytes of some files where a value stands."""
    found = []
    for path in paths:
        with _mapped(path) as content:
            count = sum(content.find(mark) >= 0 for mark in marks.in_bytes) if content is not None else 0
        found.append(Found(f"{path.relative_to(root)} (bytes)", count))
    return found


@contextmanager
def _mapped(path: Path) -> Iterator[mmap.mmap | None]:
    """The file's content; ``None`` when there is none."""
    with path.open("rb") as stream:
        if not path.stat().st_size:
            yield None
            return
        with mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as content:
            yield content
