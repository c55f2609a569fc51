"""What each audience sees of a customer: a schema that lists its fields, so that a new field is hidden until listed."""

from __future__ import annotations

from collections.abc import Mapping

from marshmallow import Schema, fields

from profile_service.contracts.shown import Count, Named, Number, Text
from profile_service.store.relation import Relation
from profile_service.store.schema import (
    CUSTOMER_CONSENTS,
    CUSTOMER_FIELDS,
    CUSTOMER_IDENTIFIERS,
    CUSTOMERS,
    RECORD_FIELDS,
)

MOMENT = "date-time"


def meanings(relation: Relation) -> Mapping[str, str]:
    """What each column of a warehouse relation means: the API says the same of the same."""
    return {column.name: column.comment for column in relation.columns}


_CUSTOMER = meanings(CUSTOMERS)
_FIELD = meanings(CUSTOMER_FIELDS)
_IDENTIFIER = meanings(CUSTOMER_IDENTIFIERS)
_CONSENT = meanings(CUSTOMER_CONSENTS)


class Address(Schema):
    """A postal address; all parts come from one record."""

    street = Text(_CUSTOMER["street"])
    street_2 = Text(_CUSTOMER["street_2"])
    city = Text(_CUSTOMER["city"])
    region = Text(_CUSTOMER["region"])
    postcode = Text(_CUSTOMER["postcode"])
    country = Text(_CUSTOMER["country"])


class RunnerUp(Schema):
    """A value that did not stand."""

    value = Text("The other value.")
    channel = Text("The channel of its best record.")
    source_record_id = Text("Its best record.")
    records = Count("How many records gave it.")


class Source(Schema):
    """Where a value of the profile came from."""

    channel = Text(_FIELD["channel"])
    source_record_id = Text(_FIELD["source_record_id"])
    updated_at = Text(_FIELD["updated_at"], format=MOMENT)
    decided_by = Text(_FIELD["decided_by"])
    records = Count(_FIELD["records"])
    distinct_values = Count(_FIELD["distinct_values"])


class Provenance(Source):
    """A value of the profile and where it came from."""

    value = Text(_FIELD["value"])


class FullProvenance(Provenance):
    """A value of the profile, where it came from, and what else there was."""

    runners_up = fields.List(fields.Nested(RunnerUp), metadata={"description": _FIELD["runners_up"]})


class Identifier(Schema):
    """An identifier of the customer."""

    type = Text(_IDENTIFIER["identifier_type"])
    value = Text(_IDENTIFIER["value"])
    channels = fields.List(fields.String(), metadata={"description": _IDENTIFIER["channels"]})
    records = Count(_IDENTIFIER["records"])
    first_seen = Text(_IDENTIFIER["first_seen"], format=MOMENT)
    last_seen = Text(_IDENTIFIER["last_seen"], format=MOMENT)


class SharedIdentifier(Identifier):
    """An identifier of the customer, and whether others have it too."""

    shared = fields.Boolean(metadata={"description": _IDENTIFIER["shared"]})


class Consent(Schema):
    """Consent as it stands for a purpose in a channel."""

    purpose = Text(_CONSENT["purpose"])
    channel = Text(_CONSENT["channel"])
    consent = Text(_CONSENT["consent"])
    customer_consent = Text(_CONSENT["customer_consent"])
    stated_at = Text(_CONSENT["stated_at"], format=MOMENT)


class SourcedConsent(Consent):
    """Consent as it stands, and who said it."""

    source_record_id = Text(_CONSENT["source_record_id"])
    statements = Count(_CONSENT["statements"])


class RecordKey(Schema):
    """A source record of the customer."""

    channel = Text("The channel that sent it.")
    source_record_id = Text("Its id within that channel.")
    updated_at = Text("When the channel last changed it.", format=MOMENT)


class Sureness(Schema):
    """How sure it is that all records are one person's."""

    weakest_link_bits = Number(_CUSTOMER["weakest_link_bits"])
    probability = Number("The same as a probability.")
    records = Count("How many records were merged.")
    in_words = Text("The same in words.")


class Standing(Schema):
    """What every view says: who it is about, and as of when; ``always_hidden`` names what this audience never reads."""

    always_hidden: frozenset[str] = frozenset()

    customer_id = Text(_CUSTOMER["customer_id"])
    as_of = Text("The moment up to which this answer knows everything.", format=MOMENT)
    snapshot_id = Text("The generation that answered, and the live change laid over it, if any.")


