"""Every table of the ledger, once, for SQLite and for PostgreSQL."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Column,
    Double,
    Index,
    Integer,
    Table,
)
from sqlalchemy.types import TypeEngine

from profile_service.store.ledger.columns import METADATA
from profile_service.store.ledger.columns import number as _number
from profile_service.store.ledger.columns import octets as _bytes
from profile_service.store.ledger.columns import table as _table
from profile_service.store.ledger.columns import text as _text

SCHEMA_VERSION = 1

# SQLite makes only an INTEGER primary key the row's own place in the file.
_SEQ: TypeEngine[int] = BigInteger().with_variant(Integer, "sqlite")


def _seq() -> Column[int]:
    return Column("seq", _SEQ, primary_key=True, autoincrement=False)


# Names and values: schema_version, current_generation, keys_version, audit_head, seq_floor,
# suppression_salt.
META = _table("meta", _text("name", key=True), _text("value"))

# The log. Times are RFC 3339 in UTC with microseconds, so that they sort as text; payload is a JSON object.
ENTRIES = Table(
    "entries",
    METADATA,
    _seq(),
    _text("kind"),
    _text("at"),
    _text("actor"),
    _text("channel", optional=True),
    _text("source_record_id", optional=True),
    _text("customer_id", optional=True),
    _text("payload", optional=True),
    _text("reason", optional=True),
)
Index("entries_by_record", ENTRIES.c.channel, ENTRIES.c.source_record_id)
Index("entries_by_customer", ENTRIES.c.customer_id)
Index("entries_by_kind", ENTRIES.c.kind, ENTRIES.c.seq)

# Every id that was new when entry seq was answered, with the first record of its customer; a replay gives no other.
GIVEN_IDS = _table(
    "given_ids",
    _text("channel", key=True),
    _text("source_record_id", key=True),
    _text("customer_id", key=True),
    _number("seq"),
)
Index("given_ids_by_seq", GIVEN_IDS.c.seq)

# Answers already given, by Idempotency-Key; customer_id names whom an answer is about, so that erasure finds it.
IDEMPOTENCY = _table(
    "idempotency",
    _text("key_name", key=True),
    _text("idempotency_key", key=True),
    _text("request_hash"),
    _number("status"),
    _bytes("body"),
    _text("at"),
    _text("customer_id", optional=True),
)
Index("idempotency_by_time", IDEMPOTENCY.c.at)
Index("idempotency_by_customer", IDEMPOTENCY.c.customer_id)

# Live events and consents lie over every generation that has not folded their entry yet (entry seq > its ledger_seq).
EVENTS = _table(
    "live_events",
    _text("channel", key=True),
    _text("event_id", key=True),
    _number("seq"),
    _text("source_record_id"),
    _text("occurred_at", optional=True),
    _bytes("body"),
)
Index("live_events_by_record", EVENTS.c.channel, EVENTS.c.source_record_id)

CONSENTS = _table(
    "live_consents",
    _number("seq", key=True),
    _text("purpose", key=True),
    _text("channel", key=True),
    _text("customer_id"),
    _text("source_record_id", optional=True),
    _text("consent"),
    _text("stated_at"),
)
Index("live_consents_by_customer", CONSENTS.c.customer_id)

# The overlay: what the log makes of one generation. `generation` is that generation's run_id.
OVERLAY_CUSTOMERS = Table(
    "overlay_customers",
    METADATA,
    _text("generation", key=True),
    _text("customer_id", key=True),
    _text("state"),
    _text("stands_as", optional=True),
    _bytes("document"),
    _number("seq"),
)

# A record is revised when its values are not as published: keys and pairs that the generation has of it are void.
OVERLAY_RECORDS = Table(
    "overlay_records",
    METADATA,
    _text("generation", key=True),
    _text("channel", key=True),
    _text("source_record_id", key=True),
    _number("ref"),
    _text("customer_id"),
    _number("revised"),
    _bytes("body"),
)
Index("overlay_records_by_ref", OVERLAY_RECORDS.c.generation, OVERLAY_RECORDS.c.ref, unique=True)
Index("overlay_records_by_customer", OVERLAY_RECORDS.c.generation, OVERLAY_RECORDS.c.customer_id)

OVERLAY_KEYS = _table(
    "overlay_keys",
    _text("generation", key=True),
    _number("key", key=True),
    _number("ref", key=True),
)
Index("overlay_keys_by_ref", OVERLAY_KEYS.c.generation, OVERLAY_KEYS.c.ref)

# Each pair stands there from both sides.
OVERLAY_PAIRS = _table(
    "overlay_pairs",
    _text("generation", key=True),
    _number("ref", key=True),
    _number("other", key=True),
    Column("bits", Double, nullable=False),
)

OVERLAY_IDENTIFIERS = _table(
    "overlay_identifiers",
    _text("generation", key=True),
    _text("type", key=True),
    _text("value", key=True),
    _text("customer_id", key=True),
)
Index("overlay_identifiers_by_customer", OVERLAY_IDENTIFIERS.c.generation, OVERLAY_IDENTIFIERS.c.customer_id)

OVERLAY_TERMS = _table(
    "overlay_terms",
    _text("generation", key=True),
    _text("term", key=True),
    _text("kind", key=True),
    _text("customer_id", key=True),
)
Index("overlay_terms_by_customer", OVERLAY_TERMS.c.generation, OVERLAY_TERMS.c.customer_id)

# Found from both records; a verdict `undone` takes back what the decision said of the two.
OVERLAY_JUDGEMENTS = _table(
    "overlay_judgements",
    _text("generation", key=True),
    _number("ref", key=True),
    _number("other", key=True),
    _text("decision_id", key=True),
    _text("verdict"),
)
Index("overlay_judgements_by_other", OVERLAY_JUDGEMENTS.c.generation, OVERLAY_JUDGEMENTS.c.other)

# An id that was merged away live, and the records that left it then; since: when it was first given, RFC 3339.
OVERLAY_FORMER = _table(
    "overlay_former",
    _text("generation", key=True),
    _number("ref", key=True),
    _text("customer_id", key=True),
    _number("retired_us"),
    _text("since"),
)
Index("overlay_former_by_customer", OVERLAY_FORMER.c.generation, OVERLAY_FORMER.c.customer_id)

OVERLAY = (
    OVERLAY_CUSTOMERS,
    OVERLAY_RECORDS,
    OVERLAY_KEYS,
    OVERLAY_PAIRS,
    OVERLAY_IDENTIFIERS,
    OVERLAY_TERMS,
    OVERLAY_JUDGEMENTS,
    OVERLAY_FORMER,
)

# Tokens of erased records, made with the salt in meta: a record that has one here is refused.
SUPPRESSIONS = _table("suppressions", _text("token", key=True), _number("seq"))

# An API key is found by its public part and known by its HMAC; scopes and mask are JSON lists.
KEYS = _table(
    "keys",
    _text("name", key=True),
    _text("public_part"),
    _text("digest"),
    _text("scopes"),
    _text("audience"),
    _text("channel", optional=True),
    _number("trusted"),
    _text("mask"),
    _number("rate_limit", optional=True),
    _text("created_at"),
    _text("expires_at", optional=True),
    _text("revoked_at", optional=True),
)
Index("keys_by_public_part", KEYS.c.public_part, unique=True)

# Who did what to whom, and why: each row's hash covers the row before.
AUDIT = Table(
    "audit",
    METADATA,
    _seq(),
    _text("at"),
    _text("actor"),
    _text("action"),
    _text("customer_id", optional=True),
    _text("purpose", optional=True),
    _text("request_id", optional=True),
    _text("details"),
    _text("previous_hash"),
    _text("hash"),
)
Index("audit_by_customer", AUDIT.c.customer_id, AUDIT.c.seq)

# How far each journal of reads is in the chain already, in bytes.
AUDIT_JOURNALS = _table("audit_journals", _text("name", key=True), _number("folded_bytes"))
