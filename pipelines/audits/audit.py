"""One audit: a promise in a sentence and the query whose rows break it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import duckdb

from profile_service.errors import PromiseBroken

SHOWN = 5


@dataclass(frozen=True)
class Audit:
    """``query`` answers the keys (never personal data) of rows that break ``promise``; none means it holds."""

    promise: str
    query: str

    def offending(self, connection: duckdb.DuckDBPyConnection) -> list[str]:
        """Up to five keys of rows that break the promise."""
        rows = connection.execute(f"SELECT * FROM ({self.query}) LIMIT {SHOWN}").fetchall()
        return [" ".join(str(value) for value in row) for row in rows]


def check(connection: duckdb.DuckDBPyConnection, audits: Iterable[Audit]) -> None:
    """Raises PromiseBroken naming the first promise that does not hold and some of the rows that break it."""
    for audit in audits:
        if keys := audit.offending(connection):
            raise PromiseBroken(f"the promise “{audit.promise}” is broken, for instance by {'; '.join(keys)}")
