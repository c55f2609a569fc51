"""The console's users and their sessions as rows of the ledger."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import bindparam, delete, select, update

from profile_service.store.ledger.desk_tables import SESSIONS, USERS
from profile_service.store.ledger.session import Session
from profile_service.store.ledger.statement import Statement, adding, changing, dropping


@dataclass(frozen=True)
class UserRow:
    """A user as kept: ``password`` is Argon2's own text; times are RFC 3339 in UTC."""

    name: str
    display_name: str
    role: str
    password: str | None
    subject: str | None
    created_at: str
    disabled_at: str | None = None
    failures: int = 0
    locked_until: str | None = None


@dataclass(frozen=True)
class SessionRow:
    """A session with its user as both stand now."""

    digest: str
    began_at: str
    seen_at: str
    user: UserRow


_ALL = select(*USERS.columns)
_BY_NAME = Statement(_ALL.where(USERS.c.name == bindparam("name")))
_BY_SUBJECT = Statement(_ALL.where(USERS.c.subject == bindparam("subject")))
_LIST = Statement(_ALL.order_by(USERS.c.name))
_ADD = adding(USERS)
_KEPT = ("name", "created_at")
_CHANGE = changing(USERS, *(column.name for column in USERS.columns if column.name not in _KEPT))
_SESSION = Statement(
    select(SESSIONS.c.digest, SESSIONS.c.began_at, SESSIONS.c.seen_at, *USERS.columns)
    .join(USERS, USERS.c.name == SESSIONS.c.user_name)
    .where(SESSIONS.c.digest == bindparam("digest"))
)
_BEGIN = adding(SESSIONS)
_SEEN = Statement(update(SESSIONS).where(SESSIONS.c.digest == bindparam("which")).values(seen_at=bindparam("now")))
_END = dropping(SESSIONS, "digest")
_END_ALL = dropping(SESSIONS, "user_name")
_END_STALE = Statement(
    delete(SESSIONS).where((SESSIONS.c.seen_at < bindparam("seen")) | (SESSIONS.c.began_at < bindparam("began")))
)


def user_named(session: Session, name: str) -> UserRow | None:
    """The user of that name."""
    row = session.one(_BY_NAME, {"name": name})
    return None if row is None else UserRow(*row)


def user_of_subject(session: Session, subject: str) -> UserRow | None:
    """The user whom an OpenID provider calls so."""
    row = session.one(_BY_SUBJECT, {"subject": subject})
    return None if row is None else UserRow(*row)


def list_users(session: Session) -> list[UserRow]:
    """Every user, by name."""
    return [UserRow(*row) for row in session.all(_LIST, {})]


def add_user(session: Session, user: UserRow) -> None:
    """Add a user; the name is new."""
    session.do(_ADD, vars(user))


def change_user(session: Session, user: UserRow) -> None:
    """Let the user of that name be as ``user`` says."""
    session.do(_CHANGE, vars(user))


def session_of(session: Session, digest: str) -> SessionRow | None:
    """The session of that digest, however old."""
    row = session.one(_SESSION, {"digest": digest})
    return None if row is None else SessionRow(row[0], row[1], row[2], UserRow(*row[3:]))


def begin_session(session: Session, digest: str, user_name: str, now: str) -> None:
    """Add a session."""
    session.do(_BEGIN, {"digest": digest, "user_name": user_name, "began_at": now, "seen_at": now})


def note_seen(session: Session, digest: str, now: str) -> None:
    """The session was used now."""
    session.do(_SEEN, {"which": digest, "now": now})


def end_sessions(session: Session, digests: Iterable[str] = (), user_name: str | None = None) -> None:
    """End some sessions, or all of a user."""
    for digest in digests:
        session.do(_END, {"digest": digest})
    if user_name is not None:
        session.do(_END_ALL, {"user_name": user_name})


def end_stale_sessions(session: Session, seen_before: str, began_before: str) -> None:
    """Drop what has expired."""
    session.do(_END_STALE, {"seen": seen_before, "began": began_before})
