"""One customer's events of all channels, newest first, those taken live a moment ago among them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import orjson

from profile_service.pages import Page, cursor_after, key_after
from profile_service.state import State
from profile_service.store.ledger import LiveEvent
from profile_service.store.stored import further, moment_of, moment_text

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_NEVER = -(10**17)  # where an event without a moment stands: behind all others
_TOLD = ("event_id", "source_record_id", "event_type", "occurred_at", "amount", "currency", "extra")


@dataclass(frozen=True)
class Wanted:
    """Which events: of those channels and types (empty: of any), since then and before then."""

    channels: frozenset[str] = frozenset()
    types: frozenset[str] = frozenset()
    since: datetime | None = None
    until: datetime | None = None

    def has(self, event: Mapping[str, Any]) -> bool:
        """Whether an event is one of them."""
        at = moment_of(event["occurred_at"])
        return (
            (not self.channels or event["channel"] in self.channels)
            and (not self.types or event["event_type"] in self.types)
            and (self.since is None or (at is not None and at >= self.since))
            and (self.until is None or (at is not None and at < self.until))
        )


ALL = Wanted()


def timeline(state: State, customer_id: str, wanted: Wanted = ALL, limit: int = 50, cursor: str | None = None) -> Page:
    """A page of at most ``limit`` events of a customer that stands; an unknown customer has none.

    Equal moments stand in the order of channel and event id, so that pages neither repeat nor leave out, also where a
    new generation has come between two of them. Raises Refused for a cursor that is none.
    """
    after = key_after(cursor, int, str, str)
    records = [(record.channel, record.source_record_id) for record in state.records_of(customer_id)]
    if not records:
        return Page((), None)
    live = [event for event in map(_live_event, state.overlay.events_of(records)) if wanted.has(event)]
    known = {(event["channel"], event["event_id"]): event for event in live}
    where, values = _conditions(wanted, after)
    if state.overlay.customer(customer_id) is None:
        where.append("customer_id = $customer_id")
        values["customer_id"] = customer_id
    else:
        where.append("(channel, source_record_id) IN (SELECT unnest($of_channels), unnest($of_ids))")
        values["of_channels"], values["of_ids"] = map(list, zip(*records, strict=True))
    for event in _published(state, where, values | {"most": limit + 1}):
        # the batch has it from the feed, the overlay from the caller: one event
        known.setdefault((event["channel"], event["event_id"]), event)
    ordered = sorted(known.values(), key=_place)
    if after is not None:
        ordered = [event for event in ordered if _place(event) > (-after[0], after[1], after[2])]
    page = ordered[:limit]
    more = len(ordered) > limit and bool(page)
    return Page(page, cursor_after(_key(page[-1])) if more else None)


def _key(event: Mapping[str, Any]) -> tuple[int, str, str]:
    """Where an event stands: microseconds since 1970, its channel, its id."""
    at = moment_of(event["occurred_at"])
    return (_NEVER if at is None else (at - _EPOCH) // _MICROSECOND, event["channel"], event["event_id"])


def _place(event: Mapping[str, Any]) -> tuple[int, str, str]:
    """What sorts the newest first."""
    at, channel, event_id = _key(event)
    return (-at, channel, event_id)


def _live_event(event: LiveEvent) -> dict[str, Any]:
    body: dict[str, Any] = orjson.loads(event.body)
    amount = body.get("amount")
    return {
        "event_id": event.event_id,
        "channel": event.channel,
        "source_record_id": event.source_record_id,
        "event_type": body.get("event_type"),
        "occurred_at": event.occurred_at and moment_text(moment_of(event.occurred_at)),
        "amount": None if amount is None else f"{Decimal(str(amount)):.4f}",
        "currency": body.get("currency"),
        "extra": _extra(body.get("extra")) | {name: body[name] for name in body if name not in (*_TOLD, "channel")},
    }


def _extra(said: Any) -> dict[str, Any]:
    """Further columns of an event, which the feeds keep as JSON text."""
    said = further(said) if isinstance(said, str) else said
    return said if isinstance(said, dict) else {}


def _conditions(wanted: Wanted, after: list[Any] | None) -> tuple[list[str], dict[str, Any]]:
    """Which events are wanted from where a page begins, as SQL conditions and their values."""
    conditions: list[str] = []
    values: dict[str, Any] = {}
    for name, column, chosen in (("channels", "channel", wanted.channels), ("types", "event_type", wanted.types)):
        if chosen:
            conditions.append(f"list_contains(${name}, {column})")
            values[name] = sorted(chosen)
    for name, test, moment in (("since", ">=", wanted.since), ("until", "<", wanted.until)):
        if moment is not None:
            conditions.append(f"occurred_at {test} ${name}")
            values[name] = moment
    if after is not None:
        at = f"coalesce(epoch_us(occurred_at), {_NEVER})"
        conditions.append(f"({at} < $at OR ({at} = $at AND (channel, event_id) > ($channel, $event_id)))")
        values |= dict(zip(("at", "channel", "event_id"), after, strict=True))
    return conditions, values


def _published(state: State, where: Sequence[str], values: Mapping[str, Any]) -> Iterable[dict[str, Any]]:
    """Events of the generation under some conditions, the first ``most`` of them."""
    query = f"""SELECT event_id, channel, source_record_id, event_type, epoch_us(occurred_at), amount, currency, extra
        FROM customer_events WHERE {" AND ".join(where)}
        ORDER BY occurred_at DESC NULLS LAST, channel, event_id LIMIT $most"""
    for event_id, channel, source_record_id, event_type, at, amount, currency, extra in state.generation.ask(
        query, dict(values)
    ):
        yield {
            "event_id": event_id,
            "channel": channel,
            "source_record_id": source_record_id,
            "event_type": event_type,
            "occurred_at": None if at is None else moment_text(_EPOCH + at * _MICROSECOND),
            "amount": None if amount is None else f"{amount:.4f}",
            "currency": currency,
            "extra": _extra(extra),
        }
