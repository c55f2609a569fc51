"""One write: once for each Idempotency-Key, audited in its own transaction, acknowledged when it is on the disk."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson
from flask import Response

from profile_service import deadline
from profile_service.api.answers import tagged
from profile_service.api.calls import Call
from profile_service.audit import Act
from profile_service.correct import Decided
from profile_service.errors import Moved, Refused
from profile_service.live.step import Hand
from profile_service.lookup import Found, Retired, by_id
from profile_service.state import State
from profile_service.store.ledger import Answer
from profile_service.store.ledger.answers import Request

_PAUSE = 0.005  # seconds between two turns


class _NotMeant(Exception):
    """What was done is a preview: undo it."""


@dataclass(frozen=True)
class Written:
    """What a write did: the answer's document and status, whom it is about, and what goes to the audit trail.

    ``part``: there is more to do, in a further turn; what is done by now stands, and nothing is answered yet.
    """

    document: Mapping[str, Any]
    acts: Sequence[Act]
    status: int = 200
    customer_id: str | None = None
    part: bool = False


def write(call: Call, body: Any, do: Callable[[Hand], Written]) -> Response:
    """Do it under the write lock, or answer again what the same request was answered before.

    ``body``: what was asked, as loaded. Raises IdempotencyConflict for another request under a known Idempotency-Key,
    and Refused (too-slow) between two turns, of which the first ones stand then.
    """
    asked = _request(call, body)
    while (answer := _turn(call, asked, do)) is None:
        deadline.check()
        # long enough that whoever waits to write notices
        time.sleep(_PAUSE)
    return answer


def _turn(call: Call, asked: Request | None, do: Callable[[Hand], Written]) -> Response | None:
    """One turn at the write lock; None when it did a part."""
    with call.frame.world.write() as hand:
        if asked is not None and (known := hand.tx.replayed(asked)) is not None:
            call.note_read("write.replay", known.customer_id)
            answer = tagged(known.body, known.status)
            answer.headers["Idempotency-Replayed"] = "true"
            return answer
        done = do(hand)
        if done.part:
            call.frame.audit.change(hand.tx, *done.acts)
            return None
        document = {**done.document, "snapshot_id": hand.generation.run_id, "entry": hand.tx.seq}
        text = orjson.dumps(document)
        call.frame.audit.change(hand.tx, *done.acts)
        if asked is not None:
            hand.tx.remember(asked, Answer(done.status, text, done.customer_id))
    return tagged(text, done.status)


def preview(call: Call, do: Callable[[Hand], Decided]) -> tuple[Decided, str]:
    """What a decision would do, and the generation that it would do it on; nothing is changed."""
    found: list[tuple[Decided, str]] = []
    try:
        with call.frame.world.write() as hand:
            found.append((do(hand), hand.generation.run_id))
            raise _NotMeant
    except _NotMeant:
        pass
    ((decided, snapshot_id),) = found
    for each in decided.before:
        call.note_read("customer.preview", each["customer_id"], {"action": decided.action})
    return decided, snapshot_id


def standing_customer(hand: Hand, customer_id: str) -> Found:
    """The customer of an id under the write lock. Raises Moved when merged away, Refused when unknown or erased."""
    outcome = by_id(State(hand.generation, hand.overlay), customer_id)
    if isinstance(outcome, Found):
        return outcome
    if isinstance(outcome, Retired):
        raise Moved(outcome.customer_id, outcome.stands_as, outcome.event)
    if hand.standing.retired(customer_id) is not None:
        raise Refused("erased", "this customer was erased", customer_id=customer_id)
    raise Refused("unknown-customer", "no customer has or had this id")


def _request(call: Call, body: Any) -> Request | None:
    said: str | None = call.environ.get("HTTP_IDEMPOTENCY_KEY")
    if said is None:
        return None
    route = f"{call.environ['REQUEST_METHOD']} {call.environ.get('PATH_INFO', '')}\n".encode()
    content = orjson.dumps(body, option=orjson.OPT_SORT_KEYS, default=str)
    return Request(call.key.name, said, hashlib.sha256(route + content).hexdigest())
