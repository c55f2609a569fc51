"""Who did what to whom, and why: a chain of rows in which none can be changed, dropped or put in unseen."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import orjson

from profile_service.audit_reads import packed, reworded, told
from profile_service.store.ledger import Ledger, Log, Session, Transaction
from profile_service.store.ledger.audit_rows import (
    READS,
    AuditRow,
    add_audit_rows,
    audit_rows_after,
    audit_rows_of,
    last_audit_row,
    newest_audit_rows,
    reword_audit_row,
)
from profile_service.store.ledger.times import as_text

# A row's columns from ``at`` to ``details``.
Content = tuple[str, str, str, str | None, str | None, str | None, str]
HEAD = "audit_head"
FIRST_HASH = "0" * 64  # what the first row follows
UNSAID = "purpose.unsaid"  # the act of an erasure, when a purpose had named the person
BROKEN = "chain.broken"  # the act of the trail itself, when its last row is not the one that was sealed
_PAGE = 2000
_LONGEST_PURPOSE = 200
_NOTHING: Mapping[str, Any] = {}


class Act(NamedTuple):
    """Something done: ``actor`` is a key's name or ``cli:user``, ``action`` a verb such as ``profile.read``.

    ``details`` names fields, counts and ids, never a person's values.
    """

    actor: str
    action: str
    customer_id: str | None = None
    purpose: str | None = None
    request_id: str | None = None
    details: Mapping[str, Any] = _NOTHING


@dataclass(frozen=True)
class Verdict:
    """What a check of the chain found: how many rows, its head, and the first row that is not as it was written."""

    rows: int
    head: str
    broken_at: int | None = None
    what: str = ""


class Audit:
    """The chain in one ledger, its head sealed with the server's secret.

    A row's hash covers its content and the row before; the seal covers the last row, so that nobody who can write the
    database, but does not know the secret, can shorten the chain or write it anew.
    """

    def __init__(self, ledger: Ledger, secret: bytes) -> None:
        self._ledger = ledger
        self._seal_key = hmac.digest(secret, b"audit trail", "sha256")

    def change(self, tx: Transaction, *acts: Act) -> None:
        """Put acts at the end of the chain, in the transaction of the change itself."""
        self.append(tx, [(as_text(tx.now), act) for act in acts])

    def append(self, tx: Transaction, acts: Sequence[tuple[str, Act]]) -> None:
        """Put (time, act) at the end of the chain; a time is RFC 3339 in UTC."""
        self._extend(tx, [_content(at, act) for at, act in acts])

    def append_reads(self, tx: Transaction, lines: Sequence[bytes]) -> None:
        """Put reads into one row at the end of the chain; a line is a JSON array as ``audit_reads.told`` reads it."""
        if lines:
            self._extend(tx, [(as_text(tx.now), "journal", READS, None, None, None, packed(lines))])

    def _extend(self, tx: Transaction, contents: Sequence[Content]) -> None:
        if not contents:
            return
        last = last_audit_row(tx.session)
        seq, link = (0, FIRST_HASH) if last is None else (last.seq, last.hash)
        rows = []
        if self._sealed_head(tx.session) != f"{seq}:{link}":
            # a new seal over a chain that was tampered with would hide it: the chain itself says so from here on
            told_of = Act("audit", BROKEN, details={"sealed": tx.log.meta(HEAD), "found": seq})
            contents = [_content(as_text(tx.now), told_of), *contents]
        for content in contents:
            seq += 1
            row = _row(seq, content, link)
            link = row.hash
            rows.append(row)
        add_audit_rows(tx.session, rows)
        tx.set_meta(HEAD, f"{seq}:{link}:{self._seal(seq, link)}")

    def unsay(self, tx: Transaction, rows: Sequence[AuditRow], less: Callable[[str], str]) -> int:
        """Let the purposes in rows say less, as ``less`` makes them; the chain tells which, so that a check accepts it.

        Everything else of those rows, and their place, is checked as before. Answers how many say less.
        """
        changed = [said for row in rows if (said := reworded(row, less)) != row]
        for row in changed:
            reword_audit_row(tx.session, row)
        if changed:
            hashes = {str(row.seq): _hash(_content_of(row)) for row in changed}
            self.change(tx, Act("eraser", UNSAID, details={"rows": hashes}))
        return len(changed)

    def head(self) -> str:
        """``seq:hash`` of the last row: written down elsewhere, it proves later that the chain still holds it."""
        last = last_audit_row(self._ledger.read())
        return f"0:{FIRST_HASH}" if last is None else f"{last.seq}:{last.hash}"

    def rows(self, customer_id: str | None = None, *, after: int = 0, limit: int = 1000) -> list[AuditRow]:
        """The acts of the next rows above number ``after``, in order; of one customer when one is named."""
        rows = audit_rows_after(self._ledger.read(), after, limit, customer_id)
        return [act for row in rows for act in told(row, customer_id)]

    def newest(self, limit: int, customer_id: str | None = None) -> list[AuditRow]:
        """The last at most ``limit`` acts, oldest of them first; of one customer when one is named."""
        rows = newest_audit_rows(self._ledger.read(), limit, customer_id)
        return [act for row in rows for act in told(row, customer_id)][-limit:]

    def verify(self, noted: str | None = None, progress: Callable[[int], None] = lambda rows: None) -> Verdict:
        """Check every row; ``noted`` is a head written down before, which must still be in the chain.

        A break that the trail itself has told of is accepted up to the noted head: somebody has looked into it.
        ``progress`` is told how many rows are checked.
        """
        with self._ledger.snapshot() as session:
            return self._verify(session, noted, progress)

    def _verify(self, session: Session, noted: str | None, progress: Callable[[int], None]) -> Verdict:
        count, link = 0, FIRST_HASH
        looked_into = int(noted.partition(":")[0]) if noted and noted.partition(":")[0].isdigit() else 0
        found = noted is None or noted == f"0:{FIRST_HASH}"
        # each such row is itself checked when its turn comes
        unsaid = {seq: said for row in audit_rows_of(session, UNSAID) for seq, said in _unsaid(row).items()}
        for row in _every_row(session):
            wrong = _wrong(row, count, link, unsaid.get(row.seq))
            if not wrong and row.action == BROKEN and row.seq > looked_into:
                wrong = f"rows before it were dropped, put in or changed: {row.details}"
            if wrong:
                return Verdict(count, f"{count}:{link}", count + 1, wrong)
            count, link = row.seq, row.hash
            found = found or noted == f"{count}:{link}"
            if count % _PAGE == 0:
                progress(count)
        head = f"{count}:{link}"
        sealed = self._sealed_head(session)
        if sealed is None:
            return Verdict(count, head, max(1, count), "the seal over the last row is missing or not this server's")
        if sealed != head:
            last = sealed.partition(":")[0]
            return Verdict(count, head, count + 1, f"row {last} was sealed as the last, not row {count}")
        if not found:
            return Verdict(count, head, count + 1, "the head that was noted is not in the chain")
        return Verdict(count, head)

    def _sealed_head(self, session: Session) -> str | None:
        """``seq:hash`` of the row that was sealed last; ``None`` without a seal that holds."""
        kept = Log(session).meta(HEAD)
        if kept is None and last_audit_row(session) is None:
            return f"0:{FIRST_HASH}"
        parts = (kept or "").split(":")
        if len(parts) != 3 or not parts[0].isdigit():
            return None
        seq, link, seal = int(parts[0]), parts[1], parts[2]
        return f"{seq}:{link}" if hmac.compare_digest(self._seal(seq, link), seal) else None

    def _seal(self, seq: int, link: str) -> str:
        return hmac.digest(self._seal_key, f"{seq}:{link}".encode(), "sha256").hex()


def _content(at: str, act: Act) -> Content:
    details = orjson.dumps(act.details, option=orjson.OPT_SORT_KEYS).decode()
    purpose = None if act.purpose is None else act.purpose[:_LONGEST_PURPOSE]
    return at, act.actor, act.action, act.customer_id, purpose, act.request_id, details


def _row(seq: int, content: Content, previous: str) -> AuditRow:
    whole = (seq, *content, previous)
    return AuditRow(*whole, hash=_hash(whole))


def _hash(content: tuple[object, ...]) -> str:
    """SHA-256 over a row's columns before the hash, as a JSON array in their order."""
    return hashlib.sha256(orjson.dumps(content)).hexdigest()


def _content_of(row: AuditRow) -> tuple[object, ...]:
    return tuple(vars(row).values())[:-1]


def _unsaid(row: AuditRow) -> dict[int, str]:
    """The hash of each row that says less, by its number; none where somebody has written something else there."""
    try:
        return {int(seq): str(said) for seq, said in orjson.loads(row.details)["rows"].items()}
    except (ValueError, LookupError, TypeError, AttributeError):
        return {}


def _wrong(row: AuditRow, before: int, link: str, unsaid: str | None) -> str:
    """What is wrong with the row that follows number ``before``; empty when nothing is.

    ``unsaid``: the hash of what it says since its purpose was made to say less.
    """
    if row.seq != before + 1:
        return f"row {before + 1} is missing"
    if row.previous_hash != link:
        return f"row {row.seq} does not follow the row before it"
    if _hash(_content_of(row)) not in (row.hash, unsaid):
        return f"row {row.seq} is not as it was written"
    return ""


def _every_row(session: Session) -> Iterator[AuditRow]:
    seq = 0
    while rows := audit_rows_after(session, seq, _PAGE):
        yield from rows
        seq = rows[-1].seq
