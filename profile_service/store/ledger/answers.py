"""Answers already given, so that a write repeated under one Idempotency-Key happens once."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import bindparam, delete, select

from profile_service.errors import IdempotencyConflict
from profile_service.store.ledger.session import Session
from profile_service.store.ledger.statement import Statement, dropping, putting
from profile_service.store.ledger.tables import IDEMPOTENCY
from profile_service.store.ledger.times import as_text

KEPT_FOR = timedelta(hours=24)


@dataclass(frozen=True)
class Answer:
    """An answer given: HTTP status, body, and the customer it is about, if it is about one."""

    status: int
    body: bytes
    customer_id: str | None = None


@dataclass(frozen=True)
class Request:
    """A request that names itself: the API key's name, its Idempotency-Key, a hash of its route and body."""

    key_name: str
    idempotency_key: str
    request_hash: str


_FIND = Statement(
    select(IDEMPOTENCY.c.request_hash, IDEMPOTENCY.c.status, IDEMPOTENCY.c.body, IDEMPOTENCY.c.customer_id).where(
        IDEMPOTENCY.c.key_name == bindparam("key_name"),
        IDEMPOTENCY.c.idempotency_key == bindparam("idempotency_key"),
        IDEMPOTENCY.c.at > bindparam("expired"),
    )
)
_PUT = putting(IDEMPOTENCY)
_EXPIRE = Statement(delete(IDEMPOTENCY).where(IDEMPOTENCY.c.at <= bindparam("expired")))
_FORGET = dropping(IDEMPOTENCY, "customer_id")


def replayed(session: Session, request: Request, now: datetime) -> Answer | None:
    """The answer this request got before, or ``None``.

    Raises ``IdempotencyConflict`` when its Idempotency-Key was used for another request.
    """
    found = session.one(
        _FIND,
        {
            "key_name": request.key_name,
            "idempotency_key": request.idempotency_key,
            "expired": as_text(now - KEPT_FOR),
        },
    )
    if found is None:
        return None
    request_hash, status, body, customer_id = found
    if request_hash != request.request_hash:
        raise IdempotencyConflict("this Idempotency-Key was used for another request; take a new one")
    return Answer(status, bytes(body), customer_id)


def remember(session: Session, request: Request, answer: Answer, now: datetime) -> None:
    """Keep an answer for a day, and let go of older ones."""
    session.do(_EXPIRE, {"expired": as_text(now - KEPT_FOR)})
    session.do(
        _PUT,
        {
            "key_name": request.key_name,
            "idempotency_key": request.idempotency_key,
            "request_hash": request.request_hash,
            "status": answer.status,
            "body": answer.body,
            "at": as_text(now),
            "customer_id": answer.customer_id,
        },
    )


def forget_answers(session: Session, customer_id: str) -> None:
    """Let go of every answer about a customer."""
    session.do(_FORGET, {"customer_id": customer_id})
