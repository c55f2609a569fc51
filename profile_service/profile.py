"""One customer's records become the profile document that every audience's view is cut from."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from itertools import groupby
from typing import Any

from profile_service.identity.consent import NO, YES, Statement, standing_consent
from profile_service.identity.merge import Evidence, GoldenValue, golden_record
from profile_service.identity.model import Model
from profile_service.store.schema import CUSTOMERS, IDENTIFIER_FIELDS
from profile_service.store.stored import StoredRecord, moment_text

ADDRESS_FIELDS = ("street", "street_2", "city", "region", "postcode", "country")
# Columns of customers that are golden values as they stand.
GOLDEN_FIELDS = tuple(
    name
    for name in CUSTOMERS.column_names
    if name in ("given_name", "middle_name", "family_name", "email", "phone", "sex", "birth_place", "occupation")
    or name == "loyalty_id"
)
MARKETING = "marketing"
# From how many bits on the weakest link is called so.
IN_WORDS: tuple[tuple[float, str], ...] = ((20.0, "as good as certain"), (10.0, "very sure"), (5.0, "sure"))
SURE_ENOUGH = "more likely than not"
DOUBTFUL = "doubtful"
SINGLE = "a single record"
UNWEIGHED = "joined without a link that weighs it"

Pair = tuple[int, int, float]


@dataclass(frozen=True)
class ConsentStatement:
    """A consent that stands: ``said`` yes or no; ``statements``: how often its maker has spoken."""

    purpose: str
    channel: str
    said: str
    stated_at: datetime | None
    source_record_id: str | None
    statements: int = 1


@dataclass(frozen=True)
class CustomerFacts:
    """What a profile says beyond its records.

    ``run_id``: the run that last changed it. ``shared``: those of its identifiers, as (type, value), that another
    customer carries too. ``statements``: consents stated for the customer itself, not by a record.
    """

    customer_id: str
    customer_since: datetime | None
    run_id: str | None
    shared: frozenset[tuple[str, str]] = frozenset()
    statements: tuple[ConsentStatement, ...] = ()
    segments: Sequence[str] = ()
    traits: Mapping[str, Any] = field(default_factory=dict)


def assemble(
    customer: CustomerFacts, records: Sequence[StoredRecord], model: Model, pairs: Iterable[Pair]
) -> dict[str, Any]:
    """The profile document of one customer, the same values as its rows in the warehouse.

    ``records``: all of the customer's, at least one. ``pairs``: (ref, ref, bits) of scored pairs; those with a record
    elsewhere are passed over. Times are RFC 3339 in UTC, amounts decimal strings, missing values None.
    """
    ordered = sorted(records, key=lambda record: (record.channel, record.source_record_id))
    golden = _golden(ordered, model)
    weakest = weakest_link(ordered, pairs)
    statements = [*_statements_of(ordered), *customer.statements]
    events = [record.events for record in ordered if record.events is not None]
    updates = [record.updated_at for record in ordered if record.updated_at is not None]
    firsts = [moment for record in ordered if (moment := record.first_seen or record.updated_at) is not None]
    channels = sorted({record.channel for record in ordered})
    event_moments = [moment for spent in events for moment in (spent.first_at, spent.last_at) if moment is not None]
    last_event = max(event_moments, default=None)
    values: dict[str, Any] = {name: value.value for name, value in golden.items()}
    return {
        "customer_id": customer.customer_id,
        "full_name": _full_name(values),
        **{name: values.get(name) for name in GOLDEN_FIELDS},
        "birth_date": _day(values.get("birth_date")),
        "marketing_consent": _consent(said for said in statements if said.purpose == MARKETING),
        "channels": channels,
        "channel_count": len(channels),
        "record_count": len(ordered),
        "event_count": sum(spent.count for spent in events),
        "amount_by_currency": _amounts(ordered),
        "segments": list(customer.segments),
        "traits": dict(customer.traits),
        "first_seen": moment_text(min([*firsts, *updates, *event_moments], default=None)),
        "last_seen": moment_text(max([*updates, *event_moments], default=None)),
        "last_event_at": moment_text(last_event),
        "weakest_link_bits": weakest,
        "customer_since": moment_text(customer.customer_since),
        "run_id": customer.run_id,
        "address": {name: values.get(name) for name in ADDRESS_FIELDS},
        "sureness": sureness(weakest, len(ordered)),
        "identifiers": identifiers_of(ordered, customer.shared),
        "consents": _consents(statements),
        "records": [
            {
                "channel": record.channel,
                "source_record_id": record.source_record_id,
                "updated_at": moment_text(record.updated_at),
            }
            for record in ordered
        ],
    }


def provenance(records: Sequence[StoredRecord], model: Model) -> dict[str, dict[str, Any]]:
    """Where each value of a customer's profile comes from, by field, of all its records: the row of customer_fields.

    It is long, seldom asked for, and follows from the records: no document holds it.
    """
    return {name: _field(value) for name, value in _golden(records, model).items()}


def _golden(records: Sequence[StoredRecord], model: Model) -> dict[str, GoldenValue]:
    return golden_record([Evidence(record.as_raw(), record.standard) for record in records], model.survivorship)


def weakest_link(records: Sequence[StoredRecord], pairs: Iterable[Pair]) -> float | None:
    """Of each record's best link to another of the records, the weakest, in bits; None without any link."""
    refs = {record.ref for record in records}
    best: dict[int, float] = {}
    for left, right, bits in pairs:
        if left in refs and right in refs:
            for ref in (left, right):
                best[ref] = max(bits, best.get(ref, bits))
    return min(best.values(), default=None)


