"""An erased customer vanishes from the overlay and from what it lies over, and whom it touched is looked at anew."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from profile_service.errors import PromiseBroken
from profile_service.live.documents import identifiers_of
from profile_service.live.recluster import Reclustered, recluster
from profile_service.live.step import Step
from profile_service.privacy import Erasure
from profile_service.store.ledger.overlay_former import drop_former_id, drop_former_ids_of
from profile_service.store.ledger.overlay_judgements import drop_judgements
from profile_service.store.stored import StoredRecord


def apply_erasure(step: Step) -> Reclustered:
    """Forget the records that the erasure names, whichever customers of this generation hold them, and retire the id.

    Once the log no longer names them they are found by their tokens: on a generation restored from a backup.
    """
    if step.entry.payload is None or step.entry.about.customer_id is None:
        raise PromiseBroken(f"entry {step.entry.seq} is an erasure of nobody")
    erasure = Erasure.of(step.entry.about.customer_id, step.entry.at, step.entry.payload)
    gone = {record.ref: record for record in _records_of(step, erasure)}
    seeds = _partners(step, gone)
    touched = _sharing(step, gone.values())
    owners = {erasure.customer_id, *(record.customer_id for record in gone.values())}
    emptied = {erasure.customer_id}
    for owner in owners:
        kept = [record for record in step.standing.records_of(owner) if record.ref not in gone]
        seeds |= {record.ref for record in kept}
        if owner == erasure.customer_id:
            for record in kept:
                # it came to this id since: the id answers "gone" from now on, so the record gets another
                step.overlay.move_record(replace(record, customer_id=""))
        elif kept:
            touched.add(owner)
        else:
            emptied.add(owner)
    for owner in sorted(emptied):
        step.overlay.erase_customer(owner, step.entry.seq)
        drop_former_id(step.overlay, owner)
    for record in gone.values():
        _hide(step, record, erasure.customer_id)
    return recluster(step, seeds - gone.keys(), touched - emptied)


def _records_of(step: Step, erasure: Erasure) -> list[StoredRecord]:
    keys: Iterable[tuple[str, str]] = erasure.keys
    if not erasure.keys and erasure.tokens:
        keys = (key for key in step.standing.generation.record_keys() if erasure.holds(*key))
    found = [step.standing.record(*key) for key in keys]
    return [record for record in found if record is not None]


def _partners(step: Step, gone: dict[int, StoredRecord]) -> set[int]:
    """Records that a scored pair or a decision ties to those that go."""
    tied = {other for pairs in step.standing.pairs(gone).values() for other in pairs}
    for judgement in step.standing.judgements(gone):
        tied |= {judgement.ref, judgement.other}
    return tied - gone.keys()


def _sharing(step: Step, gone: Iterable[StoredRecord]) -> set[str]:
    """Customers who carry an identifier that the erased one carries too: they may share it no more."""
    records = list(gone)
    own = {record.customer_id for record in records}
    holders = {holder for identifier in identifiers_of(records) for holder in step.standing.holders(*identifier)}
    return holders - own


def _hide(step: Step, record: StoredRecord, customer_id: str) -> None:
    """Nothing of the record stays in the overlay but, where the generation has it, that it is the erased customer's."""
    step.overlay.drop_record(record.ref)
    drop_judgements(step.overlay, record.ref)
    drop_former_ids_of(step.overlay, record.ref)
    if record.ref >= 0:
        bare = StoredRecord(
            record.ref,
            record.channel,
            record.source_record_id,
            customer_id,
            fields={},
            standard=dict.fromkeys(record.standard),
            authenticated=False,
        )
        step.overlay.put_record(bare)
