"""A person's own rights: to know all that is known of them, and to be forgotten."""

from __future__ import annotations

from typing import Any

from flask import Response

from profile_service.api.calls import Call
from profile_service.api.outcomes import customer
from profile_service.api.routes import blueprint, needs
from profile_service.api.writing import Written, standing_customer, write
from profile_service.contracts.steward import ErasureAnswer, Export, ExportPage
from profile_service.correct import Wish
from profile_service.erase import erase, erasure_of_customer
from profile_service.errors import Refused
from profile_service.export import export_customer
from profile_service.export_page import export_page
from profile_service.live.step import Hand
from profile_service.store.ledger.erasures import erasures_after

privacy = blueprint("privacy", "Access and erasure.")
_MOST_ACCESSES = 10_000
# Nothing is loaded and nothing runs in a page that shows what people have typed.
_POLICY = "default-src 'none'; style-src 'unsafe-inline'"


@privacy.route("/profiles/<customer_id>/export")
@needs("privacy", answers=(304, 308), refuses=(410,))
@privacy.arguments(ExportPage, location="query")
@privacy.response(200, Export)
@privacy.alt_response(200, schema={"type": "string"}, content_type="text/html", success=True)
def export_profile(call: Call, asked: dict[str, Any], customer_id: str) -> Response:
    """Everything known of this person, as JSON or as a page to read (`format=html`).

    A key that masks fields, or that is a page's or an analyst's, is refused: an export is whole or it is none.
    """
    if call.key.mask or call.key.audience not in ("agent", "subject"):
        raise Refused("forbidden", "this key does not see everything, so it cannot export", scope="privacy")
    found = customer(call, customer_id)
    call.note_read("profile.export", found.customer_id, {"format": asked["format"]})
    accesses = call.frame.audit.rows(found.customer_id, limit=_MOST_ACCESSES)
    exported = export_customer(call.state, found.customer_id, call.frame.clock(), accesses)
    if exported is None:
        raise Refused("unknown-customer", "no customer has or had this id")
    if asked["format"] == "json":
        return call.answer(exported)
    answer = Response(export_page(exported), mimetype="text/html")
    answer.headers["Content-Security-Policy"] = _POLICY
    answer.headers["Cache-Control"] = "private, no-store"
    answer.headers["Content-Disposition"] = f'inline; filename="{found.customer_id}.html"'
    return answer


@privacy.route("/profiles/<customer_id>", methods=["DELETE"])
@needs("privacy", answers=(308,), refuses=(409, 410))
@privacy.response(202, ErasureAnswer)
def erase_profile(call: Call, customer_id: str) -> Response:
    """Forget this person: at once gone from every answer, soon from every file; no feed brings the records back.

    Say why in the header `Purpose`. How far it is: `GET /v1/profiles/{customer_id}/erasure`.
    """

    def do(hand: Hand) -> Written:
        standing_customer(hand, customer_id)
        erasure = erase(hand, customer_id, Wish(call.key.name, call.purpose))
        said = {"erasure_id": erasure.erasure_id, "records": len(erasure.tokens)}
        # the answer names nobody's data, so it is kept for a repeated request
        return Written(
            erasure_of_customer(hand.tx.log, customer_id), [call.act("profile.erase", customer_id, said)], 202
        )

    return write(call, {}, do)


@privacy.route("/profiles/<customer_id>/erasure")
@needs("privacy", answers=(304,))
@privacy.response(200, ErasureAnswer)
def read_erasure(call: Call, customer_id: str) -> Response:
    """How far an erasure is, with the receipt once nothing of the person is left in any file."""
    log = call.frame.ledger.log()
    if not any(one.erasure.customer_id == customer_id for one in erasures_after(log)):
        raise Refused("unknown-customer", "no customer of this id was erased")
    return call.answer(erasure_of_customer(log, customer_id))
