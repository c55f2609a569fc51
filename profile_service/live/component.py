"""The records that hang together with some records, and the clusters that they fall into."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from profile_service import deadline
from profile_service.identity.cluster import GRAIN, Integers, Judged, Pairs, bounds_of, cluster_records
from profile_service.identity.hashing import hash_texts
from profile_service.identity.judgements import reconcile
from profile_service.identity.mixture import LOG2
from profile_service.live.standing import Standing, decision
from profile_service.store.ledger.overlay_judgements import SAME, Judgement
from profile_service.store.stored import RecordHead

# Bits within which an edge is followed although it stands below where clustering stops: averages are rounded.
_MARGIN = 0.01


_Pairs = tuple[Integers, Integers, NDArray[np.float32]]


@dataclass(frozen=True)
class Component:
    """Records in order of number, the scored pairs among them (places and bits), and what was decided of them."""

    records: tuple[RecordHead, ...]
    left: Integers
    right: Integers
    bits: NDArray[np.float32]
    same: tuple[tuple[int, int], ...]
    different: tuple[tuple[int, int], ...]


def connected(standing: Standing, seeds: Collection[int]) -> Component:
    """Everything that hangs together with ``seeds`` (numbers of records) by pairs that may merge and by must-links.

    First whatever published pairs reach, for they cost no question; then the ledger is asked about all of it at once,
    until it names nobody new; what is void by then is left out at the end.
    """
    least = bounds_of(standing.model).stop / LOG2 - _MARGIN
    around = _Around()
    frontier = set(seeds)
    while frontier:
        deadline.check()
        reached = _reach(standing, frontier, around, least)
        around.revised |= standing.overlay.revised(reached)
        around.live += standing.overlay.pairs_of_all(reached)
        links = {other for _, other, bits in around.live if bits >= least}
        for judgement in standing.judgements(reached):
            left, right = sorted((judgement.ref, judgement.other))
            around.verdicts[left, right] = judgement
            if judgement.verdict == SAME:
                links |= {left, right}
        frontier = links - around.met
    pairs = around.pairs()
    same = [ends for ends, judgement in around.verdicts.items() if judgement.verdict == SAME]
    held = _held_together(pairs, same, seeds, least)
    return _component(standing, pairs, list(around.verdicts.values()), held)


@dataclass
class _Around:
    """All that may hang together with some records: published pairs, and what the ledger says of those met."""

    met: set[int] = field(default_factory=set)
    published: list[_Pairs] = field(default_factory=list)
    live: list[tuple[int, int, float]] = field(default_factory=list)
    revised: set[int] = field(default_factory=set)
    verdicts: dict[tuple[int, int], Judgement] = field(default_factory=dict)

    def pairs(self) -> _Pairs:
        """Every pair that counts, once: a published one is void when either record has other values by now."""
        left, other, bits = (np.concatenate(columns) for columns in zip(*self.published, strict=True))
        counts = left < other
        if self.revised:
            void = np.array(sorted(self.revised), dtype=np.int64)
            counts &= ~np.isin(left, void) & ~np.isin(other, void)
        live = [row for row in dict.fromkeys(self.live) if row[0] < row[1]]
        return (
            np.concatenate([left[counts], np.array([row[0] for row in live], dtype=np.int64)]),
            np.concatenate([other[counts], np.array([row[1] for row in live], dtype=np.int64)]),
            np.concatenate([bits[counts], np.array([row[2] for row in live], dtype=np.float32)]),
        )


def _reach(standing: Standing, frontier: Collection[int], around: _Around, least: float) -> set[int]:
    """Whom published pairs that may merge reach from ``frontier`` beyond those met; keeps all their pairs."""
    reached, following = set(frontier), set(frontier)
    around.met |= following
    while following:
        deadline.check()
        found = standing.generation.pairs_from(following)
        around.published.append(found)
        _, others, bits = found
        following = set(others[bits >= least].tolist()) - around.met
        around.met |= following
        reached |= following
    return reached


def _held_together(pairs: _Pairs, same: Sequence[tuple[int, int]], seeds: Collection[int], least: float) -> set[int]:
    """Those that pairs which may merge and must-links do tie to ``seeds``."""
    ties: dict[int, list[int]] = {}
    left, other, bits = pairs
    strong = bits >= least
    for one, two in (*zip(left[strong].tolist(), other[strong].tolist(), strict=True), *same):
        ties.setdefault(one, []).append(two)
        ties.setdefault(two, []).append(one)
    held = set(seeds)
    following = list(held)
    while following:
        for ref in ties.get(following.pop(), ()):
            if ref not in held:
                held.add(ref)
                following.append(ref)
    return held


def _component(standing: Standing, pairs: _Pairs, verdicts: Sequence[Judgement], held: Collection[int]) -> Component:
    """Number the records that are there, and keep what is among them."""
    heads = standing.heads(held)
    refs = np.array(sorted(heads), dtype=np.int64)
    left, other, bits = pairs
    left_place, left_held = _placed(left, refs)
    other_place, other_held = _placed(other, refs)
    among = left_held & other_held
    place = {ref: number for number, ref in enumerate(refs.tolist())}
    inside, _ = reconcile(
        decision(judgement, heads) for judgement in verdicts if judgement.ref in place and judgement.other in place
    )
    return Component(
        records=tuple(heads[ref] for ref in place),
        left=left_place[among],
        right=other_place[among],
        bits=bits[among],
        same=tuple((place[each.left], place[each.right]) for each in inside if each.verdict == SAME),
        different=tuple((place[each.left], place[each.right]) for each in inside if each.verdict != SAME),
    )


def _placed(wanted: Integers, refs: Integers) -> tuple[Integers, NDArray[np.bool_]]:
    """The place of each number in ``refs``, ascending, and whether it is there, in a tenth of the time of ``isin``."""
    place = refs.searchsorted(wanted)
    if not len(refs):
        return place, np.zeros(len(wanted), dtype=bool)
    return place, refs[np.minimum(place, len(refs) - 1)] == wanted


def clusters(component: Component, standing: Standing) -> list[int]:
    """The cluster of each record of a component, named by the place of one of its records."""
    size = len(component.records)
    if size == 1 or _is_one(component, standing):
        return [0] * size
    pairs = Pairs(
        size,
        component.left,
        component.right,
        component.bits.astype(np.float64) * LOG2,
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
    complete = len(component.bits) == size * (size - 1) // 2
    return complete and float(component.bits.min()) * LOG2 >= least


def _ends(pairs: Sequence[tuple[int, int]]) -> Integers:
    return np.array(pairs, dtype=np.int64).reshape(len(pairs), 2)


def _places(records: Sequence[RecordHead]) -> NDArray[np.uint64]:
    """What decides ties between records, as in the batch; of two records no tie can matter."""
    if len(records) == 2:
        return np.arange(2, dtype=np.uint64)
    return np.array([hash_texts((record.channel, record.source_record_id)) for record in records], dtype=np.uint64)
