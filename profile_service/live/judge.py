"""What a steward decided of records, or took back, is brought into the overlay, and customers follow."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from profile_service.live.recluster import Reclustered, recluster
from profile_service.live.step import Step
from profile_service.privacy import RecordKey
from profile_service.store.ledger.overlay_judgements import UNDONE, Judgement, put_judgements


@dataclass(frozen=True)
class Constraint:
    """Two records by their keys and the verdict on them: ``same`` or ``different``."""

    left: RecordKey
    right: RecordKey
    verdict: str

    def row(self) -> list[str]:
        """As it stands in an entry's payload."""
        return [*self.left, *self.right, self.verdict]


def constraints_of(payload: Any) -> Iterator[Constraint]:
    """The constraints in the payload of an entry of kind ``judgement`` or ``undo``."""
    for left_channel, left_id, right_channel, right_id, verdict in payload["constraints"]:
        yield Constraint((left_channel, left_id), (right_channel, right_id), verdict)


def apply_judgement(step: Step) -> Reclustered:
    """Bind the records that the judgement names."""
    assert step.entry.payload is not None
    return _bind(step, list(constraints_of(step.entry.payload)))


def apply_undo(step: Step) -> Reclustered:
    """Unbind them: what an earlier decision said of two of them binds again."""
    assert step.entry.payload is not None
    taken_back = [
        Constraint(constraint.left, constraint.right, UNDONE) for constraint in constraints_of(step.entry.payload)
    ]
    return _bind(step, taken_back)


def _bind(step: Step, constraints: Sequence[Constraint]) -> Reclustered:
    assert step.entry.payload is not None
    decision_id = str(step.entry.payload["decision_id"])
    refs = _refs(step, (key for constraint in constraints for key in (constraint.left, constraint.right)))
    judgements = [
        Judgement(refs[constraint.left], refs[constraint.right], constraint.verdict, decision_id)
        for constraint in constraints
        if constraint.left in refs and constraint.right in refs
    ]
    put_judgements(step.overlay, judgements)
    return recluster(step, set(refs.values()))


def _refs(step: Step, keys: Iterable[RecordKey]) -> dict[RecordKey, int]:
    """The number of each record that is there, and of all that are one customer with it: a part may fall off."""
    found = {}
    for key in dict.fromkeys(keys):
        record = step.standing.record(*key)
        if record is None:
            continue
        for other in step.standing.records_of(record.customer_id):
            found[other.channel, other.source_record_id] = other.ref
        found[key] = record.ref
    return found
