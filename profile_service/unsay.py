"""What people said in their own words, in reasons, purposes and notes, names an erased person no more."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any

from profile_service.audit import Audit
from profile_service.labels import LABEL, label_of
from profile_service.privacy import UNSAID
from profile_service.store.ledger import Transaction
from profile_service.store.ledger.audit_rows import audit_rows_saying
from profile_service.store.ledger.erasures import rewrite_entry
from profile_service.store.ledger.word_rows import reasoned, reword

_REASON = "reason"


def unsay(tx: Transaction, values: Iterable[str], audit: Callable[[], Audit]) -> int:
    """Put ``privacy.UNSAID`` in the place of each value, in whatever case; answers how many rows say less by it.

    ``audit``: the trail, asked for only where a purpose in it names one.
    """
    if not (wanted := sorted(set(values), key=len, reverse=True)):
        return 0
    pattern = re.compile("|".join(map(re.escape, wanted)), re.IGNORECASE)

    def less(text: str) -> str:
        return pattern.sub(UNSAID, text)

    changed = 0
    for seq, reason, payload in reasoned(tx.session, LABEL):
        said = reason and less(reason), _reworded(payload, less)
        if said != (reason, payload):
            rewrite_entry(tx, seq, said[1], reason=said[0])
            changed += 1
    changed += reword(tx.session, less)
    if saying := audit_rows_saying(tx.session, wanted):
        changed += audit().unsay(tx, saying, less)
    return changed


def _reworded(said: Any, less: Callable[[str], str]) -> Any:
    """A payload whose reasons, those of labels and of a receipt among them, name none of the values."""
    if not isinstance(said, dict):
        return said
    reworded = {name: _reworded(value, less) for name, value in said.items()}
    if isinstance(said.get(_REASON), str):
        reworded[_REASON] = less(said[_REASON])
    if isinstance(said.get(LABEL), list):
        reworded[LABEL] = [_label_reworded(row, less) for row in said[LABEL]]
    return reworded


def _label_reworded(row: list[Any], less: Callable[[str], str]) -> list[Any]:
    reason = label_of(row).reason
    return row if reason is None else [less(reason) if each == reason else each for each in row]
