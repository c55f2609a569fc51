"""The review desk: doubtful pairs and suspicious customers side by side, judged by one key, taken back by another."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from flask import Response, request

from profile_service.console.guard import Desk, desk, leading_to
from profile_service.console.pages import console
from profile_service.contracts.steward import steward_view
from profile_service.correct import Decided, Wish, judgement_entry, undo, undone_decisions
from profile_service.errors import Refused
from profile_service.explain import link_table, record_table
from profile_service.privacy import RecordKey
from profile_service.review import CUSTOMER, KINDS, PAIR, decide, review_of, reviews
from profile_service.state import State
from profile_service.store.ledger.times import as_text
from profile_service.store.ledger.vote_rows import VoteRow, all_votes, drop_votes_of_decision, put_vote
from profile_service.votes import UNSURE, VERDICTS, asked_twice, pair_of, standing_votes

_A_PAGE = 25
_MOST_PAGES = 20  # of the queue that are looked through for what this steward has not seen


@console.get("/reviews")
@desk("review")
def show_queue(at: Desk) -> Response:
    """What waits, the most valuable first; what was judged, and what that says."""
    kind = request.args.get("kind", PAIR)
    if kind not in KINDS:
        raise Refused("invalid-request", "reviews are of pairs or of customers")
    votes = all_votes(at.frame.ledger.read())
    waiting = _waiting(at, kind, votes, _A_PAGE + 1)
    for item in waiting[:_A_PAGE]:
        for each in item["customers"]:
            at.note_read("review.read", each["customer_id"])
    return at.page(
        "reviews.html",
        kind=kind,
        waiting=waiting[:_A_PAGE],
        more=len(waiting) > _A_PAGE,
        standing=standing_votes(votes),
        second=len(_for_second(at, votes)),
        decided=_just_decided(at),
        typed="",
    )


@console.get("/reviews/<review_id>")
@desk("review")
def show_review(at: Desk, review_id: str) -> Response:
    """One of them: the records side by side, differences marked, each link's bits as a picture."""
    at.unveil("review of a doubtful merge")
    found = review_of(at.state, review_id)
    for each in found["customers"]:
        at.note_read("review.read", each["customer_id"])
    votes = all_votes(at.frame.ledger.read())
    shown = steward_view("review detail", "agent", frozenset())(found)
    return at.page(
        "review.html",
        review=shown,
        mine=sum(vote.user_name == at.user.name for vote in votes),
        decided=_just_decided(at),
        typed="",
    )


@console.post("/reviews/<review_id>")
@desk("review")
def judge_review(at: Desk, review_id: str) -> Response:
    """Same, different or unsure; then the next one."""
    verdict = at.said("verdict", 10)
    if verdict not in VERDICTS:
        raise Refused("invalid-request", "a verdict is same, different or unsure")
    reason = at.form.get("reason") or f"judged {verdict} at the review desk"
    part = [_key(name) for name in request.form.getlist("record")]
    decision_id = ""
    with at.frame.world.write() as hand:
        found = review_of(State(hand.generation, hand.overlay), review_id)
        decided: Decided | None = None
        if verdict != UNSURE:
            decided = decide(hand, review_id, verdict, part, Wish(at.key.name, reason[:200]))
            decision_id = decided.decision_id
        if found["kind"] == PAIR:
            pair, centibits = pair_of(found["left"], found["right"]), round(found["bits"] * 100)
            said = VoteRow(*pair, at.user.name, verdict, centibits, as_text(hand.tx.now), decision_id or None)
            put_vote(hand.tx.session, said)
        touched = {str(each["customer_id"]) for each in found["customers"]}
        if decided is not None:
            touched |= {str(each["customer_id"]) for each in decided.after}
        details = {"verdict": verdict, "decision_id": decision_id or None, "reason": reason[:200]}
        at.frame.audit.change(hand.tx, *(at.act("review.decide", each, details) for each in sorted(touched)))
    return _next(at, found["kind"], review_id, decision_id)


@console.post("/reviews/decisions/<decision_id>/undo")
@desk("review")
def take_back(at: Desk, decision_id: str) -> Response:
    """Take a decision back: what stood before stands again, and the pair waits again."""
    wish = Wish(at.key.name, "taken back at the review desk")
    with at.frame.world.write() as hand:
        if judgement_entry(hand.tx.log, decision_id).actor != at.key.name:
            raise Refused("forbidden", "a colleague decided this: here you take back what you decided yourself")
        decided = undo(hand, decision_id, wish)
        drop_votes_of_decision(hand.tx.session, decision_id)
        touched = sorted({str(each["customer_id"]) for each in (*decided.before, *decided.after)})
        details = {"decision_id": decision_id, "reason": wish.reason}
        at.frame.audit.change(hand.tx, *(at.act("customer.undo", each, details) for each in touched))
    return _to("/console/reviews")


