"""Clustering all components at once is plain greedy average linkage, whatever the order of records."""

from __future__ import annotations

from collections.abc import Callable
from itertools import combinations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.components import cluster_components
from profile_service.identity.cluster import (
    GRAIN,
    Bounds,
    Judged,
    Merges,
    NearMisses,
    Pairs,
    cluster_records,
    cluster_with_history,
)
from profile_service.identity.components import components_of

Edges = dict[tuple[int, int], float]
NONE = np.zeros((0, 2), dtype=np.int64)


@st.composite
def graphs(draw: st.DrawFn, *, most: int = 12) -> tuple[int, Edges]:
    """A few records and log-odds of some of their pairs, all different unless ``ties``."""
    size = draw(st.integers(2, most))
    pairs = draw(st.lists(st.sampled_from(list(combinations(range(size), 2))), unique=True, max_size=3 * size))
    odds = draw(st.lists(st.integers(-140_000, 140_000), min_size=len(pairs), max_size=len(pairs)))
    return size, {pair: odd / GRAIN for pair, odd in zip(pairs, odds, strict=True)}


all_bounds = st.builds(
    Bounds,
    clip=st.sampled_from([4.0, 12.0]),
    absent=st.sampled_from([-3.0, -1.5]),  # below every stop: what no rule has found must not merge of itself
    stop=st.sampled_from([-1.0, 0.0, 1.0]),
    against=st.sampled_from([1.0, 1.5]),
)


def found(size: int, edges: Edges, bounds: Bounds, judged: Judged, order: list[int]) -> list[int]:
    """Labels by the code under test."""
    ends = np.array(list(edges), dtype=np.int64).reshape(-1, 2)
    pairs = Pairs(size, ends[:, 0], ends[:, 1], np.array(list(edges.values()), dtype=np.float64))
    return [int(label) for label in cluster_records(pairs, bounds, judged, np.array(order, dtype=np.int64))]


def partition(labels: list[int]) -> set[frozenset[int]]:
    """The groups of positions of one label."""
    groups: dict[int, set[int]] = {}
    for record, label in enumerate(labels):
        groups.setdefault(label, set()).add(record)
    return {frozenset(group) for group in groups.values()}


def greedily(
    size: int, edges: Edges, bounds: Bounds, order: list[int], may: Callable[[frozenset[int]], bool]
) -> set[frozenset[int]]:
    """One merge at a time, the best first, every average taken anew over all cross pairs."""

    def odds(a: int, b: int) -> int:
        known = edges.get((min(a, b), max(a, b)))
        if known is None:
            return round(bounds.absent * GRAIN)
        clipped = max(-bounds.clip, min(bounds.clip, known))
        return round((clipped * bounds.against if clipped < 0 else clipped) * GRAIN)

    groups = [frozenset([record]) for record in range(size)]
    while True:
        best: tuple[float, int, int] | None = None
        merged: tuple[frozenset[int], frozenset[int]] | None = None
        for one, other in combinations(groups, 2):
            average = sum(odds(a, b) for a in one for b in other) / (len(one) * len(other))
            firsts = sorted((min(order[a] for a in one), min(order[b] for b in other)))
            candidate = (-average, firsts[0], firsts[1])
            if average >= bounds.stop * GRAIN and may(one | other) and (best is None or candidate < best):
                best, merged = candidate, (one, other)
        if merged is None:
            return set(groups)
        groups = [group for group in groups if group not in merged] + [merged[0] | merged[1]]


@settings(max_examples=250, deadline=None)
@given(graph=graphs(), bounds=all_bounds, random=st.randoms(use_true_random=False))
def test_all_at_once_is_one_merge_at_a_time(
    graph: tuple[int, Edges], bounds: Bounds, random: np.random.Generator
) -> None:
    size, edges = graph
    order = list(range(size))
    random.shuffle(order)  # type: ignore[arg-type]
    labels = found(size, edges, bounds, Judged.nothing(size), order)
    assert partition(labels) == greedily(size, edges, bounds, order, lambda group: True)
    for group in partition(labels):
        assert {labels[record] for record in group} == {min(group, key=lambda record: order[record])}


