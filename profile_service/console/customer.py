"""One customer: the first screen that answers the call, and below it everything that is known and why."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from flask import Response, request

from profile_service.api.outcomes import customer as customer_found
from profile_service.api.outcomes import seen
from profile_service.console.facts import addresses_of, greeting, in_days, open_matters, veiled_event
from profile_service.console.guard import VEILED, Desk, desk, leading_to
from profile_service.console.pages import console
from profile_service.console.value import value_of
from profile_service.contracts.masks import masked
from profile_service.errors import Moved, Refused
from profile_service.explain import explain_customer
from profile_service.lookup import Found, by_id
from profile_service.notes import LONGEST_NOTE, edit_note, pin_note, read_notes, remove_note, write_note
from profile_service.notes import Hand as NoteHand
from profile_service.profile import provenance
from profile_service.timeline import Wanted, timeline
from profile_service.verify import Verified, history, verified

_EVENTS_A_PAGE = 20
_MOST_AT_HOME = 8
_HOUSEHOLD = """SELECT o.customer_id, o.shares
    FROM customer_households m JOIN customer_households o USING (household_id)
    WHERE m.customer_id = $customer_id AND o.customer_id <> $customer_id ORDER BY o.customer_id LIMIT $most"""
_LOOKED_BACK = 100  # events in which open matters and the last contact are looked for


@console.get("/customers/<customer_id>")
@desk("find")
def show_customer(at: Desk, customer_id: str) -> Response:
    """Everything at once: who, how sure, verified or not, last contact, open matters, consent; below, the rest."""
    found = standing(at, customer_id)
    proof = unveiled(at, found.customer_id)
    at.note_read("profile.read", found.customer_id, {"by": "phone" if request.args.get("by") == "phone" else "id"})
    records = at.state.records_of(found.customer_id)
    now = at.frame.clock()
    first = timeline(at.state, found.customer_id, limit=_EVENTS_A_PAGE)
    recent = [*first.items]
    if first.next_cursor:
        recent += timeline(at.state, found.customer_id, limit=_LOOKED_BACK, cursor=first.next_cursor).items
    shown = seen(at, found.profile, {"fields": provenance(records, at.state.generation.model)})
    show_event = _event_view(at)
    return at.page(
        "customer.html",
        profile=shown,
        greeting=greeting(shown),
        proof=proof,
        attempts=history(at.frame.ledger.read(), found.customer_id, now),
        last_contact=show_event(recent[0]) if recent else None,
        matters=[show_event(event) for event in open_matters(recent, now)],
        addresses=[_address(at, each) for each in addresses_of(records, found.profile.get("address"))],
        notes=read_notes(at.frame.ledger.read(), records),
        household=_household(at, found.customer_id),
        value=value_of(at, found.profile),
        events=[show_event(event) for event in recent[:_EVENTS_A_PAGE]],
        more=first.next_cursor,
        wanted=Wanted(),
        event_types=sorted({str(event["event_type"]) for event in recent if event["event_type"]}),
        ago=lambda moment: in_days(moment, now),
        longest_note=LONGEST_NOTE,
        typed="",
    )


@console.get("/customers/<customer_id>/timeline")
@desk("find")
def show_timeline(at: Desk, customer_id: str) -> Response:
    """Events of some channels and kinds, a page at a time, as part of the customer's page."""
    found = standing(at, customer_id)
    unveiled(at, found.customer_id)
    wanted = Wanted(
        frozenset(each for each in request.args.getlist("channel") if each),
        frozenset(each for each in request.args.getlist("type") if each),
    )
    cursor = request.args.get("cursor") or None
    page = timeline(at.state, found.customer_id, wanted, _EVENTS_A_PAGE, cursor)
    at.note_read("timeline.read", found.customer_id, {"events": len(page.items)})
    show = _event_view(at)
    now = at.frame.clock()
    return at.page(
        "_timeline.html",
        profile={"customer_id": found.customer_id},
        events=[show(event) for event in page.items],
        more=page.next_cursor,
        wanted=wanted,
        first=cursor is None,
        ago=lambda moment: in_days(moment, now),
    )


