"""What callers send to read: lookups, searches and pages."""

from __future__ import annotations

from typing import Any

from marshmallow import Schema, fields, validate

from profile_service.contracts.fields import NO_NUL, Moment
from profile_service.lookup import IDENTIFIER_TYPES

MOST_IDENTIFIERS = 20
LONGEST_VALUE = 1_000  # characters
LONGEST_QUERY = 200  # characters
MOST_HITS = 100
MOST_FILTERS = 50


class AskedIdentifier(Schema):
    """One identifier, written in any way that means it."""

    type = fields.String(
        required=True,
        validate=validate.OneOf(IDENTIFIER_TYPES, error="is none of {choices}"),
        metadata={
            "description": "What kind of identifier it is; `record` takes `channel:source_record_id`.",
            "example": "email",
        },
    )
    value = fields.String(
        required=True,
        validate=[validate.Length(min=1, max=LONGEST_VALUE), NO_NUL],
        metadata={
            "description": "The identifier as anybody may write it; the server standardises it.",
            "example": "Ignatius.Sudkin+news@Yahoo.com",
        },
    )


class Lookup(Schema):
    """Several identifiers of one customer."""

    identifiers = fields.Nested(
        AskedIdentifier,
        many=True,
        required=True,
        validate=validate.Length(min=1, max=MOST_IDENTIFIERS),
        metadata={"description": "All are to name the same customer; those that nobody carries neither help nor harm."},
    )


class Search(Schema):
    """What an agent typed."""

    query = fields.String(
        required=True,
        validate=[validate.Length(min=1, max=LONGEST_QUERY), NO_NUL],
        metadata={
            "description": "Names, numbers, e-mails, postcodes, cities, birth dates, whole or in part.",
            "example": "sudkinn ignat 80236",
        },
    )
    limit = fields.Integer(
        load_default=20,
        strict=True,
        validate=validate.Range(1, MOST_HITS),
        metadata={"description": "At most so many hits."},
    )


def _several(meaning: str) -> fields.List[Any]:
    return fields.List(
        fields.String(validate=[validate.Length(max=LONGEST_VALUE), NO_NUL]),
        validate=validate.Length(max=MOST_FILTERS),
        metadata={"description": meaning},
    )


def _moment(meaning: str) -> Moment:
    field = Moment()
    field.metadata = {"description": meaning, "format": "date-time"}
    return field


class Paged(Schema):
    """Which page of a list."""

    limit = fields.Integer(
        validate=validate.Range(min=1), metadata={"description": "Items on the page; the service has a limit too."}
    )
    cursor = fields.String(metadata={"description": "`next_cursor` of the page before."})


class TimelinePage(Paged):
    """Which of a customer's events."""

    channel = _several("Only of this channel; may be given several times.")
    type = _several("Only of this type; may be given several times.")
    since = _moment("Only from this moment on.")
    until = _moment("Only before this moment.")