@settings(max_examples=150, deadline=None)
@given(graph=graphs(), bounds=all_bounds, random=st.randoms(use_true_random=False))
def test_the_numbering_of_records_and_the_order_of_pairs_decide_nothing(
    graph: tuple[int, Edges], bounds: Bounds, random: np.random.Generator
) -> None:
    size, edges = graph
    edges = {pair: round(odds) + 0.0 for pair, odds in edges.items()}  # many ties
    name = list(range(size))
    random.shuffle(name)  # type: ignore[arg-type]
    renamed = {(min(name[a], name[b]), max(name[a], name[b])): odds for (a, b), odds in reversed(edges.items())}
    place = [0] * size
    for record in range(size):
        place[name[record]] = record
    before = partition(found(size, edges, bounds, Judged.nothing(size), list(range(size))))
    after = partition(found(size, renamed, bounds, Judged.nothing(size), place))
    assert {frozenset(name[record] for record in group) for group in before} == after


@st.composite
def decided(draw: st.DrawFn) -> tuple[int, Edges, list[tuple[int, int]], list[tuple[int, int]], list[int]]:
    """A graph with decisions about some of its pairs and with duplicate-free channels."""
    size, edges = draw(graphs(most=9))
    pairs = st.lists(st.sampled_from(list(combinations(range(size), 2))), unique=True, max_size=4)
    channels = draw(st.lists(st.sampled_from([0, 0, 1, 2]), min_size=size, max_size=size))
    return size, edges, draw(pairs), draw(pairs), channels


@settings(max_examples=250, deadline=None)
@given(world=decided(), bounds=all_bounds)
def test_decisions_are_obeyed(
    world: tuple[int, Edges, list[tuple[int, int]], list[tuple[int, int]], list[int]], bounds: Bounds
) -> None:
    size, edges, same, different, channels = world
    judged = Judged(
        np.array(same, dtype=np.int64).reshape(-1, 2),
        np.array(different, dtype=np.int64).reshape(-1, 2),
        np.array(channels, dtype=np.int64),
    )
    labels = found(size, edges, bounds, judged, list(range(size)))
    assert all(labels[a] == labels[b] for a, b in same)
    joined = partition(
        found(size, {}, bounds, Judged(judged.same, NONE, np.zeros(size, dtype=np.int64)), list(range(size)))
    )
    before = {record: group for group in joined for record in group}
    for a, b in different:
        assert labels[a] != labels[b] or before[a] == before[b]
    for a, b in combinations(range(size), 2):
        if channels[a] & channels[b]:
            # must-links may contradict the channel; nothing else brings its records together
            assert labels[a] != labels[b] or before[a] == before[b]


@settings(max_examples=150, deadline=None)
@given(world=decided(), bounds=all_bounds)
def test_with_decisions_too_all_at_once_is_one_merge_at_a_time(
    world: tuple[int, Edges, list[tuple[int, int]], list[tuple[int, int]], list[int]], bounds: Bounds
) -> None:
    size, edges, _, different, channels = world
    judged = Judged(NONE, np.array(different, dtype=np.int64).reshape(-1, 2), np.array(channels, dtype=np.int64))

    def may(group: frozenset[int]) -> bool:
        marked = [channels[record] for record in group if channels[record]]
        return len(marked) == len(set(marked)) and not any({a, b} <= group for a, b in different)

    order = list(range(size))
    assert partition(found(size, edges, bounds, judged, order)) == greedily(size, edges, bounds, order, may)


def counted(edges: Edges, bounds: Bounds, one: set[int], other: set[int]) -> float:
    """The average over all cross pairs of what each counts."""

    def odds(pair: tuple[int, int]) -> float:
        clipped = max(-bounds.clip, min(bounds.clip, edges.get(pair, bounds.absent)))
        return clipped * bounds.against if clipped < 0 and pair in edges else clipped

    pairs = [(min(a, b), max(a, b)) for a in one for b in other]
    return sum(map(odds, pairs)) / len(pairs)


