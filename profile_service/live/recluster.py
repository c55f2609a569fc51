"""Records that changed, and all that hang together with them, are clustered anew; ids and profiles follow.

This is the step that every kind of entry shares: a record, an event of one, a judgement, its undoing, an erasure.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import orjson

from profile_service import deadline
from profile_service.live.component import Component, clusters, connected
from profile_service.live.documents import write_documents
from profile_service.live.owners import Owners, name_of, owners_of
from profile_service.live.step import Step
from profile_service.store.former import FormerId
from profile_service.store.ledger.overlay_former import put_former_ids
from profile_service.store.stored import RecordHead, moment_of, moment_text

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
MERGED_INTO, ERASED = "merged_into", "erased"


@dataclass(frozen=True)
class Reclustered:
    """What became of customers: new ids, ids that answer through another (old = new), and all whose profile changed.

    ``restored``: ids that had answered through another and stand again.
    """

    created: tuple[str, ...] = ()
    retired: tuple[tuple[str, str], ...] = ()
    changed: tuple[str, ...] = ()
    restored: tuple[str, ...] = ()


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
    deadline.check()
    owners = owners_of(step, component, clusters(component, step.standing))
    moved = [
        (record, owners.of[place])
        for place, record in enumerate(component.records)
        if record.customer_id != owners.of[place]
    ]
    whole = step.standing.records([record.ref for record, _ in moved])
    for record, customer_id in moved:
        step.overlay.move_record(replace(whole[record.ref], customer_id=customer_id))
    former = {record.customer_id for record, _ in moved if record.customer_id}
    retired = _retire(step, former - set(owners.of), moved)
    _lead_aliases(step, component, owners)
    touched = {*changed, *former, *(customer_id for _, customer_id in moved)} - {old for old, _ in retired}
    write_documents(step, sorted(touched), {old for old, _ in retired}, owners.restored)
    return Reclustered(
        tuple(sorted(owners.created)), tuple(retired), tuple(sorted(touched)), tuple(sorted(owners.restored))
    )


def _retire(step: Step, emptied: Collection[str], moved: Sequence[tuple[RecordHead, str]]) -> list[tuple[str, str]]:
    """Ids without a record become aliases of the customer that took most of their records; answers (old, new)."""
    retired = []
    at = (step.entry.at - _EPOCH) // _MICROSECOND
    for old in sorted(emptied):
        parts: Mapping[str, list[str]] = {}
        for record, customer_id in moved:
            if record.customer_id == old:
                parts = {**parts, customer_id: [*parts.get(customer_id, []), name_of(record)]}
        if step.standing.records_of(old):
            continue
        winner = min(parts, key=lambda part: (-len(parts[part]), min(parts[part])))
        since = _since(step, old)
        put_former_ids(
            step.overlay, [FormerId(record.ref, old, at, since) for record, _ in moved if record.customer_id == old]
        )
        step.overlay.retire_customer(old, MERGED_INTO, winner, step.entry.seq)
        retired.append((old, winner))
    return retired


def _since(step: Step, customer_id: str) -> str:
    document = step.standing.document(customer_id)
    since = None if document is None else moment_of(orjson.loads(document)["customer_since"])
    return moment_text(since or step.entry.at) or ""


def _lead_aliases(step: Step, component: Component, owners: Owners) -> None:
    """An id that answered through what took in one that stands again goes with most of its own records."""
    if not owners.restored:
        return
    place = {record.ref: number for number, record in enumerate(component.records)}
    parts: dict[str, list[str]] = {}
    for each in step.standing.former_ids(place):
        parts.setdefault(each.customer_id, []).append(owners.of[place[each.ref]])
    for alias, found in parts.items():
        winner = min(set(found), key=lambda part: (-found.count(part), part))
        known = step.standing.retired(alias)
        if alias not in owners.of and winner in owners.restored and known is not None and known[1] != winner:
            step.overlay.retire_customer(alias, MERGED_INTO, winner, step.entry.seq)
