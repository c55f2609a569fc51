"""Of two versions of one record one stands, live as in the batch: whatever the order in which they arrive."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from datetime import datetime
from typing import Literal

import duckdb

from profile_service.contracts.feeds import FeedContract
from profile_service.store.stored import Consent, StoredRecord, moment_text

Verdict = Literal["accepted", "unchanged", "superseded"]

_CONTRACT = FeedContract("customers")
_VALUES = {name: field.sql_type for name, field in _CONTRACT.fields.items() if name != _CONTRACT.key}
_CONTENT_SQL = f"SELECT hash({', '.join(f'${name}::{kind}' for name, kind in _VALUES.items())})"


class _Hasher(threading.local):
    """A thread's own connection for what only DuckDB's hash can say."""

    connection: duckdb.DuckDBPyConnection | None = None


_hasher = _Hasher()


def _hashing() -> duckdb.DuckDBPyConnection:
    """This thread's connection to a DuckDB without data."""
    if _hasher.connection is None:
        _hasher.connection = duckdb.connect(":memory:", config={"threads": 1})
        _hasher.connection.execute("SET TimeZone = 'UTC'")
    return _hasher.connection


def judge_version(known: StoredRecord, new: StoredRecord) -> Verdict:
    """Whether ``new`` stands in place of ``known``.

    The newer ``updated_at`` stands; of two of one moment the content decides; a version with a date stands before one
    without. What is not authenticated never takes the place of what is.
    """
    if known.authenticated != new.authenticated:
        return "accepted" if new.authenticated else "superseded"
    if known.fields == new.fields and known.updated_at == new.updated_at:
        return "unchanged"
    if known.updated_at is None or new.updated_at is None:
        return "accepted" if known.updated_at is None else "superseded"
    if known.updated_at != new.updated_at:
        return "accepted" if new.updated_at > known.updated_at else "superseded"
    return "accepted" if content_hash(new) > content_hash(known) else "superseded"


def content_hash(record: StoredRecord) -> int:
    """The hash of everything sent but the key, as the work store keeps it beside each version."""
    values = {name: record.fields.get(name) for name in _VALUES}
    values["updated_at"] = moment_text(record.updated_at)
    return int(_hashing().execute(_CONTENT_SQL, values).fetchall()[0][0])


def consent_after(known: Consent | None, sent: Mapping[str, str], at: datetime | None) -> Consent | None:
    """What a record says of marketing once another version of it has arrived.

    The last word counts, from the version that first said it; a version that says nothing changes nothing.
    """
    said = (sent.get("marketing_consent") or "").strip().lower()
    if said not in ("yes", "no"):
        return known
    if known is None:
        return said, at, 1
    word, since, times = known
    later = since is None or (at is not None and at >= since)
    if said == word:
        # an older version that says the same said it first, where nothing else was ever said
        return (word, at, 1) if not later and times == 1 else known
    if later:
        return said, at, times + 1
    return (word, since, 2) if times == 1 else known
