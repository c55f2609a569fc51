"""What the log makes of one generation: the customers, records and pairs that are no longer as published."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import BigInteger, BindParameter, bindparam, func, select

from profile_service.store.ledger.log import Log
from profile_service.store.ledger.session import Session
from profile_service.store.ledger.statement import Statement, any_of
from profile_service.store.ledger.tables import (
    CONSENTS,
    EVENTS,
    OVERLAY_CUSTOMERS,
    OVERLAY_IDENTIFIERS,
    OVERLAY_KEYS,
    OVERLAY_PAIRS,
    OVERLAY_RECORDS,
    OVERLAY_TERMS,
)
from profile_service.store.stored import RecordHead, StoredRecord

STANDING, ERASED = "standing", "erased"
_LAST_LETTER = "\U0010ffff"  # no term goes on with it: the end of a prefix's range


@dataclass(frozen=True)
class OverlayCustomer:
    """A customer that is not as published; ``state`` is ``standing``, ``erased`` or how the id was retired.

    A standing one has its document as JSON bytes; a retired one the id that ``stands_as``, where there is one.
    """

    customer_id: str
    state: str
    stands_as: str | None
    document: bytes | None
    seq: int


@dataclass(frozen=True)
class LiveEvent:
    """An event taken live; ``body`` is the event as JSON bytes, ``occurred_at`` RFC 3339 in UTC."""

    seq: int
    channel: str
    event_id: str
    source_record_id: str
    occurred_at: str | None
    body: bytes


@dataclass(frozen=True)
class LiveConsent:
    """A consent stated live; ``source_record_id`` is the record that stated it, where one did."""

    seq: int
    customer_id: str
    purpose: str
    channel: str
    source_record_id: str | None
    consent: str
    stated_at: str


_C, _R, _K, _P = OVERLAY_CUSTOMERS.c, OVERLAY_RECORDS.c, OVERLAY_KEYS.c, OVERLAY_PAIRS.c
_I, _T, _E, _S = OVERLAY_IDENTIFIERS.c, OVERLAY_TERMS.c, EVENTS.c, CONSENTS.c
_LIMIT = bindparam("limit", type_=BigInteger)
_GENERATION: BindParameter[str] = bindparam("generation")

_CUSTOMER = Statement(
    select(_C.state, _C.stands_as, _C.document, _C.seq).where(
        _C.generation == _GENERATION, _C.customer_id == bindparam("customer_id")
    )
)
_COVERED = Statement(
    select(_C.customer_id, _C.state).where(_C.generation == _GENERATION, any_of(_C.customer_id, "customer_ids")),
    lists=("customer_ids",),
)
_CUSTOMERS_AFTER = Statement(
    select(_C.customer_id, _C.state, _C.stands_as, _C.document, _C.seq)
    .where(_C.generation == _GENERATION, _C.customer_id > bindparam("after"))
    .order_by(_C.customer_id)
    .limit(_LIMIT)
)
_HOLDERS = Statement(
    select(_I.customer_id).where(
        _I.generation == _GENERATION, _I.type == bindparam("type"), _I.value == bindparam("value")
    )
)
_BODY = select(_R.body)
_RECORD = Statement(
    _BODY.where(
        _R.generation == _GENERATION,
        _R.channel == bindparam("channel"),
        _R.source_record_id == bindparam("source_record_id"),
    )
)
_RECORDS = Statement(_BODY.where(_R.generation == _GENERATION, any_of(_R.ref, "refs")), lists=("refs",))
_HEADS = Statement(
    select(_R.ref, _R.channel, _R.source_record_id, _R.customer_id).where(
        _R.generation == _GENERATION, any_of(_R.ref, "refs")
    ),
    lists=("refs",),
)
_RECORDS_OF = Statement(_BODY.where(_R.generation == _GENERATION, _R.customer_id == bindparam("customer_id")))
_OWNERS = Statement(
    select(_R.ref, _R.customer_id).where(_R.generation == _GENERATION, any_of(_R.ref, "refs")), lists=("refs",)
)
_REVISED = Statement(
    select(_R.ref).where(_R.generation == _GENERATION, _R.revised == 1, any_of(_R.ref, "refs")), lists=("refs",)
)
_OWNED = Statement(
    select(_R.channel, _R.source_record_id, _R.customer_id)
    .where(_R.generation == _GENERATION)
    .order_by(_R.channel, _R.source_record_id)
)
_KEY_MEMBERS = Statement(
    select(_K.key, _K.ref).where(_K.generation == _GENERATION, any_of(_K.key, "keys")), lists=("keys",)
)
_PAIRS_OF = Statement(select(_P.other, _P.bits).where(_P.generation == _GENERATION, _P.ref == bindparam("ref")))
_PAIRS_OF_ALL = Statement(
    select(_P.ref, _P.other, _P.bits).where(_P.generation == _GENERATION, any_of(_P.ref, "refs")), lists=("refs",)
)
_TERMS = Statement(
    select(_T.term, _T.kind, _T.customer_id)
    .where(_T.generation == _GENERATION, _T.term >= bindparam("first"), _T.term < bindparam("end"))
    .order_by(_T.term)
    .limit(_LIMIT)
)
_EVENT = select(_E.seq, _E.channel, _E.event_id, _E.source_record_id, _E.occurred_at, _E.body)
_EVENTS_OF = Statement(
    _EVENT.where(
        _E.channel == bindparam("channel"),
        _E.source_record_id == bindparam("source_record_id"),
        _E.seq > bindparam("folded"),
    )
)
_KNOWN_EVENT = Statement(_EVENT.where(_E.channel == bindparam("channel"), _E.event_id == bindparam("event_id")))
_CONSENTS_OF = Statement(
    select(_S.seq, _S.customer_id, _S.purpose, _S.channel, _S.source_record_id, _S.consent, _S.stated_at)
    .where(any_of(_S.customer_id, "customer_ids"), _S.seq > bindparam("folded"))
    .order_by(_S.seq),
    lists=("customer_ids",),
)
_APPLIED = Statement(select(func.max(_C.seq)).where(_C.generation == _GENERATION))


class Overlay:
    """Reads what lies over the generation ``run_id``, whose run had folded the log up to ``ledger_seq``.

    ``read`` gives the calling thread's session: ``Overlay(ledger.read, …)`` may be shared by all threads. Every method
    reads what is committed; inside a transaction use ``OverlayWriter``, which has the same methods.
    A customer that is in the overlay in any state is answered from it alone; any other by the generation.
    ``bare``: there was no customer in it a moment ago, and whoever reads is to see that moment.
    """

    def __init__(self, read: Callable[[], Session], run_id: str, ledger_seq: int, *, bare: bool = False) -> None:
        self._read = read
        self.bare = bare
        self.run_id = run_id
        self.ledger_seq = ledger_seq

    @property
    def session(self) -> Session:
        """The calling thread's session."""
        return self._read()

    def _values(self, **values: Any) -> dict[str, Any]:
        values["generation"] = self.run_id
        return values

    def log(self) -> Log:
        """The log, on the same session."""
        return Log(self.session)

    def customer(self, customer_id: str) -> OverlayCustomer | None:
        """How that customer stands here, or ``None`` when it is as published."""
        if self.bare:
            return None
        row = self.session.one(_CUSTOMER, {"generation": self.run_id, "customer_id": customer_id})
        return None if row is None else OverlayCustomer(customer_id, *row)

    def document(self, customer_id: str) -> bytes | None:
        """The profile document as JSON bytes, when that customer stands here."""
        row = self.session.one(_CUSTOMER, {"generation": self.run_id, "customer_id": customer_id})
        return row[2] if row is not None and row[0] == STANDING else None

    def retired(self, customer_id: str) -> tuple[str, str | None] | None:
        """(event, the id that stands instead) of an id retired or erased here."""
        row = self.session.one(_CUSTOMER, {"generation": self.run_id, "customer_id": customer_id})
        return (row[0], row[1]) if row is not None and row[0] != STANDING else None

    def covered(self, customer_ids: Collection[str]) -> dict[str, str]:
        """The state of each of those customers that is in the overlay."""
        if self.bare or not customer_ids:
            return {}
        rows = self.session.all(_COVERED, self._values(customer_ids=list(customer_ids)))
        return {row[0]: row[1] for row in rows}

    def customers_after(self, customer_id: str, limit: int) -> list[OverlayCustomer]:
        """The next customers of the overlay in order of id, whatever their state."""
        rows = self.session.all(_CUSTOMERS_AFTER, self._values(after=customer_id, limit=limit))
        return [OverlayCustomer(*row) for row in rows]

    def holders(self, type: str, value: str) -> list[str]:
        """The customers standing here that hold an identifier."""
        if self.bare:
            return []
        rows = self.session.all(_HOLDERS, {"generation": self.run_id, "type": type, "value": value})
        return [row[0] for row in rows]

    def record(self, channel: str, source_record_id: str) -> StoredRecord | None:
        """The record of that key, when it is live, moved or changed."""
        row = self.session.one(_RECORD, self._values(channel=channel, source_record_id=source_record_id))
        return None if row is None else StoredRecord.from_json(row[0])

    def records(self, refs: Collection[int]) -> list[StoredRecord]:
        """Those of the records that are in the overlay."""
        if not refs:
            return []
        rows = self.session.all(_RECORDS, self._values(refs=list(refs)))
        return [StoredRecord.from_json(row[0]) for row in rows]

    def heads(self, refs: Collection[int]) -> list[RecordHead]:
        """Key and customer of those of the records that are in the overlay."""
        if not refs:
            return []
        return [RecordHead(*row) for row in self.session.all(_HEADS, self._values(refs=list(refs)))]

    def records_of(self, customer_id: str) -> list[StoredRecord]:
        """The overlay's records of a customer; records of it that never changed are in the generation alone."""
        # put in order here: asked for it, SQLite would read the whole generation in that order
        rows = self.session.all(_RECORDS_OF, self._values(customer_id=customer_id))
        return sorted((StoredRecord.from_json(row[0]) for row in rows), key=lambda record: record.ref)

    def owners(self, refs: Collection[int]) -> dict[int, str]:
        """The customer of each of those records that is in the overlay: who is not here is where it was published."""
        if not refs:
            return {}
        return {row[0]: row[1] for row in self.session.all(_OWNERS, self._values(refs=list(refs)))}

    def owned(self) -> list[tuple[str, str, str]]:
        """(channel, source_record_id, customer) of every record of the overlay."""
        return [(row[0], row[1], row[2]) for row in self.session.all(_OWNED, self._values())]

    def revised(self, refs: Collection[int]) -> set[int]:
        """Those of the records whose values are not as published: the generation's keys and pairs of them are void."""
        if not refs:
            return set()
        return {row[0] for row in self.session.all(_REVISED, self._values(refs=list(refs)))}

    def key_members(self, keys: Sequence[int]) -> dict[int, list[int]]:
        """The overlay's records under each blocking key (unsigned 64-bit); keys that nobody has are left out."""
        members: dict[int, list[int]] = defaultdict(list)
        if keys:
            rows = self.session.all(_KEY_MEMBERS, self._values(keys=[signed(key) for key in keys]))
            for key, ref in rows:
                members[key & _ALL_64].append(ref)
        return dict(members)

    def pairs_of(self, ref: int) -> list[tuple[int, float]]:
        """(other record, bits) of every pair of a record that was scored live."""
        rows = self.session.all(_PAIRS_OF, {"generation": self.run_id, "ref": ref})
        return [(other, bits) for other, bits in rows]

    def pairs_of_all(self, refs: Collection[int]) -> list[tuple[int, int, float]]:
        """(record, other record, bits) of every pair of those records that was scored live."""
        if not refs:
            return []
        return [(row[0], row[1], row[2]) for row in self.session.all(_PAIRS_OF_ALL, self._values(refs=list(refs)))]

    def terms_like(self, prefix: str, limit: int = 1000) -> list[tuple[str, str, str]]:
        """(term, kind, customer) of the search terms that begin with ``prefix``, in order of term."""
        values = self._values(first=prefix, end=prefix + _LAST_LETTER, limit=limit)
        return [(term, kind, customer_id) for term, kind, customer_id in self.session.all(_TERMS, values)]

    def events_of(self, record_keys: Collection[tuple[str, str]]) -> list[LiveEvent]:
        """Live events of those records (channel, source_record_id) that the generation does not hold."""
        found = []
        for channel, source_record_id in record_keys:
            values = {"channel": channel, "source_record_id": source_record_id, "folded": self.ledger_seq}
            found += [LiveEvent(*row) for row in self.session.all(_EVENTS_OF, values)]
        return found

    def event(self, channel: str, event_id: str) -> LiveEvent | None:
        """A live event by its key, folded or not: what makes events idempotent."""
        row = self.session.one(_KNOWN_EVENT, {"channel": channel, "event_id": event_id})
        return None if row is None else LiveEvent(*row)

    def consents_of(self, customer_ids: Collection[str]) -> list[LiveConsent]:
        """Consents stated live for those customer ids that the generation does not hold, oldest first."""
        if not customer_ids:
            return []
        rows = self.session.all(_CONSENTS_OF, {"customer_ids": list(customer_ids), "folded": self.ledger_seq})
        return [LiveConsent(*row) for row in rows]

    def last_seq(self) -> int:
        """The newest entry that changed a customer here; 0 when none did."""
        row = self.session.one(_APPLIED, {"generation": self.run_id})
        return int(row[0] or 0) if row is not None else 0


_ALL_64 = (1 << 64) - 1
_SIGN = 1 << 63


def signed(key: int) -> int:
    """An unsigned 64-bit key as the signed number that databases keep."""
    return key - (1 << 64) if key & _SIGN else key
