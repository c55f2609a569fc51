"""Rows of erased persons are recognised by a salted hash, counted, and not kept."""

from __future__ import annotations

import secrets

import duckdb

from profile_service.contracts.fields import quoted
from profile_service.privacy import suppression_token, suppression_token_sql

_SALT = "suppression_salt"


def suppression_salt(work: duckdb.DuckDBPyConnection) -> str:
    """The work store's own salt, made when first asked for."""
    row = work.execute("SELECT value FROM meta WHERE key = ?", [_SALT]).fetchone()
    if row is not None:
        return str(row[0])
    salt = secrets.token_hex(32)
    work.execute("INSERT INTO meta VALUES (?, ?)", [_SALT, salt])
    return salt


class Suppressions:
    """The records that must not come back."""

    def __init__(self, work: duckdb.DuckDBPyConnection) -> None:
        """Read the tokens; there are as many as records were ever erased."""
        self._salt = suppression_salt(work)
        self._tokens = {str(token) for (token,) in work.execute("SELECT token FROM suppressions").fetchall()}

    def hold(self, channel: str, source_record_id: str | None) -> bool:
        """Whether this record was erased."""
        if not self._tokens or source_record_id is None:
            return False
        return suppression_token(self._salt, channel, source_record_id) in self._tokens

    def condition_sql(self) -> str:
        """The same as SQL over the columns ``channel`` and ``source_record_id``."""
        if not self._tokens:
            return "false"
        token = suppression_token_sql(quoted(self._salt), "channel", "source_record_id")
        return f"(source_record_id IS NOT NULL AND {token} IN (SELECT token FROM suppressions))"
