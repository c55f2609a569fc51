"""The ledger as a whole: opening it, reading it, and the one write lock."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from profile_service.errors import LedgerBusy, LedgerUnavailable, WrongUsage
from profile_service.settings import ledger_file
from profile_service.store.ledger.glance import Glance, Glances
from profile_service.store.ledger.log import Log
from profile_service.store.ledger.session import Driver, Session
from profile_service.store.ledger.sqlite import SqliteDriver
from profile_service.store.ledger.tables import SCHEMA_VERSION
from profile_service.store.ledger.times import now_utc
from profile_service.store.ledger.transaction import Transaction

_VERSION = "schema_version"


class Ledger:
    """One ledger, for all threads of a process; other processes open the same one beside it.

    Made by ``Ledger.open``. ``wait_seconds`` is how long a write waits for its turn.
    """

    def __init__(self, driver: Driver, clock: Callable[[], datetime], wait_seconds: float) -> None:
        self._driver = driver
        self._clock = clock
        self._wait_seconds = wait_seconds
        self._turn = threading.Lock()
        self._glances = Glances()
        try:
            self._create()
        except BaseException:
            driver.close()
            raise

    @classmethod
    def open(cls, where: str | Path, *, clock: Callable[[], datetime] = now_utc, wait_seconds: float = 10.0) -> Ledger:
        """Open the ledger at a path (SQLite) or a ``postgresql://`` URL, and make its tables where they are missing.

        Raises ``WrongUsage`` for a URL of another kind, ``LedgerUnavailable`` when it cannot be reached or was written
        by a newer version.
        """
        return cls(_driver(where), clock, wait_seconds)

    def read(self) -> Session:
        """This thread's session: each statement by itself sees all that is committed."""
        return self._driver.reader()

    def log(self) -> Log:
        """The log, read on this thread's session."""
        return Log(self._driver.reader())

    def glance(self) -> Glance:
        """What every request asks first; it sees every write that was acknowledged before it was called."""
        return self._glances.take(self._driver.reader())

    @contextmanager
    def snapshot(self) -> Iterator[Session]:
        """One state for several statements, however much is written meanwhile; keep it short."""
        session = self._driver.begin_snapshot()
        try:
            yield session
        finally:
            self._driver.end_snapshot()

    @contextmanager
    def write(self, wait_seconds: float | None = None) -> Iterator[Transaction]:
        """The write lock and a transaction; leaving it commits, an error inside undoes all of it.

        What was written is acknowledged only once the block has been left without an error. Raises ``LedgerBusy`` when
        the lock is not free in time (``wait_seconds``, where this write waits less than others), ``LedgerUnavailable``
        when the database fails.
        """
        seconds = self._wait_seconds if wait_seconds is None else wait_seconds
        if not self._turn.acquire(timeout=seconds):
            raise LedgerBusy("the ledger is being written by others; try again in a moment")
        try:
            session = self._driver.begin(seconds)
            try:
                yield Transaction(session, self._clock())
            except BaseException as error:
                self._driver.rollback()
                meant = self._driver.failure(error) if isinstance(error, Exception) else None
                if meant is not None:
                    raise meant from error
                raise
            self._driver.commit()
        finally:
            self._turn.release()

    def checkpoint(self) -> None:
        """To be called by one thread every so often, so that no writer has to bring the log into the file itself."""
        self._driver.checkpoint()

    def scrub(self) -> None:
        """See to it that deleted values are in no file of the database any more; takes the write lock's turn."""
        with self._turn:
            self._driver.scrub()

    def close(self) -> None:
        """Close every connection of every thread."""
        self._driver.close()

    def _create(self) -> None:
        with self.write() as tx:
            self._driver.create(tx.session)
            written = tx.log.meta(_VERSION)
            if written is None:
                tx.set_meta(_VERSION, str(SCHEMA_VERSION))
            elif int(written) > SCHEMA_VERSION:
                raise LedgerUnavailable(
                    f"the ledger has schema {written}, this program knows {SCHEMA_VERSION}: update the program"
                )


def _driver(where: str | Path) -> Driver:
    file = ledger_file(where)
    if file is not None:
        return SqliteDriver(file)
    scheme, _, rest = str(where).partition("://")
    if scheme in ("postgresql", "postgres", "postgresql+psycopg"):
        try:
            from profile_service.store.ledger.postgres import PostgresDriver
        except ModuleNotFoundError as error:
            raise WrongUsage(
                "a ledger in PostgreSQL needs psycopg: pip install '.[postgres]' of this project"
            ) from error

        return PostgresDriver(f"postgresql://{rest}")
    raise WrongUsage(f"a ledger is a file or a postgresql:// URL, not {scheme}://")
