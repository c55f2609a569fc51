"""What people said in their own words, reasons and notes, names an erased person no more, whomever else it is about."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

import orjson
from sqlalchemy import bindparam, or_, select, update

from profile_service.labels import LABEL, label_of
from profile_service.privacy import UNSAID
from profile_service.store.ledger import Transaction
from profile_service.store.ledger.desk_tables import ERASURE_REQUESTS, NOTES
from profile_service.store.ledger.statement import Statement, changing
from profile_service.store.ledger.tables import ENTRIES

REASON = "reason"
_E = ENTRIES.c
_SAID = Statement(
    select(_E.seq, _E.reason, _E.payload).where(or_(_E.reason.is_not(None), _E.kind == bindparam("labels")))
)
_REWORD = Statement(
    update(ENTRIES).where(_E.seq == bindparam("seq")).values(reason=bindparam(REASON), payload=bindparam("payload"))
)
# beside the log: key and words, how these are changed, and the names of both columns
_WORDS = [
    (Statement(select(key, words)), changing(words.table, words.name), key.name, words.name)
    for key, words in (
        (NOTES.c.note_id, NOTES.c.text),
        (ERASURE_REQUESTS.c.request_id, ERASURE_REQUESTS.c.reason),
    )
]


def unsay(tx: Transaction, values: Iterable[str]) -> int:
    """Put ``privacy.UNSAID`` in the place of each value, in whatever case; answers how many rows say less by it."""
    if not (wanted := sorted(set(values), key=len, reverse=True)):
        return 0
    pattern = re.compile("|".join(map(re.escape, wanted)), re.IGNORECASE)
    changed = 0
    for seq, reason, payload in tx.session.all(_SAID, {"labels": LABEL}):
        said = None if payload is None else orjson.loads(payload)
        less = reason and pattern.sub(UNSAID, reason), _reworded(said, pattern)
        if less != (reason, said):
            text = None if said is None else orjson.dumps(less[1]).decode()
            changed += tx.session.do(_REWORD, {"seq": seq, REASON: less[0], "payload": text})
    for select_all, change, key, words in _WORDS:
        for row_key, text in tx.session.all(select_all, {}):
            if pattern.search(text):
                changed += tx.session.do(change, {key: row_key, words: pattern.sub(UNSAID, text)})
    return changed


def _reworded(said: Any, pattern: re.Pattern[str]) -> Any:
    """A payload whose reasons, those of labels and of a receipt among them, name none of the values."""
    if not isinstance(said, dict):
        return said
    less = {name: _reworded(value, pattern) for name, value in said.items()}
    if isinstance(said.get(REASON), str):
        less[REASON] = pattern.sub(UNSAID, said[REASON])
    if isinstance(said.get(LABEL), list):
        less[LABEL] = [_label_reworded(row, pattern) for row in said[LABEL]]
    return less


def _label_reworded(row: list[Any], pattern: re.Pattern[str]) -> list[Any]:
    reason = label_of(row).reason
    return row if reason is None else [pattern.sub(UNSAID, reason) if each == reason else each for each in row]
