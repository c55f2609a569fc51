"""What each steward said of pairs of records, and who asked for which erasure, as rows of the ledger."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import bindparam, select

from profile_service.store.ledger.desk_tables import ERASURE_REQUESTS, VOTES
from profile_service.store.ledger.session import Session
from profile_service.store.ledger.statement import Statement, adding, changing, dropping, putting


@dataclass(frozen=True)
class VoteRow:
    """A steward's word on two records (``channel:id``, in order); ``centibits``: hundredths of a bit."""

    left_record: str
    right_record: str
    user_name: str
    verdict: str
    centibits: int
    voted_at: str
    decision_id: str | None = None


@dataclass(frozen=True)
class ErasureRequestRow:
    """An erasure somebody asked for; ``decision``: None while it waits, else ``carried out`` or ``refused``."""

    request_id: str
    customer_id: str
    asked_by: str
    asked_at: str
    reason: str
    decision: str | None = None
    decided_by: str | None = None
    decided_at: str | None = None


_PUT_VOTE = putting(VOTES)
_VOTES = Statement(select(*VOTES.columns).order_by(VOTES.c.voted_at))
_OF_DECISION = dropping(VOTES, "decision_id")

_ADD_REQUEST = adding(ERASURE_REQUESTS)
_REQUEST = Statement(select(*ERASURE_REQUESTS.columns).where(ERASURE_REQUESTS.c.request_id == bindparam("request_id")))
_REQUESTS = Statement(select(*ERASURE_REQUESTS.columns).order_by(ERASURE_REQUESTS.c.asked_at.desc()))
_DECIDE = changing(ERASURE_REQUESTS, "customer_id", "reason", "decision", "decided_by", "decided_at")


def put_vote(session: Session, vote: VoteRow) -> None:
    """Keep what a steward says of a pair, in place of what the same one said before."""
    session.do(_PUT_VOTE, vars(vote))


def all_votes(session: Session) -> list[VoteRow]:
    """Every vote, oldest first."""
    return [VoteRow(*row) for row in session.all(_VOTES, {})]


def drop_votes_of_decision(session: Session, decision_id: str) -> None:
    """Take back the votes that made a decision."""
    session.do(_OF_DECISION, {"decision_id": decision_id})


def add_erasure_request(session: Session, request: ErasureRequestRow) -> None:
    """Add a request."""
    session.do(_ADD_REQUEST, vars(request))


def find_erasure_request(session: Session, request_id: str) -> ErasureRequestRow | None:
    """The request of that id."""
    row = session.one(_REQUEST, {"request_id": request_id})
    return None if row is None else ErasureRequestRow(*row)


def erasure_requests(session: Session) -> list[ErasureRequestRow]:
    """Every request, the newest first."""
    return [ErasureRequestRow(*row) for row in session.all(_REQUESTS, {})]


def decide_erasure_request(session: Session, request: ErasureRequestRow) -> None:
    """Keep the decision of the request of that id, whom it was about in the end, and what is left of its reason."""
    session.do(_DECIDE, vars(request))