@console.get("/reviews/second")
@desk("review")
def show_second(at: Desk) -> Response:
    """A pair that a colleague has judged, asked again without saying how: so agreement is measured."""
    at.unveil("second opinion on a doubtful merge")
    votes = all_votes(at.frame.ledger.read())
    for vote in _for_second(at, votes):
        records = [at.state.record(*_key(name)) for name in (vote.left_record, vote.right_record)]
        left, right = records
        if left is None or right is None:
            continue
        for each in (left, right):
            at.note_read("review.read", each.customer_id)
        link = link_table((left, right, vote.centibits / 100), at.state.generation.model)
        shown = {"records": [record_table(left), record_table(right)], "links": [link], "kind": PAIR}
        return at.page("second.html", review=shown, left=vote.left_record, right=vote.right_record, typed="")
    return _to("/console/reviews")


@console.post("/reviews/second")
@desk("review")
def judge_second(at: Desk) -> Response:
    """A second word on a pair: it binds nobody, and counts for the agreement between stewards."""
    verdict = at.said("verdict", 10)
    pair = pair_of(at.said("left", 600), at.said("right", 600))
    with at.frame.ledger.write() as tx:
        # under the lock: a vote that an erasure dropped meanwhile is not to come back
        known = [vote for vote in all_votes(tx.session) if (vote.left_record, vote.right_record) == pair]
        if verdict not in VERDICTS or not known or any(vote.user_name == at.user.name for vote in known):
            raise Refused("conflict", "this pair does not wait for your opinion")
        put_vote(tx.session, VoteRow(*pair, at.user.name, verdict, known[0].centibits, as_text(tx.now)))
        at.frame.audit.change(tx, at.act("review.second", None, {"verdict": verdict}))
    return _to("/console/reviews/second")


def _for_second(at: Desk, votes: Sequence[VoteRow]) -> list[VoteRow]:
    """First votes of colleagues on pairs that are to be asked twice, and were not yet."""
    by_pair: dict[tuple[str, str], list[VoteRow]] = {}
    for vote in votes:
        by_pair.setdefault((vote.left_record, vote.right_record), []).append(vote)
    return [
        said[0]
        for pair, said in by_pair.items()
        if len(said) == 1 and said[0].user_name != at.user.name and said[0].verdict != UNSURE and asked_twice(pair)
    ]


def _next(at: Desk, kind: str, review_id: str, decision_id: str) -> Response:
    said = f"?decided={decision_id}" if decision_id else ""
    for item in _waiting(at, kind, all_votes(at.frame.ledger.read()), 2):
        if item["review_id"] != review_id:
            return _to(f"/console/reviews/{item['review_id']}{said}")
    return _to(f"/console/reviews{said}")


def _waiting(at: Desk, kind: str, votes: Sequence[VoteRow], most: int) -> list[Mapping[str, Any]]:
    """The queue without what this steward has spoken on, up to ``most`` of it."""
    mine = {(vote.left_record, vote.right_record) for vote in votes if vote.user_name == at.user.name}
    found: list[Mapping[str, Any]] = []
    cursor: str | None = None
    for _ in range(_MOST_PAGES):
        page = reviews(at.state, kind, most, cursor)
        found += [item for item in page.items if kind == CUSTOMER or pair_of(item["left"], item["right"]) not in mine]
        cursor = page.next_cursor
        if len(found) >= most or cursor is None:
            break
    return found[:most]


def _just_decided(at: Desk) -> str:
    """The decision that the address names, where it is this steward's own and still stands."""
    decision_id = request.args.get("decided", "")[:40]
    log = at.frame.ledger.log()
    try:
        own = bool(decision_id) and judgement_entry(log, decision_id).actor == at.key.name
    except Refused:
        return ""
    return decision_id if own and decision_id not in undone_decisions(log) else ""


def _to(where: str) -> Response:
    return leading_to(where)


def _key(name: str) -> RecordKey:
    channel, _, source_record_id = name.partition(":")
    return channel, source_record_id
