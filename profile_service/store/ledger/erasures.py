"""Erasures in the log: who is to be forgotten, who is kept away, and what is proven of it."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import orjson
from sqlalchemy import (
    Column,
    ColumnElement,
    Delete,
    LargeBinary,
    Select,
    Table,
    Text,
    bindparam,
    cast,
    delete,
    func,
    literal_column,
    or_,
    select,
    update,
)

from profile_service.privacy import Erasure, RecordKey, suppression_token
from profile_service.store.ledger.columns import METADATA
from profile_service.store.ledger.desk_tables import VOTES
from profile_service.store.ledger.log import Entry, Log
from profile_service.store.ledger.session import Session
from profile_service.store.ledger.statement import Statement, adding_if_new
from profile_service.store.ledger.tables import ENTRIES, IDEMPOTENCY, SUPPRESSIONS
from profile_service.store.ledger.transaction import Transaction

ERASURE = "erasure"
_SALT = "suppression_salt"
_PAGE = 1000
_LOOKED_FOR_AT_ONCE = 50  # in one statement: SQLite takes a thousand conditions at most

_TOKEN = Statement(select(SUPPRESSIONS.c.token).where(SUPPRESSIONS.c.token == bindparam("token")))
_NAMED = [
    Statement(
        select(table.c.channel, table.c.source_record_id)
        .where(table.c.channel.is_not(None), table.c.source_record_id.is_not(None))
        .distinct()
    )
    for table in METADATA.sorted_tables
    if {"channel", "source_record_id"} <= set(table.columns.keys())
]
_VOTED_ON = [Statement(select(side).distinct()) for side in (VOTES.c.left_record, VOTES.c.right_record)]
_SUPPRESS = adding_if_new(SUPPRESSIONS)
_REWRITE = Statement(
    update(ENTRIES)
    .where(ENTRIES.c.seq == bindparam("number"))
    .values(payload=bindparam("said"), reason=bindparam("why"))
)
_SET_PAYLOAD = Statement(update(ENTRIES).where(ENTRIES.c.seq == bindparam("number")).values(payload=bindparam("said")))


@dataclass(frozen=True)
class LoggedErasure:
    """An erasure as the log has it; ``receipt`` is there once nothing of the person is left in any store."""

    seq: int
    actor: str
    reason: str | None
    erasure: Erasure
    receipt: Mapping[str, Any] | None


def erasure_of(entry: Entry) -> LoggedErasure:
    """What an entry of kind ``erasure`` says."""
    assert entry.payload is not None
    assert entry.about.customer_id is not None
    erasure = Erasure.of(entry.about.customer_id, entry.at, entry.payload)
    return LoggedErasure(entry.seq, entry.actor, entry.reason, erasure, entry.payload.get("receipt"))


def erasures_after(log: Log, seq: int = 0) -> list[LoggedErasure]:
    """Every erasure with a number above ``seq``, in order."""
    found: list[LoggedErasure] = []
    # an erasure is never emptied: one that says nothing is a fault that must show, so none is passed over here
    while page := log.entries_after(seq, _PAGE, kind=ERASURE):
        found += map(erasure_of, page)
        seq = page[-1].seq
    return found


def unfinished_erasures(log: Log) -> list[LoggedErasure]:
    """Those that no run has carried out in every store yet."""
    return [logged for logged in erasures_after(log) if logged.receipt is None]


def suppression_salt(tx: Transaction) -> str:
    """The ledger's own salt, made when first asked for."""
    salts = _salts(tx.log)
    if salts:
        return salts[0]
    adopt_salt(tx, made := secrets.token_hex(32))
    return made


def adopt_salt(tx: Transaction, salt: str) -> None:
    """Know tokens of this salt again from now on: a ledger put back may never have had it."""
    salts = _salts(tx.log)
    if salt not in salts:
        tx.set_meta(_SALT, " ".join([*salts, salt]))


def _salts(log: Log) -> list[str]:
    return (log.meta(_SALT) or "").split()


def suppress(tx: Transaction, tokens: Iterable[str], seq: int) -> None:
    """Refuse the records of these tokens from now on."""
    tx.session.many(_SUPPRESS, [{"token": token, "seq": seq} for token in sorted(tokens)])


def is_suppressed(session: Session, channel: str, source_record_id: str) -> bool:
    """Whether this record was erased and may not come back."""
    tokens = (suppression_token(salt, channel, source_record_id) for salt in _salts(Log(session)))
    return any(session.one(_TOKEN, {"token": token}) is not None for token in tokens)


def records_named(session: Session) -> set[RecordKey]:
    """Every record (channel, id) that an entry of the log, a note, an event or a vote is about."""
    named = {(channel, name) for statement in _NAMED for channel, name in session.all(statement, {})}
    voted_on = (row[0].partition(":") for statement in _VOTED_ON for row in session.all(statement, {}))
    return named | {(channel, name) for channel, _, name in voted_on}


