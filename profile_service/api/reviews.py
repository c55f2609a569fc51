"""A steward's desk: what waits for a judgement, decisions, corrections, and taking them back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import Response

from profile_service.api.calls import Call
from profile_service.api.routes import blueprint, needs
from profile_service.api.writing import Written, preview, standing_customer, write
from profile_service.contracts.answers import PageAsked
from profile_service.contracts.shown import Projection
from profile_service.contracts.steward import (
    DecidedAnswer,
    Decision,
    Judgements,
    Merge,
    ReviewDecision,
    ReviewDetail,
    ReviewPage,
    Reviews,
    Split,
    steward_view,
)
from profile_service.correct import Decided, Wish, judgements, merge, split, undo
from profile_service.live.step import Hand
from profile_service.privacy import RecordKey
from profile_service.review import decide, review_of, reviews

desk = blueprint("reviews", "Borderline pairs, and a steward's own corrections; each binds every later run.")


@desk.route("/reviews")
@needs("reviews", answers=(304,))
@desk.arguments(ReviewPage, location="query")
@desk.response(200, Reviews)
def list_reviews(call: Call, asked: dict[str, Any]) -> Response:
    """What waits for a judgement, the most valuable first: pairs of customers, or customers in doubt."""
    page = reviews(call.state, asked["kind"], call.page_size(asked.get("limit")), asked.get("cursor"))
    for item in page.items:
        for each in item["customers"]:
            call.note_read("review.read", each["customer_id"])
    show = _view(call, "review")
    document = page.as_document()
    return call.answer({**document, "data": [show(item) for item in document["data"]]})


@desk.route("/reviews/<review_id>")
@needs("reviews", answers=(304,))
@desk.response(200, ReviewDetail)
def read_review(call: Call, review_id: str) -> Response:
    """One of them, with the records side by side and what each comparison says."""
    found = review_of(call.state, review_id)
    for each in found["customers"]:
        call.note_read("review.read", each["customer_id"])
    return call.answer(_view(call, "review detail")(found))


@desk.route("/reviews/<review_id>/decision", methods=["POST"])
@needs("reviews", refuses=(409, 410))
@desk.arguments(ReviewDecision)
@desk.response(200, DecidedAnswer)
def decide_review(call: Call, said: dict[str, Any], review_id: str) -> Response:
    """One person, or not. `records` says which records of a customer in doubt are another person's."""
    part = _keys(said["records"])
    return _decide(call, said, lambda hand, wish: decide(hand, review_id, said["verdict"], part, wish))


@desk.route("/profiles/<customer_id>/merge", methods=["POST"])
@needs("reviews", answers=(308,), refuses=(409, 410))
@desk.arguments(Merge)
@desk.response(200, DecidedAnswer)
def merge_customers(call: Call, said: dict[str, Any], customer_id: str) -> Response:
    """These customers are the same person as this one."""

    def do(hand: Hand, wish: Wish) -> Decided:
        standing_customer(hand, customer_id)
        return merge(hand, customer_id, said["customer_ids"], wish)

    return _decide(call, said, do)


@desk.route("/profiles/<customer_id>/split", methods=["POST"])
@needs("reviews", answers=(308,), refuses=(409, 410))
@desk.arguments(Split)
@desk.response(200, DecidedAnswer)
def split_customer(call: Call, said: dict[str, Any], customer_id: str) -> Response:
    """These records of the customer are another person's."""

    def do(hand: Hand, wish: Wish) -> Decided:
        standing_customer(hand, customer_id)
        return split(hand, customer_id, _keys(said["records"]), wish)

    return _decide(call, said, do)


@desk.route("/judgements")
@needs("reviews", answers=(304,))
@desk.arguments(PageAsked, location="query")
@desk.response(200, Judgements)
def list_judgements(call: Call, asked: dict[str, Any]) -> Response:
    """What was decided, the newest first; what concerned erased customers is not told."""
    page = judgements(call.frame.ledger.log(), call.page_size(asked.get("limit")), asked.get("cursor"))
    call.note_read("judgements.read", None, {"decisions": len(page.items)})
    return call.answer(page.as_document())


@desk.route("/judgements/<decision_id>/undo", methods=["POST"])
@needs("reviews", refuses=(409, 410))
@desk.arguments(Decision)
@desk.response(200, DecidedAnswer)
def undo_judgement(call: Call, said: dict[str, Any], decision_id: str) -> Response:
    """Take a decision back: what an earlier one said of the same records binds again."""
    return _decide(call, said, lambda hand, wish: undo(hand, decision_id, wish))


def _decide(call: Call, said: dict[str, Any], do: Callable[[Hand, Wish], Decided]) -> Response:
    """Decide, or tell what that would do."""
    wish = Wish(call.key.name, said["reason"])
    show = _view(call, "decided")
    if said["preview"]:
        return _previewed(call, lambda hand: do(hand, wish), show)

    def decide_now(hand: Hand) -> Written:
        decided = do(hand, wish)
        details = {"decision_id": decided.decision_id, "reason": wish.reason}
        touched = sorted({str(each["customer_id"]) for each in (*decided.before, *decided.after)})
        acts = [call.act(f"customer.{decided.action}", customer_id, details) for customer_id in touched]
        return Written(show(decided.document(preview=False)), acts, customer_id=touched[0] if touched else None)

    return write(call, said, decide_now)


def _previewed(call: Call, do: Callable[[Hand], Decided], show: Projection) -> Response:
    decided, snapshot_id = preview(call, do)
    return call.answer({**show(decided.document(preview=True)), "snapshot_id": snapshot_id})


def _view(call: Call, what: str) -> Projection:
    return steward_view(what, call.key.audience, frozenset(call.key.mask))


def _keys(names: list[str]) -> list[RecordKey]:
    parts = [name.partition(":") for name in names]
    return [(channel, source_record_id) for channel, _, source_record_id in parts]
