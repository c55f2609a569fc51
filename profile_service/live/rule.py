"""A steward's ruling on a shared value: it binds records that come in after it, and with the next run everyone."""

from __future__ import annotations

from collections.abc import Iterator, Set
from dataclasses import dataclass

from profile_service.identity.rulings import is_generic
from profile_service.identity.standardise import GenericValues
from profile_service.live.step import Step
from profile_service.store.ledger import Entry, Log, entry_id

RULING = "ruling"
RULING_PREFIX = "rul_"


@dataclass(frozen=True)
class Ruling:
    """A verdict on a value of a field, in its standard form; see ``identity.rulings``."""

    field: str
    value: str
    verdict: str


def ruling_id(seq: int) -> str:
    """The id of the ruling that was logged as entry ``seq``; in the order of time."""
    return entry_id(RULING_PREFIX, seq)


def ruling_of(entry: Entry) -> Ruling:
    """What an entry of kind ``ruling`` says that nobody has emptied."""
    assert entry.payload is not None
    return Ruling(entry.payload["field"], entry.payload["value"], entry.payload["verdict"])


def rulings_after(log: Log, seq: int = 0) -> Iterator[Entry]:
    """Every ruling above that number that still says something, in order."""
    return log.said_after(seq, RULING)


def apply_ruling(step: Step) -> None:
    """Change nothing: who holds the value already is resolved anew by the next run."""


def generic_by_then(step: Step) -> GenericValues:
    """What counts as missing for this step's record: as published, and as stewards have ruled between that and it."""
    generation = step.standing.generation
    shared: dict[str, Set[str]] = dict(generation.shared.generic)
    for entry in rulings_after(step.tx.log, generation.ledger_seq):
        if entry.seq > step.entry.seq:
            # a replay has the whole log before it
            break
        ruling = ruling_of(entry)
        held = shared.get(ruling.field, frozenset())
        counted = generation.shared.by_count(ruling.field, ruling.value)
        one = {ruling.value}
        shared[ruling.field] = held | one if is_generic(counted, ruling.verdict) else held - one
    return shared
