"""The switch on shared values: which are held back, and a steward's ruling on one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import Response

from profile_service.api.calls import Call
from profile_service.api.routes import blueprint, needs
from profile_service.api.writing import Written, write
from profile_service.contracts.answers import PageAsked
from profile_service.contracts.generic_values import (
    GenericValues,
    RulingAnswer,
    RulingReason,
    RulingSent,
    as_seen,
    is_hidden,
)
from profile_service.contracts.views import AUDIENCES
from profile_service.correct import Wish
from profile_service.errors import Refused
from profile_service.live.rule import Ruling
from profile_service.live.step import Hand
from profile_service.rulings import Ruled, read_value, rule, shared_page, undo_ruling
from profile_service.state import State

switch = blueprint(
    "generic values", "Values that too many share, and a steward's ruling on one; the next run obeys it."
)


@switch.route("/generic-values")
@needs("reviews", answers=(304,))
@switch.arguments(PageAsked, location="query")
@switch.response(200, GenericValues)
def list_generic_values(call: Call, asked: dict[str, Any]) -> Response:
    """Values that are held back because too many share them, and those that stewards have ruled on."""
    page = shared_page(call.state, call.frame.ledger.log(), call.page_size(asked.get("limit")), asked.get("cursor"))
    call.note_read("generic.read", None, {"values": len(page.items)})
    hidden = _hidden(call)
    document = page.as_document()
    return call.answer({**document, "data": [as_seen(item, hidden) for item in document["data"]]})


@switch.route("/generic-values/rulings", methods=["POST"])
@needs("reviews", refuses=(409,))
@switch.arguments(RulingSent)
@switch.response(200, RulingAnswer)
def rule_on_value(call: Call, said: dict[str, Any]) -> Response:
    """Rule that a value is generic, ordinary, or as the counts say. The next run obeys it."""

    if is_hidden(said["field"], _hidden(call)):
        # whether somebody holds a value would tell it
        raise Refused("forbidden", f"this key may not read {said['field']}, so it rules on none of its values")

    def do(hand: Hand, wish: Wish) -> Ruled:
        value = read_value(State(hand.generation, hand.overlay), said["field"], said["value"])
        return rule(hand, Ruling(said["field"], value, said["verdict"]), wish, said["seen"])

    return _rule(call, said, do)


@switch.route("/generic-values/rulings/<ruling_id>/undo", methods=["POST"])
@needs("reviews", refuses=(409,))
@switch.arguments(RulingReason)
@switch.response(200, RulingAnswer)
def undo_ruling_on_value(call: Call, said: dict[str, Any], ruling_id: str) -> Response:
    """Take the last ruling on a value back: what stood before it stands again."""
    return _rule(call, said, lambda hand, wish: undo_ruling(hand, ruling_id, wish))


def _hidden(call: Call) -> frozenset[str]:
    return AUDIENCES[call.key.audience].always_hidden | frozenset(call.key.mask)


def _rule(call: Call, said: dict[str, Any], do: Callable[[Hand, Wish], Ruled]) -> Response:
    wish = Wish(call.key.name, said["reason"])

    def rule_now(hand: Hand) -> Written:
        ruled = do(hand, wish)
        return Written(ruled.document(), [call.act("generic.rule", None, ruled.told(wish))])

    return write(call, said, rule_now)
