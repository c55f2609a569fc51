"""What a channel or a customer says now is taken into the log and applied: a record, events, consents."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from profile_service.errors import Refused
from profile_service.live.apply import apply
from profile_service.live.consents import ConsentTaken, carrier_of
from profile_service.live.events import EventTaken
from profile_service.live.records import RecordTaken
from profile_service.live.step import Hand
from profile_service.store.ledger import About
from profile_service.store.ledger.erasures import is_suppressed
from profile_service.store.stored import moment_text

RECORD, EVENT, CONSENT = "record", "event", "consent"


@dataclass(frozen=True)
class SentRecord:
    """A record as its channel sends it; ``fields`` in the spelling of the feeds' contract, absent ones not there.

    ``updated_at`` None: it is as of now. ``authenticated``: the channel vouches that the person is who it says.
    """

    channel: str
    source_record_id: str
    fields: Mapping[str, str]
    updated_at: datetime | None = None
    authenticated: bool = True


@dataclass(frozen=True)
class SentEvent:
    """An event as its channel sends it; ``fields`` as text in the spelling of the feeds' contract."""

    channel: str
    event_id: str
    source_record_id: str
    fields: Mapping[str, str]


@dataclass(frozen=True)
class SentConsent:
    """A customer's own word: ``consent`` yes or no, for a purpose and a channel; ``stated_at`` None: now."""

    purpose: str
    channel: str
    consent: str
    stated_at: datetime | None = None


def take_record(hand: Hand, sent: SentRecord, actor: str) -> RecordTaken:
    """Resolve a record now. Raises Refused for a record of an erased person."""
    _keep_away(hand, sent.channel, sent.source_record_id)
    payload = {
        "fields": dict(sent.fields),
        "updated_at": moment_text(sent.updated_at or hand.tx.now),
        "authenticated": sent.authenticated,
    }
    about = About(sent.channel, sent.source_record_id)
    taken: RecordTaken = apply(hand.append(RECORD, payload, about, actor=actor))
    return taken


def take_events(
    hand: Hand, events: Sequence[SentEvent], published: set[tuple[str, str]], actor: str, seconds: float = math.inf
) -> list[EventTaken]:
    """Take in events, each at most once for ever; answers what became of each, in order.

    ``published``: those of them (channel, event_id) that the generation holds. Once ``seconds`` are over the rest is
    left, at least one is taken. Raises Refused for an event of an erased person; nothing is then taken.
    """
    hand.standing.published_events = published
    for channel, source_record_id in dict.fromkeys((event.channel, event.source_record_id) for event in events):
        _keep_away(hand, channel, source_record_id)
    taken: list[EventTaken] = []
    until = time.monotonic() + seconds
    for event in events:
        if taken and time.monotonic() >= until:
            break
        known = hand.overlay.event(event.channel, event.event_id)
        if known is not None or (event.channel, event.event_id) in published:
            record = hand.standing.record(event.channel, event.source_record_id)
            taken.append(EventTaken(record.customer_id if record else None, new=False))
            continue
        payload = {"event_id": event.event_id, **event.fields}
        step = hand.append(EVENT, payload, About(event.channel, event.source_record_id), actor=actor)
        taken.append(apply(step))
    return taken


def take_consents(hand: Hand, customer_id: str, consents: Sequence[SentConsent], actor: str) -> list[ConsentTaken]:
    """Take in what a customer that stands says by purpose and channel."""
    taken = []
    for said in consents:
        record = carrier_of(hand.standing.records_of(customer_id), said.channel)
        payload = {
            "purpose": said.purpose,
            "channel": said.channel,
            "consent": said.consent,
            "stated_at": moment_text(said.stated_at or hand.tx.now),
        }
        about = About(record.channel, record.source_record_id, customer_id)
        done: ConsentTaken | None = apply(hand.append(CONSENT, payload, about, actor=actor))
        if done is not None:
            taken.append(done)
    return taken


def describe_record(sent: SentRecord, taken: RecordTaken) -> dict[str, Any]:
    """What became of a record, for an answer."""
    created = taken.customer_id in taken.customers.created
    return {
        "customer_id": taken.customer_id,
        "record": {"channel": sent.channel, "source_record_id": sent.source_record_id},
        "outcome": taken.outcome,
        "customer": "created" if created else "extended" if not taken.known else "known",
        "authenticated": sent.authenticated,
        "merged": [{"customer_id": old, "stands_as": new} for old, new in taken.customers.retired],
        "split": sorted({*taken.customers.created, *taken.customers.restored} - {taken.customer_id}),
    }


def _keep_away(hand: Hand, channel: str, source_record_id: str) -> None:
    if is_suppressed(hand.tx.session, channel, source_record_id):
        raise Refused("erased", "this record's person was erased; nothing more is taken of it")
