"""Events of a record are taken in now: each counts once, on its customer's profile at once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

import orjson

from profile_service.errors import PromiseBroken
from profile_service.live.recluster import recluster
from profile_service.live.step import Step
from profile_service.store.ledger import LiveEvent
from profile_service.store.stored import EventSummary, moment_of


@dataclass(frozen=True)
class EventTaken:
    """Whose event it is, or None while its record is not known; whether it was new."""

    customer_id: str | None
    new: bool


def apply_event(step: Step) -> EventTaken:
    """Apply an entry of kind ``event``: payload ``event_id`` and the further fields of an event, as text."""
    entry, payload = step.entry, step.entry.payload
    channel, source_record_id = entry.about.channel, entry.about.source_record_id
    if payload is None or channel is None or source_record_id is None:
        raise PromiseBroken(f"entry {entry.seq} is no event")
    event = LiveEvent(
        seq=entry.seq,
        channel=channel,
        event_id=payload["event_id"],
        source_record_id=source_record_id,
        occurred_at=payload.get("occurred_at"),
        body=orjson.dumps(payload),
    )
    known = step.overlay.event(channel, event.event_id)
    if known is None:
        step.overlay.put_event(event)
    elif known.seq != entry.seq:
        return EventTaken(None, new=False)
    record = step.standing.record(channel, source_record_id)
    if record is None:
        return EventTaken(None, new=True)
    if (channel, event.event_id) in step.standing.published_events:
        return EventTaken(record.customer_id, new=False)
    step.overlay.move_record(replace(record, events=summary_of(event, record.events)))
    recluster(step, (), [record.customer_id])
    return EventTaken(record.customer_id, new=True)


def summary_of(event: LiveEvent, before: EventSummary | None) -> EventSummary:
    """The summary of a record's events with one more."""
    body: Mapping[str, Any] = orjson.loads(event.body)
    at = moment_of(event.occurred_at)
    before = before or EventSummary(0, None, None)
    amounts = dict(before.amounts)
    amount, currency = body.get("amount"), body.get("currency")
    if amount is not None and currency is not None:
        amounts[currency] = amounts.get(currency, Decimal(0)) + Decimal(amount)
    firsts = [moment for moment in (before.first_at, at) if moment is not None]
    lasts = [moment for moment in (before.last_at, at) if moment is not None]
    return EventSummary(before.count + 1, min(firsts, default=None), max(lasts, default=None), amounts)
