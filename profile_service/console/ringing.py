"""Calls that ring now: the telephone system tells of them, and who is at that telephone sees who it may be."""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any

from flask import Request, Response, make_response, request

from profile_service.api.calls import Call
from profile_service.api.routes import Blueprint, JsonParser, needs
from profile_service.console.find import candidates_of
from profile_service.console.guard import Desk, desk, guarded
from profile_service.console.pages import console
from profile_service.contracts.desk import CallSent, CallTaken
from profile_service.errors import LedgerBusy
from profile_service.lookup import Ambiguous, Found, by_identifier, standard_value
from profile_service.store.ledger import Ledger
from profile_service.store.ledger.call_rows import (
    CallRow,
    any_call_before,
    find_call,
    forget_calls_before,
    put_call,
    recent_calls,
    ring_at,
)
from profile_service.store.ledger.times import as_text

_STATES = {"newCall": "ringing", "answer": "answered", "hangup": "over"}
_KEPT = timedelta(hours=8)  # a number is personal data: no longer than a shift
_FORGETS_WITHIN = 1.0  # seconds: else it is tried again soon
_SHOWN = timedelta(minutes=5)
_MOST_SHOWN = 3
_MOST_CANDIDATES = 5


class _JsonOrForm(JsonParser):
    """Telephone systems send forms as often as JSON."""

    def load_json(self, req: Request, schema: Any) -> Any:
        """The body, of whichever kind it is said to be."""
        if req.mimetype == "application/x-www-form-urlencoded":
            return {name.removesuffix("[]"): value for name, value in req.form.items()}
        return super().load_json(req, schema)


class _Telephony(Blueprint):
    ARGUMENTS_PARSER = _JsonOrForm()


telephony = _Telephony("telephony", __name__, url_prefix="/v1", description="What a telephone system tells of calls.")


@telephony.route("/calls", methods=["POST"])
@needs("calls:write")
@telephony.arguments(CallSent)
@telephony.response(200, CallTaken)
def tell_call(call: Call, said: dict[str, Any]) -> Response:
    """A call rings, is taken, or is over: the console of whoever has that telephone shows it within two seconds."""
    number = said["from_"] if said["direction"] == "in" else said["to"]
    number = standard_value("phone", number, call.state.generation.model) or number
    named = said["user"] if isinstance(said["user"], list) else [said["user"]]
    users = list(dict.fromkeys(name for name in named if name))
    now = as_text(call.frame.clock())
    with call.frame.ledger.write() as tx:
        forget_calls_before(tx.session, as_text(tx.now - _KEPT))
        known = find_call(tx.session, said["callId"])
        row = CallRow(
            call_id=said["callId"],
            number=number,
            # of several telephones none is its own until one of them takes it
            user_name=None if len(users) > 1 else users[0] if users else known.user_name if known else None,
            queue=said["queue"] or (known.queue if known else None),
            state=_STATES[said["event"]],
            rang_at=known.rang_at if known else now,
            changed_at=now,
        )
        put_call(tx.session, row)
        if users:
            ring_at(tx.session, row.call_id, users if len(users) > 1 else ())
        call.frame.audit.change(tx, call.act("call.tell", None, {"call_id": row.call_id, "state": row.state}))
    return call.answer({"call_id": row.call_id, "state": row.state, "customers": _how_many(call, number)})


@console.get("/ringing")
@desk("find", by_itself=True)
def show_ringing(at: Desk) -> Response:
    """Calls at the user's telephone in the last minutes, as part of every page; asked every two seconds.

    Whose calls a page shows already is not read again: it would fill the audit trail.
    """
    since = as_text(at.frame.clock() - _SHOWN)
    rows = [row for row in recent_calls(at.frame.ledger.read(), at.user.name, since) if row.state != "over"]
    rows = rows[:_MOST_SHOWN]
    told = "\n".join(f"{row.call_id} {row.number} {row.state}" for row in rows)
    known = sha256(told.encode()).hexdigest()[:16] if rows else ""
    if request.args.get("known", "") == known:
        return guarded(make_response("", 204))
    calls = []
    for row in rows:
        outcome = by_identifier(at.state, "phone", row.number)
        ids: tuple[str, ...] = ()
        if isinstance(outcome, Found):
            ids = (outcome.customer_id,)
        elif isinstance(outcome, Ambiguous):
            ids = outcome.candidates[:_MOST_CANDIDATES]
        calls.append({"call": row, "candidates": candidates_of(at, ids)})
    return at.page("_ringing.html", calls=calls, known=known)


def forget_old_calls(ledger: Ledger, now: datetime) -> None:
    """Forget calls of more than a shift ago, also where no call comes any more."""
    before = as_text(now - _KEPT)
    if any_call_before(ledger.read(), before):
        with suppress(LedgerBusy), ledger.write(_FORGETS_WITHIN) as tx:
            forget_calls_before(tx.session, before)


def _how_many(call: Call, number: str) -> int:
    outcome = by_identifier(call.state, "phone", number)
    return outcome.total if isinstance(outcome, Ambiguous) else int(isinstance(outcome, Found))
