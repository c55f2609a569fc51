"""Every cluster of a component gets its customer id: the one it keeps, one that it had before, or a new one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from profile_service.identity.claims import Edge, claim
from profile_service.live.component import Component
from profile_service.live.step import Step
from profile_service.store.former import FormerId
from profile_service.store.stored import RecordHead, StoredRecord, moment_of

_Members = Mapping[int, Sequence[RecordHead]]


@dataclass(frozen=True)
class Owners:
    """``of``: the customer of each place of a component; which of them are new, and which stand again (since when)."""

    of: tuple[str, ...]
    created: frozenset[str]
    restored: Mapping[str, datetime]


def name_of(record: StoredRecord | RecordHead) -> str:
    """A record's name as one sortable text, the same as the batch sorts by."""
    return f"{record.channel}\x01{record.source_record_id}"


def owners_of(step: Step, component: Component, labels: Sequence[int]) -> Owners:
    """The customer of each place: a cluster keeps the id of most of its records, gets back what they had, or is new.

    ``labels``: the cluster of each place.
    """
    members: dict[int, list[RecordHead]] = {}
    for record, label in sorted(zip(component.records, labels, strict=True), key=lambda entry: name_of(entry[0])):
        members.setdefault(label, []).append(record)
    held = {
        label: {record.customer_id for record in records if record.customer_id} for label, records in members.items()
    }
    ids = [customer_id for each in held.values() for customer_id in each]
    lost: list[FormerId] = []
    if len(set(ids)) < len(ids) or not all(held.values()):
        # a part that keeps no id may have had one
        lost = step.standing.former_ids([record.ref for record in component.records])
    kept = claim(_held(members, {each.ref for each in lost}))
    created, restored = set(), {}
    for label, records in members.items():  # in the order of their smallest names
        given = None if label in kept else _given(step, records, set(kept.values()))
        if given is not None:
            kept[label] = given
            created.add(given)
    since = {each.customer_id: each.since for each in lost}
    for label, customer_id in claim(_lost(members, lost, kept)).items():
        kept[label] = customer_id
        restored[customer_id] = moment_of(since[customer_id]) or step.entry.at
    for label, records in members.items():
        if label not in kept:
            kept[label] = step.ids.one()
            step.tx.give_id(records[0].channel, records[0].source_record_id, kept[label], step.entry.seq)
            created.add(kept[label])
    return Owners(tuple(kept[label] for label in labels), frozenset(created), restored)


def _held(members: _Members, guests: Collection[int]) -> list[Edge]:
    """Which cluster has how many records of which id that stands; ``guests``: records that had another one before."""
    counts: Counter[tuple[int, str]] = Counter()
    strange: Counter[tuple[int, str]] = Counter()
    first: dict[tuple[int, str], str] = {}
    for label, records in members.items():
        for record in records:
            if record.customer_id:
                edge = label, record.customer_id
                counts[edge] += 1
                strange[edge] += record.ref in guests
                first.setdefault(edge, name_of(record))
    return [Edge(*edge, count, first[edge], strange[edge]) for edge, count in counts.items()]


def _lost(members: _Members, lost: Sequence[FormerId], kept: Mapping[int, str]) -> list[Edge]:
    """Which cluster without an id has how many records that had which one before it was merged away."""
    by_ref: dict[int, list[FormerId]] = {}
    for each in lost:
        by_ref.setdefault(each.ref, []).append(each)
    counts: Counter[tuple[int, str]] = Counter()
    first: dict[tuple[int, str], str] = {}
    at: dict[str, int] = {}
    taken = set(kept.values())
    for label, records in members.items():
        for record in records if label not in kept else ():
            for each in by_ref.get(record.ref, ()):
                if each.customer_id not in taken:
                    counts[label, each.customer_id] += 1
                    first.setdefault((label, each.customer_id), name_of(record))
                    at[each.customer_id] = max(at.get(each.customer_id, 0), each.retired_us)
    return [Edge(*edge, count, first[edge], left=at[edge[1]]) for edge, count in counts.items()]


def _given(step: Step, records: Sequence[RecordHead], taken: Collection[str]) -> str | None:
    """The id that these records were given before, on another generation, and that nobody here has heard of."""
    for record in records:
        for given in step.tx.log.given_ids(record.channel, record.source_record_id):
            if given not in taken and not _is_known(step, given):
                return given
    return None


def _is_known(step: Step, customer_id: str) -> bool:
    if step.overlay.customer(customer_id) is not None:
        return True
    generation = step.standing.generation
    return generation.document(customer_id) is not None or generation.retired(customer_id) is not None
