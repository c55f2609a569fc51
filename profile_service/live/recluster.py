"""Records that changed, and all that hang together with them, are clustered anew; ids and profiles follow.

This is the step that every kind of entry shares: a record, an event of one, a judgement, its undoing, an erasure.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from profile_service.identity.claims import Edge, claim
from profile_service.live.component import Component, clusters, connected
from profile_service.live.documents import write_documents
from profile_service.live.step import Step
from profile_service.store.stored import RecordHead, StoredRecord

MERGED_INTO, ERASED = "merged_into", "erased"


@dataclass(frozen=True)
class Reclustered:
    """What became of customers: new ids, ids that answer through another (old = new), and all whose profile changed."""

    created: tuple[str, ...] = ()
    retired: tuple[tuple[str, str], ...] = ()
    changed: tuple[str, ...] = ()


def recluster(step: Step, seeds: Collection[int], changed: Collection[str] = ()) -> Reclustered:
    """Cluster the components of ``seeds`` (numbers of records) anew, give ids, and write the profiles that changed.

    To be called when the overlay holds the records, keys, pairs and judgements as they are now; a new record stands
    there with an empty ``customer_id``. ``seeds`` must hold a record of every part into which a component may have
    fallen: what changed, and all that it was paired with before. ``changed``: customers whose profile is to be written
    even if no record of theirs moves.
    """
    component = connected(step.standing, seeds) if seeds else None
    if component is None or not component.records:
        write_documents(step, sorted(changed))
        return Reclustered(changed=tuple(sorted(changed)))
    owners = _owners(step, component, clusters(component, step.standing))
    moved = [
        (record, owners[place]) for place, record in enumerate(component.records) if record.customer_id != owners[place]
    ]
    whole = step.standing.records([record.ref for record, _ in moved])
    for record, customer_id in moved:
        step.overlay.move_record(replace(whole[record.ref], customer_id=customer_id))
    former = {record.customer_id for record, _ in moved if record.customer_id}
    created = {customer_id for _, customer_id in moved if not _is_known(step, customer_id)}
    retired = _retire(step, former - set(owners.values()), moved)
    touched = {*changed, *former, *(customer_id for _, customer_id in moved)} - {old for old, _ in retired}
    write_documents(step, sorted(touched), {old for old, _ in retired})
    return Reclustered(tuple(sorted(created)), tuple(retired), tuple(sorted(touched)))


def name_of(record: StoredRecord | RecordHead) -> str:
    """A record's name as one sortable text, the same as the batch sorts by."""
    return f"{record.channel}\x01{record.source_record_id}"


def _owners(step: Step, component: Component, labels: Sequence[int]) -> dict[int, str]:
    """The customer of each place of a component: a cluster keeps the id of most of its records, or gets a new one."""
    counts: Counter[tuple[int, str]] = Counter()
    first: dict[tuple[int, str], str] = {}
    members: dict[int, list[RecordHead]] = {}
    for record, label in sorted(zip(component.records, labels, strict=True), key=lambda entry: name_of(entry[0])):
        members.setdefault(label, []).append(record)
        if record.customer_id:
            counts[label, record.customer_id] += 1
            first.setdefault((label, record.customer_id), name_of(record))
    kept = claim(Edge(label, former, count, first[label, former]) for (label, former), count in counts.items())
    for label, records in members.items():  # in the order of their smallest names
        if label not in kept:
            kept[label] = _new_id(step, records, set(kept.values()))
    return {place: kept[label] for place, label in enumerate(labels)}


def _new_id(step: Step, records: Sequence[RecordHead], taken: Collection[str]) -> str:
    """The id that these records were given before, on another generation, where it is free; else a new one."""
    for record in records:
        for given in step.tx.log.given_ids(record.channel, record.source_record_id):
            if given not in taken and not _is_known(step, given):
                return given
    new = step.ids.one()
    step.tx.give_id(records[0].channel, records[0].source_record_id, new, step.entry.seq)
    return new


def _is_known(step: Step, customer_id: str) -> bool:
    if step.overlay.customer(customer_id) is not None:
        return True
    generation = step.standing.generation
    return generation.document(customer_id) is not None or generation.retired(customer_id) is not None


def _retire(step: Step, emptied: Collection[str], moved: Sequence[tuple[RecordHead, str]]) -> list[tuple[str, str]]:
    """Ids without a record become aliases of the customer that took most of their records; answers (old, new)."""
    retired = []
    for old in sorted(emptied):
        parts: Mapping[str, list[str]] = {}
        for record, customer_id in moved:
            if record.customer_id == old:
                parts = {**parts, customer_id: [*parts.get(customer_id, []), name_of(record)]}
        if step.standing.records_of(old):
            continue
        winner = min(parts, key=lambda part: (-len(parts[part]), min(parts[part])))
        step.overlay.retire_customer(old, MERGED_INTO, winner, step.entry.seq)
        retired.append((old, winner))
    return retired
