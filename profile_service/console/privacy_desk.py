"""The privacy desk: what is held of a person, its export, and its erasure by two people with a receipt."""

from __future__ import annotations

import secrets
from collections import Counter
from dataclasses import replace
from typing import Any

import orjson
from flask import Response, make_response

from profile_service.api.writing import standing_customer
from profile_service.console.customer import standing
from profile_service.console.guard import Desk, desk, guarded, leading_to
from profile_service.console.pages import console
from profile_service.correct import Wish
from profile_service.erase import erase, erasure_of_customer
from profile_service.errors import Moved, NotFound, Refused
from profile_service.export import export_customer
from profile_service.export_page import export_page
from profile_service.live.step import Hand
from profile_service.notes import read_notes
from profile_service.store.ledger import Session
from profile_service.store.ledger.times import as_text
from profile_service.store.ledger.vote_rows import (
    ErasureRequestRow,
    add_erasure_request,
    decide_erasure_request,
    erasure_requests,
    find_erasure_request,
)

_MOST_ACCESSES = 10_000
_CARRIED_OUT, _REFUSED = "carried out", "refused"
# The page of an export brings its own styles, and loads nothing.
_EXPORT_POLICY = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'"


@console.get("/privacy")
@desk("privacy")
def show_requests(at: Desk) -> Response:
    """Erasures that wait for a second person, and those that were decided, with their receipts."""
    requests = erasure_requests(at.frame.ledger.read())
    return at.page(
        "privacy.html",
        waiting=[each for each in requests if each.decision is None],
        decided=[(each, _receipt(at, each)) for each in requests if each.decision is not None][:100],
        typed="",
    )


@console.get("/privacy/customers/<customer_id>")
@desk("privacy")
def show_subject(at: Desk, customer_id: str) -> Response:
    """What is held of a person, counted by kind, before anything is exported or erased."""
    found = standing(at, customer_id)
    at.note_read("profile.preview", found.customer_id)
    held, waits = _held(at, found.customer_id), _open(at.frame.ledger.read(), found.customer_id)
    return at.page("subject.html", subject=held, open_request=waits, typed="")


@console.post("/privacy/customers/<customer_id>/export")
@desk("privacy")
def export_subject(at: Desk, customer_id: str) -> Response:
    """Everything that is known, as a page to read or as JSON; why it was taken goes into the audit trail."""
    found = standing(at, customer_id)
    form = at.said("format", 4)
    at.said_purpose = at.said("reason", 200, least=3)
    at.note_read("profile.export", found.customer_id, {"format": form})
    accesses = at.frame.audit.rows(found.customer_id, limit=_MOST_ACCESSES)
    exported = export_customer(at.state, found.customer_id, at.frame.clock(), accesses)
    if exported is None:
        raise Refused("conflict", "this customer has just been merged or erased: find them again")
    if form == "json":
        answer = make_response(orjson.dumps(exported, option=orjson.OPT_INDENT_2))
        answer.headers["Content-Type"] = "application/octet-stream"
    else:
        answer = make_response(export_page(exported))
        answer.headers["Content-Type"] = "text/html; charset=utf-8"
        answer.headers["Content-Security-Policy"] = _EXPORT_POLICY
    name = f"{found.customer_id}.{'json' if form == 'json' else 'html'}"
    answer.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return guarded(answer)


@console.post("/privacy/customers/<customer_id>/erase")
@desk("privacy")
def ask_erasure(at: Desk, customer_id: str) -> Response:
    """Ask for an erasure; somebody else is to carry it out."""
    found = standing(at, customer_id)
    reason = at.said("reason", 200, least=3)
    with at.frame.ledger.write() as tx:
        if _open(tx.session, found.customer_id) is not None:
            raise Refused("conflict", "an erasure of this customer waits already")
        request_id = f"ask_{secrets.token_hex(8)}"
        row = ErasureRequestRow(request_id, found.customer_id, at.user.name, as_text(tx.now), reason)
        add_erasure_request(tx.session, row)
        at.frame.audit.change(tx, at.act("erasure.ask", found.customer_id, {"request_id": request_id}))
    return _to_desk()


@console.post("/privacy/requests/<request_id>")
@desk("privacy")
def decide_erasure(at: Desk, request_id: str) -> Response:
    """Carry an erasure out, or refuse it; whoever asked for it may only withdraw it."""
    action = at.said("action", 10)
    if action not in ("carry-out", "refuse"):
        raise Refused("invalid-request", "an erasure is carried out or refused")
    with at.frame.world.write() as hand:
        row = find_erasure_request(hand.tx.session, request_id)
        if row is None or row.decision is not None:
            raise Refused("conflict", "this was decided already")
        if action == "carry-out":
            if row.asked_by == at.user.name:
                raise Refused("forbidden", "four eyes: somebody else is to carry out what you asked for")
            # since it was asked, more records may have joined: the person is whom the id stands for now
            row = replace(row, customer_id=_stands_for(hand, row.customer_id) or row.customer_id)
            alike = [
                each
                for each in erasure_requests(hand.tx.session)
                if each.decision is None and _stands_for(hand, each.customer_id) == row.customer_id
            ]
            erasure = erase(hand, row.customer_id, Wish(at.key.name, row.reason))
            said = {"erasure_id": erasure.erasure_id, "records": len(erasure.tokens), "asked": row.asked_by}
            at.frame.audit.change(hand.tx, at.act("profile.erase", row.customer_id, said))
        else:
            at.frame.audit.change(hand.tx, at.act("erasure.refuse", row.customer_id, {"request_id": request_id}))
            alike = [row]
        decided = {"decided_by": at.user.name, "decided_at": as_text(hand.tx.now)}
        for each in alike:
            if action == "carry-out":
                # a reason may name the person
                settled = replace(each, customer_id=row.customer_id, reason="", decision=_CARRIED_OUT, **decided)
            else:
                settled = replace(each, decision=_REFUSED, **decided)
            decide_erasure_request(hand.tx.session, settled)
    return _to_desk()


def _stands_for(hand: Hand, customer_id: str) -> str | None:
    """The id that a customer has by now; None for one who was erased."""
    try:
        standing_customer(hand, customer_id)
    except Moved as moved:
        return moved.stands_as
    except Refused:
        return None
    return customer_id


def _held(at: Desk, customer_id: str) -> dict[str, Any]:
    """What is held, by kind: counts, and who the person is."""
    records = at.state.records_of(customer_id)
    profile = at.state.profile(customer_id) or {}
    channels = Counter(record.channel for record in records)
    return {
        "customer_id": customer_id,
        "full_name": profile.get("full_name"),
        "records": sorted(channels.items()),
        "events": profile.get("event_count") or 0,
        "consents": len(profile.get("consents") or ()),
        "identifiers": len(profile.get("identifiers") or ()),
        "notes": len(read_notes(at.frame.ledger.read(), records)),
        "accesses": len(at.frame.audit.rows(customer_id, limit=_MOST_ACCESSES)),
    }


def _open(session: Session, customer_id: str) -> ErasureRequestRow | None:
    waiting = (each for each in erasure_requests(session) if each.decision is None)
    return next((each for each in waiting if each.customer_id == customer_id), None)


def _receipt(at: Desk, row: ErasureRequestRow) -> dict[str, Any] | None:
    if row.decision != _CARRIED_OUT:
        return None
    try:
        return erasure_of_customer(at.frame.ledger.log(), row.customer_id)
    except NotFound:
        return None


def _to_desk() -> Response:
    return leading_to("/console/privacy")
