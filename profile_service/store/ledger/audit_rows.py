"""The audit trail as rows of the ledger, and how far the journals of reads are in it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sqlalchemy import BigInteger, and_, bindparam, or_, select, update

from profile_service.store.ledger.session import Session
from profile_service.store.ledger.statement import Statement, adding, dropping, putting
from profile_service.store.ledger.tables import AUDIT, AUDIT_JOURNALS

READS = "reads"  # the action of a row that holds many reads in its details


@dataclass(frozen=True)
class AuditRow:
    """One row of the chain; ``details`` is a JSON object, hashes are hexadecimal SHA-256."""

    seq: int
    at: str
    actor: str
    action: str
    customer_id: str | None
    purpose: str | None
    request_id: str | None
    details: str
    previous_hash: str
    hash: str


_ALL = select(*AUDIT.columns)
_LIMIT = bindparam("limit", type_=BigInteger)
_LAST = Statement(_ALL.order_by(AUDIT.c.seq.desc()).limit(1))
_AFTER = Statement(_ALL.where(AUDIT.c.seq > bindparam("seq")).order_by(AUDIT.c.seq).limit(_LIMIT))
# what is not about the customer after all, because the pattern is met elsewhere, is left out when it is told
_ABOUT = or_(
    AUDIT.c.customer_id == bindparam("customer_id"),
    and_(AUDIT.c.action == READS, AUDIT.c.details.like(bindparam("named"))),
)
_OF_CUSTOMER = Statement(_ALL.where(_ABOUT, AUDIT.c.seq > bindparam("seq")).order_by(AUDIT.c.seq).limit(_LIMIT))
_NEWEST = Statement(_ALL.order_by(AUDIT.c.seq.desc()).limit(_LIMIT))
_NEWEST_OF_CUSTOMER = Statement(_ALL.where(_ABOUT).order_by(AUDIT.c.seq.desc()).limit(_LIMIT))
_ADD = adding(AUDIT)
_OF_ACTION = Statement(_ALL.where(AUDIT.c.action == bindparam("action")).order_by(AUDIT.c.seq))
_REWORD = Statement(
    update(AUDIT).where(AUDIT.c.seq == bindparam("number")).values(purpose=bindparam("why"), details=bindparam("what"))
)
_LOOKED_FOR_AT_ONCE = 50  # texts in one statement
_FOLDED = Statement(select(AUDIT_JOURNALS.c.folded_bytes).where(AUDIT_JOURNALS.c.name == bindparam("name")))
_PUT_FOLDED = putting(AUDIT_JOURNALS)
_DROP_FOLDED = dropping(AUDIT_JOURNALS, "name")


def audit_rows_saying(session: Session, texts: Sequence[str]) -> list[AuditRow]:
    """The rows whose purpose, or any that is in their details, holds one of some texts, in whatever case.

    More than these may be found: ``%`` and ``_`` stand for anything, and details hold other things too.
    """
    found: dict[int, AuditRow] = {}
    for start in range(0, len(texts), _LOOKED_FOR_AT_ONCE):
        part = texts[start : start + _LOOKED_FOR_AT_ONCE]
        tests = [
            column.icontains(bindparam(f"text{number}"))
            for number in range(len(part))
            for column in (AUDIT.c.purpose, AUDIT.c.details)
        ]
        values = {f"text{number}": text for number, text in enumerate(part)}
        found |= {row[0]: AuditRow(*row) for row in session.all(Statement(_ALL.where(or_(*tests))), values)}
    return [found[seq] for seq in sorted(found)]


def audit_rows_of(session: Session, action: str) -> list[AuditRow]:
    """Every row of one action, in order."""
    return [AuditRow(*row) for row in session.all(_OF_ACTION, {"action": action})]


def reword_audit_row(session: Session, row: AuditRow) -> None:
    """Let the purpose and the details of the row of that number be as in ``row``; the chain must tell of it."""
    session.do(_REWORD, {"number": row.seq, "why": row.purpose, "what": row.details})


def last_audit_row(session: Session) -> AuditRow | None:
    """The newest row of the chain."""
    row = session.one(_LAST, {})
    return None if row is None else AuditRow(*row)


def audit_rows_after(session: Session, seq: int, limit: int, customer_id: str | None = None) -> list[AuditRow]:
    """The next rows above ``seq``, in order; of one customer when one is named."""
    values = {"seq": seq, "limit": limit}
    if customer_id is None:
        return [AuditRow(*row) for row in session.all(_AFTER, values)]
    return [AuditRow(*row) for row in session.all(_OF_CUSTOMER, values | _about(customer_id))]


def newest_audit_rows(session: Session, limit: int, customer_id: str | None = None) -> list[AuditRow]:
    """The last rows, oldest of them first; of one customer when one is named."""
    if customer_id is None:
        rows = session.all(_NEWEST, {"limit": limit})
    else:
        rows = session.all(_NEWEST_OF_CUSTOMER, {"limit": limit} | _about(customer_id))
    return [AuditRow(*row) for row in reversed(rows)]


def _about(customer_id: str) -> dict[str, str]:
    return {"customer_id": customer_id, "named": f'%"{customer_id}"%'}


def add_audit_rows(session: Session, rows: Iterable[AuditRow]) -> None:
    """Put rows at the end of the chain."""
    session.many(_ADD, [vars(row) for row in rows])


def folded_bytes(session: Session, journal: str) -> int:
    """How much of a journal is in the chain."""
    row = session.one(_FOLDED, {"name": journal})
    return 0 if row is None else int(row[0])


def put_folded_bytes(session: Session, journal: str, count: int) -> None:
    """So much of a journal is in the chain now."""
    session.do(_PUT_FOLDED, {"name": journal, "folded_bytes": count})


def drop_folded_bytes(session: Session, journal: str) -> None:
    """Forget a journal whose file is gone."""
    session.do(_DROP_FOLDED, {"name": journal})
