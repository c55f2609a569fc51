"""The ledger in PostgreSQL, for services on several machines."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import TypeVar

import psycopg
from psycopg import errors
from sqlalchemy.schema import CreateIndex, CreateTable

from profile_service.errors import LedgerBusy, LedgerUnavailable
from profile_service.store.ledger.columns import METADATA, RETIRED_INDEXES
from profile_service.store.ledger.connections import PerThread, SharedByThreads
from profile_service.store.ledger.session import Row, Session
from profile_service.store.ledger.statement import POSTGRES, Statement, Values
from profile_service.store.ledger.tables import OVERLAY

# One lock for one schema: two ledgers in one database do not wait for each other.
_LOCK = "SELECT pg_advisory_xact_lock(hashtext('unified-customer-profile ledger'), hashtext(current_schema()))"

T = TypeVar("T")


class PostgresSession:
    """One connection; a statement outside a transaction is tried again when the server has hung up."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._connection: psycopg.Connection[Row] | None = None
        self.in_transaction = False

    @property
    def connection(self) -> psycopg.Connection[Row]:
        """The connection, made anew when it was lost."""
        if self._connection is None or self._connection.closed:
            try:
                self._connection = psycopg.connect(self._url, autocommit=True, connect_timeout=5)
            except psycopg.Error as error:
                raise LedgerUnavailable(f"the ledger's PostgreSQL cannot be reached: {_said(error)}") from error
            # an acknowledged write is on the server's disk, whatever the server's own default is
            self._connection.execute("SET synchronous_commit = on")
            self._connection.execute("SET client_encoding = 'UTF8'")
        return self._connection

    def one(self, statement: Statement, values: Values) -> Row | None:
        """The first row, or ``None``."""
        return self._run(statement, values, lambda cursor: cursor.fetchone())

    def all(self, statement: Statement, values: Values) -> list[Row]:
        """Every row."""
        return self._run(statement, values, lambda cursor: cursor.fetchall())

    def do(self, statement: Statement, values: Values) -> int:
        """How many rows it touched."""
        return self._run(statement, values, lambda cursor: cursor.rowcount)

    def many(self, statement: Statement, rows: Iterable[Values]) -> None:
        """Once for each row, sent together."""
        prepared = [statement.postgres_values(row) for row in rows]
        if prepared:
            with self.connection.cursor() as cursor:
                cursor.executemany(_query(statement.postgres), prepared)

    def changes(self) -> bytes | None:
        """The server tells of none that cost less than asking what one wants to know."""
        return None

    def execute(self, text: str) -> None:
        """Run a text without parameters, such as BEGIN or a definition."""
        self.connection.execute(_query(text))

    def close(self) -> None:
        """Close the connection."""
        if self._connection is not None:
            self._connection.close()

    def _run(self, statement: Statement, values: Values, answer: Callable[[psycopg.Cursor[Row]], T]) -> T:
        text, values = _query(statement.postgres), statement.postgres_values(values)
        try:
            return answer(self.connection.execute(text, values))
        except psycopg.OperationalError as error:
            if self.in_transaction or not self.connection_lost():
                raise LedgerUnavailable(f"the ledger's PostgreSQL failed: {_said(error)}") from error
        try:
            return answer(self.connection.execute(text, values))
        except psycopg.OperationalError as error:
            raise LedgerUnavailable(f"the ledger's PostgreSQL failed: {_said(error)}") from error

    def connection_lost(self) -> bool:
        """Whether the connection is gone."""
        return self._connection is None or self._connection.closed or self._connection.broken


class PostgresDriver:
    """A database, or a schema in one (``?options=-csearch_path%3Dname``); one advisory lock puts writers in a row."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._readers: PerThread[PostgresSession] = PerThread(lambda: PostgresSession(url))
        self._writer: SharedByThreads[PostgresSession] = SharedByThreads(lambda: PostgresSession(url))

    def reader(self) -> Session:
        """This thread's reading connection."""
        return self._readers.get()

    def begin_snapshot(self) -> Session:
        """A repeatable read on this thread's reading connection."""
        session = self._readers.get()
        _begin(session, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
        return session

    def end_snapshot(self) -> None:
        """Leave it."""
        _end(self._readers.get(), "ROLLBACK")

    def begin(self, wait_seconds: float) -> Session:
        """BEGIN, then the advisory lock; every later statement sees what its former holders have committed."""
        session = self._writer.get()
        _begin(session, "BEGIN")
        try:
            session.execute(f"SET LOCAL lock_timeout = {max(1, round(wait_seconds * 1000))}")
            session.execute(_LOCK)
            session.execute("SET LOCAL lock_timeout = 0")
        except errors.LockNotAvailable as error:
            self.rollback()
            raise LedgerBusy("the ledger is being written by others; try again in a moment") from error
        except psycopg.Error as error:
            self.rollback()
            raise LedgerUnavailable(f"the ledger's PostgreSQL failed: {_said(error)}") from error
        return session

    def commit(self) -> None:
        """COMMIT: on the server's disk when this returns."""
        session = self._writer.get()
        try:
            session.execute("COMMIT")
        except psycopg.Error as error:
            self.rollback()
            raise LedgerUnavailable(f"the ledger's PostgreSQL failed: {_said(error)}") from error
        finally:
            session.in_transaction = False

    def rollback(self) -> None:
        """ROLLBACK; a lost connection has done so."""
        _end(self._writer.get(), "ROLLBACK")

    def failure(self, error: Exception) -> LedgerUnavailable | None:
        """A server that is gone, full or shutting down."""
        if isinstance(error, psycopg.OperationalError):
            return LedgerUnavailable(f"the ledger's PostgreSQL failed: {_said(error)}")
        return None

    def create(self, session: Session) -> None:
        """Make every table and index that is not there."""
        writer = self._writer.get()
        for table in METADATA.sorted_tables:
            writer.execute(str(CreateTable(table, if_not_exists=True).compile(dialect=POSTGRES)))
            for index in sorted(table.indexes, key=lambda index: str(index.name)):
                writer.execute(str(CreateIndex(index, if_not_exists=True).compile(dialect=POSTGRES)))
        for name in RETIRED_INDEXES:
            writer.execute(f"DROP INDEX IF EXISTS {name}")

    def checkpoint(self) -> None:
        """The server does so by itself."""

    def scrub(self) -> None:
        """Write the tables that held personal data anew: a plain VACUUM leaves deleted rows' bytes in their pages."""
        session = self._writer.get()
        for name in ("entries", "given_ids", "idempotency", "live_events", "live_consents"):
            session.execute(f"VACUUM (FULL, ANALYZE) {name}")
        for table in OVERLAY:
            session.execute(f"VACUUM (FULL, ANALYZE) {table.name}")

    def close(self) -> None:
        """Close every connection of every thread."""
        self._readers.close()
        self._writer.close()


def _begin(session: PostgresSession, text: str) -> None:
    """Begin, on a new connection when the server has hung up on the old one."""
    try:
        session.execute(text)
    except psycopg.OperationalError as error:
        if not session.connection_lost():
            raise LedgerUnavailable(f"the ledger's PostgreSQL failed: {_said(error)}") from error
        session.execute(text)
    session.in_transaction = True


def _end(session: PostgresSession, text: str) -> None:
    session.in_transaction = False
    with suppress(psycopg.Error):
        if not session.connection_lost():
            session.execute(text)


def _query(text: str) -> bytes:
    return text.encode()


def _said(error: psycopg.Error) -> str:
    # its first line: what follows may quote the values of a row
    return (str(error).splitlines() or [type(error).__name__])[0]
