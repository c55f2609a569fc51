"""What a look-up found, as the caller's key may see it; whatever else it came to, as the problem that this is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from profile_service.api.calls import Call
from profile_service.api.rendered import dated
from profile_service.errors import Moved, Refused
from profile_service.lookup import Ambiguous, Erased, Found, Generic, Outcome, Retired, by_id

# By what an agent tells candidates apart; to a customer all but one of them are strangers.
_TELLING = ("customer_id", "full_name", "birth_date", "address", "channels", "last_seen")


def found(outcome: Outcome) -> Found:
    """The customer found. Raises Moved for an id that was merged away, Refused for all else."""
    if isinstance(outcome, Found):
        return outcome
    if isinstance(outcome, Retired):
        raise Moved(outcome.customer_id, outcome.stands_as, outcome.event)
    if isinstance(outcome, Erased):
        raise Refused("erased", "this customer was erased", customer_id=outcome.customer_id)
    if isinstance(outcome, Generic):
        said = f"so many share this {outcome.identifier_type} that it names nobody"
        raise Refused("generic-value", said)
    raise Refused("unknown-identifier", "no customer carries it")


def customer(call: Call, customer_id: str) -> Found:
    """The customer of an id. Raises Moved, or Refused when there is none."""
    outcome = by_id(call.state, customer_id)
    if isinstance(outcome, Found):
        return outcome
    if isinstance(outcome, Retired | Erased):
        return found(outcome)
    raise Refused("unknown-customer", "no customer has or had this id")


def identified(call: Call, outcome: Outcome) -> Found:
    """The customer whom identifiers name. Raises Refused; where several fit, with the candidates."""
    if not isinstance(outcome, Ambiguous):
        return found(outcome)
    candidates = []
    for customer_id in outcome.candidates:
        profile = call.state.profile(customer_id)
        if profile is not None:
            call.note_read("profile.candidate", customer_id)
            whole = seen(call, profile)
            told = _TELLING if call.key.audience != "subject" else ("customer_id",)
            candidates.append({name: whole[name] for name in told if name in whole})
    raise Refused(
        "ambiguous-identifier", f"{outcome.total} customers fit", candidates=candidates, candidates_total=outcome.total
    )


def seen(call: Call, whole: dict[str, Any], further: Mapping[str, Any] | None = None) -> Mapping[str, Any]:
    """A whole profile, and ``further`` members of it, as the call's key may see it."""
    if further:
        whole |= further
    dated(whole, call.state.generation)
    shown: Mapping[str, Any] = call.view("profile")(whole)
    return shown
