"""What people said in their own words, wherever the ledger keeps it: reasons in the log, notes, wishes to erase."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import orjson
from sqlalchemy import bindparam, or_, select

from profile_service.store.ledger.desk_tables import ERASURE_REQUESTS, NOTES
from profile_service.store.ledger.session import Session
from profile_service.store.ledger.statement import Statement, changing
from profile_service.store.ledger.tables import ENTRIES

_E = ENTRIES.c
# labels keep the reason of each in what they say
_REASONS = Statement(
    select(_E.seq, _E.reason, _E.payload)
    .where(or_(_E.reason.is_not(None), _E.kind == bindparam("labels")))
    .order_by(_E.seq)
)
# key and words, how these are changed, and the names of both columns
_WORDS = [
    (Statement(select(key, words)), changing(words.table, words.name), key.name, words.name)
    for key, words in (
        (NOTES.c.note_id, NOTES.c.text),
        (ERASURE_REQUESTS.c.request_id, ERASURE_REQUESTS.c.reason),
    )
]


def reasoned(session: Session, labels: str) -> list[tuple[int, str | None, Any]]:
    """(number, reason, payload) of every entry with a reason, and of those of the kind ``labels``."""
    rows = session.all(_REASONS, {"labels": labels})
    return [(seq, reason, None if payload is None else orjson.loads(payload)) for seq, reason, payload in rows]


def reword(session: Session, less: Callable[[str], str]) -> int:
    """Let notes and requests say what ``less`` makes of them; answers how many say something else by it."""
    changed = 0
    for every, change, key, words in _WORDS:
        for row_key, text in session.all(every, {}):
            if (said := less(text)) != text:
                changed += session.do(change, {key: row_key, words: said})
    return changed
