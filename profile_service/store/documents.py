"""A profile document as a generation keeps it: lists without names, a third of the length, made whole when it is read.

What follows from the rest is not kept: counts of lists, how sure the merge is in words, and the identifiers, which
each record has with it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import orjson

from profile_service.profile import ADDRESS_FIELDS, GOLDEN_FIELDS, sureness
from profile_service.store.schema import IDENTIFIER_FIELDS

IDENTIFIER = ("type", "value", "channels", "records", "first_seen", "last_seen", "shared")
CONSENT = ("purpose", "channel", "consent", "customer_consent", "stated_at", "source_record_id", "statements")
RECORD = ("channel", "source_record_id", "updated_at")
# What is JSON by itself: a pipeline puts it together as text.
NESTED = ("segments", "traits", "amount_by_currency")
# The list of a document; behind these cells stand the lists of identifiers, consents and records, each in any order,
# a record with its number before the rest. As text it is the list of all that is not nested, then segments, traits and
# amounts, those of the identifiers that are shared, the consents, and the records, each with its identifiers.
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
_OWN = 1 + len(RECORD)


def opened(text: bytes) -> list[Any]:
    """The list of the document that a generation keeps as ``text``; the caller's own to use up."""
    table: list[Any] = orjson.loads(text)
    if isinstance(table[0], str):
        # of a generation from before identifiers stood with their records: the list as it is
        return table
    cells, segments, traits, amounts, shared, consents, records = table
    cells += segments, traits, amounts, _identifiers(records, shared), consents, records
    return cells  # type: ignore[no-any-return]


def _identifiers(records: Iterable[list[Any]], shared: Iterable[Sequence[str]]) -> list[list[Any]]:
    """Rows of IDENTIFIER; what the records carry is taken from them."""
    found: dict[tuple[str, str], list[Any]] = {}
    for record in records:
        _, channel, _, at, *carried = record
        del record[_OWN:]
        for name, value in zip(IDENTIFIER_FIELDS, carried, strict=True):
            if value is not None:
                row = found.get((name, value))
                if row is None:
                    found[name, value] = [name, value, [channel], 1, at, at, False]
                else:
                    _add(row, channel, at)
    for name, value in shared:
        found[name, value][-1] = True
    return list(found.values())


def _add(row: list[Any], channel: str, at: str | None) -> None:
    """One record more has the identifier; without their Z, moments as text stand in the order of time."""
    _, _, channels, _, first, last, _ = row
    if channel not in channels:
        row[2] = sorted([*channels, channel])
    row[3] += 1
    if at is not None:
        if first is None or at[:-1] < first[:-1]:
            row[4] = at
        if last is None or at[:-1] > last[:-1]:
            row[5] = at


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
    """Whose document it is: the first text in it."""
    begin = text.index(b'"') + 1
    return text[begin : text.index(b'"', begin)].decode()


def record_numbers(text: bytes) -> list[int]:
    """The numbers of the customer's records."""
    return [each[0] for each in orjson.loads(text)[-1]]


def held_in(text: bytes) -> tuple[list[int], set[tuple[str, str]]]:
    """The numbers of the customer's records, and type and value of its identifiers."""
    table = opened(text)
    identifiers, _, records = table[len(PLAIN) :]
    return [each[0] for each in records], {(each[0], each[1]) for each in identifiers}


def identifiers_in(text: bytes) -> list[tuple[str, str]]:
    """Type and value of the customer's identifiers."""
    return [(each[0], each[1]) for each in opened(text)[len(PLAIN)]]


def holds(table: list[Any], identifier_type: str, value: str) -> bool:
    """Whether the customer has that identifier."""
    return [identifier_type, value] in [each[:2] for each in table[len(PLAIN)]]


def marked(text: bytes, shared: Mapping[tuple[str, str], bool], told: tuple[Any, Any] | None = None) -> bytes | None:
    """The text with other marks of what is ``shared``, and segments and traits ``told``; None where it says so."""
    cells, segments, traits, amounts, marks, *lists = orjson.loads(text)
    before = {(name, value) for name, value in marks}
    own = shared.keys() & identifiers_in(text)
    now = (before - own) | {identifier for identifier in own if shared[identifier]}
    if now == before and told in (None, (segments, traits)):
        return None
    segments, traits = told or (segments, traits)
    return orjson.dumps([cells, segments, traits, amounts, sorted(now), *lists])
