"""The only definition of the warehouse: every relation of a generation, its columns and what they mean."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import replace

from profile_service.store.relation import ID, MOMENT, Relation, relation
from profile_service.store.schema_history import HISTORY_RELATIONS
from profile_service.store.schema_links import LINK_RELATIONS
from profile_service.store.schema_runs import (
    DATA_DICTIONARY,
    GENERIC_RULINGS,
    GENERIC_VALUES,
    MATCH_JUDGEMENTS,
    PLACEHOLDER_VALUES,
    REJECTED_ROWS,
    RUNS,
)
from profile_service.store.schema_traits import trait_relations
from profile_service.traits import Traits, packaged_traits

CUSTOMER = ("customer_id", ID, "The customer: cus_ and 26 letters; stays the same from run to run.")
SOURCE = ("source_record_id", ID, "The record's id within its channel.")
RUN = ("run_id", "VARCHAR", "The run that last changed this row's source; see runs.")

# What a record may say of a person, with its meaning.
RECORD_FIELDS: Mapping[str, str] = {
    "given_name": "Given name",
    "family_name": "Family name",
    "email": "E-mail address",
    "phone": "Phone number",
    "birth_date": "Date of birth",
    "street": "Street line of the postal address",
    "city": "City of the postal address",
    "region": "Region, state or county of the postal address",
    "postcode": "Postcode of the postal address",
    "country": "Country of the postal address",
    "loyalty_id": "Loyalty card number",
    "cookie_id": "Web visitor's cookie",
    "device_id": "Mobile device",
    "marketing_consent": "Consent to marketing, yes or no",
    "middle_name": "Middle names",
    "full_name": "Whole name in one column",
    "sex": "Sex",
    "birth_place": "Place of birth",
    "occupation": "Occupation",
    "street_2": "Second line of the postal address",
}
STANDARD_FIELDS = tuple(name for name in RECORD_FIELDS if name not in ("marketing_consent", "full_name"))
IDENTIFIER_FIELDS = ("email", "phone", "loyalty_id", "cookie_id", "device_id")

CUSTOMERS = relation(
    "customers",
    "The merged profile: one row a customer, the best value of each field; customer_fields says where each came from.",
    "customer_id",
    CUSTOMER,
    ("full_name", "VARCHAR", "Given, middle and family name as one text; else the full name that a channel sent."),
    ("given_name", "VARCHAR", "Given name, as sent, tidied for people."),
    ("middle_name", "VARCHAR", "Middle names, as sent, tidied for people."),
    ("family_name", "VARCHAR", "Family name, as sent, tidied for people."),
    ("email", "VARCHAR", "E-mail address to write to, in lower case; never a shared or junk one."),
    ("phone", "VARCHAR", "Phone number in E.164 (+ and digits); never a shared or junk one."),
    ("birth_date", "DATE", "Date of birth; defaults such as 1900-01-01 never stand here."),
    ("sex", "VARCHAR", "Sex as sent."),
    ("birth_place", "VARCHAR", "Place of birth, tidied for people."),
    ("occupation", "VARCHAR", "Occupation, tidied for people."),
    ("street", "VARCHAR", "Street line; all address columns come from one and the same record."),
    ("street_2", "VARCHAR", "Second address line of that record."),
    ("city", "VARCHAR", "City of that record."),
    ("region", "VARCHAR", "Region of that record, as sent."),
    ("postcode", "VARCHAR", "Postcode of that record, in upper case."),
    ("country", "VARCHAR", "Country of that record, as sent."),
    ("loyalty_id", "VARCHAR", "Loyalty card number; customer_identifiers has all of them."),
    (
        "marketing_consent",
        "VARCHAR",
        (
            "yes, no, or null for never asked, which is no yes. Fails closed: no stands unless a yes is "
            "newer than every no."
        ),
    ),
    ("channels", "VARCHAR[]", "The channels that hold a record of this customer, in alphabetical order."),
    ("channel_count", "INTEGER", "How many channels hold a record of this customer."),
    ("record_count", "INTEGER", "How many source records this customer was merged from."),
    ("event_count", "BIGINT", "How many events in all channels belong to this customer."),
    (
        "amount_by_currency",
        "MAP(VARCHAR, DECIMAL(38, 4))",
        ("Sum of the amounts of its events by currency, whatever their type: amount_by_currency['EUR']."),
    ),
    ("first_seen", MOMENT, "The earliest moment that any version of a record, or an event, of this customer names."),
    ("last_seen", MOMENT, "The latest moment that a record or an event of this customer names."),
    ("last_event_at", MOMENT, "When the customer's latest event occurred."),
    (
        "weakest_link_bits",
        "FLOAT",
        (
            "How sure the merge is: each record's best link to another record of the customer, the "
            "weakest of these, in bits (log2 of the odds). Null for a single record."
        ),
    ),
    ("customer_since", MOMENT, "When this id was given."),
    RUN,
)

CUSTOMER_RECORDS = relation(
    "customer_records",
    "Every current source record: as its channel sent it, as it was standardised for comparing, and its customer.",
    "channel source_record_id",
    ("channel", ID, "The channel that sent the record."),
    SOURCE,
    CUSTOMER,
    *((name, "VARCHAR", f"{meaning}, as sent.") for name, meaning in RECORD_FIELDS.items()),
    ("extra", "VARCHAR", "Further columns of the feed, as JSON."),
    ("updated_at", MOMENT, "When the channel last changed the record; the newest version stands."),
    *(
        (
            f"standard_{name}",
            "VARCHAR",
            (f"{RECORD_FIELDS[name]}, as compared; null when missing, junk or shared by too many."),
        )
        for name in STANDARD_FIELDS
    ),
    ("file", "VARCHAR", "The landing file that this version came from."),
    RUN,
    ("record_number", "INTEGER NOT NULL", "The record's own number, the same from run to run."),
)

CUSTOMER_RECORD_VERSIONS = relation(
    "customer_record_versions",
    "Every version of a customer's records that stands no more, as its channel sent it.",
    "",
    ("channel", ID, "The channel that sent the record."),
    SOURCE,
    CUSTOMER,
    *((name, "VARCHAR", f"{meaning}, as sent.") for name, meaning in RECORD_FIELDS.items()),
    ("extra", "VARCHAR", "Further columns of the feed, as JSON."),
    ("updated_at", MOMENT, "When the channel said so."),
    ("file", "VARCHAR", "The landing file that this version came from."),
    ("run_id", "VARCHAR", "The run in which another version came to stand."),
)

CUSTOMER_IDENTIFIERS = relation(
    "customer_identifiers",
    "Every identifier of a customer in its standard form; junk and values shared by too many families are left out.",
    "identifier_type value customer_id",
    ("identifier_type", ID, "email, phone, loyalty_id, cookie_id or device_id."),
    ("value", ID, "The identifier in its standard form: look up by this."),
    CUSTOMER,
    ("channels", "VARCHAR[]", "The channels that gave it, in alphabetical order."),
    ("records", "INTEGER", "How many of the customer's records carry it."),
    ("first_seen", MOMENT, "The earliest updated_at of those records."),
    ("last_seen", MOMENT, "The latest updated_at of those records."),
    ("held_by", "INTEGER", "How many customers carry the value."),
    ("shared", "BOOLEAN", "More than one customer carries the value: a family address, a handed-on number."),
)

FIELD = ("field", ID, "The column of customers, or a further field that records have.")
VALUE = ("value", "VARCHAR", "The value that stands, as text.")
CHOICE = (
    ("decided_by", "VARCHAR", "only_value, agreed, record_order, or what told it from the best other value."),
    ("records", "INTEGER", "How many records had a value to offer."),
    ("distinct_values", "INTEGER", "How many different values they offered; address parts count whole addresses."),
    (
        "runners_up",
        ("STRUCT(value VARCHAR, channel VARCHAR, source_record_id VARCHAR, records INTEGER)[]"),
        "Up to three other values, best first, each with its best record and the number of records that gave it.",
    ),
)

CUSTOMER_FIELD_VALUES = relation(
    "customer_field_values",
    "What customer_fields shows, kept short: the values by the record that gave them.",
    "record_number field",
    ("record_number", "INTEGER NOT NULL", "The record that gave it; see customer_records."),
    FIELD,
    VALUE,
    *CHOICE,
)

CUSTOMER_FIELDS = replace(
    relation(
        "customer_fields",
        "Where each value of the merged profile came from, by which rule, and what else there was.",
        "customer_id field",
        CUSTOMER,
        FIELD,
        VALUE,
        ("channel", "VARCHAR", "The channel whose record gave it."),
        ("source_record_id", "VARCHAR", "The record that gave it."),
        ("updated_at", MOMENT, "When that record was last changed."),
        *CHOICE,
    ),
    query="""
        SELECT r.customer_id, v.field, v.value, r.channel, r.source_record_id, r.updated_at, v.decided_by, v.records,
               v.distinct_values, v.runners_up
        FROM customer_field_values v JOIN customer_records r USING (record_number)""",
)

CUSTOMER_EVENTS = relation(
    "customer_events",
    "Every event of every channel with the customer it belongs to.",
    "channel event_id",
    ("channel", ID, "The channel in which it happened."),
    ("event_id", ID, "The event's id within its channel."),
    ("customer_id", "VARCHAR", "The customer; null while no record of the event's source_record_id has come in."),
    ("source_record_id", "VARCHAR", "The channel's record that the event names."),
    ("event_type", "VARCHAR", "What happened, in the channel's words."),
    ("occurred_at", MOMENT, "When it happened."),
    ("amount", "DECIMAL(18, 4)", "Amount of money, if any."),
    ("currency", "VARCHAR", "Currency of the amount, ISO 4217."),
    ("extra", "VARCHAR", "Further columns of the feed, as JSON."),
    RUN,
)

CUSTOMER_CONSENTS = relation(
    "customer_consents",
    (
        "Consent as it stands, by purpose and channel; every version of every record counts, so that "
        "a blank never withdraws a no."
    ),
    "customer_id purpose channel",
    CUSTOMER,
    ("purpose", ID, "What is consented to: marketing."),
    ("channel", ID, "The channel in which it was said."),
    ("consent", "VARCHAR", "yes or no, as it stands in this channel."),
    ("customer_consent", "VARCHAR", "yes or no over all channels: no, unless a yes is newer than every no."),
    ("stated_at", MOMENT, "When the statement that stands was first made; null when its record has no updated_at."),
    ("source_record_id", "VARCHAR", "The record that made it."),
    ("statements", "INTEGER", "How many statements this channel has made, repetitions of a record not counted."),
)

CUSTOMER_HOUSEHOLDS = relation(
    "customer_households",
    "Customers who live together, as far as their records show: a row for each who lives with another.",
    "customer_id",
    ("household_id", ID, "The household: hou_ and 26 letters; stays with most of its members from run to run."),
    CUSTOMER,
    (
        "shares",
        "VARCHAR[]",
        "What it shares with others of it: address, email, phone, loyalty_id, cookie_id, device_id, family name.",
    ),
    ("probability", "FLOAT", "The chance that the surest tie to another member is one of people who live together."),
    ("members", "INTEGER", "How many customers are in the household."),
    ("since", MOMENT, "When a run first told this customer in this household."),
)

CUSTOMER_ID_HISTORY = relation(
    "customer_id_history",
    "What became of every id ever given: every old id still answers, by stands_as.",
    "customer_id valid_from",
    CUSTOMER,
    ("valid_from", MOMENT, "From when this holds."),
    ("valid_to", MOMENT, "Until when; null while it holds."),
    ("event", "VARCHAR", "created, split_from, merged_into, restored or erased."),
    ("other_customer_id", "VARCHAR", "The customer it was split or restored from, or merged into, at that moment."),
    ("stands_as", "VARCHAR", "The id that answers for it today, itself when it stands; null when erased."),
    RUN,
)

RELATIONS: tuple[Relation, ...] = (
    CUSTOMERS,
    CUSTOMER_RECORDS,
    CUSTOMER_RECORD_VERSIONS,
    CUSTOMER_IDENTIFIERS,
    CUSTOMER_FIELD_VALUES,
    CUSTOMER_FIELDS,
    CUSTOMER_EVENTS,
    CUSTOMER_CONSENTS,
    CUSTOMER_HOUSEHOLDS,
    CUSTOMER_ID_HISTORY,
    *trait_relations(packaged_traits()),
    *LINK_RELATIONS,
    *HISTORY_RELATIONS,
    MATCH_JUDGEMENTS,
    GENERIC_VALUES,
    GENERIC_RULINGS,
    PLACEHOLDER_VALUES,
    REJECTED_ROWS,
    RUNS,
    DATA_DICTIONARY,
)


# Of the documents, records and arrays beside the warehouse: to be counted up when what stands in one of them changes.
INDEX_FORMAT = 6


def relations(traits: Traits) -> tuple[Relation, ...]:
    """Every relation of a generation in which these traits are declared."""
    return tuple({each.name: each for each in (*RELATIONS, *trait_relations(traits))}.values())


def schema_version(traits: Traits | None = None) -> str:
    """A hash of every definition: a generation with another one cannot be refreshed, only built anew."""
    traits = traits or packaged_traits()
    statements = [f"index {INDEX_FORMAT}", traits.version]
    statements += [line for relation in relations(traits) for line in relation.create_statements("generation")]
    return hashlib.sha256("\n".join(statements).encode()).hexdigest()[:12]


def dictionary_rows(traits: Traits | None = None) -> list[tuple[str, str | None, int, str | None, bool, str]]:
    """The rows of ``data_dictionary``."""
    return [row for relation in relations(traits or packaged_traits()) for row in relation.dictionary_rows()]
