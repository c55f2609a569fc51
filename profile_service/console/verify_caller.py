"""Before personal data is read out: a code sent to what is known, questions on recent dealings, or a stated reason."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from flask import Response

from profile_service.console.customer import standing, to_customer
from profile_service.console.guard import Desk, desk
from profile_service.console.pages import console
from profile_service.contracts.masks import masked
from profile_service.errors import Refused
from profile_service.send_code import CodeSender
from profile_service.store.ledger.desk_rows import VerificationRow
from profile_service.timeline import timeline
from profile_service.verify import CODE, FAILED, PASSED, history, questions

_EVENTS = 50  # the last dealings that questions are made of
# By what a code can be sent.
_REACHES = ("phone", "email")
_NOT_VERIFIED = "not verified: personal data stays veiled"


@console.get("/customers/<customer_id>/verify")
@desk("find")
def choose_method(at: Desk, customer_id: str) -> Response:
    """How to verify the caller, and what was tried today."""
    found = standing(at, customer_id)
    at.note_read("caller.verify", found.customer_id)
    return _choices(at, found.customer_id, found.profile)


@console.post("/customers/<customer_id>/verify")
@desk("find")
def verify_caller(at: Desk, customer_id: str) -> Response:
    """Ask, judge what was answered, or take a reason instead; what was tried and how it went is kept."""
    found = standing(at, customer_id)
    action = at.said("action", 20)
    if action == "reason":
        return _accept_reason(at, found.customer_id)
    at.require("verify")
    if action == "dealings":
        return _ask_dealings(at, found.customer_id, found.profile)
    if action == "code":
        return _ask_code(at, found.customer_id, found.profile)
    if action == "answer":
        return _judge(at, found.customer_id, found.profile)
    raise Refused("invalid-request", "a caller is verified by a code or by questions")


def _choices(at: Desk, customer_id: str, profile: dict[str, Any], status: int = 200, **more: Any) -> Response:
    sender = CodeSender(at.frame.settings.code_webhook)
    reaches = [(name, masked(name, profile[name])) for name in _REACHES if sender and profile.get(name)]
    return at.page(
        "verify.html",
        status,
        profile={"customer_id": customer_id, "full_name": profile.get("full_name")},
        reaches=reaches,
        dealings=bool(_questions(at, customer_id, profile)),
        attempts=history(at.frame.ledger.read(), customer_id, at.frame.clock()),
        typed="",
        **more,
    )


def _questions(at: Desk, customer_id: str, profile: dict[str, Any]) -> list[Any]:
    return questions(timeline(at.state, customer_id, limit=_EVENTS).items, profile.get("identifiers") or ())


def _ask_dealings(at: Desk, customer_id: str, profile: dict[str, Any]) -> Response:
    asked = _questions(at, customer_id, profile)
    if not asked:
        raise Refused("conflict", "there are too few recent dealings to ask about: send a code instead")
    with at.frame.ledger.write() as tx:
        places = [place for _, place in asked]
        row = at.frame.desks.verifier.ask_dealings(tx, customer_id, at.user.name, places)
        at.frame.audit.change(tx, at.act("caller.ask", customer_id, {"method": row.method}))
    return _choices(at, customer_id, profile, asked=[question for question, _ in asked], verification=row)


def _ask_code(at: Desk, customer_id: str, profile: dict[str, Any]) -> Response:
    reach = at.said("to", 10)
    sender = CodeSender(at.frame.settings.code_webhook)
    if reach not in _REACHES or not profile.get(reach) or not sender:
        raise Refused("conflict", "a code cannot be sent there")
    with at.frame.ledger.write() as tx:
        row, code = at.frame.desks.verifier.ask_code(tx, customer_id, at.user.name)
        at.frame.audit.change(tx, at.act("caller.ask", customer_id, {"method": row.method, "to": reach}))
    # outside the lock: others must not wait for a stranger's server
    if not sender.send(reach, str(profile[reach]), code):
        return _choices(
            at, customer_id, profile, HTTPStatus.BAD_GATEWAY, wrong="the code could not be sent: ask questions instead"
        )
    return _choices(at, customer_id, profile, verification=row, sent_to=masked(reach, profile[reach]))


def _judge(at: Desk, customer_id: str, profile: dict[str, Any]) -> Response:
    count = int(at.form.get("questions", "0") or 0) if at.form.get("questions", "0").isdecimal() else 0
    places = [at.form.get(f"answer-{number}", "-") for number in range(min(count, 10))]
    answer = ",".join(places) if count else "".join(at.said("code", 20).split())
    with at.frame.ledger.write() as tx:
        verifier = at.frame.desks.verifier
        row = verifier.judge(tx, at.said("verification_id", 60), at.user.name, answer)
        if row.customer_id != customer_id:
            raise Refused("conflict", "this was asked about somebody else")
        said = {"method": row.method, "result": row.state, "attempts": row.attempts}
        at.frame.audit.change(tx, at.act("caller.verify", customer_id, said))
    if row.state == PASSED:
        return to_customer(customer_id)
    return _failed(at, customer_id, profile, row)


def _failed(at: Desk, customer_id: str, profile: dict[str, Any], row: VerificationRow) -> Response:
    again = row.method == CODE and row.state != FAILED
    wrong = "that is not the code: have the caller read it once more" if again else _NOT_VERIFIED
    return _choices(
        at, customer_id, profile, HTTPStatus.UNPROCESSABLE_ENTITY, wrong=wrong, verification=row if again else None
    )


def _accept_reason(at: Desk, customer_id: str) -> Response:
    at.require("reveal")
    reason = at.said("reason", 200, least=5)
    with at.frame.ledger.write() as tx:
        at.frame.desks.verifier.accept(tx, customer_id, at.user.name)
        at.said_purpose = reason
        at.frame.audit.change(tx, at.act("profile.reveal", customer_id))
    return to_customer(customer_id)
