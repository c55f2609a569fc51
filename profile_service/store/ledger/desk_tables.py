"""What the console keeps in the ledger: its users and their sessions, and what they note of customers and callers."""

from __future__ import annotations

from sqlalchemy import Index

from profile_service.store.ledger.columns import number, table, text

# A password as Argon2 writes it, salt and cost included; subject is who an OpenID provider says the user is.
USERS = table(
    "users",
    text("name", key=True),
    text("display_name"),
    text("role"),
    text("password", optional=True),
    text("subject", optional=True),
    text("created_at"),
    text("disabled_at", optional=True),
    number("failures"),
    text("locked_until", optional=True),
)
Index("users_by_subject", USERS.c.subject, unique=True)

# A session is known by the HMAC of its cookie; times are RFC 3339 in UTC.
SESSIONS = table(
    "sessions",
    text("digest", key=True),
    text("user_name"),
    text("began_at"),
    text("seen_at"),
)
Index("sessions_by_user", SESSIONS.c.user_name)

# A note stays with the record that carries it, through every merge and split.
NOTES = table(
    "notes",
    text("note_id", key=True),
    text("channel"),
    text("source_record_id"),
    text("author"),
    text("written_at"),
    text("text"),
    number("pinned"),
    text("edited_by", optional=True),
    text("edited_at", optional=True),
)
Index("notes_by_record", NOTES.c.channel, NOTES.c.source_record_id)

# How a caller was asked to prove who they are; expected is the HMAC of the right answer, state asked, passed or failed.
VERIFICATIONS = table(
    "verifications",
    text("verification_id", key=True),
    text("customer_id"),
    text("user_name"),
    text("method"),
    text("asked_at"),
    text("expected"),
    number("attempts"),
    text("state"),
    text("ends_at"),
)
Index("verifications_by_customer", VERIFICATIONS.c.customer_id, VERIFICATIONS.c.user_name)

# Calls that the telephone system tells of, for some hours; number is the caller's in E.164 or as it came.
CALLS = table(
    "calls",
    text("call_id", key=True),
    text("number"),
    text("user_name", optional=True),
    text("queue", optional=True),
    text("state"),
    text("rang_at"),
    text("changed_at"),
)
Index("calls_by_user", CALLS.c.user_name, CALLS.c.rang_at)

# The telephones at which a call rings that has several; whoever takes it has it alone.
TELEPHONES = table("call_telephones", text("call_id", key=True), text("user_name", key=True))

# What each steward said of a pair of records: the agreement between them is measured, also of those who are unsure.
VOTES = table(
    "votes",
    text("left_record", key=True),
    text("right_record", key=True),
    text("user_name", key=True),
    text("verdict"),
    number("centibits"),
    text("voted_at"),
    text("decision_id", optional=True),
)

# An erasure that waits for a second person's word; decision is carried out, refused or null while it waits.
ERASURE_REQUESTS = table(
    "erasure_requests",
    text("request_id", key=True),
    text("customer_id"),
    text("asked_by"),
    text("asked_at"),
    text("reason"),
    text("decision", optional=True),
    text("decided_by", optional=True),
    text("decided_at", optional=True),
)
Index("erasure_requests_by_customer", ERASURE_REQUESTS.c.customer_id)