@console.get("/customers/<customer_id>/why")
@desk("find")
def show_why(at: Desk, customer_id: str) -> Response:
    """Why these records are one customer: each link in bits, as a picture, and who comes near."""
    found = standing(at, customer_id)
    proof = unveiled(at, found.customer_id)
    explained = explain_customer(at.state, found.customer_id)
    if explained is None:
        raise Refused("unknown-customer", "no customer has this id any more")
    at.note_read("profile.explain", found.customer_id)
    shown = at.view("explanation")(explained)
    name = seen(at, found.profile)
    return at.page("why.html", why=shown, profile=name, proof=proof, typed="")


@console.post("/customers/<customer_id>/notes")
@desk("note")
def note(at: Desk, customer_id: str) -> Response:
    """Write, change, pin or remove a note."""
    found = standing(at, customer_id)
    action = at.said("action", 10)
    with at.frame.world.write() as hand:
        records = hand.standing.records_of(found.customer_id)
        if not records:
            raise Refused("conflict", "this customer has just been merged or erased: find them again")
        author = at.user.name
        by = NoteHand(author, at.user.may("oversee"))
        if action == "write":
            written = write_note(hand.tx, records, at.key.channel or "", author, at.said("text", LONGEST_NOTE))
        elif action == "edit":
            written = edit_note(hand.tx, records, at.said("note_id", 60), by, at.said("text", LONGEST_NOTE))
        elif action in ("pin", "unpin"):
            written = pin_note(hand.tx, records, at.said("note_id", 60), action == "pin")
        elif action == "remove":
            written = remove_note(hand.tx, records, at.said("note_id", 60), by)
        else:
            raise Refused("invalid-request", "a note is written, edited, pinned, unpinned or removed")
        details = {"note_id": written.note_id, "written_by": written.author}
        at.frame.audit.change(hand.tx, at.act(f"note.{action}", found.customer_id, details))
    if request.headers.get("HX-Request"):
        now = at.frame.clock()
        return at.page(
            "_notes.html",
            profile={"customer_id": found.customer_id},
            notes=read_notes(at.frame.ledger.read(), at.state.records_of(found.customer_id)),
            ago=lambda moment: in_days(moment, now),
            longest_note=LONGEST_NOTE,
        )
    return to_customer(found.customer_id, "notes")


def standing(at: Desk, customer_id: str) -> Found:
    """The customer of an id, also of one that was merged away. Raises Refused when unknown or erased."""
    try:
        return customer_found(at, customer_id)
    except Moved as moved:
        return customer_found(at, moved.stands_as)


def unveiled(at: Desk, customer_id: str) -> Verified | None:
    """Let the desk see what is veiled where the caller is verified as this customer; answers how."""
    proof = verified(at.frame.ledger.read(), customer_id, at.user.name, at.frame.clock())
    if proof is not None:
        at.unveil(f"caller verified: {proof.method}")
    return proof


def to_customer(customer_id: str, place: str = "") -> Response:
    """Back to a customer's page, at one place of it."""
    where = f"/console/customers/{customer_id}" + (f"#{place}" if place else "")
    return leading_to(where)


def _event_view(at: Desk) -> Callable[[Mapping[str, Any]], Any]:
    show = at.view("event")
    return (lambda event: veiled_event(show(event))) if at.key.mask else show


def _address(at: Desk, each: Any) -> dict[str, Any]:
    parts: Mapping[str, Any] = {
        name: masked(name, value) if at.key.mask and name in VEILED else value for name, value in each.parts.items()
    }
    return {"parts": parts, "last_said": each.last_said, "records": each.records, "stands": each.stands}


def _household(at: Desk, customer_id: str) -> list[Mapping[str, Any]]:
    """Who lives with a customer, as the last run found, by name and how they belong; never merged with them."""
    rows = at.state.generation.ask(_HOUSEHOLD, {"customer_id": customer_id, "most": _MOST_AT_HOME})
    found: list[Mapping[str, Any]] = []
    for other, shares in rows:
        outcome = by_id(at.state, other)
        if isinstance(outcome, Found):
            at.note_read("household.read", other)
            found.append({"customer_id": other, "full_name": outcome.profile.get("full_name"), "shares": shares})
    return found
