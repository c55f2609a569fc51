"""The records that hang together with some records, and the clusters that they fall into."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from profile_service.identity.cluster import GRAIN, Integers, Judged, Pairs, bounds_of, cluster_records
from profile_service.identity.hashing import hash_texts
from profile_service.identity.mixture import LOG2
from profile_service.live.standing import Standing
from profile_service.store.ledger.overlay_judgements import SAME
from profile_service.store.stored import StoredRecord

# Bits within which an edge is followed although it stands below where clustering stops: averages are rounded.
_MARGIN = 0.01


@dataclass(frozen=True)
class Component:
    """Records in order of number, the scored pairs among them (place, place, bits), and what was decided of them."""

    records: tuple[StoredRecord, ...]
    pairs: tuple[tuple[int, int, float], ...]
    same: tuple[tuple[int, int], ...]
    different: tuple[tuple[int, int], ...]


def connected(standing: Standing, seeds: Collection[int]) -> Component:
    """Everything that hangs together with ``seeds`` (numbers of records) by pairs that may merge and by must-links."""
    least = bounds_of(standing.model).stop / LOG2 - _MARGIN
    records: dict[int, StoredRecord] = {}
    weights: dict[tuple[int, int], float] = {}
    verdicts: dict[tuple[int, int, str], None] = {}
    frontier, asked = set(seeds), set(seeds)
    while frontier:
        met = standing.records(frontier)
        records |= met
        following: set[int] = set()
        for ref, pairs in standing.pairs(met).items():
            for other, bits in pairs.items():
                weights[min(ref, other), max(ref, other)] = bits
                if bits >= least:
                    following.add(other)
        for judgement in standing.judgements(met):
            left, right = sorted((judgement.ref, judgement.other))
            verdicts[left, right, judgement.verdict] = None
            if judgement.verdict == SAME:
                following |= {left, right}
        frontier = following - asked
        asked |= frontier
    place = {ref: number for number, ref in enumerate(sorted(records))}
    inside = [(left, right, verdict) for left, right, verdict in verdicts if left in place and right in place]
    return Component(
        records=tuple(records[ref] for ref in place),
        pairs=tuple(
            (place[left], place[right], bits)
            for (left, right), bits in sorted(weights.items())
            if left in place and right in place
        ),
        same=tuple((place[left], place[right]) for left, right, verdict in inside if verdict == SAME),
        different=tuple((place[left], place[right]) for left, right, verdict in inside if verdict != SAME),
    )


def clusters(component: Component, standing: Standing) -> list[int]:
    """The cluster of each record of a component, named by the place of one of its records."""
    size = len(component.records)
    if size == 1 or _is_one(component, standing):
        return [0] * size
    pairs = Pairs(
        size,
        np.array([left for left, _, _ in component.pairs], dtype=np.int64),
        np.array([right for _, right, _ in component.pairs], dtype=np.int64),
        np.array([bits for _, _, bits in component.pairs], dtype=np.float32).astype(np.float64) * LOG2,
    )
    numbers = standing.generation.duplicate_free
    masks = [1 << (numbers[record.channel] - 1) if record.channel in numbers else 0 for record in component.records]
    judged = Judged(_ends(component.same), _ends(component.different), np.array(masks, dtype=np.int64))
    order = np.argsort(np.argsort(_places(component.records), kind="stable"), kind="stable").astype(np.int64)
    labels: list[int] = cluster_records(pairs, bounds_of(standing.model), judged, order).tolist()
    return labels


def _is_one(component: Component, standing: Standing) -> bool:
    """Whether the component needs no work: every two of its records are a pair, and all pairs speak for a merge."""
    size = len(component.records)
    if component.same or component.different or standing.generation.duplicate_free:
        return False
    # a grain above the stop, since averages are of rounded log-odds
    least = max(bounds_of(standing.model).stop, 0.0) + 1.0 / GRAIN
    complete = len(component.pairs) == size * (size - 1) // 2
    return complete and all(bits * LOG2 >= least for _, _, bits in component.pairs)


def _ends(pairs: Sequence[tuple[int, int]]) -> Integers:
    return np.array(pairs, dtype=np.int64).reshape(len(pairs), 2)


def _places(records: Sequence[StoredRecord]) -> NDArray[np.uint64]:
    """What decides ties between records, as in the batch; of two records no tie can matter."""
    if len(records) == 2:
        return np.arange(2, dtype=np.uint64)
    return np.array([hash_texts((record.channel, record.source_record_id)) for record in records], dtype=np.uint64)