def settle(tx: Transaction, logged: LoggedErasure, receipt: Mapping[str, Any] | None) -> None:
    """Keep no longer the names of an erasure's records; and its receipt, once it is carried out."""
    said = replace(logged.erasure, keys=()).payload()
    if receipt is not None:
        said["receipt"] = dict(receipt)
    tx.session.do(_SET_PAYLOAD, {"number": logged.seq, "said": orjson.dumps(said).decode()})


def rewrite_entry(tx: Transaction, seq: int, payload: Mapping[str, Any] | None, *, reason: str | None) -> None:
    """Let an entry say less than it did: of an erased person nothing may stay, of others all."""
    said = None if payload is None else orjson.dumps(payload).decode()
    tx.session.do(_REWRITE, {"number": seq, "said": said, "why": reason})


def forget_answers_naming(tx: Transaction, customer_ids: Iterable[str]) -> None:
    """Let go of kept answers that name one of these customers, whomever they are about."""
    for customer_id in customer_ids:
        tx.session.do(_FORGET_ANSWERS, {"text": f"%{_escaped(customer_id)}%"})


def rows_holding(session: Session, texts: Iterable[str], keys: Iterable[RecordKey]) -> dict[str, int]:
    """For each table of the ledger how many rows hold one of ``texts`` anywhere, or are about one of the records.

    Letters match in either case. Beyond some dozens of texts or records a row may count more than once.
    """
    wanted, named = sorted(set(texts)), sorted(set(keys))
    tables = [
        table
        for table in METADATA.sorted_tables
        if any(isinstance(column.type, Text | LargeBinary) for column in table.columns)
    ]
    found = dict.fromkeys((table.name for table in tables), 0) if wanted or named else {}
    for start in range(0, max(len(wanted), len(named)), _LOOKED_FOR_AT_ONCE):
        part = slice(start, start + _LOOKED_FOR_AT_ONCE)
        for table in tables:
            found[table.name] += _rows_holding(session, table, wanted[part], named[part])
    return found


def _rows_holding(session: Session, table: Table, wanted: Sequence[str], named: Sequence[RecordKey]) -> int:
    values: dict[str, Any] = {f"text{number}": f"%{_escaped(text)}%" for number, text in enumerate(wanted)}
    if {"channel", "source_record_id"} <= set(table.columns.keys()):
        for number, (channel, source_record_id) in enumerate(named):
            values |= {f"channel{number}": channel, f"name{number}": source_record_id}
    if not values:
        return 0
    row = session.one(_counting(table, len(wanted), len(named)), values)
    return int(row[0]) if row else 0


@lru_cache(maxsize=128)
def _counting(table: Table, texts: int, keys: int) -> Statement:
    """Composed once for all parts of one length: to compile some hundred conditions takes longer than to ask them."""
    return Statement(*(_count_sql(table, texts, keys, decoded) for decoded in (_as_text, _unpacked)))


def _count_sql(
    table: Table, texts: int, keys: int, decoded: Callable[[Column[Any]], ColumnElement[str]]
) -> Select[Any]:
    readable = [decoded(column) for column in table.columns if isinstance(column.type, Text | LargeBinary)]
    tests: list[ColumnElement[bool]] = [
        text.ilike(bindparam(f"text{number}", type_=Text()), escape="!") for text in readable for number in range(texts)
    ]
    if {"channel", "source_record_id"} <= set(table.columns.keys()):
        tests += [
            (table.c.channel == bindparam(f"channel{number}"))
            & (table.c.source_record_id == bindparam(f"name{number}"))
            for number in range(keys)
        ]
    return select(func.count()).select_from(table).where(or_(*tests))


def _as_text(column: Column[Any]) -> ColumnElement[str]:
    """For SQLite, which reads bytes as text."""
    return cast(column, Text)


def _unpacked(column: Column[Any]) -> ColumnElement[str]:
    """For PostgreSQL, which casts no bytes: all that the ledger keeps as bytes is JSON in UTF-8."""
    if isinstance(column.type, LargeBinary):
        return func.convert_from(column, literal_column("'UTF8'"))
    return cast(column, Text)


def _forgetting(decoded: Callable[[Column[Any]], ColumnElement[str]]) -> Delete:
    body = decoded(IDEMPOTENCY.c.body)
    return delete(IDEMPOTENCY).where(body.like(bindparam("text", type_=Text()), escape="!"))


def _escaped(text: str) -> str:
    return text.replace("!", "!!").replace("%", "!%").replace("_", "!_")


_FORGET_ANSWERS = Statement(_forgetting(_as_text), _forgetting(_unpacked))
