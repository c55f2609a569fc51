"""The shape of every refusal, RFC 9457."""

from __future__ import annotations

from marshmallow import INCLUDE, Schema, fields


class WrongValue(Schema):
    """One wrong value of a request."""

    pointer = fields.String(metadata={"description": "JSON pointer into the body."})
    parameter = fields.String(metadata={"description": "The query parameter."})
    detail = fields.String(required=True, metadata={"description": "What is wrong with it."})


class ProblemDocument(Schema):
    """A refusal: why, and what to do about it."""

    class Meta:
        """A kind of problem may say more."""

        unknown = INCLUDE

    type = fields.String(required=True, metadata={"description": "The kind of problem; a page that explains it."})
    title = fields.String(required=True, metadata={"description": "The kind of problem in words."})
    status = fields.Integer(required=True, metadata={"description": "The HTTP status."})
    detail = fields.String(required=True, metadata={"description": "What happened here."})
    request_id = fields.String(allow_none=True, metadata={"description": "The request's id, as in `Request-Id`."})
    errors = fields.Nested(WrongValue, many=True, metadata={"description": "Each wrong value of an invalid request."})
    candidates = fields.List(
        fields.Dict(),
        metadata={"description": "The customers that an ambiguous identifier fits, as this key may see them."},
    )
    retry_after = fields.Integer(metadata={"description": "Seconds to wait."})
    scope = fields.String(metadata={"description": "The scope that the key lacks."})
