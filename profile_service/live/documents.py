"""The profiles of customers whose records changed are assembled anew, and so are the marks of what they share."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Any

import orjson

from profile_service import deadline
from profile_service.live.step import Step
from profile_service.profile import CustomerFacts, Pair, assemble
from profile_service.search_terms import search_terms
from profile_service.store.ledger import StandingCustomer
from profile_service.store.schema import IDENTIFIER_FIELDS
from profile_service.store.stored import StoredRecord, moment_of

Identifier = tuple[str, str]
MARK = 2  # letters by which a search term says of what kind it is


@dataclass(frozen=True)
class _Former:
    """What the profile said before: since when, and which identifiers it had; nothing for a new customer."""

    since: datetime
    identifiers: frozenset[Identifier]


def write_documents(
    step: Step,
    customer_ids: Sequence[str],
    retired: Collection[str] = (),
    since: Mapping[str, datetime] = MappingProxyType({}),
) -> None:
    """Assemble the profiles of ``customer_ids`` from their records as they are now.

    Whoever else comes to share an identifier with them, or shares one no more, is written anew too. ``retired``: ids
    that stood before this step and do not any more. ``since``: when an id that stands again was first given. An id
    without records is passed over.
    """
    records = {customer_id: step.standing.records_of(customer_id) for customer_id in customer_ids}
    records = {customer_id: held for customer_id, held in records.items() if held}
    former = {customer_id: _former(step, customer_id, since.get(customer_id)) for customer_id in records}
    holding: dict[Identifier, set[str]] = {}
    for customer_id, held in records.items():
        for identifier in identifiers_of(held):
            holding.setdefault(identifier, set()).add(customer_id)
    for identifier in {identifier for each in former.values() for identifier in each.identifiers}:
        holding.setdefault(identifier, set())
    others = {identifier: _others(step, identifier, records.keys() | set(retired)) for identifier in holding}
    shared = {identifier for identifier in holding if len(holding[identifier]) + len(others[identifier]) > 1}
    for customer_id, held in records.items():
        _write(step, customer_id, held, (former[customer_id].since, shared))
    for identifier, elsewhere in others.items():
        if len(elsewhere) == 1:
            (other,) = elsewhere
            _mark_shared(step, other, identifier, bool(holding[identifier]))


def identifiers_of(records: Sequence[StoredRecord]) -> list[Identifier]:
    """Every identifier of some records in its standard form, each once."""
    found = {(name, value) for record in records for name in IDENTIFIER_FIELDS if (value := record.standard.get(name))}
    return sorted(found)


def _former(step: Step, customer_id: str, given: datetime | None) -> _Former:
    table = step.standing.profile(customer_id)
    if table is None:
        return _Former(given or step.entry.at, frozenset())
    since = moment_of(table["customer_since"]) or step.entry.at
    return _Former(since, frozenset((each["type"], each["value"]) for each in table["identifiers"]))


def _others(step: Step, identifier: Identifier, own: Collection[str]) -> list[str]:
    return [holder for holder in step.standing.holders(*identifier) if holder not in own]


def _write(
    step: Step, customer_id: str, records: Sequence[StoredRecord], said: tuple[datetime, Collection[Identifier]]
) -> None:
    deadline.check()
    since, shared = said
    identifiers = identifiers_of(records)
    segments, traits = _value(step, customer_id, records)
    facts = CustomerFacts(
        customer_id=customer_id,
        customer_since=since,
        run_id=step.overlay.run_id,
        shared=frozenset(identifier for identifier in identifiers if identifier in shared),
        segments=segments,
        traits=traits,
    )
    document = assemble(facts, records, step.standing.model, _pairs_among(step, records))
    _put(step, document, records)


def _value(step: Step, customer_id: str, records: Sequence[StoredRecord]) -> tuple[list[str], dict[str, Any]]:
    """Segments and traits as the last run computed them, while they are of these records; the next run says anew.

    They are of others when a record has left, or one has come that the run saw with events at another customer: better
    none than somebody else's orders. What is done since, a live record with its events, is in none of them yet.
    """
    published = step.standing.generation.profile(customer_id)
    if published is None:
        return [], {}
    own = {(each["channel"], each["source_record_id"]) for each in published["records"]}
    here = {(record.channel, record.source_record_id) for record in records}
    came = [record for record in records if (record.channel, record.source_record_id) not in own and record.ref >= 0]
    if own <= here and all(record.events is None for record in came):
        return published["segments"], published["traits"]
    return [], {}


def _put(step: Step, document: dict[str, Any], records: Sequence[StoredRecord]) -> None:
    terms = [(term[:MARK], term) for term in search_terms(records)]
    step.overlay.put_customer(
        StandingCustomer(document["customer_id"], orjson.dumps(document), identifiers_of(records), terms),
        step.entry.seq,
    )


def _pairs_among(step: Step, records: Sequence[StoredRecord]) -> list[Pair]:
    if len(records) == 1:
        return []
    pairs = step.standing.pairs([record.ref for record in records])
    return [(ref, other, bits) for ref, weights in pairs.items() for other, bits in weights.items()]


def _mark_shared(step: Step, customer_id: str, identifier: Identifier, shared: bool) -> None:
    """Say in another customer's profile whether it shares an identifier, where that is news to it."""
    table = step.standing.profile(customer_id)
    if table is None:
        return
    for each in table["identifiers"]:
        if (each["type"], each["value"]) == identifier and each["shared"] != shared:
            each["shared"] = shared
            _put(step, table, step.standing.records_of(customer_id))
            return
