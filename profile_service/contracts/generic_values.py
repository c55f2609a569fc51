"""Shared values as stewards see them and the rulings that they send."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from marshmallow import Schema, fields, validate

from profile_service.contracts.answers import PageOf
from profile_service.contracts.fields import NO_NUL
from profile_service.contracts.masks import hidden_fields, masked
from profile_service.contracts.shown import Count, Text
from profile_service.contracts.steward import LONGEST_REASON
from profile_service.identity.rulings import VERDICTS

LONGEST_VALUE = 500
_NAME = "name_pair"


def _text(longest: int, meaning: str) -> fields.String:
    checks = [validate.Length(min=1, max=longest), NO_NUL]
    return fields.String(required=True, validate=checks, metadata={"description": meaning})


class RulingReason(Schema):
    """Why."""

    reason = _text(LONGEST_REASON, "Why. It stands in the audit trail for ever: name no person in it.")


class RulingSent(RulingReason):
    """A verdict on a value."""

    field = _text(40, "The field that the value is of; `name_pair` for given and family name together.")
    value = _text(LONGEST_VALUE, "The value, written in any way that means it. Somebody must hold it.")
    verdict = fields.String(
        required=True,
        validate=validate.OneOf(VERDICTS),
        metadata={
            "description": "`generic`: it says nothing of who somebody is. `ordinary`: it does, however many share it. "
            "`counted`: as the counts say, so that no ruling stands."
        },
    )
    seen = fields.String(
        load_default=None,
        allow_none=True,
        validate=validate.Length(max=40),
        metadata={
            "description": "The ruling that you saw standing on it, empty for none: where another one stands by now, "
            "409. Left out: whatever stands."
        },
    )


class RulingAnswer(Schema):
    """A ruling that was given."""

    ruling_id = fields.String(required=True, metadata={"description": "To take it back by."})
    field = fields.String(required=True)
    verdict = fields.String(required=True, metadata={"enum": list(VERDICTS)})
    before = fields.String(required=True, metadata={"enum": list(VERDICTS), "description": "What stood before it."})
    generic = fields.Boolean(required=True, metadata={"description": "Whether the value says nothing from then on."})
    takes_effect = fields.String(required=True)
    snapshot_id = fields.String()
    entry = fields.Integer()


class StandingRuling(Schema):
    """The last word of a steward on a value."""

    ruling_id = fields.String()
    verdict = fields.String(metadata={"enum": list(VERDICTS)})
    by = Text("Who ruled.")
    reason = Text("Why.")
    at = Text("When.", format="date-time")
    waits = fields.Boolean(metadata={"description": "Whether it waits for the next run."})


class GenericValue(Schema):
    """A value that is held back or ruled on."""

    field = fields.String()
    value = fields.Raw(metadata={"description": "In its standard form; masked where the key may not read the field."})
    generic = fields.Boolean(metadata={"description": "Whether it counts as missing in what is published."})
    counted = fields.Boolean(metadata={"description": "Whether it would by the counts alone."})
    holders = Count("How many records hold it.")
    distinct_family_names = Count("How many different families, or people, they are.")
    allowed = Count("How many of them the model allows.")
    customers = Count("How many customers hold it; null where it is not held back.")
    since = Text("The run that first held it back.", format="date-time")
    ruling = fields.Nested(StandingRuling, allow_none=True)


class GenericValues(Schema):
    """Shared values, those that most records hold first."""

    data = fields.Nested(GenericValue, many=True, required=True)
    page = fields.Nested(PageOf, required=True)


def is_hidden(field: str, hidden: Collection[str]) -> bool:
    """Whether the values of a field are masked where those of ``hidden`` are."""
    names = {"given_name", "family_name", "full_name"} if field == _NAME else {field}
    return bool(hidden_fields(hidden) & names)


def as_seen(item: Mapping[str, Any], hidden: Collection[str]) -> dict[str, Any]:
    """A shared value as whoever may not read some fields sees it; a reason may quote what is masked."""
    if not is_hidden(item["field"], hidden):
        return dict(item)
    ruling = item["ruling"] and {**item["ruling"], "reason": None}
    return {**item, "value": masked(item["field"], item["value"]), "ruling": ruling}
