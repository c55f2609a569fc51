"""One entry of the log is brought into the overlay of one generation: what each kind of entry does to it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from profile_service.errors import PromiseBroken
from profile_service.live.consents import apply_consent
from profile_service.live.events import apply_event
from profile_service.live.forget import apply_erasure
from profile_service.live.judge import apply_judgement, apply_undo
from profile_service.live.records import apply_record
from profile_service.live.rule import apply_ruling
from profile_service.live.step import Step

# Kind of entry = how it is applied, the first time and in every replay; answers what that kind has to tell.
KINDS: Mapping[str, Callable[[Step], Any]] = {
    "record": apply_record,
    "event": apply_event,
    "consent": apply_consent,
    "judgement": apply_judgement,
    "undo": apply_undo,
    "label": lambda step: None,  # what labels measure, no answer depends on
    "ruling": apply_ruling,
    "erasure": apply_erasure,
}


def apply(step: Step) -> Any:
    """Apply one entry; the same entry on the same state does the same."""
    how = KINDS.get(step.entry.kind)
    if how is None:
        raise PromiseBroken(f"entry {step.entry.seq} is of kind {step.entry.kind}, which nothing here can apply")
    return how(step)