def sureness(weakest: float | None, records: int) -> dict[str, Any]:
    """How sure it is that all records are one person: bits and probability, rounded, and in words."""
    if weakest is None:
        words = SINGLE if records == 1 else UNWEIGHED
        return {"weakest_link_bits": None, "probability": None, "records": records, "in_words": words}
    named = next((words for least, words in IN_WORDS if weakest >= least), None)
    return {
        "weakest_link_bits": _rounded(weakest, 100),
        "probability": _rounded(1 / (1 + 2.0**-weakest), 1_000_000),
        "records": records,
        "in_words": named or (SURE_ENOUGH if weakest >= 0 else DOUBTFUL),
    }


def _rounded(number: float, parts: int) -> float:
    """Halves go up, as in SQL."""
    return math.floor(number * parts + 0.5) / parts


def identifiers_of(records: Sequence[StoredRecord], shared: frozenset[tuple[str, str]]) -> list[dict[str, Any]]:
    """Every identifier of the records in its standard form, in the order of type and value."""
    held: dict[tuple[str, str], list[StoredRecord]] = {}
    for name in IDENTIFIER_FIELDS:
        for record in records:
            value = record.standard.get(name)
            if value is not None:
                held.setdefault((name, value), []).append(record)
    return [
        {
            "type": name,
            "value": value,
            "channels": sorted({record.channel for record in holders}),
            "records": len(holders),
            "first_seen": moment_text(min(_updates(holders), default=None)),
            "last_seen": moment_text(max(_updates(holders), default=None)),
            "shared": (name, value) in shared,
        }
        for (name, value), holders in sorted(held.items())
    ]


def _updates(records: Iterable[StoredRecord]) -> list[datetime]:
    return [record.updated_at for record in records if record.updated_at is not None]


def _full_name(values: Mapping[str, str]) -> str | None:
    parts = [values[name] for name in ("given_name", "middle_name", "family_name") if name in values]
    return " ".join(parts) or values.get("full_name")


def _day(text: str | None) -> str | None:
    """A date that the calendar has, or None."""
    try:
        return date.fromisoformat(text).isoformat() if text else None
    except ValueError:
        return None


def _field(value: GoldenValue) -> dict[str, Any]:
    return {
        "value": value.value,
        "channel": value.channel,
        "source_record_id": value.source_record_id,
        "updated_at": moment_text(value.updated_at),
        "decided_by": value.decided_by,
        "records": value.records,
        "distinct_values": value.values,
        "runners_up": [
            {
                "value": loser.value,
                "channel": loser.channel,
                "source_record_id": loser.source_record_id,
                "records": loser.records,
            }
            for loser in value.runners_up
        ],
    }


def _amounts(records: Iterable[StoredRecord]) -> dict[str, str]:
    sums: dict[str, Decimal] = {}
    for record in records:
        for currency, amount in record.events.amounts.items() if record.events else ():
            sums[currency] = sums.get(currency, Decimal(0)) + amount
    return {currency: f"{amount:.4f}" for currency, amount in sorted(sums.items())}


def _statements_of(records: Iterable[StoredRecord]) -> list[ConsentStatement]:
    found = []
    for record in records:
        if record.consent is not None:
            said, stated_at, times = record.consent
            made_by = record.source_record_id
            found.append(ConsentStatement(MARKETING, record.channel, said, stated_at, made_by, times))
        for carried in record.statements:
            found.append(
                ConsentStatement(
                    carried.purpose, carried.channel, carried.said, carried.stated_at, None, carried.statements
                )
            )
    return found


def _consent(statements: Iterable[ConsentStatement]) -> str | None:
    return standing_consent([Statement(said.said, said.stated_at) for said in statements if said.said in (YES, NO)])


def _consents(statements: Sequence[ConsentStatement]) -> list[dict[str, Any]]:
    """For each purpose and channel what stands there, with the newest statement that says so."""
    by_place = sorted(statements, key=lambda said: (said.purpose, said.channel))
    whole = {purpose: _consent(said) for purpose, said in groupby(by_place, key=lambda statement: statement.purpose)}
    found = []
    for (purpose, channel), group in groupby(by_place, key=lambda said: (said.purpose, said.channel)):
        here = list(group)
        stands = _consent(here)
        makers = sorted((said for said in here if said.said == stands), key=_newest_first)
        found.append(
            {
                "purpose": purpose,
                "channel": channel,
                "consent": stands,
                "customer_consent": whole[purpose],
                "stated_at": moment_text(makers[0].stated_at),
                "source_record_id": makers[0].source_record_id,
                "statements": sum(said.statements for said in here),
            }
        )
    return found


def _newest_first(said: ConsentStatement) -> tuple[float, str]:
    return (math.inf if said.stated_at is None else -said.stated_at.timestamp(), said.source_record_id or "")
