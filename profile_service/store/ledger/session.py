"""What runs statements: one thread's connection to the ledger's database."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Protocol

from profile_service.errors import LedgerUnavailable
from profile_service.store.ledger.statement import Statement, Values

Row = tuple[Any, ...]


class Session(Protocol):
    """Runs compiled statements; each call fetches all it answers, so that no result stays open."""

    def one(self, statement: Statement, values: Values) -> Row | None:
        """The first row, or ``None``."""

    def all(self, statement: Statement, values: Values) -> list[Row]:
        """Every row."""

    def do(self, statement: Statement, values: Values) -> int:
        """How many rows an insert, update or delete touched."""

    def many(self, statement: Statement, rows: Iterable[Values]) -> None:
        """Run a statement once for each row of values."""

    def changes(self) -> bytes | None:
        """What differs whenever others have committed since; ``None`` where the database does not tell."""


class Driver(Protocol):
    """One kind of database: its connections and its write lock."""

    def reader(self) -> Session:
        """This thread's session for reading; each statement sees all that is committed."""

    def begin_snapshot(self) -> Session:
        """This thread's session, inside a transaction that sees one state until ``end_snapshot``."""

    def end_snapshot(self) -> None:
        """Leave that transaction."""

    def begin(self, wait_seconds: float) -> Session:
        """Take the write lock and begin; raises ``LedgerBusy`` when it is not free within ``wait_seconds``."""

    def commit(self) -> None:
        """Make it last, and give the lock back; raises ``LedgerUnavailable`` when that cannot be known."""

    def rollback(self) -> None:
        """Undo it, and give the lock back."""

    def failure(self, error: Exception) -> LedgerUnavailable | None:
        """What an error means when the database is at fault, ``None`` when it is not."""

    def create(self, session: Session) -> None:
        """Make every table and index that is not there, inside a transaction."""

    def checkpoint(self) -> None:
        """Do in the background what a writer would do once in a while, and wait for."""

    def scrub(self) -> None:
        """See to it that deleted values are in no file of the database any more."""

    def close(self) -> None:
        """Close every connection."""
