"""Calls that the telephone system tells of, as rows of the ledger; they are forgotten after some hours."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import and_, bindparam, delete, exists, or_, select

from profile_service.store.ledger.desk_tables import CALLS, TELEPHONES
from profile_service.store.ledger.session import Session
from profile_service.store.ledger.statement import Statement, adding_if_new, dropping, putting


@dataclass(frozen=True)
class CallRow:
    """A call: ``number`` the customer's, ``user_name`` whose telephone it is, None where it rings at several."""

    call_id: str
    number: str
    user_name: str | None
    queue: str | None
    state: str
    rang_at: str
    changed_at: str


_CALL = Statement(select(*CALLS.columns).where(CALLS.c.call_id == bindparam("call_id")))
_PUT = putting(CALLS)
_ANYWHERE = exists().where(TELEPHONES.c.call_id == CALLS.c.call_id)
_HERE = exists().where(TELEPHONES.c.call_id == CALLS.c.call_id, TELEPHONES.c.user_name == bindparam("user_name"))
_RECENT = Statement(
    select(*CALLS.columns)
    .where(
        CALLS.c.rang_at >= bindparam("since"),
        or_(CALLS.c.user_name == bindparam("user_name"), and_(CALLS.c.user_name.is_(None), or_(~_ANYWHERE, _HERE))),
    )
    .order_by(CALLS.c.rang_at.desc())
)
_OLD = Statement(select(CALLS.c.call_id).where(CALLS.c.rang_at < bindparam("before")).limit(1))
_FORGET_OLD = Statement(delete(CALLS).where(CALLS.c.rang_at < bindparam("before")))
_FORGET_ALL = Statement(delete(CALLS))
_FORGET_NUMBER = Statement(delete(CALLS).where(CALLS.c.number.like(bindparam("ending"))))
# With or without its country a number ends alike; a call more that is forgotten harms nobody.
_ENDING = 8
_ADD_TELEPHONE = adding_if_new(TELEPHONES)
_NO_TELEPHONES = dropping(TELEPHONES, "call_id")
_FORGET_TELEPHONES = Statement(delete(TELEPHONES).where(TELEPHONES.c.call_id.not_in(select(CALLS.c.call_id))))


def find_call(session: Session, call_id: str) -> CallRow | None:
    """The call of that id."""
    row = session.one(_CALL, {"call_id": call_id})
    return None if row is None else CallRow(*row)


def put_call(session: Session, call: CallRow) -> None:
    """Add a call, or let it be as ``call`` says."""
    session.do(_PUT, vars(call))


def ring_at(session: Session, call_id: str, user_names: Iterable[str]) -> None:
    """Let a call ring at these users' telephones and at no other; at none: it is everybody's, or its taker's."""
    session.do(_NO_TELEPHONES, {"call_id": call_id})
    for user_name in user_names:
        session.do(_ADD_TELEPHONE, {"call_id": call_id, "user_name": user_name})


def recent_calls(session: Session, user_name: str, since: str) -> list[CallRow]:
    """Calls that ring at a user's telephone or are theirs, or for everybody, since a moment; the newest first."""
    return [CallRow(*row) for row in session.all(_RECENT, {"user_name": user_name, "since": since})]


def any_call_before(session: Session, before: str) -> bool:
    """Whether a call that rang before a moment is kept."""
    return session.one(_OLD, {"before": before}) is not None


def forget_calls_before(session: Session, before: str) -> None:
    """Drop calls that rang before a moment."""
    session.do(_FORGET_OLD, {"before": before})
    session.do(_FORGET_TELEPHONES, {})


def forget_calls(session: Session) -> None:
    """Drop every call."""
    session.do(_FORGET_ALL, {})
    session.do(_FORGET_TELEPHONES, {})


def forget_calls_of(session: Session, number: str) -> None:
    """Drop every call of a number, however much of it a telephone system or a record has told."""
    digits = "".join(letter for letter in number if letter in "0123456789")
    session.do(_FORGET_NUMBER, {"ending": f"%{digits[-_ENDING:]}" if digits else number})
    session.do(_FORGET_TELEPHONES, {})
