"""One write: what happens between taking the ledger's write lock and the acknowledgement."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import orjson
from sqlalchemy import bindparam, null, update

from profile_service.store.ledger import answers, desk_tables
from profile_service.store.ledger.answers import Answer, Request
from profile_service.store.ledger.log import NOTHING, SEQ_FLOOR, About, Log
from profile_service.store.ledger.session import Session
from profile_service.store.ledger.statement import Statement, adding, adding_if_new, any_of, dropping, putting
from profile_service.store.ledger.tables import CONSENTS, ENTRIES, EVENTS, GIVEN_IDS, META
from profile_service.store.ledger.times import as_text

_ADD = adding(ENTRIES)
_GIVE = adding_if_new(GIVEN_IDS)
_SET_META = putting(META)
_PURGE = Statement(
    update(ENTRIES)
    .where(any_of(ENTRIES.c.seq, "seqs"))
    .values(payload=null(), reason=null(), channel=null(), source_record_id=null()),
    lists=("seqs",),
)
_DROP_GIVEN = dropping(GIVEN_IDS, "channel", "source_record_id")
_DROP_EVENTS = dropping(EVENTS, "channel", "source_record_id")
_DROP_CONSENTS = dropping(CONSENTS, "customer_id")
_DROP_NOTES = dropping(desk_tables.NOTES, "channel", "source_record_id")
_DROP_VERIFICATIONS = dropping(desk_tables.VERIFICATIONS, "customer_id")
_DROP_LEFT_VOTES, _DROP_RIGHT_VOTES = (dropping(desk_tables.VOTES, side) for side in ("left_record", "right_record"))
# the request itself stays, as the erasure does; its reason may name the person
_EMPTY_REQUESTS = Statement(
    update(desk_tables.ERASURE_REQUESTS)
    .where(desk_tables.ERASURE_REQUESTS.c.customer_id == bindparam("whose"))
    .values(reason=bindparam("said"))
)


class Transaction:
    """Appends to the log and reads what it has written; nobody else writes until it ends.

    ``now`` is the one time of this write; ``log`` and ``session`` read inside it.
    """

    def __init__(self, session: Session, now: datetime) -> None:
        self.session = session
        self.now = now
        self.log = Log(session)
        self._seq: int | None = None

    @property
    def seq(self) -> int:
        """The last entry's number."""
        if self._seq is None:
            self._seq = self.log.last_seq()
        return self._seq

    def append(
        self,
        kind: str,
        payload: Mapping[str, Any],
        about: About = NOTHING,
        *,
        actor: str,
        reason: str | None = None,
    ) -> int:
        """Add an entry; answers its number."""
        self._seq = seq = self.seq + 1
        self.session.do(
            _ADD,
            {
                "seq": seq,
                "kind": kind,
                "at": as_text(self.now),
                "actor": actor,
                "channel": about.channel,
                "source_record_id": about.source_record_id,
                "customer_id": about.customer_id,
                "payload": orjson.dumps(payload).decode(),
                "reason": reason,
            },
        )
        return seq

    def give_id(self, channel: str, source_record_id: str, customer_id: str, seq: int) -> None:
        """Remember that entry ``seq`` gave a new id to a customer whose first record this is; once is enough."""
        self.session.do(
            _GIVE,
            {"channel": channel, "source_record_id": source_record_id, "customer_id": customer_id, "seq": seq},
        )

    def set_meta(self, name: str, value: str) -> None:
        """Put a value of the ledger itself, such as ``current_generation``."""
        self.session.do(_SET_META, {"name": name, "value": value})

    def skip_to(self, seq: int) -> None:
        """Give no number up to ``seq`` any more: a generation has folded it from a ledger newer than this one."""
        if seq > self.seq:
            self.set_meta(SEQ_FLOOR, str(seq))
            self._seq = seq

    def replayed(self, request: Request) -> Answer | None:
        """What this request was answered before; raises ``IdempotencyConflict`` when its key belongs to another."""
        return answers.replayed(self.session, request, self.now)

    def remember(self, request: Request, answer: Answer) -> None:
        """Keep the answer to a request for a day."""
        answers.remember(self.session, request, answer, self.now)

    def purge(self, customer_id: str, record_keys: Sequence[tuple[str, str]]) -> list[int]:
        """Empty every entry about a customer or its records (channel, source_record_id), and what is derived from them.

        Entries keep number, kind, time, actor and customer id. Overlay rows are the overlay's to drop. Answers the
        numbers of the emptied entries.
        """
        seqs = {entry.seq for entry in self.log.entries_of_customers([customer_id]) if entry.kind != "erasure"}
        for channel, source_record_id in record_keys:
            key = {"channel": channel, "source_record_id": source_record_id}
            seqs |= {entry.seq for entry in self.log.entries_of_record(channel, source_record_id)}
            self.session.do(_DROP_GIVEN, key)
            self.session.do(_DROP_EVENTS, key)
            self.session.do(_DROP_NOTES, key)
            self.session.do(_DROP_LEFT_VOTES, {"left_record": f"{channel}:{source_record_id}"})
            self.session.do(_DROP_RIGHT_VOTES, {"right_record": f"{channel}:{source_record_id}"})
        self.session.do(_DROP_CONSENTS, {"customer_id": customer_id})
        self.session.do(_DROP_VERIFICATIONS, {"customer_id": customer_id})
        self.session.do(_EMPTY_REQUESTS, {"whose": customer_id, "said": ""})
        answers.forget_answers(self.session, customer_id)
        emptied = sorted(seqs)
        self.session.do(_PURGE, {"seqs": emptied})
        return emptied
