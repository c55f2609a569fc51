"""Each thread's own connections to one generation: to its profiles in SQLite, and to the analysts' warehouse."""

from __future__ import annotations

import sqlite3
import threading
import weakref
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

import duckdb

from profile_service import deadline
from profile_service.errors import NotFound
from profile_service.store.generation import PROFILES, Generation, shut_in
from profile_service.store.held import Held

Connection = TypeVar("Connection", sqlite3.Connection, duckdb.DuckDBPyConnection)


class _PerThread(threading.local):
    """Connections are never shared between threads, and end with theirs."""

    reader: sqlite3.Connection | None = None
    cursor: duckdb.DuckDBPyConnection | None = None

    def __init__(self) -> None:
        self.held: list[Held[Any]] = []


class Readers:
    """Connections are made when a thread first asks, and closed with it or with the generation."""

    def __init__(self, generation: Generation) -> None:
        self._generation = generation
        self._mine = _PerThread()
        self._opened: weakref.WeakSet[Held[Any]] = weakref.WeakSet()
        self._opening = threading.Lock()
        self._warehouse: duckdb.DuckDBPyConnection | None = None
        self._closed = False

    def rows(self, query: str, parameters: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        """All rows of a query on the profiles; raises Refused (too-slow) when the request's time is over before."""
        try:
            return self._reader().execute(query, parameters).fetchall()
        except sqlite3.OperationalError as error:
            if deadline.broken_off(error):
                raise deadline.too_slow() from error
            raise

    def ask(self, query: str, values: Mapping[str, object] | None = None) -> list[tuple[Any, ...]]:
        """All rows of a query on the warehouse; raises Refused (too-slow) when the request's time is over before."""
        cursor = self.warehouse()
        try:
            with deadline.interrupting(cursor):
                return cursor.execute(query, values).fetchall()
        except duckdb.InterruptException as error:
            raise deadline.too_slow() from error

    def warehouse(self) -> duckdb.DuckDBPyConnection:
        """This thread's own cursor on the warehouse: read-only, UTC, no other file in reach."""
        cursor = self._mine.cursor
        if cursor is None:
            with self._opening:
                if self._warehouse is None:
                    self._warehouse = duckdb.connect(str(self._generation.warehouse), read_only=True)
                    shut_in(self._warehouse)
                cursor = self._warehouse.cursor()
            self._mine.cursor = self._keep(cursor)
        return cursor

    def close(self) -> None:
        """Close every thread's connections; to be called when no one reads any more."""
        with self._opening:
            self._closed = True
            for held in list(self._opened):
                held.connection.close()
            self._opened.clear()
            if self._warehouse is not None:
                self._warehouse.close()
                self._warehouse = None

    def _reader(self) -> sqlite3.Connection:
        reader = self._mine.reader
        if reader is None:
            path = (self._generation.folder / PROFILES).resolve().as_uri()
            reader = sqlite3.connect(f"{path}?mode=ro&immutable=1", uri=True, check_same_thread=False)
            reader.execute("PRAGMA mmap_size = 8589934592")
            deadline.watch(reader)
            self._mine.reader = self._keep(reader)
        return reader

    def _keep(self, connection: Connection) -> Connection:
        if self._closed:
            connection.close()
            raise NotFound(f"generation {self._generation.manifest.run_id} is closed")
        held = Held(connection)
        self._mine.held.append(held)
        with self._opening:
            self._opened.add(held)
        return connection
