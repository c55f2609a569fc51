"""Records linked by scored pairs fall into clusters, by average linkage on clipped log-odds, all components at once."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from profile_service.identity.components import components_of
from profile_service.identity.model import Model

Integers = NDArray[np.int64]
Flags = NDArray[np.bool_]
# Log-odds are counted in whole ten-thousandths, so that sums do not depend on the order of adding.
GRAIN = 10_000


@dataclass(frozen=True)
class Pairs:
    """Scored pairs of ``records`` records: positions ``left`` < ``right`` and natural log-odds, shape (pairs,) each."""

    records: int
    left: Integers
    right: Integers
    log_odds: NDArray[np.float64]


@dataclass(frozen=True)
class Bounds:
    """Where clustering stops: ``clip``, ``absent`` and ``stop`` in natural log-odds, see the model file.

    ``against``: how much more a pair that speaks against a merge counts than one that speaks for it.
    """

    clip: float
    absent: float
    stop: float
    against: float = 1.0


def bounds_of(model: Model) -> Bounds:
    """Where clustering stops under a trained model."""
    if model.trained is None:
        raise ValueError("an untrained model cannot cluster")
    return Bounds(model.clustering.clip, model.clustering.absent, model.trained.stop, model.clustering.against)


@dataclass(frozen=True)
class Judged:
    """What is decided already: pairs that are one person and pairs that are not, shape (n, 2) each.

    ``apart``: for each record a bit mask of duplicate-free channels, shape (records,); two records that share a bit
    are never one person. Where decisions contradict each other, *one person* is kept and the rest obeyed around it.
    """

    same: Integers
    different: Integers
    apart: Integers

    @classmethod
    def nothing(cls, records: int) -> Judged:
        """No decisions."""
        none = np.zeros((0, 2), dtype=np.int64)
        return cls(none, none, np.zeros(records, dtype=np.int64))


@dataclass(frozen=True)
class Merges:
    """What joined what, shape (merges,) each: the first members, in order, of the two groups that a merge joins.

    ``average``: mean of what all their cross pairs count, in natural log-odds, nan for a decision; ``round``: 0 for
    decisions, else the round of merging. Sorted by ``average``, the largest first, then by round, these are the merges
    one at a time.
    """

    left: Integers
    right: Integers
    average: NDArray[np.float64]
    round: Integers


@dataclass(frozen=True)
class NearMisses:
    """Clusters that stayed two though a pair across them would join alone, shape (near misses,) each.

    ``left``, ``right``: their first members; ``average`` as in ``Merges``; ``judged``: decided to be two people;
    ``apart``: both hold a record of one duplicate-free channel.
    """

    left: Integers
    right: Integers
    average: NDArray[np.float64]
    judged: Flags
    apart: Flags


@dataclass(frozen=True)
class Clustered:
    """The answer of ``cluster_records`` and how it came about."""

    label: Integers
    merges: Merges
    near_misses: NearMisses


def cluster_records(pairs: Pairs, bounds: Bounds, judged: Judged, order: Integers) -> Integers:
    """The cluster of each record, named by its first member in ``order``, shape (records,).

    Groups merge while the average log-odds over all their cross pairs is at least ``bounds.stop``; a pair that is no
    candidate counts as ``bounds.absent``. Reciprocal best neighbours merge together in a round, which for average
    linkage gives the tree of one merge at a time (Murtagh 1983). ``order`` (shape (records,), all different) decides
    ties, so that the answer does not depend on how records are numbered.
    """
    return _linked(pairs, bounds, judged, order).labels(order)


def cluster_with_history(
    pairs: Pairs, bounds: Bounds, judged: Judged, order: Integers, *, inside: bool = False
) -> Clustered:
    """The same with what led there and what nearly came about; ``inside``: ``pairs`` are those of components alone."""
    linkage = _linked(pairs, bounds, judged, order, inside=inside)
    label = linkage.labels(order)
    return Clustered(label, linkage.merges(order), linkage.near_misses(order, _would_join(pairs, bounds, label)))


def _linked(pairs: Pairs, bounds: Bounds, judged: Judged, order: Integers, *, inside: bool = False) -> _Linkage:
    deciding = pairs if inside else _within_components(pairs, bounds, judged)
    linkage = _Linkage(deciding, bounds, judged, order)
    linkage.join(judged.same)
    while linkage.merge_best_neighbours():
        pass
    return linkage


def counted(log_odds: NDArray[np.float64], bounds: Bounds) -> NDArray[np.float64]:
    """What a pair counts: clipped, and more where it speaks against a merge."""
    clipped = np.clip(log_odds, -bounds.clip, bounds.clip)
    return np.where(clipped < 0, clipped * bounds.against, clipped)


def _within_components(pairs: Pairs, bounds: Bounds, judged: Judged) -> Pairs:
    """The pairs that can decide anything: an average reaches the stop only where one of its pairs does, so groups that
    no such pair and no decision connects never merge.
    """
    above = pairs.log_odds >= _least(bounds)
    left = np.concatenate([pairs.left[above], judged.same[:, 0]])
    right = np.concatenate([pairs.right[above], judged.same[:, 1]])
    component = components_of(left, right, pairs.records)
    kept = component[pairs.left] == component[pairs.right]
    return Pairs(pairs.records, pairs.left[kept], pairs.right[kept], pairs.log_odds[kept])


def _least(bounds: Bounds) -> float:
    """Log-odds below which a pair lets nothing merge: a grain below the stop, since averages are of rounded ones."""
    least = bounds.stop - 1.0 / GRAIN
    if least >= 0:
        return least
    return least / bounds.against if least > -bounds.clip * bounds.against else -np.inf


def _would_join(pairs: Pairs, bounds: Bounds, label: Integers) -> Integers:
    """Pairs of labels, the smaller times the number of records plus the larger, that a pair alone would join."""
    left, right = label.take(pairs.left), label.take(pairs.right)
    at = np.nonzero((left != right) & (pairs.log_odds >= _least(bounds)))[0]
    left, right = left[at], right[at]
    key = np.sort(np.minimum(left, right) * pairs.records + np.maximum(left, right))
    result: Integers = key[np.diff(key, prepend=-1) != 0]
    return result


class _Linkage:
    """Clusters so far (each named by one member's position) and the candidate edges between them."""

    def __init__(self, pairs: Pairs, bounds: Bounds, judged: Judged, order: Integers) -> None:
        self._cluster = np.arange(pairs.records, dtype=np.int64)
        self._size = np.ones(pairs.records, dtype=np.int64)
        self._order = order.astype(np.int64)
        self._apart = judged.apart.astype(np.int64)
        self._absent = round(bounds.absent * GRAIN)
        self._stop = round(bounds.stop * GRAIN)
        # An edge's weight is the sum over its candidate pairs of log-odds *above* an absent pair's, so that pairs
        # that are no candidates need not be counted.
        above_absent = np.rint(counted(pairs.log_odds, bounds) * GRAIN).astype(np.int64)
        different = judged.different
        self._left = np.concatenate([pairs.left, different.min(axis=1, initial=pairs.records)]).astype(np.int64)
        self._right = np.concatenate([pairs.right, different.max(axis=1, initial=-1)]).astype(np.int64)
        self._weight = np.concatenate([above_absent - self._absent, np.zeros(len(different), dtype=np.int64)])
        self._forbidden = np.concatenate([np.zeros(len(pairs.left), dtype=bool), np.ones(len(different), dtype=bool)])
        self._joined: list[tuple[Integers, Integers, NDArray[np.float64]]] = []
        self._keeps_apart = bool(self._apart.any())
        self._average = self._averages(self._left, self._right, self._weight)
        if len(different):
            self._keep_and_sum(np.ones(len(self._left), dtype=bool))

    def join(self, same: Integers) -> None:
        """Pairs decided to be one person are one cluster before any score is looked at."""
        if len(same):
            groups = components_of(same[:, 0], same[:, 1], len(self._size))
            first = np.full(len(self._size), len(self._size), dtype=np.int64)
            np.minimum.at(first, groups, np.arange(len(groups)))
            lead = np.full(len(self._size), np.iinfo(np.int64).max)
            np.minimum.at(lead, groups, self._order)
            joined = np.nonzero(self._order != lead[groups])[0]
            self._joined.append((lead[groups[joined]], self._order[joined], np.full(len(joined), np.nan)))
            self._rename(first[groups])
        else:
            self._joined.append((same[:, 0], same[:, 1], np.zeros(0)))

    def merge_best_neighbours(self) -> bool:
        """Merge every two clusters that are each other's best neighbour; false when nothing may merge any more."""
        may = (self._average >= self._stop) & ~self._forbidden
        if self._keeps_apart:
            may &= self._share_a_channel(self._left, self._right) == 0
        at = np.nonzero(may)[0]
        if len(at) == 0:
            return False
        left, right, value = self._left.take(at), self._right.take(at), self._average.take(at)
        first, second = self._order.take(left), self._order.take(right)
        tie = np.minimum(first, second) * len(self._size) + np.maximum(first, second)
        best = _is_best(left, right, value, tie, len(self._size))
        name = np.arange(len(self._size), dtype=np.int64)
        name[right[best]] = left[best]
        self._joined.append((first[best], second[best], value[best]))
        self._rename(name)
        return True

    def labels(self, order: Integers) -> Integers:
        """For each record the position of the first member, in order, of its cluster."""
        leads = np.nonzero(order == self._order[self._cluster])[0]
        first = np.full(len(self._size), -1, dtype=np.int64)
        first[self._cluster[leads]] = leads
        labels: Integers = first[self._cluster]
        return labels

    def merges(self, order: Integers) -> Merges:
        """Every merge so far, in the order of rounds; ``order`` as in ``cluster_with_history``."""
        member = _inverse(order)
        left, right, average = (np.concatenate(column) for column in zip(*self._joined, strict=True))
        rounds = np.repeat(np.arange(len(self._joined)), [len(left) for left, _, _ in self._joined])
        return Merges(
            member[np.minimum(left, right)], member[np.maximum(left, right)], average / GRAIN, rounds.astype(np.int64)
        )

    def near_misses(self, order: Integers, would_join: Integers) -> NearMisses:
        """The clusters of the edges left over, of those named in ``would_join`` (see there)."""
        member = _inverse(order)
        ends = member[self._order[self._left]], member[self._order[self._right]]
        key = np.minimum(*ends) * len(self._size) + np.maximum(*ends)
        at = np.nonzero(np.isin(key, would_join))[0]
        left, right = self._order[self._left[at]], self._order[self._right[at]]
        return NearMisses(
            member[np.minimum(left, right)],
            member[np.maximum(left, right)],
            self._average[at] / GRAIN,
            self._forbidden[at],
            self._share_a_channel(self._left[at], self._right[at]) != 0,
        )

    def _averages(self, left: Integers, right: Integers, weight: Integers) -> NDArray[np.float64]:
        average: NDArray[np.float64] = self._absent + weight / (self._size.take(left) * self._size.take(right))
        return average

    def _share_a_channel(self, left: Integers, right: Integers) -> Integers:
        """The duplicate-free channels of which both clusters hold a record, as bits."""
        return self._apart.take(left) & self._apart.take(right)

    def _rename(self, name: Integers) -> None:
        """Cluster ``k`` becomes part of cluster ``name[k]``; the edges of what changed are summed anew."""
        moved = np.nonzero(name != np.arange(len(name)))[0]
        np.add.at(self._size, name[moved], self._size[moved])
        np.minimum.at(self._order, name[moved], self._order[moved])
        np.bitwise_or.at(self._apart, name[moved], self._apart[moved])
        self._cluster = name.take(self._cluster)
        changed = np.zeros(len(name), dtype=bool)
        changed[moved] = True
        changed[name[moved]] = True
        touched = changed.take(self._left) | changed.take(self._right)
        self._left, self._right = name.take(self._left), name.take(self._right)
        self._keep_and_sum(touched)

    def _keep_and_sum(self, touched: Flags) -> None:
        """Edges among ``touched`` that now join the same two clusters become one; edges inside a cluster go."""
        inside = self._left == self._right
        at = np.nonzero(touched & ~inside)[0]
        one, other = self._left.take(at), self._right.take(at)
        key = np.minimum(one, other) * len(self._size) + np.maximum(one, other)
        by_key = np.argsort(key)
        key, at = key.take(by_key), at.take(by_key)
        starts = np.nonzero(np.diff(key, prepend=-1))[0]
        left, right = np.divmod(key.take(starts), len(self._size))
        weight = np.add.reduceat(self._weight.take(at), starts) if len(starts) else self._weight[:0]
        forbidden = np.logical_or.reduceat(self._forbidden.take(at), starts) if len(starts) else self._forbidden[:0]
        rest = np.nonzero(~touched & ~inside)[0]
        self._average = np.concatenate([self._average.take(rest), self._averages(left, right, weight)])
        self._left = np.concatenate([self._left.take(rest), left])
        self._right = np.concatenate([self._right.take(rest), right])
        self._weight = np.concatenate([self._weight.take(rest), weight])
        self._forbidden = np.concatenate([self._forbidden.take(rest), forbidden])


def _inverse(order: Integers) -> Integers:
    member = np.empty(len(order), dtype=np.int64)
    member[order] = np.arange(len(order))
    return member


def _is_best(left: Integers, right: Integers, value: NDArray[np.float64], tie: Integers, clusters: int) -> Flags:
    """Which edges are the best of both their ends: by value, then by the smaller tie."""
    top = np.full(clusters, -np.inf)
    np.maximum.at(top, left, value)
    np.maximum.at(top, right, value)
    least = np.full(clusters, np.iinfo(np.int64).max)
    for end in (left, right):
        at = np.nonzero(value == top.take(end))[0]
        np.minimum.at(least, end.take(at), tie.take(at))
    # an edge of the least tie of an end has the best value there: the two are of one edge
    best: Flags = (tie == least.take(left)) & (tie == least.take(right))
    return best
