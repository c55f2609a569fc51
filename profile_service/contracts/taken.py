"""What a write of records, events and consents answers."""

from __future__ import annotations

from marshmallow import Schema, fields


class RecordName(Schema):
    """A record by its key."""

    channel = fields.String(required=True)
    source_record_id = fields.String(required=True)


class Alias(Schema):
    """An id that answers through another."""

    customer_id = fields.String(required=True)
    stands_as = fields.String(required=True)


class TakenRecord(Schema):
    """Whose a record is now, and what became of customers by it."""

    customer_id = fields.String(required=True)
    record = fields.Nested(RecordName, required=True)
    outcome = fields.String(
        required=True,
        metadata={
            "enum": ["accepted", "unchanged", "superseded"],
            "description": "Whether this version stands, is known word for word, or is older than the one that stands.",
        },
    )
    customer = fields.String(
        required=True,
        metadata={
            "enum": ["created", "extended", "known"],
            "description": "Whether the customer is new, has got a record more, or had this record before.",
        },
    )
    authenticated = fields.Boolean(required=True)
    merged = fields.Nested(Alias, many=True, required=True, metadata={"description": "Ids that it merged away."})
    split = fields.List(fields.String(), required=True, metadata={"description": "Ids that it split off."})
    snapshot_id = fields.String(required=True)
    entry = fields.Integer(required=True, metadata={"description": "The number of the last entry in the log."})


class TakenEvent(Schema):
    """What became of one event."""

    channel = fields.String(required=True)
    event_id = fields.String(required=True)
    status = fields.String(required=True, metadata={"enum": ["accepted", "known"]})
    customer_id = fields.String(
        required=True, allow_none=True, metadata={"description": "Null while its record is not known."}
    )


class TakenEvents(Schema):
    """What became of each event, in order."""

    accepted = fields.Integer(required=True)
    known = fields.Integer(required=True)
    events = fields.Nested(TakenEvent, many=True, required=True)
    snapshot_id = fields.String(required=True)
    entry = fields.Integer(required=True)


class StandingConsent(Schema):
    """A consent as it stands."""

    purpose = fields.String(required=True)
    channel = fields.String(required=True)
    consent = fields.String(required=True, allow_none=True)
    customer_consent = fields.String(
        required=True, allow_none=True, metadata={"description": "What stands over all channels: fails closed."}
    )
    stated_at = fields.String(required=True, allow_none=True)


class TakenConsents(Schema):
    """A customer's consents as they stand now."""

    customer_id = fields.String(required=True)
    consents = fields.Nested(StandingConsent, many=True, required=True)
    snapshot_id = fields.String(required=True)
    entry = fields.Integer(required=True)
