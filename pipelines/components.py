"""Records that hang together by pairs: components share nothing, so that halves of them are clustered side by side."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields, replace
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from profile_service.identity.cluster import (
    Bounds,
    Clustered,
    Integers,
    Judged,
    Merges,
    NearMisses,
    Pairs,
    cluster_with_history,
)

Told = TypeVar("Told", Merges, NearMisses)
_THREADS = 2


def cluster_components(
    pairs: Pairs, component: NDArray[np.int32], bounds: Bounds, judged: Judged, order: Integers
) -> Clustered:
    """What ``cluster_with_history`` answers of ``pairs`` inside components, and of decisions in and between them.

    ``component``: that of each record, shape (records,); a must-link lies in one.
    """
    # a component of one record has nothing to join
    several = np.bincount(component, minlength=1).take(component) > 1
    part = np.where(several, component % _THREADS, -1)
    in_order = np.empty(pairs.records, dtype=np.int64)
    in_order[order] = np.arange(pairs.records)
    position = np.empty(pairs.records, dtype=np.int64)
    members = [np.nonzero(part == number)[0] for number in range(_THREADS)]
    for records in members:
        position[records] = np.arange(len(records))

    def clustered(number: int) -> Clustered:
        its = part.take(pairs.left) == number
        some = Pairs(
            len(members[number]),
            position.take(pairs.left[its]),
            position.take(pairs.right[its]),
            pairs.log_odds[its],
        )
        rank = np.empty(some.records, dtype=np.int64)
        rank[position.take(in_order[part.take(in_order) == number])] = np.arange(some.records)
        return cluster_with_history(some, bounds, _of_part(judged, part, number, position), rank, inside=True)

    with ThreadPoolExecutor(_THREADS) as pool:
        done = list(zip(members, pool.map(clustered, range(_THREADS)), strict=True))
    label = np.arange(pairs.records, dtype=np.int64)
    for records, half in done:
        label[records] = records.take(half.label)
    merges = _joined([_renamed(half.merges, records) for records, half in done])
    return Clustered(label, merges, _joined([_renamed(half.near_misses, records) for records, half in done]))


def _of_part(judged: Judged, part: Integers, number: int, position: Integers) -> Judged:
    """Decisions among the records of one part; one on records of two parts keeps apart what nothing joins."""
    same, different = (
        position.take(pairs[(part.take(pairs) == number).all(axis=1)]) for pairs in (judged.same, judged.different)
    )
    return Judged(same, different, judged.apart[part == number])


def _renamed(told: Told, records: Integers) -> Told:
    """What is told of a part, by positions among everyone."""
    return replace(told, left=records.take(told.left), right=records.take(told.right))


def _joined(parts: Sequence[Told]) -> Told:
    """What is told of all parts together."""
    columns = {one.name: np.concatenate([getattr(part, one.name) for part in parts]) for one in fields(parts[0])}
    return replace(parts[0], **columns)
