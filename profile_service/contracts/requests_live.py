"""What callers send to be taken in now: a record, events, consents; the feeds' contract with JSON's own types."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from marshmallow import Schema, ValidationError, fields, pre_load, validate, validates_schema

from profile_service.contracts.feeds import ALIASES, MAX_EXTRA, CustomerRow, EventRow
from profile_service.contracts.fields import MAX_CHARACTERS, Amount, Choice, Json, Moment, Text
from profile_service.contracts.nesting import MOST_NESTED

MOST_AT_ONCE = 10_000  # what a setting may allow
_CHANNEL = validate.Regexp(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}\Z", error="has letters, digits, '.', '-' and '_' only")
_TEXT = {"maxLength": MAX_CHARACTERS, "pattern": "^[^\\u0000]*$"}
_MOMENT = {"format": "date-time", "description": "RFC 3339."}
_SAID: Mapping[str, Mapping[str, Any]] = {
    "source_record_id": {"minLength": 1, "description": "Unique within its channel."},
    "event_id": {"minLength": 1, "description": "Unique within its channel; an event counts once."},
    "birth_date": {"format": "date", "description": "ISO 8601, `YYYY-MM-DD`."},
    "marketing_consent": {"enum": ["yes", "no", None]},
    "currency": {"pattern": "^[A-Z]{3}$", "description": "ISO 4217."},
    "amount": {
        "type": ["string", "number", "null"],
        "description": "A decimal number below 10^14, as text or as a number.",
    },
    "updated_at": _MOMENT | {"description": "When the channel changed the record; now, if it does not say."},
    "occurred_at": _MOMENT,
    "stated_at": _MOMENT | {"description": "When it was said; now, if it does not say."},
}


class Channel(fields.String):
    """A channel's name."""

    def __init__(self) -> None:
        """Always required."""
        super().__init__(
            required=True,
            validate=_CHANNEL,
            metadata={"description": "The channel, such as `web`.", "example": "web"},
        )


class AnyAmount(Amount):
    """A decimal number, as text or as a JSON number."""

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> str:
        if isinstance(value, int | float) and not isinstance(value, bool):
            value = repr(value)
        return super()._deserialize(value, attr, data, **kwargs)


class Further(Json):
    """What a channel says beyond the contract: an object, kept as its JSON text."""

    def __init__(self) -> None:
        """Never required."""
        super().__init__(longest=MAX_EXTRA)

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> str:
        if not isinstance(value, Mapping):
            raise ValidationError("is not an object")
        if _deeper(value, MOST_NESTED):
            raise ValidationError(f"is nested more than {MOST_NESTED} deep")
        try:
            text = json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False)
            text.encode()
        except (ValueError, UnicodeEncodeError):
            raise ValidationError("holds what JSON in UTF-8 cannot") from None
        if "\\u0000" in text:
            raise ValidationError("holds a NUL character")
        return super()._deserialize(text, attr, data, **kwargs)


class _Row(Schema):
    """A row of a feed as one JSON object: its names are found, and what no field knows is kept, as in a feed."""

    @pre_load
    def _as_in_a_feed(self, data: Any, **_: Any) -> Any:
        return _with_further(data, self.load_fields) if isinstance(data, Mapping) else data


class RecordSent(_Row, CustomerRow):
    """A channel's record, now: the fields of a feed's row with its channel; further ones go into `extra`."""

    channel = Channel()
    authenticated = fields.Boolean(
        truthy={True},
        falsy={False},
        metadata={
            "description": "Whether the channel vouches that the person is who the record says. Left out: what the key "
            "is trusted with. A record that is not authenticated is kept as a customer of its own."
        },
    )
    extra = Further()


class EventSent(_Row, EventRow):
    """An event, now: the fields of a feed's row with its channel; further ones go into `extra`."""

    channel = Channel()
    amount = AnyAmount()
    extra = Further()


class EventsSent(Schema):
    """One event, or several as `events`."""

    events = fields.Nested(EventSent, many=True, required=True, validate=validate.Length(min=1, max=MOST_AT_ONCE))

    @pre_load
    def _one(self, data: Any, **_: Any) -> Any:
        return _as_several(data, "events")


class ConsentSent(Schema):
    """What a customer says, for one purpose in one channel."""

    purpose = fields.String(
        load_default="marketing",
        validate=validate.Regexp(r"[a-z][a-z0-9_]{0,63}\Z", error="has small letters, digits and '_' only"),
        metadata={"description": "What for.", "example": "marketing"},
    )
    channel = Channel()
    consent = Choice("yes", "no")
    stated_at = Moment()

    @validates_schema
    def _says_something(self, data: Mapping[str, Any], **_: Any) -> None:
        if not data.get("consent"):
            raise ValidationError("is missing", "consent")


class ConsentsSent(Schema):
    """One consent or several."""

    consents = fields.Nested(ConsentSent, many=True, required=True, validate=validate.Length(min=1, max=100))

    @pre_load
    def _one(self, data: Any, **_: Any) -> Any:
        return _as_several(data, "consents")


def _as_several(data: Any, name: str) -> Any:
    """A body that is itself the one thing is taken for a list of one."""
    return {name: [data]} if isinstance(data, Mapping) and name not in data else data


def _with_further(row: Mapping[str, Any], known: Mapping[str, Any]) -> dict[str, Any]:
    """``row`` by the names of ``known`` fields, in whatever case or by a known other name; the rest in ``extra``.

    As in a feed: what is empty says nothing, and a second spelling of a field that is there is a further one.
    """
    taken = {name: value for name, value in row.items() if name in known}
    further: dict[str, Any] = {}
    for name, value in row.items():
        if name in known:
            continue
        field = next((field for field in (name.casefold(), _OTHER_NAMES.get(name.casefold())) if field in known), None)
        if field is not None and field not in taken:
            taken[field] = value
        elif value is not None and value != "":
            further[name] = value
    extra = taken.get("extra") or {}
    if further and isinstance(extra, Mapping):
        taken["extra"] = {**extra, **further}
    return taken


_OTHER_NAMES: Mapping[str, str] = {other: field for field, others in ALIASES.items() for other in others}


def _deeper(value: Any, most: int) -> bool:
    """Whether objects and arrays stand in each other more than ``most`` deep."""
    level = [value]
    for _ in range(most):
        level = [
            inner
            for each in level
            for inner in (each.values() if isinstance(each, Mapping) else each)
            if isinstance(inner, Mapping | list)
        ]
        if not level:
            return False
    return True


def _describe(schema: type[Schema]) -> None:
    for name, field in schema._declared_fields.items():
        if isinstance(field, Further):
            field.metadata = {
                "type": "object",
                "description": "Further values, kept as JSON; whatever else the body holds joins them.",
            }
        elif isinstance(field, Text):
            field.metadata = {**_TEXT, **_SAID.get(name, {})}


for _schema in (RecordSent, EventSent, ConsentSent):
    _describe(_schema)
