"""Reading one customer: by id, by an identifier, by several at once."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs

from flask import Response

from profile_service.api.calls import Call
from profile_service.api.outcomes import customer, identified, seen
from profile_service.api.routes import blueprint, needs
from profile_service.contracts.requests import Lookup
from profile_service.contracts.views import AnyProfile
from profile_service.errors import Refused
from profile_service.lookup import IDENTIFIER_TYPES, Found, by_identifier, by_identifiers
from profile_service.profile import provenance

profiles = blueprint("profiles", "One customer, in the view of the key's audience.")

FIELDS = "fields"
_INCLUDE = {
    "name": "include",
    "in": "query",
    "schema": {"type": "string", "enum": [FIELDS]},
    "description": "`fields`: also where each value comes from, by field, as the key's audience may see it.",
}


@profiles.route("/profiles/<customer_id>")
@needs("profiles:read", answers=(304, 308), refuses=(410, 422))
@profiles.doc(parameters=[_INCLUDE])
@profiles.response(200, AnyProfile)
def read_profile(call: Call, customer_id: str) -> Response:
    """The merged profile.

    An id that was merged away answers 308 to the one that stands, an erased one 410.
    """
    return _profile(call, customer(call, customer_id))


@profiles.route("/profiles/by/<identifier_type>/<path:value>")
@needs("profiles:read", answers=(304,), refuses=(409, 422))
@profiles.doc(parameters=[_INCLUDE])
@profiles.response(200, AnyProfile)
def read_profile_by(call: Call, identifier_type: str, value: str) -> Response:
    """The merged profile of whoever carries an identifier.

    `identifier_type`: `email`, `phone`, `loyalty_id`, `cookie_id`, `device_id` or `record` (`channel:id`). The value
    may be written in any way that means it. What several customers carry answers 409 with the candidates.
    """
    if identifier_type not in IDENTIFIER_TYPES:
        raise Refused("not-found", f"an identifier is one of {', '.join(IDENTIFIER_TYPES)}")
    return _profile(call, identified(call, by_identifier(call.state, identifier_type, value)))


@profiles.route("/profiles/lookup", methods=["POST"])
@needs("profiles:read", refuses=(409,))
@profiles.arguments(Lookup)
@profiles.doc(parameters=[_INCLUDE])
@profiles.response(200, AnyProfile)
def look_up(call: Call, asked: dict[str, Any]) -> Response:
    """The merged profile of the one customer who carries several identifiers, none of which stands in a URL."""
    pairs = [(each["type"], each["value"]) for each in asked["identifiers"]]
    return _profile(call, identified(call, by_identifiers(call.state, pairs)))


def _profile(call: Call, found: Found) -> Response:
    # most ask for nothing further: what reads parameters is for the others
    query: str = call.environ.get("QUERY_STRING", "")
    call.note_read("profile.read", found.customer_id)
    if found.published and not query:
        key = call.key
        kept = call.frame.rendered.body(call.state.generation, found.customer_id, key.audience, key.mask)
        if kept is not None:
            return call.answer_rendered(*kept)
    return call.answer(seen(call, found.profile, _further(call, found.customer_id, query) if query else None))


def _further(call: Call, customer_id: str, query: str) -> dict[str, Any]:
    """Members of the profile that are made on demand. Raises Refused for those that there are not."""
    included = parse_qs(query, keep_blank_values=True).get("include", [])
    if any(name != FIELDS for name in included):
        raise Refused(
            "invalid-request", "see errors", errors=[{"parameter": "include", "detail": f"is to be {FIELDS}"}]
        )
    return {FIELDS: provenance(call.state.records_of(customer_id), call.state.generation.model)} if included else {}
