"""The ledger in one SQLite file beside the generations."""

from __future__ import annotations

import logging
import os
import sqlite3
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from sqlalchemy.schema import CreateIndex, CreateTable

from profile_service import deadline
from profile_service.errors import LedgerBusy, LedgerUnavailable
from profile_service.store.ledger.columns import METADATA, RETIRED_INDEXES
from profile_service.store.ledger.connections import PerThread, SharedByThreads
from profile_service.store.ledger.log_index import LogIndex
from profile_service.store.ledger.session import Row, Session
from profile_service.store.ledger.statement import SQLITE, Statement, Values
from profile_service.store.ledger.write_ahead import WriteAheadLog

_SHORTEST_NAP, _LONGEST_NAP = 0.0002, 0.002  # seconds between two attempts at the write lock
# A live write fills many pages: with SQLite's own 1000 one in some of them waited for two more writes to the disk.
_PAGES_BEFORE_A_WRITER_WAITS = 16_384
# Bytes from which the log is brought into the file: once nobody writes, or else when it has become so much longer.
_LONG_LOG, _LONGEST_LOG = 1 << 20, 16 << 20
# Seconds: a check-point takes several flushes of the disk, and whoever commits meanwhile waits for them.
_BETWEEN_CHECKPOINTS = 3.0
_A_MOMENT = 0.05  # seconds
_ATTEMPTS = 3  # of a check-point to bring over all, what others wrote during it included
_STATEMENTS = 256  # kept prepared by each connection

_logger = logging.getLogger(__name__)


class SqliteSession:
    """One connection to the file, and the index of its log.

    Raises Refused (too-slow) when the time of the thread's request is over.
    """

    def __init__(self, connection: sqlite3.Connection, index: LogIndex) -> None:
        self.connection = connection
        self.changes = index.head

    def one(self, statement: Statement, values: Values) -> Row | None:
        """The first row, or ``None``."""
        if not statement.plain:
            values = statement.sqlite_values(values)
        try:
            row: Row | None = self.connection.execute(statement.sqlite, values).fetchone()
        except sqlite3.OperationalError as error:
            raise _meant(error) from error
        return row

    def all(self, statement: Statement, values: Values) -> list[Row]:
        """Every row."""
        try:
            return self.connection.execute(statement.sqlite, statement.sqlite_values(values)).fetchall()
        except sqlite3.OperationalError as error:
            raise _meant(error) from error

    def do(self, statement: Statement, values: Values) -> int:
        """How many rows it touched."""
        try:
            return self.connection.execute(statement.sqlite, statement.sqlite_values(values)).rowcount
        except sqlite3.OperationalError as error:
            raise _meant(error) from error

    def many(self, statement: Statement, rows: Iterable[Values]) -> None:
        """Once for each row."""
        try:
            self.connection.executemany(statement.sqlite, (statement.sqlite_values(row) for row in rows))
        except sqlite3.OperationalError as error:
            raise _meant(error) from error

    def close(self) -> None:
        """Close the connection."""
        self.connection.close()


