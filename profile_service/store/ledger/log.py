"""The log: what was written live, in the order in which it was acknowledged."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson
from sqlalchemy import BigInteger, bindparam, func, select

from profile_service.store.ledger.session import Row, Session
from profile_service.store.ledger.statement import Statement, any_of
from profile_service.store.ledger.tables import ENTRIES, GIVEN_IDS, META
from profile_service.store.ledger.times import as_time

KINDS = ("record", "event", "consent", "judgement", "undo", "label", "ruling", "erasure")


@dataclass(frozen=True)
class About:
    """Whom an entry is about: a record key, a customer, or both."""

    channel: str | None = None
    source_record_id: str | None = None
    customer_id: str | None = None


NOTHING = About()


def entry_id(prefix: str, seq: int) -> str:
    """The id of what the entry of that number says; in the order of time."""
    return f"{prefix}{seq:012d}"


@dataclass(frozen=True)
class Entry:
    """One entry of the log; ``payload`` is ``None`` once an erasure has purged it."""

    seq: int
    kind: str
    at: datetime
    actor: str
    about: About
    payload: Mapping[str, Any] | None
    reason: str | None


_ENTRY = select(
    ENTRIES.c.seq,
    ENTRIES.c.kind,
    ENTRIES.c.at,
    ENTRIES.c.actor,
    ENTRIES.c.channel,
    ENTRIES.c.source_record_id,
    ENTRIES.c.customer_id,
    ENTRIES.c.payload,
    ENTRIES.c.reason,
)
_LIMIT = bindparam("limit", type_=BigInteger)
_AFTER = Statement(_ENTRY.where(ENTRIES.c.seq > bindparam("seq")).order_by(ENTRIES.c.seq).limit(_LIMIT))
_AFTER_OF_KIND = Statement(
    _ENTRY.where(ENTRIES.c.kind == bindparam("kind"), ENTRIES.c.seq > bindparam("seq"))
    .order_by(ENTRIES.c.seq)
    .limit(_LIMIT)
)
_ENTRY_BY_SEQ = Statement(_ENTRY.where(ENTRIES.c.seq == bindparam("seq")))
_OF_RECORD = Statement(
    _ENTRY.where(
        ENTRIES.c.channel == bindparam("channel"), ENTRIES.c.source_record_id == bindparam("source_record_id")
    ).order_by(ENTRIES.c.seq)
)
_OF_CUSTOMERS = Statement(
    _ENTRY.where(any_of(ENTRIES.c.customer_id, "customer_ids")).order_by(ENTRIES.c.seq), lists=("customer_ids",)
)
_COUNT_AFTER = Statement(
    select(func.count()).where(
        ENTRIES.c.kind == bindparam("kind"), ENTRIES.c.seq > bindparam("seq"), ENTRIES.c.payload.is_not(None)
    )
)
_LAST_SEQ = Statement(select(func.max(ENTRIES.c.seq)))
_GIVEN_IDS_OF = Statement(
    select(GIVEN_IDS.c.customer_id)
    .where(GIVEN_IDS.c.channel == bindparam("channel"), GIVEN_IDS.c.source_record_id == bindparam("source_record_id"))
    .order_by(GIVEN_IDS.c.seq, GIVEN_IDS.c.customer_id)
)
_GIVEN_AFTER = Statement(
    select(GIVEN_IDS.c.channel, GIVEN_IDS.c.source_record_id, GIVEN_IDS.c.customer_id, ENTRIES.c.at)
    .join(ENTRIES, ENTRIES.c.seq == GIVEN_IDS.c.seq)
    .where(GIVEN_IDS.c.seq > bindparam("seq"))
    .order_by(GIVEN_IDS.c.seq, GIVEN_IDS.c.customer_id)
)
_META = Statement(select(META.c.value).where(META.c.name == bindparam("name")))

SEQ_FLOOR = "seq_floor"


class Log:
    """Reads the log on one session."""

    def __init__(self, session: Session) -> None:
        self.session = session

    def last_seq(self) -> int:
        """The last entry's number, 0 before the first; never less than what ``skip_to`` has promised."""
        row = self.session.one(_LAST_SEQ, {})
        last = row[0] if row is not None and row[0] is not None else 0
        return max(int(last), int(self.meta(SEQ_FLOOR) or 0))

    def entries_after(self, seq: int, limit: int = 1000, *, kind: str | None = None) -> list[Entry]:
        """The next at most ``limit`` entries with a number above ``seq``, in order."""
        if kind is None:
            rows = self.session.all(_AFTER, {"seq": seq, "limit": limit})
        else:
            rows = self.session.all(_AFTER_OF_KIND, {"seq": seq, "limit": limit, "kind": kind})
        return [_entry(row) for row in rows]

    def said_after(self, seq: int = 0, kind: str | None = None) -> Iterator[Entry]:
        """Every entry with a number above ``seq`` that nobody has emptied, in order, read a page at a time."""
        while page := self.entries_after(seq, kind=kind):
            yield from (entry for entry in page if entry.payload is not None)
            seq = page[-1].seq

    def count_after(self, seq: int, kind: str) -> int:
        """How many entries of a kind with a number above ``seq`` say something still."""
        row = self.session.one(_COUNT_AFTER, {"seq": seq, "kind": kind})
        return int(row[0]) if row is not None else 0

    def said_as(self, name: str, prefix: str, kind: str) -> Entry | None:
        """The entry of a kind whose id is ``name``, see ``entry_id``, unless it was emptied."""
        number = name.removeprefix(prefix)
        entry = self.entry(int(number)) if number.isdecimal() and len(number) <= 15 else None
        if entry is None or entry.kind != kind or entry.payload is None or name != entry_id(prefix, entry.seq):
            return None
        return entry

    def entry(self, seq: int) -> Entry | None:
        """The entry of that number."""
        row = self.session.one(_ENTRY_BY_SEQ, {"seq": seq})
        return None if row is None else _entry(row)

    def entries_of_record(self, channel: str, source_record_id: str) -> list[Entry]:
        """Every entry about that record key, in order."""
        rows = self.session.all(_OF_RECORD, {"channel": channel, "source_record_id": source_record_id})
        return [_entry(row) for row in rows]

    def entries_of_customers(self, customer_ids: list[str]) -> list[Entry]:
        """Every entry that names one of those customers, in order."""
        return [_entry(row) for row in self.session.all(_OF_CUSTOMERS, {"customer_ids": customer_ids})]

    def given_ids(self, channel: str, source_record_id: str) -> list[str]:
        """The ids that were new when they were given to a customer whose first record this was, oldest first."""
        rows = self.session.all(_GIVEN_IDS_OF, {"channel": channel, "source_record_id": source_record_id})
        return [str(row[0]) for row in rows]

    def given_after(self, seq: int) -> dict[tuple[str, str, str], str]:
        """(channel, source_record_id, customer id) of every id given by entries above ``seq`` = when; in order."""
        return {(row[0], row[1], row[2]): row[3] for row in self.session.all(_GIVEN_AFTER, {"seq": seq})}

    def meta(self, name: str) -> str | None:
        """A value of the ledger itself, such as ``current_generation``."""
        row = self.session.one(_META, {"name": name})
        return None if row is None else str(row[0])


def _entry(row: Row) -> Entry:
    seq, kind, at, actor, channel, source_record_id, customer_id, payload, reason = row
    return Entry(
        seq=seq,
        kind=kind,
        at=as_time(at),
        actor=actor,
        about=About(channel, source_record_id, customer_id),
        payload=None if payload is None else orjson.loads(payload),
        reason=reason,
    )
