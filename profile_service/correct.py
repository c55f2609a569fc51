"""A steward's own corrections: these are one person, these are not, and take that back; each binds every later run."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise, product
from typing import Any

import orjson

from profile_service.errors import Refused
from profile_service.live.apply import apply
from profile_service.live.judge import Constraint, constraints_of
from profile_service.live.recluster import Reclustered
from profile_service.live.standing import Standing
from profile_service.live.step import Hand
from profile_service.pages import Page, cursor_after, key_after
from profile_service.privacy import RecordKey
from profile_service.store.ledger import Entry, Log, entry_id
from profile_service.store.ledger.overlay_judgements import DIFFERENT, SAME
from profile_service.store.stored import StoredRecord, moment_text

JUDGEMENT, UNDO = "judgement", "undo"
_PREFIX = "jdg_"
MOST_RECORDS = 400  # of customers that a person can still judge
MOST_APART = 10_000  # pairs that one decision may keep apart


@dataclass(frozen=True)
class Wish:
    """Who decides and why."""

    actor: str
    reason: str


@dataclass(frozen=True)
class Decided:
    """A decision and what it made of the customers it touches, each before and after as the tables of ``portrait``."""

    decision_id: str
    action: str
    before: tuple[dict[str, Any], ...]
    after: tuple[dict[str, Any], ...]
    customers: Reclustered = field(default_factory=Reclustered)

    def document(self, *, preview: bool) -> dict[str, Any]:
        """The decision for an answer; in a preview new customers have no id yet."""
        fresh = set(self.customers.created) if preview else set()
        after = [{**each, "customer_id": None} if each["customer_id"] in fresh else each for each in self.after]
        return {
            "decision_id": None if preview else self.decision_id,
            "action": self.action,
            "preview": preview,
            "before": list(self.before),
            "after": after,
            "retired": [{"customer_id": old, "stands_as": new} for old, new in self.customers.retired],
        }


def merge(hand: Hand, customer_id: str, others: Sequence[str], wish: Wish) -> Decided:
    """These customers are one person. Raises Refused when one does not stand, or nothing is to be merged."""
    ids = list(dict.fromkeys([customer_id, *others]))
    if len(ids) < 2:
        raise Refused("conflict", "a customer cannot be merged with itself: name another one")
    records = [record for each in ids for record in records_standing(hand.standing, each)]
    return judge(hand, "merge", together(hand.standing, records), wish)


def split(hand: Hand, customer_id: str, part: Sequence[RecordKey], wish: Wish) -> Decided:
    """These records of the customer are another person's.

    Raises Refused when the customer does not stand, a record is not its own, or it would keep none.
    """
    records = records_standing(hand.standing, customer_id)
    wanted = set(part)
    moved = [record for record in records if _key(record) in wanted]
    kept = [record for record in records if _key(record) not in wanted]
    if len(moved) < len(wanted):
        raise Refused("conflict", "not all of these records are the customer's; nothing is changed")
    if not kept or not moved:
        raise Refused("conflict", "a split leaves at least one record on either side")
    constraints = [*apart(moved, kept), *together(hand.standing, moved)]
    return judge(hand, "split", constraints, wish)


def undo(hand: Hand, decision_id: str, wish: Wish) -> Decided:
    """Take a decision back. Raises Refused when there is no such decision, or it is taken back already."""
    entry = judgement_entry(hand.tx.log, decision_id)
    assert entry.payload is not None
    if decision_id in undone_decisions(hand.tx.log):
        raise Refused("conflict", f"{decision_id} is taken back already")
    return _enter(hand, UNDO, _Decision(decision_id, "undo", tuple(constraints_of(entry.payload))), wish)


def together(standing: Standing, records: Sequence[StoredRecord]) -> list[Constraint]:
    """All of these are one person: a chain of must-links, and one for each two of them that were judged different."""
    ordered = sorted(records, key=_key)
    if len(ordered) > MOST_RECORDS:
        raise Refused("conflict", f"these are {len(ordered)} records, more than the {MOST_RECORDS} that one may judge")
    keys = {record.ref: _key(record) for record in ordered}
    links = dict.fromkeys((_key(left), _key(right)) for left, right in pairwise(ordered))
    for judgement in standing.judgements(keys):
        if judgement.verdict == DIFFERENT and judgement.ref in keys and judgement.other in keys:
            left, right = sorted((keys[judgement.ref], keys[judgement.other]))
            links[left, right] = None
    return [Constraint(left, right, SAME) for left, right in links]


def apart(some: Iterable[StoredRecord], others: Iterable[StoredRecord]) -> list[Constraint]:
    """None of ``some`` is one of ``others``."""
    pairs = [sorted((_key(left), _key(right))) for left, right in product(some, others)]
    if len(pairs) > MOST_APART:
        raise Refused("conflict", f"these are {len(pairs)} pairs, more than the {MOST_APART} that one may judge")
    return [Constraint(left, right, DIFFERENT) for left, right in sorted(pairs)]


def records_standing(standing: Standing, customer_id: str) -> list[StoredRecord]:
    """The records of a customer that stands; raises Refused for one that does not."""
    if standing.document(customer_id) is not None:
        return standing.records_of(customer_id)
    retired = standing.retired(customer_id)
    if retired is None:
        raise Refused("unknown-customer", "no customer ever had this id")
    _, stands_as = retired
    if stands_as is None:
        raise Refused("erased", "this customer was erased")
    raise Refused("conflict", "this id was merged away: use the one that stands", stands_as=stands_as)


def portrait(standing: Standing, customer_id: str) -> dict[str, Any] | None:
    """A customer as a steward sees it: id, full name, number of records and their keys; ``None`` if it stands not."""
    document = standing.document(customer_id)
    if document is None:
        return None
    table = orjson.loads(document)
    records = sorted(record.key for record in standing.records_of(customer_id))
    return {
        "customer_id": customer_id,
        "full_name": table["full_name"],
        "record_count": len(records),
        "records": records,
    }


def judgement_entry(log: Log, decision_id: str) -> Entry:
    """The entry that a decision was logged as; raises Refused when there is none."""
    entry = log.said_as(decision_id, _PREFIX, JUDGEMENT)
    if entry is None:
        raise Refused("unknown-judgement", "no such decision was made, or it was about a customer who was erased")
    return entry


def undone_decisions(log: Log) -> set[str]:
    """Every decision that was taken back."""
    return {str(entry.payload["decision_id"]) for entry in log.said_after(kind=UNDO) if entry.payload is not None}


def judgements(log: Log, limit: int, cursor: str | None = None) -> Page:
    """A page of decisions, the newest first: who decided what, when and why, and whether it was taken back."""
    key = key_after(cursor, int)
    undone = undone_decisions(log)
    told = [entry for entry in log.said_after(kind=JUDGEMENT) if not key or entry.seq < key[0]]
    page = told[::-1][:limit]
    items = [_told(entry, entry.payload["decision_id"] in undone) for entry in page if entry.payload is not None]
    return Page(items, cursor_after((page[-1].seq,)) if len(told) > limit else None)


def _told(entry: Entry, undone: bool) -> dict[str, Any]:
    assert entry.payload is not None
    return {
        "decision_id": entry.payload["decision_id"],
        "action": entry.payload["action"],
        "at": moment_text(entry.at),
        "by": entry.actor,
        "reason": entry.reason,
        "customers": list(entry.payload["customers"]),
        "undone": undone,
    }


def judge(hand: Hand, action: str, constraints: Sequence[Constraint], wish: Wish) -> Decided:
    """Bind by ``constraints``, made by ``together`` and ``apart``."""
    return _enter(hand, JUDGEMENT, _Decision(_decision_id(hand.tx.seq + 1), action, tuple(constraints)), wish)


@dataclass(frozen=True)
class _Decision:
    decision_id: str
    action: str
    constraints: tuple[Constraint, ...]


def _enter(hand: Hand, kind: str, decision: _Decision, wish: Wish) -> Decided:
    """Log it, apply it, and tell the customers before and after."""
    keys = dict.fromkeys(key for constraint in decision.constraints for key in (constraint.left, constraint.right))
    before = _owners(hand.standing, keys)
    portraits = _portraits(hand.standing, before)
    payload = {
        "decision_id": decision.decision_id,
        "action": decision.action,
        "customers": sorted(before),
        "constraints": [constraint.row() for constraint in decision.constraints],
    }
    customers: Reclustered = apply(hand.append(kind, payload, actor=wish.actor, reason=wish.reason))
    after = {*_owners(hand.standing, keys), *customers.changed}
    return Decided(decision.decision_id, decision.action, portraits, _portraits(hand.standing, after), customers)


def _owners(standing: Standing, keys: Iterable[RecordKey]) -> set[str]:
    found = (standing.record(*key) for key in keys)
    return {record.customer_id for record in found if record is not None}


def _portraits(standing: Standing, customer_ids: Iterable[str]) -> tuple[dict[str, Any], ...]:
    found = (portrait(standing, customer_id) for customer_id in sorted(customer_ids))
    return tuple(each for each in found if each is not None)


def _decision_id(seq: int) -> str:
    # in the order of time: of two decisions on the same records the later binds
    return entry_id(_PREFIX, seq)


def _key(record: StoredRecord) -> RecordKey:
    return record.channel, record.source_record_id
