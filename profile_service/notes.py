"""What agents note of a customer: with one of its records, so that it goes where that record goes."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, replace

from profile_service.errors import Refused
from profile_service.live.consents import carrier_of
from profile_service.store.ledger import Session, Transaction
from profile_service.store.ledger.desk_rows import NoteRow, add_note, change_note, drop_note, find_note, notes_of
from profile_service.store.ledger.times import as_text
from profile_service.store.stored import StoredRecord

LONGEST_NOTE = 2_000  # characters
_MOST_NOTES = 500  # of one customer


@dataclass(frozen=True)
class Hand:
    """Whose hand it is: ``oversees`` may change and remove what others have noted."""

    name: str
    oversees: bool = False


def read_notes(session: Session, records: Sequence[StoredRecord]) -> list[NoteRow]:
    """The notes on whom these records belong to: pinned first, then the newest."""
    return notes_of(session, [(record.channel, record.source_record_id) for record in records])


def write_note(tx: Transaction, records: Sequence[StoredRecord], channel: str, author: str, text: str) -> NoteRow:
    """Note something of a customer with these records. Raises Refused beyond 500 notes."""
    if len(read_notes(tx.session, records)) >= _MOST_NOTES:
        raise Refused("conflict", f"this customer has {_MOST_NOTES} notes already: remove what is out of date")
    carrier = carrier_of(list(records), channel)
    note = NoteRow(
        note_id=f"note_{secrets.token_hex(10)}",
        channel=carrier.channel,
        source_record_id=carrier.source_record_id,
        author=author,
        written_at=as_text(tx.now),
        text=text,
    )
    add_note(tx.session, note)
    return note


def edit_note(tx: Transaction, records: Sequence[StoredRecord], note_id: str, by: Hand, text: str) -> NoteRow:
    """Let a note say something else; who wrote it first, and who changed it last, is kept. Raises Refused."""
    note = _own(_note(tx, records, note_id), by)
    changed = replace(note, text=text, edited_by=by.name, edited_at=as_text(tx.now))
    change_note(tx.session, changed)
    return changed


def pin_note(tx: Transaction, records: Sequence[StoredRecord], note_id: str, pinned: bool) -> NoteRow:
    """Let a note stand above the others, or no longer. Raises Refused."""
    changed = replace(_note(tx, records, note_id), pinned=int(pinned))
    change_note(tx.session, changed)
    return changed


def remove_note(tx: Transaction, records: Sequence[StoredRecord], note_id: str, by: Hand) -> NoteRow:
    """Remove a note. Raises Refused."""
    note = _own(_note(tx, records, note_id), by)
    drop_note(tx.session, note_id)
    return note


def _own(note: NoteRow, by: Hand) -> NoteRow:
    if note.author != by.name and not by.oversees:
        raise Refused("forbidden", f"{note.author} wrote this: they change it, or a lead or a steward does")
    return note


def _note(tx: Transaction, records: Sequence[StoredRecord], note_id: str) -> NoteRow:
    note = find_note(tx.session, note_id)
    if note is None or (note.channel, note.source_record_id) not in {
        (record.channel, record.source_record_id) for record in records
    }:
        raise Refused("not-found", "there is no such note on this customer any more")
    return note
