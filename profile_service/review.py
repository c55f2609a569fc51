"""What waits for a person's judgement, the most valuable first, and the judgement itself."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from hashlib import sha256
from typing import Any

from profile_service.correct import Decided, Wish, apart, judge, portrait, records_standing, split, together
from profile_service.errors import Refused
from profile_service.explain import link_table, record_table
from profile_service.identity.judgements import SetAside
from profile_service.live.standing import Standing
from profile_service.live.step import Hand
from profile_service.pages import Page, cursor_after, key_after
from profile_service.privacy import RecordKey
from profile_service.state import State
from profile_service.store.ledger.overlay_judgements import SAME
from profile_service.store.review_row import Review
from profile_service.store.serving import ServingGeneration
from profile_service.store.stored import StoredRecord

PAIR, CUSTOMER, CONFLICT = "pair", "customer", "conflict"
KINDS = (PAIR, CUSTOMER, CONFLICT)
_OF_CUSTOMER = "rvc_"  # and the id of the customer
_OF_CONFLICT = "rvj_"  # and a hash of both records' keys
_SCANNED = 200  # rows of the queue looked at together; most of them still wait


def reviews(state: State, kind: str = PAIR, limit: int = 50, cursor: str | None = None) -> Page:
    """A page of the queue: ``pair`` are two customers who may be one, ``customer`` is one who may be several.

    ``conflict`` is a decision that later ones contradict, so that it does not bind.
    What has been judged since, and what no longer stands as it was published, is passed over.
    """
    key = key_after(cursor, int)
    offset = max(int(key[0]), 0) if key else 0
    standing = Standing(*state)
    found: list[dict[str, Any]] = []
    for place, item in _waiting(standing, kind, offset):
        if len(found) == limit:
            return Page(found, cursor_after((place,)))
        found.append(item)
    return Page(found, None)


def review_of(state: State, review_id: str) -> dict[str, Any]:
    """One of them with the records side by side and what each comparison of theirs says; raises Refused.

    Beside what ``reviews`` tells of it: ``records``, and ``links`` between them, the weakest first.
    """
    standing = Standing(*state)
    item, records = _found(standing, review_id)
    model = standing.model
    weights = standing.pairs([record.ref for record in records])
    links = [
        link_table((left, right, weights[left.ref][right.ref]), model)
        for place, left in enumerate(records)
        for right in records[place + 1 :]
        if right.ref in weights[left.ref]
    ]
    links.sort(key=lambda link: (link["bits"], link["left"], link["right"]))
    return {**item, "records": [record_table(record) for record in records], "links": links}


def decide(hand: Hand, review_id: str, verdict: str, part: Sequence[RecordKey], wish: Wish) -> Decided:
    """Judge one of them: ``same`` person or ``different`` ones; ``part``: which records of a customer are another's.

    Raises Refused when it does not wait any more, or when a customer is to be parted and it is not said how.
    """
    item, _ = _found(hand.standing, review_id)
    # of a conflict, too: two customers are joined or kept apart, one is held together or parted
    sides = [records_standing(hand.standing, each["customer_id"]) for each in item["customers"]]
    everyone = [record for side in sides for record in side]
    if verdict == SAME:
        return judge(hand, "same", together(hand.standing, everyone), wish)
    if len(sides) == 2:
        return judge(hand, "different", apart(*sides), wish)
    if not part:
        raise Refused("conflict", "name in `records` those that are another person's")
    return split(hand, item["customers"][0]["customer_id"], part, wish)


def _waiting(standing: Standing, kind: str, offset: int) -> Iterator[tuple[int, dict[str, Any]]]:
    """(place in the queue, item) from ``offset`` on."""
    if kind == CONFLICT:
        # few, and found all at once or not at all
        conflicts = [_conflict(standing, each) for each in standing.contradictions()]
        yield from list(enumerate(conflicts))[offset:]
        return
    while True:
        if kind == PAIR:
            pairs = standing.generation.reviews(_SCANNED, offset)
            items = [_pair(standing, review) for review in pairs]
        else:
            weak = _weak_customers(standing.generation, _SCANNED, offset)
            items = [_customer(standing, customer_id, bits) for customer_id, bits in weak]
        for place, item in enumerate(items, start=offset):
            if item is not None:
                yield place, item
        if len(items) < _SCANNED:
            return
        offset += _SCANNED


def _pair(standing: Standing, review: Review) -> dict[str, Any] | None:
    """The review as it stands, or ``None`` when there is nothing to judge any more."""
    records = _both(standing, review)
    if records is None:
        return None
    left, right = records
    if left.customer_id == right.customer_id:
        return None
    if any({judged.ref, judged.other} == {left.ref, right.ref} for judged in standing.judgements([left.ref])):
        return None
    return {
        "review_id": review.review_id,
        "kind": PAIR,
        "left": review.left,
        "right": review.right,
        "bits": round(review.bits, 2),
        "probability": round(1 / (1 + 2**-review.bits), 6),
        "value": round(review.value, 4),
        "customers": [portrait(standing, record.customer_id) for record in records],
    }


def _conflict(standing: Standing, set_aside: SetAside) -> dict[str, Any]:
    said = set_aside.decision
    records = standing.records([said.left, said.right])
    left, right = sorted((records[said.left], records[said.right]), key=lambda record: record.key)
    bits = standing.pairs([said.left])[said.left].get(said.right)
    owners = sorted({left.customer_id, right.customer_id})
    return {
        "review_id": _OF_CONFLICT + sha256("\0".join(said.names).encode()).hexdigest()[:24],
        "kind": CONFLICT,
        "left": left.key,
        "right": right.key,
        "bits": None if bits is None else round(bits, 2),
        "probability": None if bits is None else round(1 / (1 + 2**-bits), 6),
        "value": None,
        "customers": [portrait(standing, customer_id) for customer_id in owners],
        "set_aside": {"decision_id": said.decision_id, "verdict": said.verdict, "against": list(set_aside.against)},
    }


def _both(standing: Standing, review: Review) -> tuple[StoredRecord, StoredRecord] | None:
    left, right = (standing.record(*_key_of(name)) for name in (review.left, review.right))
    return None if left is None or right is None else (left, right)


def _weak_customers(generation: ServingGeneration, limit: int, offset: int) -> list[tuple[str, float]]:
    """Customers by how little holds their weakest record, weighed by how much hangs on them."""
    rows = generation.ask(
        """SELECT customer_id, weakest_link_bits::DOUBLE FROM customers
        WHERE record_count > 1 AND weakest_link_bits < $sure
        ORDER BY ln(1 + record_count + event_count) / (1 + pow(2, weakest_link_bits)) DESC, customer_id
        LIMIT $limit OFFSET $offset""",
        {"sure": generation.model.clustering.borderline_bits[1], "limit": limit, "offset": offset},
    )
    return [(str(customer_id), float(bits)) for customer_id, bits in rows]


def _customer(standing: Standing, customer_id: str, bits: float) -> dict[str, Any] | None:
    told = portrait(standing, customer_id)
    if told is None or told["record_count"] < 2 or standing.overlay.customer(customer_id) is not None:
        return None
    refs = {record.ref for record in standing.records_of(customer_id)}
    judged = [each for each in standing.judgements(refs) if each.verdict == SAME]
    if sum(each.ref in refs and each.other in refs for each in judged) >= len(refs) - 1:
        return None
    return {
        "review_id": _OF_CUSTOMER + customer_id,
        "kind": CUSTOMER,
        "left": None,
        "right": None,
        "bits": round(bits, 2),
        "probability": round(1 / (1 + 2**-bits), 6),
        "value": None,
        "customers": [told],
    }


def _found(standing: Standing, review_id: str) -> tuple[dict[str, Any], list[StoredRecord]]:
    if review_id.startswith(_OF_CUSTOMER):
        customer_id = review_id.removeprefix(_OF_CUSTOMER)
        records = standing.records_of(customer_id) if standing.document(customer_id) else []
        told = portrait(standing, customer_id)
        if told is not None and len(records) > 1:
            weights = standing.pairs([record.ref for record in records])
            mine = {record.ref for record in records}
            best = [max((bits for other, bits in weights[ref].items() if other in mine), default=0.0) for ref in mine]
            item = _customer(standing, customer_id, min(best))
            if item is not None:
                return item, sorted(records, key=lambda record: record.key)
        raise Refused("unknown-review", "this customer does not wait for a review, or not any more")
    if review_id.startswith(_OF_CONFLICT):
        for each in standing.contradictions():
            item = _conflict(standing, each)
            if item["review_id"] == review_id:
                return item, [standing.records([ref])[ref] for ref in (each.decision.left, each.decision.right)]
        raise Refused("unknown-review", "no such contradiction stands, or not any more")
    review = standing.generation.review(review_id)
    item = None if review is None else _pair(standing, review)
    if review is None or item is None:
        raise Refused("unknown-review", "no such pair waits for a review, or not any more")
    both = _both(standing, review)
    assert both is not None
    return item, list(both)


def _key_of(name: str) -> RecordKey:
    channel, _, source_record_id = name.partition(":")
    return channel, source_record_id
