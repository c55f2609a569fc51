"""Writing what is said now: a channel's record, events, a customer's consents."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from flask import Response

from profile_service.api.calls import Call
from profile_service.api.routes import blueprint, needs
from profile_service.api.writing import Written, standing_customer, write
from profile_service.contracts.requests_live import ConsentsSent, EventsSent, RecordSent
from profile_service.contracts.taken import TakenConsents, TakenEvents, TakenRecord
from profile_service.errors import Refused
from profile_service.live.events import EventTaken
from profile_service.live.step import Hand
from profile_service.store.stored import moment_of
from profile_service.take import (
    SentConsent,
    SentEvent,
    SentRecord,
    describe_record,
    take_consents,
    take_events,
    take_record,
)

records = blueprint("records", "What channels and customers say now, on the profile at once.")
_TURN = 0.02  # seconds for which a batch of events may hold the write lock
_CLOCKS_DIFFER = timedelta(minutes=5)
_OF_CONSENT = ("purpose", "channel", "consent", "customer_consent", "stated_at")


@records.route("/records", methods=["POST"])
@needs("records:write", answers=(201,), refuses=(409, 410))
@records.arguments(RecordSent)
@records.response(200, TakenRecord)
def write_record(call: Call, sent: dict[str, Any]) -> Response:
    """A channel's record, resolved in real time: answers whose it is.

    201 when the customer is new. A record that its channel has not authenticated is kept, but joins nobody.
    """
    record = _sent_record(call, sent)

    def do(hand: Hand) -> Written:
        taken = take_record(hand, record, call.key.name)
        said = {"channel": record.channel, "outcome": taken.outcome, "authenticated": record.authenticated}
        acts = [call.act("record.write", taken.customer_id, said)]
        acts += [call.act("customer.merge", old, {"stands_as": new}) for old, new in taken.customers.retired]
        document = describe_record(record, taken)
        status = 201 if document["customer"] == "created" else 200
        return Written(document, acts, status, taken.customer_id)

    return write(call, sent, do)


@records.route("/events", methods=["POST"])
@needs("events:write", refuses=(409, 410))
@records.arguments(EventsSent)
@records.response(200, TakenEvents)
def write_events(call: Call, sent: dict[str, Any]) -> Response:
    """One event, or several as `events`; an event counts once, by its channel and `event_id`."""
    most = call.frame.settings.max_batch
    if len(sent["events"]) > most:
        raise Refused("body-too-large", f"send at most {most} events at once")
    events = [_sent_event(call, each) for each in sent["events"]]
    looked_in = call.state.generation
    # looked for before anybody has to wait for this write
    published = looked_in.known_events([(event.channel, event.event_id) for event in events])
    taken: list[EventTaken] = []

    def do(hand: Hand) -> Written:
        # in turns, so that no other write waits for all of them
        left = events[len(taken) :]
        known = published
        if hand.generation is not looked_in:
            # another generation has come to stand meanwhile, and may hold them
            known = hand.generation.known_events([(event.channel, event.event_id) for event in left])
        now = take_events(hand, left, known, call.key.name, _TURN)
        taken.extend(now)
        counts = Counter(each.customer_id for each in now if each.new)
        acts = [call.act("event.write", customer_id, {"events": count}) for customer_id, count in counts.items()]
        if len(taken) < len(events):
            return Written({}, acts, part=True)
        whose = {each.customer_id for each in taken if each.new}
        return Written(_events_taken(events, taken), acts, customer_id=whose.pop() if len(whose) == 1 else None)

    return write(call, sent, do)


@records.route("/profiles/<customer_id>/consents", methods=["PUT"])
@needs("consents:write", answers=(308,), refuses=(409, 410))
@records.arguments(ConsentsSent)
@records.response(200, TakenConsents)
def write_consents(call: Call, sent: dict[str, Any], customer_id: str) -> Response:
    """What a customer says by purpose and channel: one consent, or several as `consents`.

    The newest word on a purpose and channel stands; over channels a no stands unless a yes is newer.
    """
    said = [_sent_consent(call, place, each) for place, each in enumerate(sent["consents"])]

    def do(hand: Hand) -> Written:
        standing_customer(hand, customer_id)
        take_consents(hand, customer_id, said, call.key.name)
        document = standing_customer(hand, customer_id).profile
        details = {"purposes": sorted({each.purpose for each in said}), "channels": sorted({e.channel for e in said})}
        return Written(
            {
                "customer_id": customer_id,
                "consents": [{name: each[name] for name in _OF_CONSENT} for each in document["consents"]],
            },
            [call.act("consent.write", customer_id, details)],
            customer_id=customer_id,
        )

    return write(call, sent, do)


def _events_taken(events: Sequence[SentEvent], taken: Sequence[EventTaken]) -> dict[str, Any]:
    new = sum(each.new for each in taken)
    return {
        "accepted": new,
        "known": len(taken) - new,
        "events": [
            {
                "channel": event.channel,
                "event_id": event.event_id,
                "status": "accepted" if each.new else "known",
                "customer_id": each.customer_id,
            }
            for event, each in zip(events, taken, strict=True)
        ],
    }


def _sent_record(call: Call, sent: dict[str, Any]) -> SentRecord:
    _own_channel(call, sent["channel"])
    authenticated = sent.get("authenticated", call.key.trusted)
    if authenticated and not call.key.trusted:
        raise Refused("unauthenticated-source", "this key is not trusted to vouch for a person")
    beside = ("channel", "source_record_id", "updated_at", "authenticated")
    fields = {name: value for name, value in sent.items() if name not in beside and value}
    updated_at = _past(call, sent, "updated_at", "/updated_at")
    return SentRecord(sent["channel"], sent["source_record_id"], fields, updated_at, bool(authenticated))


def _sent_event(call: Call, sent: dict[str, Any]) -> SentEvent:
    _own_channel(call, sent["channel"])
    beside = ("channel", "source_record_id", "event_id")
    fields = {name: value for name, value in sent.items() if name not in beside and value}
    return SentEvent(sent["channel"], sent["event_id"], sent["source_record_id"], fields)


def _sent_consent(call: Call, place: int, sent: dict[str, Any]) -> SentConsent:
    stated_at = _past(call, sent, "stated_at", f"/consents/{place}/stated_at")
    return SentConsent(sent["purpose"], sent["channel"], sent["consent"], stated_at)


def _past(call: Call, sent: dict[str, Any], name: str, pointer: str) -> datetime | None:
    """A moment that has been: one in the future would stand over all that is said until then."""
    moment = moment_of(sent.get(name))
    if moment is not None and moment > call.frame.clock() + _CLOCKS_DIFFER:
        errors = [{"pointer": pointer, "detail": "lies in the future: nobody has said it yet"}]
        raise Refused("invalid-request", "see errors", errors=errors)
    return moment


def _own_channel(call: Call, channel: str) -> None:
    if call.key.channel is not None and call.key.channel != channel:
        raise Refused("forbidden", f"this key writes for the channel {call.key.channel} only")
