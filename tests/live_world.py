"""Feeds written live: rows of a landing as the API would take them, one by one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from random import Random

from profile_service.contracts.feeds import FeedContract
from profile_service.store.stored import moment_of
from profile_service.take import SentEvent, SentRecord, take_events, take_record
from profile_service.world import World
from tests.end_to_end.worlds import Feeds

_CUSTOMERS, _EVENTS = FeedContract("customers"), FeedContract("events")
Sent = SentRecord | SentEvent


def sent(feeds: Feeds) -> Iterator[Sent]:
    """Every row that keeps its feed's contract, as it is sent live; further columns are left out."""
    for (channel, kind), rows in sorted(feeds.items()):
        for row in rows:
            read = _record(channel, row) if kind == "customers" else _event(channel, row)
            if read is not None:
                yield read


def shuffled(feeds: Feeds, seed: int) -> list[Sent]:
    """The same in a random order: events come before their records, newer versions before older ones."""
    rows = list(sent(feeds))
    Random(seed).shuffle(rows)
    return rows


def write_all(world: World, rows: Iterable[Sent]) -> dict[str, str]:
    """Write each by itself; answers whose each record was said to be when it was written."""
    answers = {}
    for row in rows:
        if isinstance(row, SentRecord):
            with world.write() as hand:
                taken = take_record(hand, row, "test")
            answers[f"{row.channel}:{row.source_record_id}"] = taken.customer_id
        else:
            known = world.state().generation.known_events([(row.channel, row.event_id)])
            with world.write() as hand:
                take_events(hand, [row], known, "test")
    return answers


def live_customers(world: World, keys: Iterable[str]) -> dict[str, str]:
    """Record key = customer id, as the service answers now."""
    state = world.state()
    found = {}
    for key in keys:
        channel, _, name = key.partition(":")
        record = state.record(channel, name)
        if record is not None:
            found[key] = record.customer_id
    return found


def partition(owners: Mapping[str, str]) -> frozenset[frozenset[str]]:
    """The customers as sets of record keys, whatever their ids."""
    customers: dict[str, set[str]] = {}
    for key, customer_id in owners.items():
        customers.setdefault(customer_id, set()).add(key)
    return frozenset(map(frozenset, customers.values()))


def _texts(row: Mapping[str, object], contract: FeedContract) -> dict[str, str | None]:
    return {
        name: None if value in (None, "") else value if isinstance(value, str) else str(value)
        for name, value in row.items()
        if name in contract.fields
    }


def _record(channel: str, row: Mapping[str, object]) -> SentRecord | None:
    read, wrong = _CUSTOMERS.read(_texts(row, _CUSTOMERS))
    if wrong:
        return None
    name, updated_at = read.pop("source_record_id"), read.pop("updated_at", None)
    assert name is not None
    return SentRecord(channel, name, {field: value for field, value in read.items() if value}, moment_of(updated_at))


def _event(channel: str, row: Mapping[str, object]) -> SentEvent | None:
    read, wrong = _EVENTS.read(_texts(row, _EVENTS))
    if wrong:
        return None
    event_id, name = read.pop("event_id"), read.pop("source_record_id")
    assert event_id is not None
    assert name is not None
    return SentEvent(channel, event_id, name, {field: value for field, value in read.items() if value})