class SqliteDriver:
    """A file in WAL: readers never wait, one writer at a time, each commit on the disk before it is answered."""

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            # it holds personal data: for this user's eyes, from the first byte. One that is there is not opened here:
            # closing it would drop the locks that another ledger of this process has on it
            with suppress(FileExistsError):
                os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
        except OSError as error:
            raise LedgerUnavailable(f"the ledger {path} cannot be opened: {error.strerror}") from error
        self._readers = PerThread(self._connect)
        # the writer waits for its turn by itself, in shorter naps than SQLite's
        self._writer = SharedByThreads(lambda: self._connect(wait_seconds=0.0))
        self._checkpointer = SharedByThreads(lambda: self._connect(wait_seconds=0.0))
        # made beside the first connection of a process, closed after the last
        self._index = SharedByThreads(lambda: LogIndex(path.with_name(f"{path.name}-shm")))
        self._log = WriteAheadLog(path.with_name(f"{path.name}-wal"))
        self._rests_until = 0.0
        self._last_used = 0

    def _connect(self, wait_seconds: float = 5.0) -> SqliteSession:
        try:
            connection = sqlite3.connect(
                self._path,
                isolation_level=None,
                check_same_thread=False,
                cached_statements=_STATEMENTS,
                timeout=wait_seconds,
            )
            _set_up(connection)
            return SqliteSession(connection, self._index.get())
        except (sqlite3.Error, OSError) as error:
            raise LedgerUnavailable(f"the ledger {self._path} cannot be opened: {error}") from error

    def reader(self) -> Session:
        """This thread's reading connection."""
        return self._readers.get()

    def begin_snapshot(self) -> Session:
        """A read transaction on this thread's reading connection."""
        session = self._readers.get()
        session.connection.execute("BEGIN")
        return session

    def end_snapshot(self) -> None:
        """Leave it."""
        self._readers.get().connection.execute("ROLLBACK")

    def begin(self, wait_seconds: float) -> Session:
        """BEGIN IMMEDIATE, tried again and again: SQLite's own waiting sleeps up to a tenth of a second."""
        session = self._writer.get()
        try:
            _begin(session.connection, wait_seconds)
        except sqlite3.OperationalError as error:
            if _is_busy(error):
                raise LedgerBusy("the ledger is being written by others; try again in a moment") from error
            raise LedgerUnavailable(f"the ledger cannot be written: {error}") from error
        return session

    def commit(self) -> None:
        """COMMIT: with ``synchronous = FULL`` it is on the disk when this returns."""
        connection = self._writer.get().connection
        try:
            connection.execute("COMMIT")
        except sqlite3.Error as error:
            self.rollback()
            raise LedgerUnavailable(f"the ledger cannot be written: {error}") from error

    def rollback(self) -> None:
        """ROLLBACK, where SQLite has not done so by itself."""
        connection = self._writer.get().connection
        if connection.in_transaction:
            connection.execute("ROLLBACK")

    def failure(self, error: Exception) -> LedgerUnavailable | None:
        """A full disk, a file that is gone or damaged."""
        if isinstance(error, sqlite3.OperationalError) or type(error) is sqlite3.DatabaseError:
            return LedgerUnavailable(f"the ledger cannot be written: {error}")
        return None

    def create(self, session: Session) -> None:
        """Make every table and index that is not there."""
        connection = self._writer.get().connection
        for table in METADATA.sorted_tables:
            connection.execute(str(CreateTable(table, if_not_exists=True).compile(dialect=SQLITE)))
            for index in sorted(table.indexes, key=lambda index: str(index.name)):
                connection.execute(str(CreateIndex(index, if_not_exists=True).compile(dialect=SQLITE)))
        for name in RETIRED_INDEXES:
            connection.execute(f"DROP INDEX IF EXISTS {name}")

    def checkpoint(self) -> None:
        """Bring the write-ahead log into the file once it is long; whoever writes meanwhile does not wait for it."""
        try:
            # while it is open, nobody is the last to close the database: the log stays the same file
            connection = self._checkpointer.get().connection
            used, before = self._log.used_bytes(), self._last_used
            self._last_used = used
            if used < _LONG_LOG or time.monotonic() < self._rests_until:
                return
            self._log.make_room(self._alone)
            if used != before and used < _LONGEST_LOG:
                return
            self._rests_until = time.monotonic() + _BETWEEN_CHECKPOINTS
            for _ in range(_ATTEMPTS):
                _, written, brought = connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
                # what came meanwhile is little: the log begins anew only where all of it is in the file
                if written == brought:
                    break
        except (OSError, sqlite3.Error) as error:
            # another process is at it, or the disk is full: a later round or the next writer does so
            _logger.debug("no checkpoint: %s", error)

    @contextmanager
    def _alone(self) -> Iterator[bool]:
        """Whether no process writes inside the block; whoever writes is waited for a moment, not longer."""
        connection = self._checkpointer.get().connection
        try:
            _begin(connection, _A_MOMENT)
        except sqlite3.OperationalError:
            yield False
            return
        try:
            yield True
        finally:
            connection.execute("ROLLBACK")

    def scrub(self) -> None:
        """Deleted content is zeroed by ``secure_delete``; what still stands in the WAL goes with its truncation."""
        connection = self._writer.get().connection
        end = time.monotonic() + 5.0
        while True:
            busy = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
            if not busy:
                return
            if time.monotonic() >= end:
                raise LedgerBusy("a reader keeps the ledger's old pages; try again when it has ended")
            time.sleep(_LONGEST_NAP)

    def close(self) -> None:
        """Close every connection of every thread."""
        self._readers.close()
        self._writer.close()
        self._checkpointer.close()
        self._index.close()


def _begin(connection: sqlite3.Connection, wait_seconds: float) -> None:
    """Take the write lock; raises OperationalError, busy when it is not free in time."""
    nap, end = _SHORTEST_NAP, time.monotonic() + wait_seconds
    while True:
        try:
            connection.execute("BEGIN IMMEDIATE")
            return
        except sqlite3.OperationalError as error:
            if not _is_busy(error) or time.monotonic() >= end:
                raise
        time.sleep(nap)
        nap = min(nap * 1.5, _LONGEST_NAP)


def _set_up(connection: sqlite3.Connection) -> None:
    # Two processes that turn a new file to WAL at once are told "locked" without waiting.
    end = time.monotonic() + 5.0
    while True:
        try:
            mode: tuple[Any, ...] = connection.execute("PRAGMA journal_mode = WAL").fetchone()
            break
        except sqlite3.OperationalError as error:
            if not _is_busy(error) or time.monotonic() >= end:
                raise
            time.sleep(_LONGEST_NAP)
    if mode[0] != "wal":
        raise sqlite3.OperationalError("its file system cannot do write-ahead logging")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute(f"PRAGMA wal_autocheckpoint = {_PAGES_BEFORE_A_WRITER_WAITS}")
    connection.execute("PRAGMA secure_delete = ON")
    connection.execute("PRAGMA journal_size_limit = 67108864")
    connection.execute("PRAGMA cache_size = -16384")
    # with the first read the log and its index are there
    connection.execute("SELECT 1 FROM sqlite_master LIMIT 1").fetchall()
    deadline.watch(connection)


def _meant(error: sqlite3.OperationalError) -> Exception:
    return deadline.too_slow() if deadline.broken_off(error) else error


def _is_busy(error: sqlite3.OperationalError) -> bool:
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    return code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
