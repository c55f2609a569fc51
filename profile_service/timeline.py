"""One customer's events of all channels, newest first, those taken live a moment ago among them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import orjson

from profile_service.pages import Page, cursor_after, key_after
from profile_service.state import State
from profile_service.store.ledger import LiveEvent
from profile_service.store.stored import moment_of, moment_text

_NEVER = datetime(1, 1, 1, tzinfo=UTC)  # an event without a moment comes last
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
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
    key = key_after(cursor, str, str, str)
    records = [(record.channel, record.source_record_id) for record in state.records_of(customer_id)]
    if wanted.channels:
        records = [record for record in records if record[0] in wanted.channels]
    if not records:
        return Page((), None)
    live = [event for event in map(_live_event, state.overlay.events_of(records)) if wanted.has(event)]
    known = {(event["channel"], event["event_id"]): event for event in live}
    for event in _published(state, records, wanted, (key, limit + 1)):
        # the batch has it from the feed, the overlay from the caller: one event
        known.setdefault((event["channel"], event["event_id"]), event)
    ordered = sorted(known.values(), key=_place)
    if key is not None:
        ordered = [event for event in ordered if _place(event) > (-_number(key[0]), key[1], key[2])]
    page = ordered[:limit]
    more = len(ordered) > limit
    return Page(page, cursor_after(_key(page[-1])) if more and page else None)


def _key(event: Mapping[str, Any]) -> tuple[str, str, str]:
    return (event["occurred_at"] or "", event["channel"], event["event_id"])


def _place(event: Mapping[str, Any]) -> tuple[int, str, str]:
    at, channel, event_id = _key(event)
    return (-_number(at), channel, event_id)


def _number(at: str) -> int:
    """Microseconds of a moment; none is before all."""
    return (((moment_of(at) if at else None) or _NEVER) - _NEVER) // timedelta(microseconds=1)


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
    if isinstance(said, str):
        said = orjson.loads(said)
    return said if isinstance(said, dict) else {}


def _published(
    state: State, records: Collection[tuple[str, str]], wanted: Wanted, page: tuple[list[Any] | None, int]
) -> Iterable[dict[str, Any]]:
    """The events of some records in the generation, at most so many from where a page begins."""
    after, most = page
    conditions = ["(channel, source_record_id) IN (SELECT unnest($channels), unnest($ids))"]
    values: dict[str, Any] = {
        "channels": [channel for channel, _ in records],
        "ids": [source_record_id for _, source_record_id in records],
        "most": most,
    }
    if wanted.types:
        conditions.append("list_contains($types, event_type)")
        values["types"] = sorted(wanted.types)
    if wanted.since is not None:
        conditions.append("occurred_at >= $since")
        values["since"] = wanted.since
    if wanted.until is not None:
        conditions.append("occurred_at < $until")
        values["until"] = wanted.until
    if after is not None:
        conditions.append(
            "(coalesce(occurred_at, $never) < $at OR (coalesce(occurred_at, $never) = $at AND "
            "(channel, event_id) > ($channel, $event_id)))"
        )
        values |= {"never": _NEVER, "at": moment_of(after[0]) if after[0] else _NEVER}
        values |= {"channel": after[1], "event_id": after[2]}
    rows = (
        state.generation.warehouse()
        .execute(
            f"""SELECT event_id, channel, source_record_id, event_type, epoch_us(occurred_at), amount, currency, extra
        FROM customer_events WHERE {" AND ".join(conditions)}
        ORDER BY occurred_at DESC NULLS LAST, channel, event_id LIMIT $most""",
            values,
        )
        .fetchall()
    )
    for event_id, channel, source_record_id, event_type, at, amount, currency, extra in rows:
        yield {
            "event_id": event_id,
            "channel": channel,
            "source_record_id": source_record_id,
            "event_type": event_type,
            "occurred_at": None if at is None else moment_text(_EPOCH + timedelta(microseconds=at)),
            "amount": None if amount is None else f"{amount:.4f}",
            "currency": currency,
            "extra": _extra(extra),
        }