class Person(Standing):
    """Who the customer is and how to reach them."""

    full_name = Text(_CUSTOMER["full_name"])
    given_name = Text(_CUSTOMER["given_name"])
    middle_name = Text(_CUSTOMER["middle_name"])
    family_name = Text(_CUSTOMER["family_name"])
    email = Text(_CUSTOMER["email"])
    phone = Text(_CUSTOMER["phone"])
    birth_date = Text(_CUSTOMER["birth_date"])
    sex = Text(_CUSTOMER["sex"])
    birth_place = Text(_CUSTOMER["birth_place"])
    occupation = Text(_CUSTOMER["occupation"])
    address = fields.Nested(Address, allow_none=True)
    loyalty_id = Text(_CUSTOMER["loyalty_id"])


class InSegments(Schema):
    """Which groups of customers this one is in."""

    segments = fields.List(
        fields.String(),
        metadata={"description": "The segments that the customer is in, as of the last run that was published."},
    )


class Activity(InSegments):
    """What the customer did, in numbers."""

    traits = fields.Dict(
        keys=fields.String(),
        metadata={
            "description": "Computed traits by name, as declared in traits.toml and as of the last run that was "
            "published: amounts as exact decimals, moments in RFC 3339, shares from 0; null where there is nothing to "
            "tell it by, and none at all for a customer without any of the events that they are counted over."
        },
    )

    marketing_consent = Text(_CUSTOMER["marketing_consent"])
    channels = fields.List(fields.String(), metadata={"description": _CUSTOMER["channels"]})
    channel_count = Count(_CUSTOMER["channel_count"])
    record_count = Count(_CUSTOMER["record_count"])
    event_count = Count(_CUSTOMER["event_count"])
    amount_by_currency = fields.Dict(
        keys=fields.String(),
        values=fields.String(),
        allow_none=True,
        metadata={"description": "Sum of the amounts of its events by currency, as exact decimals."},
    )
    first_seen = Text(_CUSTOMER["first_seen"], format=MOMENT)
    last_seen = Text(_CUSTOMER["last_seen"], format=MOMENT)
    last_event_at = Text(_CUSTOMER["last_event_at"], format=MOMENT)
    customer_since = Text(_CUSTOMER["customer_since"], format=MOMENT)


class AgentProfile(Person, Activity):
    """For the person who serves the customer: everything to recognise, reach and advise them."""

    always_hidden = frozenset({"cookie_id", "device_id"})

    weakest_link_bits = Number(_CUSTOMER["weakest_link_bits"])
    fields_ = Named(FullProvenance, key="fields", meaning="Where each value came from, by field.")
    identifiers = Named(SharedIdentifier, item="type", meaning="Every identifier of the customer.")
    consents = fields.Nested(SourcedConsent, many=True)
    records = fields.Nested(RecordKey, many=True)
    sureness = fields.Nested(Sureness, allow_none=True)


class PageProfile(InSegments, Standing):
    """For a web page or an app: nothing that identifies, nothing to reach the customer by, no amounts."""

    always_hidden = frozenset({*RECORD_FIELDS, "full_name"}) - {"marketing_consent"}

    channels = fields.List(fields.String(), metadata={"description": _CUSTOMER["channels"]})
    channel_count = Count(_CUSTOMER["channel_count"])
    marketing_consent = Text(_CUSTOMER["marketing_consent"])
    last_seen = Text(_CUSTOMER["last_seen"], format=MOMENT)
    customer_since = Text(_CUSTOMER["customer_since"], format=MOMENT)
    consents = fields.Nested(Consent, many=True)


class AnalystProfile(Person, Activity):
    """For counting and comparing: where and how much, the person's own data masked."""

    always_hidden = frozenset(RECORD_FIELDS) - {"city", "region", "country", "marketing_consent"}

    weakest_link_bits = Number(_CUSTOMER["weakest_link_bits"])
    fields_ = Named(Provenance, key="fields", meaning="Where each value came from, by field.")
    identifiers = Named(SharedIdentifier, item="type", meaning="Every identifier, its value masked.")
    consents = fields.Nested(SourcedConsent, many=True)
    records = fields.Nested(RecordKey, many=True)
    sureness = fields.Nested(Sureness, allow_none=True)


class SubjectProfile(Person, Activity):
    """For the customers themselves: all that is held as theirs, nothing that would tell of somebody else."""

    fields_ = Named(Provenance, key="fields", meaning="Where each value came from, by field.")
    identifiers = Named(Identifier, item="type", meaning="Every identifier of yours.")
    consents = fields.Nested(SourcedConsent, many=True)
    records = fields.Nested(RecordKey, many=True)


class AnyProfile(AgentProfile):
    """A profile as some key sees it: which of these fields are there, and which are masked, is the key's audience's."""


AUDIENCES: Mapping[str, type[Standing]] = {
    "agent": AgentProfile,
    "page": PageProfile,
    "analyst": AnalystProfile,
    "subject": SubjectProfile,
}
