"""How the ledger's columns and tables are declared, the same for SQLite and for PostgreSQL."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, LargeBinary, MetaData, Table, Text
from sqlalchemy.types import TypeEngine

METADATA = MetaData()
# Of earlier versions: dropped where they are met.
RETIRED_INDEXES = ("overlay_pairs_by_other",)

# Code point order in both databases: a prefix is a range.
_TEXT: TypeEngine[str] = Text().with_variant(Text(collation="C"), "postgresql")


def text(name: str, *, key: bool = False, optional: bool = False) -> Column[str]:
    """Text; there is always one unless ``optional``."""
    return Column(name, _TEXT, primary_key=key, nullable=optional)


def number(name: str, *, key: bool = False, optional: bool = False) -> Column[int]:
    """A whole number of 64 bits."""
    return Column(name, BigInteger, primary_key=key, nullable=optional, autoincrement=False)


def table(name: str, *content: Column[int] | Column[str] | Column[bytes] | Column[float]) -> Table:
    """A table that rows are found in by its key alone, stored in the order of that key."""
    return Table(name, METADATA, *content, sqlite_with_rowid=False)


def octets(name: str) -> Column[bytes]:
    """Bytes, or nothing."""
    return Column(name, LargeBinary, nullable=True)
