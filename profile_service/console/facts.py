"""What an agent wants to know at a glance, read from a customer's records and events."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from profile_service.profile import ADDRESS_FIELDS
from profile_service.store.stored import StoredRecord, moment_of, moment_text

# An event that asks for something opens a matter; one of the second kind, later, closes those before it.
_OPENS = ("complaint", "ticket_opened", "claim")
_CLOSES = ("complaint_closed", "ticket_closed", "resolved", "claim_closed")
_STAYS_OPEN = timedelta(days=90)  # what nobody has come back to for so long is no longer open

# What of an event's further facts tells how to reach somebody, or answers what a caller is asked: by name, or by look.
_TELLING_NAME = re.compile(
    r"mail|phone|mobile|address|street|birth|card|loyalty|(?:^|[\W_])(?:tel|dob)(?:$|[\W_])", re.I
)
_TELLING_VALUE = re.compile(r"\S@\S|(?:\+|\b0|\()\d[\d ()./-]{6,}\d")


@dataclass(frozen=True)
class AddressSeen:
    """An address and who said it: the newest time, and the records by name."""

    parts: Mapping[str, str]
    last_said: str | None
    records: tuple[str, ...]
    stands: bool


def addresses_of(records: Iterable[StoredRecord], standing: Mapping[str, Any] | None) -> list[AddressSeen]:
    """Every address that the records name, the one that stands first, then the newest; parts as sent."""
    seen: dict[tuple[str, ...], list[StoredRecord]] = {}
    for record in records:
        parts = tuple(str(record.fields.get(name) or "") for name in ADDRESS_FIELDS)
        if any(parts):
            seen.setdefault(parts, []).append(record)
    now_stands = tuple(str((standing or {}).get(name) or "") for name in ADDRESS_FIELDS)
    found = [
        AddressSeen(
            {name: value for name, value in zip(ADDRESS_FIELDS, parts, strict=True) if value},
            moment_text(max((record.updated_at for record in holders if record.updated_at), default=None)),
            tuple(sorted(record.key for record in holders)),
            parts == now_stands,
        )
        for parts, holders in seen.items()
    ]
    newest_first = sorted(found, key=lambda each: each.last_said or "", reverse=True)
    return sorted(newest_first, key=lambda each: not each.stands)


def veiled_event(event: Mapping[str, Any]) -> dict[str, Any]:
    """An event without what its further facts, named and nested as channels like, tell of how to reach somebody."""
    further = event.get("extra") or {}
    return {**event, "extra": {name: _veiled(name, value) for name, value in further.items()}}


def _veiled(name: str, value: Any) -> Any:
    if isinstance(value, Mapping) and value.get("masked"):
        return value
    tells = _TELLING_NAME.search(f"{name} {_names_in(value)}") or _TELLING_VALUE.search(str(value))
    return {"masked": True, "hint": None} if tells else value


def _names_in(value: Any) -> str:
    """The names at any depth of a value."""
    if isinstance(value, Mapping):
        return " ".join(f"{name} {_names_in(inner)}" for name, inner in value.items())
    return " ".join(map(_names_in, value)) if isinstance(value, list) else ""


def open_matters(events: Sequence[Mapping[str, Any]], now: datetime) -> list[Mapping[str, Any]]:
    """Complaints and the like of the last ninety days that no later event closes; ``events`` the newest first."""
    open_now: list[Mapping[str, Any]] = []
    for event in events:
        if event["event_type"] in _CLOSES:
            break
        at = moment_of(event["occurred_at"])
        if event["event_type"] in _OPENS and at is not None and now - at <= _STAYS_OPEN:
            open_now.append(event)
    return open_now


def greeting(profile: Mapping[str, Any]) -> str:
    """How to address somebody, as far as the profile knows."""
    title = {"f": "Ms", "m": "Mr"}.get(str(profile.get("sex") or "").lower()[:1], "")
    family, given = profile.get("family_name"), profile.get("given_name")
    if isinstance(family, str) and title:
        return f"{title} {family}"
    return " ".join(each for each in (given, family) if isinstance(each, str)) or "the customer"


def in_days(moment: str | None, now: datetime) -> str:
    """How long ago, in words that people say."""
    at = moment_of(moment)
    if at is None:
        return "at an unknown time"
    days = (now.astimezone(UTC).date() - at.astimezone(UTC).date()).days
    if days <= 0:
        return "today"
    for least, unit, name in ((730, 365.25, "years"), (60, 30.44, "months"), (14, 7, "weeks"), (2, 1, "days")):
        if days >= least:
            return f"{int(days / unit)} {name} ago"
    return "yesterday"
