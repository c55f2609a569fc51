"""What callers send to read: lookups, searches and pages."""

from __future__ import annotations

from marshmallow import Schema, fields, validate

from profile_service.lookup import IDENTIFIER_TYPES

MOST_IDENTIFIERS = 20
LONGEST_VALUE = 1_000  # characters


class AskedIdentifier(Schema):
    """One identifier, written in any way that means it."""

    type = fields.String(
        required=True,
        validate=validate.OneOf(IDENTIFIER_TYPES, error="is none of {choices}"),
        metadata={"description": "What kind of identifier it is; `record` takes `channel:source_record_id`."},
    )
    value = fields.String(
        required=True,
        validate=[validate.Length(min=1, max=LONGEST_VALUE), validate.ContainsNoneOf("\0")],
        metadata={"description": "The identifier as anybody may write it; the server standardises it."},
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
