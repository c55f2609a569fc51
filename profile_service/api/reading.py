"""Reading about one customer beyond the profile, and finding customers."""

from __future__ import annotations

from typing import Any

from flask import Response

from profile_service.api.calls import Call
from profile_service.api.outcomes import customer
from profile_service.api.routes import blueprint, needs
from profile_service.contracts.answers import AgentExplanation, SearchAnswer, Timeline, unread_fields
from profile_service.contracts.requests import Search, TimelinePage
from profile_service.errors import Refused
from profile_service.explain import explain_customer
from profile_service.search import Hit, search
from profile_service.store.stored import moment_of
from profile_service.timeline import Wanted, timeline

reading = blueprint("reading", "A customer's events and reasons, and an agent's search.")


@reading.route("/profiles/<customer_id>/timeline")
@needs("profiles:read", answers=(304, 308), refuses=(410,))
@reading.arguments(TimelinePage, location="query")
@reading.response(200, Timeline)
def read_timeline(call: Call, asked: dict[str, Any], customer_id: str) -> Response:
    """Events of all channels, newest first.

    Filters may be given several times: `channel=web&channel=store`.
    """
    found = customer(call, customer_id)
    since, until = (moment_of(asked[name]) if asked.get(name) else None for name in ("since", "until"))
    wanted = Wanted(frozenset(asked.get("channel", ())), frozenset(asked.get("type", ())), since, until)
    page = timeline(call.state, found.customer_id, wanted, call.page_size(asked.get("limit")), asked.get("cursor"))
    call.note_read("timeline.read", found.customer_id, {"events": len(page.items)})
    document = page.as_document()
    show = call.view("event")
    document["data"] = [show(event) for event in page.items]
    return call.answer(document)


@reading.route("/profiles/<customer_id>/explain")
@needs("profiles:explain", answers=(304, 308), refuses=(410,))
@reading.response(200, AgentExplanation)
def explain_profile(call: Call, customer_id: str) -> Response:
    """Why these records are one customer: the links that hold them together, in bits, and who comes near."""
    found = customer(call, customer_id)
    explained = explain_customer(call.state, found.customer_id)
    if explained is None:
        raise Refused("unknown-customer", "no customer has or had this id")
    call.note_read("profile.explain", found.customer_id)
    return call.answer(call.view("explanation")(explained))


@reading.route("/profiles/search", methods=["POST"])
@needs("profiles:search")
@reading.arguments(Search)
@reading.response(200, SearchAnswer)
def find_customers(call: Call, asked: dict[str, Any]) -> Response:
    """An agent's search: names in any order and spelling, phone, e-mail, street, postcode, city, birth date, all or
    in part.

    The likeliest come first. Where nobody fits every part, those who fit the most parts are found. By what the key
    may not read nobody is found, but by the whole of an e-mail address, a phone or a card's number.
    """
    hidden = unread_fields(call.key.audience, frozenset(call.key.mask))
    results = search(call.state, asked["query"], asked["limit"], hidden)
    show = call.view("hit")
    data = []
    for hit in results.hits:
        call.note_read("profile.search", hit.customer_id)
        data.append(_highlighted(show(_hit(hit))))
    return call.answer({"data": data, "found": results.found, "parts": results.parts})


def _hit(hit: Hit) -> dict[str, Any]:
    matches = [
        {"typed": match.typed, "how": match.how, "pointer": match.pointer, "spans": match.spans}
        for match in hit.matches
    ]
    return {**hit.document, "score": round(hit.score, 4), "matches": matches}


def _highlighted(shown: dict[str, Any]) -> dict[str, Any]:
    """Nothing is highlighted in a value that is not shown."""
    for match in shown.get("matches", ()):
        if not isinstance(_at(shown, match["pointer"]), str):
            match["spans"] = []
    return shown


def _at(document: Any, pointer: str) -> Any:
    for part in pointer.split("/")[1:]:
        document = document.get(part) if isinstance(document, dict) else None
    return document
