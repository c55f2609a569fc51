"""An agent's own corrections: these are not one person, these two are, and what the caller says has changed."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from typing import Any

from flask import Response, request

from profile_service.api.writing import preview
from profile_service.console.customer import standing, to_customer, unveiled
from profile_service.console.guard import Desk, desk
from profile_service.console.pages import console
from profile_service.contracts.desk import CONTACT_FIELDS, read_contact
from profile_service.correct import (
    Decided,
    Wish,
    judge,
    judgement_entry,
    merge,
    records_standing,
    split,
    together,
    undo,
)
from profile_service.errors import Refused
from profile_service.explain import record_table
from profile_service.live.judge import constraints_of
from profile_service.live.step import Hand
from profile_service.lookup import Found, by_id, by_identifier
from profile_service.privacy import RecordKey
from profile_service.store.ledger.vote_rows import drop_votes_of_decision
from profile_service.take import SentConsent, SentRecord, take_consents, take_record
from profile_service.verify import verified

# Records that agents' corrections are kept in: the call center's own, one a customer.
DESK_RECORD = "desk-"
_PURPOSE = "marketing"


@console.get("/customers/<customer_id>/correct")
@desk("correct")
def show_corrections(at: Desk, customer_id: str) -> Response:
    """The three things that may be wrong: too many records, too few, or out of date."""
    found = standing(at, customer_id)
    return _page(at, found)


@console.post("/customers/<customer_id>/correct")
@desk("correct")
def correct_customer(at: Desk, customer_id: str) -> Response:
    """Preview a correction, make it, or take one back; nothing is changed before it was previewed."""
    found = standing(at, customer_id)
    if unveiled(at, found.customer_id) is None:
        raise Refused("forbidden", "verify the caller first: on a stranger's word nobody is merged, parted or changed")
    action = at.said("action", 10)
    if action in ("split", "merge"):
        return _correct_records(at, found, action)
    if action == "undo":
        return _undo(at, found)
    if action == "contact":
        return _change_contact(at, found)
    if action == "consent":
        return _change_consent(at, found)
    raise Refused("invalid-request", "a correction parts, joins, changes, or takes back")


def _page(at: Desk, found: Found, status: int = 200, **more: Any) -> Response:
    proof = unveiled(at, found.customer_id)
    at.note_read("profile.read", found.customer_id)
    records = [record_table(record) for record in at.state.records_of(found.customer_id)]
    show = at.view("explanation")
    shown = show({"customer_id": found.customer_id, "records": records, "links": []})["records"]
    profile = at.view("profile")({**found.profile})
    return at.page(
        "correct.html", status, profile=profile, proof=proof, records=shown, contact=CONTACT_FIELDS, typed="", **more
    )


def _correct_records(at: Desk, found: Found, action: str) -> Response:
    wish = Wish(at.key.name, at.said("reason", 200, least=3))
    do: Callable[[Hand], Decided]
    if action == "split":
        names = request.form.getlist("record")
        part = [_key(name) for name in names]
        again: Mapping[str, Any] = {"action": action, "records": names, "reason": wish.reason}

        def do(hand: Hand) -> Decided:
            return split(hand, found.customer_id, part, wish)
    else:
        other = _other(at, at.said("other", 200))
        again = {"action": action, "other": other, "reason": wish.reason}

        def do(hand: Hand) -> Decided:
            return merge(hand, found.customer_id, [other], wish)

    if at.form.get("sure") != "yes":
        return _page(at, found, preview=preview(at, do)[0].document(preview=True), again=again)
    decided = _decide(at, do, wish)
    return _done(at, found, decided)


def _other(at: Desk, said: str) -> str:
    """The other customer, by id or by any identifier that only one has. Raises Refused."""
    outcome = by_id(at.state, said)
    for kind in ("email", "phone", "loyalty_id", "record"):
        if isinstance(outcome, Found):
            break
        outcome = by_identifier(at.state, kind, said)  # type: ignore[assignment]
    if not isinstance(outcome, Found):
        raise Refused("conflict", "no single customer has this id, e-mail, phone, card or record")
    at.note_read("profile.candidate", outcome.customer_id)
    if verified(at.frame.ledger.read(), outcome.customer_id, at.user.name, at.frame.clock()) is None:
        # else whoever is verified as one customer would see any other's data by joining them
        raise Refused("forbidden", "verify the caller as the other customer too: joined, each one's data is shown")
    return outcome.customer_id


def _decide(at: Desk, do: Callable[[Hand], Decided], wish: Wish) -> Decided:
    with at.frame.world.write() as hand:
        decided = do(hand)
        details = {"decision_id": decided.decision_id, "reason": wish.reason}
        touched = sorted({str(each["customer_id"]) for each in (*decided.before, *decided.after)})
        at.frame.audit.change(
            hand.tx, *(at.act(f"customer.{decided.action}", customer_id, details) for customer_id in touched)
        )
    return decided


def _done(at: Desk, found: Found, decided: Decided) -> Response:
    # it is taken back from where the caller is verified
    return at.page("decided.html", decided=decided.document(preview=False), here=found.customer_id, typed="")


def _undo(at: Desk, found: Found) -> Response:
    wish = Wish(at.key.name, "taken back at the desk")
    decision_id, customer_id = at.said("decision_id", 40), found.customer_id

    def do(hand: Hand) -> Decided:
        entry = judgement_entry(hand.tx.log, decision_id)
        keys = {(record.channel, record.source_record_id) for record in records_standing(hand.standing, customer_id)}
        about = {key for each in constraints_of(entry.payload or {}) for key in (each.left, each.right)}
        if entry.actor != at.key.name or not keys & about:
            raise Refused(
                "forbidden", "here you take back what you decided of this customer: stewards take back others"
            )
        drop_votes_of_decision(hand.tx.session, decision_id)
        return undo(hand, decision_id, wish)

    return _done(at, found, _decide(at, do, wish))


def _change_contact(at: Desk, found: Found) -> Response:
    """What the caller says goes into the call center's own record of them, and wins by the rules of survivorship."""
    with at.frame.world.write() as hand:
        records = records_standing(hand.standing, found.customer_id)
        channel = at.key.channel or ""
        own = [each for each in records if each.channel == channel and each.source_record_id.startswith(DESK_RECORD)]
        mine = own[0] if own else None
        name = mine.source_record_id if mine is not None else f"{DESK_RECORD}{secrets.token_hex(8)}"
        said = read_contact(at.form, channel, name)
        if not said:
            raise Refused("invalid-request", "say at least one value")
        kept = dict(mine.fields) if mine is not None else {}
        sent = SentRecord(channel, name, {**kept, **said}, authenticated=True)
        taken = take_record(hand, sent, at.key.name)
        customer_id = taken.customer_id
        if customer_id != found.customer_id or not taken.known:
            # with another address and number it might be taken for somebody else: the verified caller says it is not
            other = hand.standing.record(channel, name)
            assert other is not None
            links = together(hand.standing, [records[0], other])
            judge(hand, "same", links, Wish(at.key.name, "said by the verified caller"))
            kept_record = hand.standing.record(channel, name)
            customer_id = kept_record.customer_id if kept_record is not None else customer_id
        before = {(each.channel, each.source_record_id) for each in records} | {(channel, name)}
        after = records_standing(hand.standing, customer_id)
        if any((each.channel, each.source_record_id) not in before for each in after):
            # what the caller says may be somebody else's: nobody is joined by the way
            raise Refused("conflict", "another customer has these data: correct that, or join the two, and then say it")
        details = {"channel": channel, "fields": sorted(said)}
        at.frame.audit.change(hand.tx, at.act("record.write", customer_id, details))
    return to_customer(customer_id)


def _change_consent(at: Desk, found: Found) -> Response:
    said = at.said("consent", 3)
    if said not in ("yes", "no"):
        raise Refused("invalid-request", "consent is yes or no")
    purpose, channel = at.form.get("purpose") or _PURPOSE, at.form.get("channel") or at.key.channel or ""
    known = {str(each["channel"]) for each in found.profile.get("consents") or ()} | {at.key.channel or ""}
    purposes = {str(each["purpose"]) for each in found.profile.get("consents") or ()} | {_PURPOSE}
    if channel not in known or purpose not in purposes:
        raise Refused("invalid-request", "there is no such purpose or channel")
    with at.frame.world.write() as hand:
        records_standing(hand.standing, found.customer_id)
        take_consents(hand, found.customer_id, [SentConsent(purpose, channel, said)], at.key.name)
        details = {"purpose": purpose, "channel": channel, "consent": said}
        at.frame.audit.change(hand.tx, at.act("consent.write", found.customer_id, details))
    return to_customer(found.customer_id)


def _key(name: str) -> RecordKey:
    channel, _, source_record_id = name.partition(":")
    return channel, source_record_id
