"""Shared values that say nothing of who somebody is, with a switch on each for stewards."""

from __future__ import annotations

from collections import Counter
from http import HTTPStatus

from flask import Response, request

from profile_service.console.guard import VEILED, Desk, desk, leading_to
from profile_service.console.pages import console
from profile_service.contracts.generic_values import LONGEST_VALUE, as_seen
from profile_service.contracts.steward import LONGEST_REASON
from profile_service.correct import Wish
from profile_service.errors import Refused
from profile_service.live.rule import Ruling
from profile_service.rulings import Ruled, read_value, rule, shared_values, undo_ruling
from profile_service.state import State

_SHOWN = 200
_CALLED = {
    "email": "E-mail",
    "phone": "Phone",
    "street": "Street",
    "birth_date": "Birth date",
    "loyalty_id": "Card number",
    "cookie_id": "Cookie",
    "device_id": "Device",
    "name_pair": "Name",
}


@console.app_template_filter("field_name")
def field_name(field: str) -> str:
    """What people call a field whose values may be shared."""
    return _CALLED.get(field, field.replace("_", " ").capitalize())


@console.get("/generic")
@desk("overview")
def show_generic(at: Desk) -> Response:
    """What is held back or ruled on, why and since when; who judges sees the values, others their hints."""
    return _page(at)


@console.post("/generic")
@desk("review")
def rule_on_generic(at: Desk) -> Response:
    """Rule on a value, or take the last ruling on one back."""
    action = at.said("action", 20)
    try:
        wish = Wish(at.key.name, at.said("reason", LONGEST_REASON))
        with at.frame.world.write() as hand:
            if action == "undo":
                ruled = undo_ruling(hand, at.said("ruling_id", 40), wish)
            else:
                field = at.said("field", 40)
                value = read_value(State(hand.generation, hand.overlay), field, at.said("value", LONGEST_VALUE))
                ruled = rule(hand, Ruling(field, value, action), wish, request.form.get("seen"))
            at.frame.audit.change(hand.tx, at.act("generic.rule", None, ruled.told(wish)))
    except Refused as error:
        if error.kind not in ("conflict", "invalid-request"):
            raise
        status = HTTPStatus.CONFLICT if error.kind == "conflict" else HTTPStatus.UNPROCESSABLE_ENTITY
        return _page(at, status, wrong=str(error))
    if not request.headers.get("HX-Request"):
        return leading_to("/console/generic")
    return _page(at, ruled=ruled)


def _page(at: Desk, status: int = 200, *, ruled: Ruled | None = None, wrong: str = "") -> Response:
    judges = at.user.may("review")
    everything = shared_values(at.state, at.frame.ledger.log())
    wanted = request.args.get("field", "")
    chosen = [item for item in everything if wanted in ("", item["field"])]
    shown = chosen[:_SHOWN]
    at.note_read("generic.read", None, {"values": len(shown), "veiled": not judges})
    part = bool(request.headers.get("HX-Request"))
    return at.page(
        "_generic.html" if part else "generic.html",
        status,
        items=[item if judges else as_seen(item, VEILED) for item in shown],
        total=len(chosen),
        fields=sorted(Counter(item["field"] for item in everything).items()),
        wanted=wanted,
        choices=list(at.state.generation.model.settings["generic"]["columns"]),
        judges=judges,
        ruled=ruled,
        wrong=wrong,
        typed="",
    )
