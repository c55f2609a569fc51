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


def suppression_salts(work: duckdb.DuckDBPyConnection) -> tuple[str, ...]:
    """Every salt that a token of this store may have been made with: its own, and those of ledgers that erased."""
    suppression_salt(work)
    rows = work.execute("SELECT DISTINCT value FROM meta WHERE key = ? ORDER BY value", [_SALT]).fetchall()
    return tuple(str(salt) for (salt,) in rows)


def adopt_salt(work: duckdb.DuckDBPyConnection, salt: str) -> None:
    """Know tokens made with this salt again, from now on."""
    if not work.execute("SELECT 1 FROM meta WHERE key = ? AND value = ?", [_SALT, salt]).fetchall():
        work.execute("INSERT INTO meta VALUES (?, ?)", [_SALT, salt])


class Suppressions:
    """The records that must not come back."""

    def __init__(self, work: duckdb.DuckDBPyConnection) -> None:
        """Read the tokens; there are as many as records were ever erased."""
        self._salts = suppression_salts(work)
        self._tokens = {str(token) for (token,) in work.execute("SELECT token FROM suppressions").fetchall()}

    def hold(self, channel: str, source_record_id: str | None) -> bool:
        """Whether this record was erased."""
        if not self._tokens or source_record_id is None:
            return False
        return any(suppression_token(salt, channel, source_record_id) in self._tokens for salt in self._salts)

    def condition_sql(self) -> str:
        """The same as SQL over the columns ``channel`` and ``source_record_id``."""
        if not self._tokens:
            return "false"
        held = " OR ".join(
            f"{suppression_token_sql(quoted(salt), 'channel', 'source_record_id')} IN (SELECT token FROM suppressions)"
            for salt in self._salts
        )
        return f"(source_record_id IS NOT NULL AND ({held}))"
