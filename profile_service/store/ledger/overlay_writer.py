"""Writing what the log makes of one generation, inside a transaction."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import bindparam, select, update

from profile_service.store.ledger.overlay import ERASED, STANDING, LiveConsent, LiveEvent, Overlay, signed
from profile_service.store.ledger.statement import Statement, adding_if_new, dropping, putting
from profile_service.store.ledger.tables import (
    CONSENTS,
    EVENTS,
    OVERLAY,
    OVERLAY_CUSTOMERS,
    OVERLAY_IDENTIFIERS,
    OVERLAY_KEYS,
    OVERLAY_PAIRS,
    OVERLAY_RECORDS,
    OVERLAY_TERMS,
)
from profile_service.store.ledger.transaction import Transaction
from profile_service.store.stored import StoredRecord


@dataclass(frozen=True)
class StandingCustomer:
    """A customer as it stands after a write: its document as JSON bytes, and what it is found by.

    ``identifiers`` are (type, value), ``terms`` are (kind, term).
    """

    customer_id: str
    document: bytes
    identifiers: Sequence[tuple[str, str]] = ()
    terms: Sequence[tuple[str, str]] = ()


_PUT_CUSTOMER = putting(OVERLAY_CUSTOMERS)
_PUT_RECORD = putting(OVERLAY_RECORDS)
_PUT_KEY = putting(OVERLAY_KEYS)
_PUT_PAIR = putting(OVERLAY_PAIRS)
_PUT_IDENTIFIER = putting(OVERLAY_IDENTIFIERS)
_PUT_TERM = putting(OVERLAY_TERMS)
_MOVED_BY = ("generation", "ref", "customer_id")
_MOVE_RECORD = Statement(
    update(OVERLAY_RECORDS)
    .where(OVERLAY_RECORDS.c.generation == bindparam("generation"), OVERLAY_RECORDS.c.ref == bindparam("ref"))
    .values(customer_id=bindparam("customer_id"), body=bindparam("body"))
)
_ADD_EVENT = adding_if_new(EVENTS)
_PUT_CONSENT = putting(CONSENTS)

_FOUND_BY = {
    table: Statement(
        select(*(table.c[name] for name in names)).where(
            table.c.generation == bindparam("generation"), table.c.customer_id == bindparam("customer_id")
        )
    )
    for table, names in ((OVERLAY_IDENTIFIERS, ("type", "value")), (OVERLAY_TERMS, ("kind", "term")))
}
_DROP_IDENTIFIER = dropping(OVERLAY_IDENTIFIERS, "generation", "customer_id", "type", "value")
_DROP_TERM = dropping(OVERLAY_TERMS, "generation", "customer_id", "kind", "term")

_DROP_CUSTOMER = dropping(OVERLAY_CUSTOMERS, "generation", "customer_id")
_DROP_IDENTIFIERS = dropping(OVERLAY_IDENTIFIERS, "generation", "customer_id")
_DROP_TERMS = dropping(OVERLAY_TERMS, "generation", "customer_id")
_DROP_RECORD = dropping(OVERLAY_RECORDS, "generation", "ref")
_DROP_KEYS = dropping(OVERLAY_KEYS, "generation", "ref")
_DROP_PAIRS = dropping(OVERLAY_PAIRS, "generation", "ref")
_DROP_PAIR = dropping(OVERLAY_PAIRS, "generation", "ref", "other")
_DROP_GENERATION = [dropping(table, "generation") for table in OVERLAY]


class OverlayWriter(Overlay):
    """An overlay inside a transaction: reads what that has written, and writes."""

    def __init__(self, tx: Transaction, run_id: str, ledger_seq: int) -> None:
        super().__init__(lambda: tx.session, run_id, ledger_seq)

    def put_customer(self, customer: StandingCustomer, seq: int) -> None:
        """This is how the customer stands after entry ``seq``; what it was found by before is forgotten."""
        base = {"generation": self.run_id, "customer_id": customer.customer_id}
        # most writes change little of what a customer is found by, and every row is a page of its own to write
        known = self.customer(customer.customer_id) is not None
        for table, names, (drop, put), now in (
            (OVERLAY_IDENTIFIERS, ("type", "value"), (_DROP_IDENTIFIER, _PUT_IDENTIFIER), customer.identifiers),
            (OVERLAY_TERMS, ("kind", "term"), (_DROP_TERM, _PUT_TERM), customer.terms),
        ):
            before = {tuple(row) for row in self.session.all(_FOUND_BY[table], base)} if known else set()
            for statement, rows in ((drop, before.difference(now)), (put, set(now) - before)):
                self.session.many(statement, [base | dict(zip(names, row, strict=True)) for row in sorted(rows)])
        self._put(customer.customer_id, (STANDING, None, customer.document), seq)

    def retire_customer(self, customer_id: str, event: str, stands_as: str | None, seq: int) -> None:
        """This id no longer stands since entry ``seq``: ``event`` says how, ``stands_as`` who answers for it."""
        self._put_retired(customer_id, event, stands_as, seq)

    def erase_customer(self, customer_id: str, seq: int) -> None:
        """This customer is erased since entry ``seq``; its records here go with their keys and pairs."""
        for record in self.records_of(customer_id):
            self.drop_record(record.ref)
        self._put_retired(customer_id, ERASED, None, seq)

    def drop_customer(self, customer_id: str) -> None:
        """The customer is as published again; its records stay where they are."""
        values = {"generation": self.run_id, "customer_id": customer_id}
        for statement in (_DROP_CUSTOMER, _DROP_IDENTIFIERS, _DROP_TERMS):
            self.session.do(statement, values)

    def put_record(self, record: StoredRecord, keys: Sequence[int] = ()) -> None:
        """A record that is new or has other values than published, with its blocking keys (unsigned 64-bit)."""
        values = {"generation": self.run_id, "ref": record.ref}
        self.session.do(_DROP_KEYS, values)
        self.session.do(_PUT_RECORD, self._record_values(record, revised=1))
        self.session.many(_PUT_KEY, [values | {"key": signed(key)} for key in keys])

    def move_record(self, record: StoredRecord) -> None:
        """A record whose customer, events or consents are others now, with the values that it had before."""
        values = self._record_values(record, revised=0)
        if not self.session.do(_MOVE_RECORD, {"body": values["body"]} | {n: values[n] for n in _MOVED_BY}):
            self.session.do(_PUT_RECORD, values)

    def _record_values(self, record: StoredRecord, *, revised: int) -> dict[str, Any]:
        return {
            "generation": self.run_id,
            "ref": record.ref,
            "channel": record.channel,
            "source_record_id": record.source_record_id,
            "customer_id": record.customer_id,
            "revised": revised,
            "body": record.to_json(),
        }

    def drop_record(self, ref: int) -> None:
        """The record is not in the overlay any more, nor are its keys and pairs."""
        values = {"generation": self.run_id, "ref": ref}
        self.session.do(_DROP_RECORD, values)
        self.session.do(_DROP_KEYS, values)
        self.drop_pairs(ref)

    def put_pairs(self, pairs: Iterable[tuple[int, int, float]]) -> None:
        """(record, other record, bits) of pairs scored live; each is found from both sides."""
        rows = []
        for ref, other, bits in pairs:
            rows.append({"generation": self.run_id, "ref": ref, "other": other, "bits": float(bits)})
            rows.append({"generation": self.run_id, "ref": other, "other": ref, "bits": float(bits)})
        self.session.many(_PUT_PAIR, rows)

    def drop_pairs(self, ref: int) -> None:
        """Forget every pair of a record, from both sides."""
        mirrored = [{"generation": self.run_id, "ref": other, "other": ref} for other, _ in self.pairs_of(ref)]
        self.session.many(_DROP_PAIR, mirrored)
        self.session.do(_DROP_PAIRS, {"generation": self.run_id, "ref": ref})

    def put_event(self, event: LiveEvent) -> bool:
        """Keep a live event; answers whether it was new: an event id counts once in its channel, for ever."""
        return self.session.do(_ADD_EVENT, vars(event)) == 1

    def put_consent(self, consent: LiveConsent) -> None:
        """Keep a consent stated live."""
        self.session.do(_PUT_CONSENT, vars(consent))

    def drop_generation(self, run_id: str) -> None:
        """Forget all that lay over a generation, which nobody reads any more."""
        for statement in _DROP_GENERATION:
            self.session.do(statement, {"generation": run_id})

    def _put_retired(self, customer_id: str, state: str, stands_as: str | None, seq: int) -> None:
        """Nobody finds the customer any more."""
        values = {"generation": self.run_id, "customer_id": customer_id}
        if self.customer(customer_id) is not None:
            self.session.do(_DROP_IDENTIFIERS, values)
            self.session.do(_DROP_TERMS, values)
        self._put(customer_id, (state, stands_as, None), seq)

    def _put(self, customer_id: str, state: tuple[str, str | None, bytes | None], seq: int) -> None:
        values = {"generation": self.run_id, "customer_id": customer_id, "seq": seq}
        self.session.do(_PUT_CUSTOMER, values | dict(zip(("state", "stands_as", "document"), state, strict=True)))