@settings(max_examples=200, deadline=None)
@given(world=decided(), bounds=all_bounds, random=st.randoms(use_true_random=False))
def test_the_history_replayed_one_merge_at_a_time_is_the_clustering(
    world: tuple[int, Edges, list[tuple[int, int]], list[tuple[int, int]], list[int]],
    bounds: Bounds,
    random: np.random.Generator,
) -> None:
    size, edges, same, different, channels = world
    ends = np.array(list(edges), dtype=np.int64).reshape(-1, 2)
    pairs = Pairs(size, ends[:, 0], ends[:, 1], np.array(list(edges.values()), dtype=np.float64))
    decisions = [np.array(each, dtype=np.int64).reshape(-1, 2) for each in (same, different)]
    judged = Judged(*decisions, np.array(channels, dtype=np.int64))
    order = list(range(size))
    random.shuffle(order)  # type: ignore[arg-type]
    done = cluster_with_history(pairs, bounds, judged, np.array(order, dtype=np.int64))
    groups = {record: {record} for record in range(size)}
    merges = zip(*(column.tolist() for column in vars(done.merges).values()), strict=True)
    for left, right, average, round_ in sorted(merges, key=lambda merge: (merge[3] > 0, -merge[2], merge[3])):
        one, other = groups[left], groups[right]
        for group, first in ((one, left), (other, right)):
            assert first == min(group, key=lambda record: order[record]), "each group goes by its first member"
        if round_:
            assert abs(average - counted(edges, bounds, one, other)) < 2 / GRAIN
        one |= other
        groups.update(dict.fromkeys(other, one))
    assert {frozenset(group) for group in groups.values()} == partition(done.label.tolist())
    near = done.near_misses
    for left, right, average in zip(near.left.tolist(), near.right.tolist(), near.average.tolist(), strict=True):
        assert abs(average - counted(edges, bounds, groups[left], groups[right])) < 2 / GRAIN
    would = {
        frozenset((id(groups[a]), id(groups[b])))
        for a, b in edges
        if groups[a] is not groups[b] and counted(edges, bounds, {a}, {b}) >= bounds.stop
    }
    told = {
        frozenset((id(groups[a]), id(groups[b]))) for a, b in zip(near.left.tolist(), near.right.tolist(), strict=True)
    }
    assert would <= told, "whom a pair alone would join is told of"


@settings(max_examples=200, deadline=None)
@given(world=decided(), bounds=all_bounds, random=st.randoms(use_true_random=False))
def test_halves_of_the_components_side_by_side_give_what_all_at_once_do(
    world: tuple[int, Edges, list[tuple[int, int]], list[tuple[int, int]], list[int]],
    bounds: Bounds,
    random: np.random.Generator,
) -> None:
    size, edges, same, different, channels = world
    ends = np.array([*edges, *same], dtype=np.int64).reshape(-1, 2)
    component = components_of(ends[:, 0], ends[:, 1], size)
    ends = ends[: len(edges)]
    pairs = Pairs(size, ends[:, 0], ends[:, 1], np.array(list(edges.values()), dtype=np.float64))
    decisions = [np.array(each, dtype=np.int64).reshape(-1, 2) for each in (same, different)]
    judged = Judged(*decisions, np.array(channels, dtype=np.int64))
    order = list(range(size))
    random.shuffle(order)  # type: ignore[arg-type]
    halves = cluster_components(pairs, component, bounds, judged, np.array(order, dtype=np.int64))
    whole = cluster_with_history(pairs, bounds, judged, np.array(order, dtype=np.int64))
    assert halves.label.tolist() == whole.label.tolist()
    for told, of_all in ((halves.merges, whole.merges), (halves.near_misses, whole.near_misses)):
        assert rows(told) == rows(of_all)


def rows(told: Merges | NearMisses) -> list[tuple[object, ...]]:
    """What is told, in an order of its own; nan as None, to be equal."""
    columns = [[None if value != value else value for value in column.tolist()] for column in vars(told).values()]
    return sorted(zip(*columns, strict=True), key=str)
