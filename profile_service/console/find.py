"""Finding the person on the line: one box for any fragment, and the screen that pops up when the telephone rings."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from flask import Response, request

from profile_service.console.guard import Desk, desk, leading_to
from profile_service.console.marked import marked_hit
from profile_service.console.pages import console
from profile_service.contracts.answers import unread_fields
from profile_service.contracts.requests import LONGEST_QUERY
from profile_service.lookup import Ambiguous, Found, by_id, by_identifier, standard_value
from profile_service.search import search

MOST_HITS = 20


@console.get("/find")
@desk("find")
def ask_whom(at: Desk) -> Response:
    """The box."""
    return at.page("find.html", typed="", hits=None)


@console.post("/find")
@desk("find")
def find_people(at: Desk) -> Response:
    """Who fits what was typed so far, the likeliest first.

    It is sent as a form: a name or a number that stood in an address would be kept by browsers and proxies.
    """
    typed = at.said("q", LONGEST_QUERY, least=0)
    hits, found = ([], 0) if not typed else _hits(at, typed)
    template = "_hits.html" if request.headers.get("HX-Request") else "find.html"
    return at.page(template, typed=typed, hits=hits, found=found)


@console.get("/pop")
@desk("find")
def pop_up(at: Desk) -> Response:
    """The telephone rings: who has exactly this number opens; several are listed; nobody is made up.

    The address that the softphone opens is left at once for one that holds no number.
    """
    number = request.args.get("phone", "")[:64]
    outcome = by_identifier(at.state, "phone", number)
    if isinstance(outcome, Found):
        at.note_read("call.pop", outcome.customer_id)
        return leading_to(f"/console/customers/{outcome.customer_id}?by=phone")
    candidates = outcome.candidates if isinstance(outcome, Ambiguous) else ()
    total = outcome.total if isinstance(outcome, Ambiguous) else 0
    standard = standard_value("phone", number, at.state.generation.model)
    # else it came without its country, and each reading of it is somebody's
    shared = standard is not None and set(candidates) <= set(at.state.holders("phone", standard))
    return at.page(
        "pop.html", candidates=candidates_of(at, candidates), total=total, shared=shared, typed="", hits=None
    )


def candidates_of(at: Desk, customer_ids: Iterable[str]) -> list[Mapping[str, Any]]:
    """Some customers by what tells them apart, as the desk may see them."""
    shown = []
    show = at.view("hit")
    for customer_id in customer_ids:
        outcome = by_id(at.state, customer_id)
        if isinstance(outcome, Found):
            at.note_read("call.candidate", customer_id)
            shown.append(show({**outcome.profile, "score": 1.0, "matches": []}))
    return shown


def _hits(at: Desk, typed: str) -> tuple[list[Mapping[str, Any]], int]:
    # an id that somebody read out or pasted is not searched for, it is somebody's
    if typed.startswith("cus_"):
        outcome = by_id(at.state, typed)
        stands = outcome.stands_as if hasattr(outcome, "stands_as") else typed
        whole = candidates_of(at, [stands])
        return whole, len(whole)
    results = search(at.state, typed, MOST_HITS, unread_fields("agent", frozenset(())))
    show = at.view("hit")
    shown: list[Mapping[str, Any]] = []
    for hit in results.hits:
        at.note_read("profile.search", hit.customer_id)
        shown.append(marked_hit(show({**hit.document, "score": hit.score, "matches": []}), hit.matches))
    return shown, results.found
