"""Notes on customers and how callers proved who they are, as rows of the ledger."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import bindparam, select

from profile_service.store.ledger.desk_tables import NOTES, VERIFICATIONS
from profile_service.store.ledger.session import Session
from profile_service.store.ledger.statement import Statement, adding, changing, dropping

RecordKey = tuple[str, str]


@dataclass(frozen=True)
class NoteRow:
    """A note as kept; the record (channel, source_record_id) carries it through merges and splits."""

    note_id: str
    channel: str
    source_record_id: str
    author: str
    written_at: str
    text: str
    pinned: int = 0
    edited_by: str | None = None
    edited_at: str | None = None


@dataclass(frozen=True)
class VerificationRow:
    """A caller asked to prove who they are; ``expected``: the HMAC of the right answer, ``state``: how it went."""

    verification_id: str
    customer_id: str
    user_name: str
    method: str
    asked_at: str
    expected: str
    attempts: int
    state: str
    ends_at: str


_NOTES_OF = Statement(
    select(*NOTES.columns)
    .where(NOTES.c.channel == bindparam("channel"), NOTES.c.source_record_id == bindparam("source_record_id"))
    .order_by(NOTES.c.written_at)
)
_NOTE = Statement(select(*NOTES.columns).where(NOTES.c.note_id == bindparam("note_id")))
_ADD_NOTE = adding(NOTES)
_CHANGE_NOTE = changing(NOTES, "text", "pinned", "edited_by", "edited_at")
_DROP_NOTE = dropping(NOTES, "note_id")

_ADD_VERIFICATION = adding(VERIFICATIONS)
_VERIFICATION = Statement(
    select(*VERIFICATIONS.columns).where(VERIFICATIONS.c.verification_id == bindparam("verification_id"))
)
_OF_CUSTOMER = Statement(
    select(*VERIFICATIONS.columns)
    .where(VERIFICATIONS.c.customer_id == bindparam("customer_id"), VERIFICATIONS.c.asked_at >= bindparam("since"))
    .order_by(VERIFICATIONS.c.asked_at.desc())
)
_SETTLE = changing(VERIFICATIONS, "attempts", "state", "ends_at")


def notes_of(session: Session, keys: Iterable[RecordKey]) -> list[NoteRow]:
    """The notes that some records carry: pinned first, then the newest."""
    found = [
        NoteRow(*row)
        for channel, source_record_id in keys
        for row in session.all(_NOTES_OF, {"channel": channel, "source_record_id": source_record_id})
    ]
    return sorted(sorted(found, key=lambda note: note.written_at, reverse=True), key=lambda note: not note.pinned)


def find_note(session: Session, note_id: str) -> NoteRow | None:
    """The note of that id."""
    row = session.one(_NOTE, {"note_id": note_id})
    return None if row is None else NoteRow(*row)


def add_note(session: Session, note: NoteRow) -> None:
    """Add a note."""
    session.do(_ADD_NOTE, vars(note))


def change_note(session: Session, note: NoteRow) -> None:
    """Let the note of that id say what ``note`` says."""
    session.do(_CHANGE_NOTE, vars(note))


def drop_note(session: Session, note_id: str) -> None:
    """Remove a note."""
    session.do(_DROP_NOTE, {"note_id": note_id})


def add_verification(session: Session, verification: VerificationRow) -> None:
    """Add one that was just asked, or that was settled at once."""
    session.do(_ADD_VERIFICATION, vars(verification))


def find_verification(session: Session, verification_id: str) -> VerificationRow | None:
    """The one of that id."""
    row = session.one(_VERIFICATION, {"verification_id": verification_id})
    return None if row is None else VerificationRow(*row)


def verifications_of(session: Session, customer_id: str, since: str) -> list[VerificationRow]:
    """Those of a customer from a moment on, the newest first."""
    return [VerificationRow(*row) for row in session.all(_OF_CUSTOMER, {"customer_id": customer_id, "since": since})]


def settle_verification(session: Session, verification: VerificationRow) -> None:
    """Keep attempts, state and end of the one of that id."""
    session.do(_SETTLE, vars(verification))
