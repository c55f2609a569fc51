"""Average linkage on decided and scored pairs, case by case."""

from __future__ import annotations

import numpy as np
import pytest

from profile_service.identity.cluster import Bounds, Judged, Pairs, cluster_records

BOUNDS = Bounds(clip=12.0, absent=-1.5, stop=0.0, against=1.5)
NONE: tuple[tuple[int, int], ...] = ()


def clusters(
    records: int,
    scored: dict[tuple[int, int], float],
    *,
    bounds: Bounds = BOUNDS,
    same: tuple[tuple[int, int], ...] = NONE,
    different: tuple[tuple[int, int], ...] = NONE,
    apart: tuple[int, ...] = (),
) -> set[frozenset[int]]:
    """The partition of records 0, 1, 2 … with their pairs' log-odds."""
    ends = np.array(sorted(scored), dtype=np.int64).reshape(-1, 2)
    pairs = Pairs(records, ends[:, 0], ends[:, 1], np.array([scored[pair] for pair in sorted(scored)]))
    judged = Judged(
        np.array(same, dtype=np.int64).reshape(-1, 2),
        np.array(different, dtype=np.int64).reshape(-1, 2),
        np.array(apart or (0,) * records, dtype=np.int64),
    )
    label = cluster_records(pairs, bounds, judged, np.arange(records, dtype=np.int64))
    found: dict[int, set[int]] = {}
    for record, name in enumerate(label.tolist()):
        found.setdefault(name, set()).add(record)
    assert all(name == min(members) for name, members in found.items())
    return {frozenset(members) for members in found.values()}


def groups(text: str) -> set[frozenset[int]]:
    """``01 2`` is records 0 and 1 together and 2 alone."""
    return {frozenset(map(int, word)) for word in text.split()}


CASES: dict[str, tuple[int, dict[tuple[int, int], float], str]] = {
    "nobody": (0, {}, ""),
    "strangers without a pair": (2, {}, "0 1"),
    "one sure pair": (2, {(0, 1): 5.0}, "01"),
    "a pair just at the stop": (2, {(0, 1): 0.0}, "01"),
    "a pair below the stop": (2, {(0, 1): -0.1}, "0 1"),
    "a chain whose ends were never a pair": (3, {(0, 1): 5.0, (1, 2): 4.0}, "012"),
    "a chain of weak links falls apart, for absent pairs count": (3, {(0, 1): 2.0, (1, 2): 1.0}, "01 2"),
    "a pair against outweighs one for": (3, {(0, 1): 5.0, (1, 2): 4.0, (0, 2): -3.0}, "01 2"),
    "beyond the clip more certainty adds nothing": (3, {(0, 1): 12.0, (1, 2): 11.0, (0, 2): -90.0}, "01 2"),
    "two couples joined by one weak link": (4, {(0, 1): 9.0, (2, 3): 9.0, (1, 2): 4.0}, "01 23"),
    "two couples joined by one strong link": (4, {(0, 1): 9.0, (2, 3): 9.0, (1, 2): 5.0}, "0123"),
    "the better of two rivals": (3, {(0, 1): 3.0, (1, 2): 6.0, (0, 2): -12.0}, "0 12"),
}


@pytest.mark.parametrize("name", CASES)
def test_groups_merge_while_their_average_is_above_the_stop(name: str) -> None:
    records, scored, expected = CASES[name]
    assert clusters(records, scored) == groups(expected)


def test_a_lower_stop_lets_weak_links_hold() -> None:
    weak = {(0, 1): -0.5}
    assert clusters(2, weak) == groups("0 1")
    assert clusters(2, weak, bounds=Bounds(12.0, -1.5, -1.0, 1.5)) == groups("01")


def test_must_link_joins_whatever_the_score() -> None:
    assert clusters(3, {(0, 1): -12.0}, same=((0, 1), (1, 2))) == groups("012")


def test_cannot_link_keeps_apart_whatever_the_score() -> None:
    assert clusters(2, {(0, 1): 12.0}, different=((0, 1),)) == groups("0 1")
    assert clusters(2, {(0, 1): 12.0}, different=((1, 0),)) == groups("0 1")


def test_cannot_link_binds_all_that_its_ends_are_joined_with() -> None:
    scored = {(0, 1): 9.0, (1, 2): 9.0, (0, 2): 9.0}
    found = clusters(3, scored, different=((0, 2),))
    assert frozenset({0, 1, 2}) not in found
    assert len(found) == 2


def test_where_decisions_contradict_one_person_is_kept() -> None:
    found = clusters(3, {(1, 2): 9.0}, same=((0, 1),), different=((0, 1), (1, 2)))
    assert found == groups("01 2")


def test_records_of_a_duplicate_free_channel_never_meet_not_even_through_others() -> None:
    scored = {(0, 1): 9.0, (1, 2): 8.0, (0, 2): 9.0}
    found = clusters(3, scored, apart=(1, 0, 1))
    assert frozenset({0, 1, 2}) not in found
    assert frozenset({0, 2}) not in found


def test_two_duplicate_free_channels_bind_each_their_own() -> None:
    scored = {(0, 1): 9.0, (2, 3): 9.0, (1, 2): 8.0, (0, 2): 8.0, (1, 3): 8.0, (0, 3): 8.0}
    assert clusters(4, scored, apart=(1, 2, 1, 2)) == groups("01 23")
