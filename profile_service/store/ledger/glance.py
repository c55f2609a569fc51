"""What every request asks of the ledger first, asked again only when something was written since."""

from __future__ import annotations

import threading
from dataclasses import dataclass

from sqlalchemy import exists, literal_column, select

from profile_service.store.ledger.key_rows import KEYS_VERSION
from profile_service.store.ledger.session import Session
from profile_service.store.ledger.statement import Statement
from profile_service.store.ledger.tables import META, OVERLAY_CUSTOMERS

# The name in ``meta`` of the generation that writes go to.
CURRENT = "current_generation"

_KEYS = select(META.c.value).where(META.c.name == KEYS_VERSION).scalar_subquery()
_STANDS = select(META.c.value).where(META.c.name == CURRENT).scalar_subquery()
_COVERED = exists(select(literal_column("1")).where(OVERLAY_CUSTOMERS.c.generation == _STANDS))
_ALL = Statement(select(_KEYS, _STANDS, _COVERED))


@dataclass(frozen=True)
class Glance:
    """How often the keys were changed, the generation that writes go to, and whether nothing lies over it yet."""

    keys_version: int
    current: str | None
    bare: bool


class Glances(threading.local):
    """One thread's last glance, and what the database told of its changes before it."""

    _seen: tuple[Session, bytes, Glance] | None = None

    def take(self, session: Session) -> Glance:
        """What stands now. One question where nothing was written since this thread asked, or else two."""
        changes = session.changes()
        seen = self._seen
        if seen is not None and changes is not None and seen[0] is session and seen[1] == changes:
            return seen[2]
        # told before it is read: what is written in between is seen by the next glance
        keys_version, current, covered = session.one(_ALL, {}) or (None, None, False)
        glance = Glance(int(keys_version or 0), current, not covered)
        if changes is not None:
            self._seen = (session, changes, glance)
        return glance
