"""Keys and pairs that are told beside the whole ones take their place, for whoever asks and however."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from profile_service.store.linkage import SINCE, WHOLE, Linkage

# records 0 to 3; 3 came later, and 1 was changed: it has left key 7 and its pair with 2 is another one
WHOLE_ARRAYS = (
    np.array([5, 5, 7, 7, 7], np.uint64),
    np.array([0, 1, 0, 1, 2], np.int32),
    np.array([0, 2, 4, 6], np.int64),
    np.array([1, 2, 0, 2, 0, 1], np.int32),
    np.array([4.0, -2.0, 4.0, 1.0, -2.0, 1.0], np.float32),
)
SINCE_ARRAYS = (
    np.array([False, True, False, True]),
    np.array([5, 5, 9], np.uint64),
    np.array([1, 3, 3], np.int32),
    np.array([1, 2, 2, 3], np.int32),
    np.array([2, 1, 3, 2], np.int32),
    np.array([1.5, 1.5, 6.0, 6.0], np.float32),
)


def linkage(folder: Path, *, since: bool) -> Linkage:
    for name, array in zip(WHOLE, WHOLE_ARRAYS, strict=True):
        np.save(folder / f"{name}.npy", array)
    for name, array in zip(SINCE, SINCE_ARRAYS if since else (), strict=False):
        np.save(folder / f"{name}.npy", array)
    return Linkage(folder)


@pytest.mark.parametrize(
    ("since", "members"), [(False, {5: {0, 1}, 7: {0, 1, 2}, 9: set()}), (True, {5: {0, 1, 3}, 7: {0, 2}, 9: {3}})]
)
def test_a_key_is_held_by_whoever_holds_it_now(tmp_path: Path, since: bool, members: dict[int, set[int]]) -> None:
    linked = linkage(tmp_path, since=since)
    assert {key: set(refs) for key, refs in linked.key_members([5, 7, 9], 10).items()} == members
    assert {key: len(refs) for key, refs in linked.key_members([5, 7, 9], 1).items()} == {
        key: min(len(refs), 1) for key, refs in members.items()
    }
    assert linked.key_members([], 10) == {}


@pytest.mark.parametrize(
    ("since", "pairs"),
    [
        (False, {(0, 1, 4.0), (0, 2, -2.0), (1, 2, 1.0)}),
        (True, {(0, 2, -2.0), (1, 2, 1.5), (2, 3, 6.0)}),
    ],
)
def test_a_pair_is_told_from_both_ends_as_it_is_now(
    tmp_path: Path, since: bool, pairs: set[tuple[int, int, float]]
) -> None:
    linked = linkage(tmp_path, since=since)
    both = sorted({*pairs, *((right, left, bits) for left, right, bits in pairs)})
    assert sorted((ref, *pair) for ref in range(-2, 6) for pair in linked.pairs_of(ref)) == both
    found = linked.pairs_from(range(-2, 6))
    assert sorted(zip(*(each.tolist() for each in found), strict=True)) == both
    assert [len(each) for each in linked.pairs_from([])] == [0, 0, 0]


def test_what_is_told_beside_the_whole_is_read_altogether_or_not_at_all(tmp_path: Path) -> None:
    linkage(tmp_path, since=True)
    (tmp_path / f"{SINCE[-1]}.npy").unlink()
    with pytest.raises(FileNotFoundError):
        Linkage(tmp_path)
