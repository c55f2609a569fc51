"""A profile document as a generation keeps it: a list without names, a third of the length, made whole when it is read.

What follows from the rest is not kept: counts of lists, and how sure the merge is in words.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from profile_service.profile import ADDRESS_FIELDS, GOLDEN_FIELDS, sureness

IDENTIFIER = ("type", "value", "channels", "records", "first_seen", "last_seen", "shared")
CONSENT = ("purpose", "channel", "consent", "customer_consent", "stated_at", "source_record_id", "statements")
RECORD = ("channel", "source_record_id", "updated_at")
# What is JSON by itself: a pipeline puts it together as text.
NESTED = ("segments", "traits", "amount_by_currency")
# The list, in order; behind these stand the lists of identifiers, consents and records, each in any order, a record
# with its number before the rest. The first is read alone from the text.
PLAIN = (
    "customer_id",
    "full_name",
    *GOLDEN_FIELDS,
    "birth_date",
    "marketing_consent",
    "event_count",
    "first_seen",
    "last_seen",
    "last_event_at",
    "weakest_link_bits",
    "customer_since",
    "run_id",
    *ADDRESS_FIELDS,
    *NESTED,
)
LISTS = ("identifiers", "consents", "records")
_ADDRESS = slice(PLAIN.index(ADDRESS_FIELDS[0]), PLAIN.index(ADDRESS_FIELDS[-1]) + 1)
_TOLD = slice(PLAIN.index("segments"), PLAIN.index("traits") + 1)
_BEGIN = len(b'["')


def whole(table: list[Any]) -> dict[str, Any]:
    """The document as ``assemble`` makes it, from the list that a generation keeps, which is used up."""
    identifiers, consents, records = table[len(PLAIN) :]
    said = dict(zip(PLAIN, table, strict=False))
    for each in (identifiers, consents):
        each.sort()
    records = [dict(zip(RECORD, each, strict=True)) for each in sorted(each[1:] for each in records)]
    channels = sorted({each["channel"] for each in records})
    return {
        "customer_id": said["customer_id"],
        "full_name": said["full_name"],
        **{name: said[name] for name in GOLDEN_FIELDS},
        "birth_date": said["birth_date"],
        "marketing_consent": said["marketing_consent"],
        "channels": channels,
        "channel_count": len(channels),
        "record_count": len(records),
        "event_count": said["event_count"],
        "amount_by_currency": said["amount_by_currency"],
        "segments": said["segments"],
        "traits": said["traits"],
        "first_seen": said["first_seen"],
        "last_seen": said["last_seen"],
        "last_event_at": said["last_event_at"],
        "weakest_link_bits": said["weakest_link_bits"],
        "customer_since": said["customer_since"],
        "run_id": said["run_id"],
        "address": dict(zip(ADDRESS_FIELDS, table[_ADDRESS], strict=True)),
        "sureness": sureness(said["weakest_link_bits"], len(records)),
        "identifiers": [dict(zip(IDENTIFIER, each, strict=True)) for each in identifiers],
        "consents": [dict(zip(CONSENT, each, strict=True)) for each in consents],
        "records": records,
    }


def customer_of(text: bytes) -> str:
    """Whose document it is."""
    return text[_BEGIN : text.index(b'"', _BEGIN)].decode()


def record_numbers(text: bytes) -> list[int]:
    """The numbers of the customer's records."""
    return [each[0] for each in orjson.loads(text)[-1]]


def identifiers_in(text: bytes) -> list[tuple[str, str]]:
    """Type and value of the customer's identifiers."""
    return [(each[0], each[1]) for each in orjson.loads(text)[len(PLAIN)]]


def holds(table: list[Any], identifier_type: str, value: str) -> bool:
    """Whether the customer has that identifier."""
    return [identifier_type, value] in [each[:2] for each in table[len(PLAIN)]]


def marked(text: bytes, shared: Mapping[tuple[str, str], bool], told: tuple[Any, Any] | None = None) -> bytes | None:
    """The text with other marks of what is ``shared``, and segments and traits ``told``; None where it says so."""
    table = orjson.loads(text)
    stale = False
    if told is not None:
        stale = tuple(table[_TOLD]) != told
        table[_TOLD] = told
    for each in table[len(PLAIN)]:
        mark = shared.get((each[0], each[1]), each[-1])
        stale = stale or mark != each[-1]
        each[-1] = mark
    return orjson.dumps(table) if stale else None
