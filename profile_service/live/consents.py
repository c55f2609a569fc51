"""A customer's consent is taken in now: said by purpose and channel, kept with one of the customer's records."""

from __future__ import annotations

from dataclasses import dataclass, replace

from profile_service.errors import PromiseBroken
from profile_service.live.owners import name_of
from profile_service.live.recluster import recluster
from profile_service.live.step import Step
from profile_service.store.ledger import LiveConsent
from profile_service.store.stored import CarriedConsent, StoredRecord, moment_of


@dataclass(frozen=True)
class ConsentTaken:
    """Whose consent it is; ``stands``: false when a newer statement of that purpose and channel is known."""

    customer_id: str
    stands: bool


def carrier_of(records: list[StoredRecord], channel: str) -> StoredRecord:
    """The record that carries a customer's statement: one of that channel if there is any, the first by name."""
    return min(records, key=lambda record: (record.channel != channel, name_of(record)))


def apply_consent(step: Step) -> ConsentTaken | None:
    """Apply an entry of kind ``consent``: payload ``purpose``, ``channel``, ``consent`` and ``stated_at``.

    The entry names the record that carries it, so that it stays with that record through every merge and split. None
    when that record is not there any more.
    """
    entry, payload = step.entry, step.entry.payload
    if payload is None or entry.about.channel is None or entry.about.source_record_id is None:
        raise PromiseBroken(f"entry {entry.seq} is no consent")
    record = step.standing.record(entry.about.channel, entry.about.source_record_id)
    if record is None:
        return None
    place = (payload["purpose"], payload["channel"])
    stated_at = moment_of(payload["stated_at"])
    before = next((said for said in record.statements if (said.purpose, said.channel) == place), None)
    times = 1 if before is None else before.statements + 1
    said = CarriedConsent(*place, payload["consent"], stated_at, times)
    stands = before is None or before.stated_at is None or stated_at is None or stated_at >= before.stated_at
    if not stands and before is not None:
        said = replace(before, statements=times)
    others = [other for other in record.statements if (other.purpose, other.channel) != place]
    ordered = sorted([*others, said], key=lambda each: (each.purpose, each.channel))
    step.overlay.move_record(replace(record, statements=tuple(ordered)))
    step.overlay.put_consent(
        LiveConsent(
            seq=entry.seq,
            customer_id=record.customer_id,
            purpose=place[0],
            channel=place[1],
            source_record_id=None,
            consent=payload["consent"],
            stated_at=payload["stated_at"],
        )
    )
    recluster(step, (), [record.customer_id])
    return ConsentTaken(record.customer_id, stands)
