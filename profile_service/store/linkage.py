"""Blocking keys and scored pairs by record: as they were when last written whole, and anew for whom changed since."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from profile_service.store.lines import mapped_array

# The arrays, each in arrays/<name>.npy. Of everyone: blocking keys in ascending order with the record of each, and the
# pairs of a record from starts[ref] to starts[ref + 1].
KEYS, KEY_REFS, PAIR_STARTS, PAIR_OTHERS, PAIR_BITS = WHOLE = (
    "keys",
    "key_refs",
    "pair_starts",
    "pair_others",
    "pair_bits",
)
# Since those were written: for each record whether its keys and pairs hold no more; the keys that it has instead, in
# ascending order, and the pairs that it has, from either end, by that end's number in ascending order.
RENEWED, NEW_KEYS, NEW_KEY_REFS, NEW_PAIR_ENDS, NEW_PAIR_OTHERS, NEW_PAIR_BITS = SINCE = (
    "renewed",
    "new_keys",
    "new_key_refs",
    "new_pair_ends",
    "new_pair_others",
    "new_pair_bits",
)
PairsFound = tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float32]]


class Linkage:
    """Who shares a blocking key, and who was compared with whom; any number of threads may read."""

    def __init__(self, arrays: Path) -> None:
        """Map the arrays; raises FileNotFoundError and ValueError where one is missing or not whole."""
        self._arrays = {name: mapped_array(arrays / f"{name}.npy") for name in WHOLE}
        # generations from before were always written whole
        since = [name for name in SINCE if (arrays / f"{name}.npy").exists()]
        self._arrays |= {name: mapped_array(arrays / f"{name}.npy") for name in (SINCE if since else ())}
        self._renewed = self._arrays.get(RENEWED, np.zeros(0, np.bool_))

    def mapped(self) -> list[NDArray[Any]]:
        """All that is mapped."""
        return list(self._arrays.values())

    def key_members(self, keys: Sequence[int], most: int) -> dict[int, list[int]]:
        """For each blocking key the records that hold it, at most so many."""
        wanted = np.array(keys, dtype=np.uint64)
        if not len(self._renewed):
            found = _members(self._arrays[KEYS], self._arrays[KEY_REFS], wanted, most)
            return {key: refs.tolist() for key, refs in zip(keys, found, strict=True)}
        kept = _members(self._arrays[KEYS], self._arrays[KEY_REFS], wanted)
        new = _members(self._arrays[NEW_KEYS], self._arrays[NEW_KEY_REFS], wanted, most)
        return {
            key: [*fresh.tolist(), *refs[~self._renewed[refs]].tolist()][:most]
            for key, refs, fresh in zip(keys, kept, new, strict=True)
        }

    def pairs_of(self, ref: int) -> list[tuple[int, float]]:
        """The scored pairs of a record: (the other's number, bits)."""
        starts, found = self._arrays[PAIR_STARTS], []
        if 0 <= ref < len(starts) - 1:
            own = slice(int(starts[ref]), int(starts[ref + 1]))
            others, bits = (self._arrays[name][own].tolist() for name in (PAIR_OTHERS, PAIR_BITS))
            found = list(zip(others, bits, strict=True))
        if not len(self._renewed):
            return found
        kept = [] if self._renewed[ref : ref + 1].any() else [pair for pair in found if not self._renewed[pair[0]]]
        first, last = (int(self._arrays[NEW_PAIR_ENDS].searchsorted(np.int32(ref), side)) for side in ("left", "right"))
        others, bits = (self._arrays[name][first:last].tolist() for name in (NEW_PAIR_OTHERS, NEW_PAIR_BITS))
        return [*kept, *zip(others, bits, strict=True)]

    def pairs_from(self, refs: Collection[int]) -> PairsFound:
        """The scored pairs of several records: their numbers, the others' numbers, bits; shape (pairs,) each."""
        starts = self._arrays[PAIR_STARTS]
        known = np.array([ref for ref in refs if 0 <= ref < len(starts) - 1], dtype=np.int64)
        first = np.asarray(starts[known], dtype=np.int64)
        found = self._gathered(known, first, np.asarray(starts[known + 1], dtype=np.int64) - first, WHOLE)
        if not len(self._renewed):
            return found
        ends, others, bits = found
        kept = ~(self._renewed[ends] | self._renewed[others])
        asked = np.array(list(refs), dtype=np.int64)
        # sought as what they are kept as: else all that is kept would be made long first
        sought = asked.astype(np.int32)
        first, last = (np.searchsorted(self._arrays[NEW_PAIR_ENDS], sought, side) for side in ("left", "right"))
        new = self._gathered(asked, first, last - first, SINCE)
        return (
            np.concatenate([ends[kept], new[0]]),
            np.concatenate([others[kept], new[1]]),
            np.concatenate([bits[kept], new[2]]),
        )

    def _gathered(
        self, refs: NDArray[np.int64], first: NDArray[np.int64], counts: NDArray[np.int64], names: tuple[str, ...]
    ) -> PairsFound:
        """Pairs that stand in a row, so many for each record; ``names`` end with those of others and bits."""
        places = np.repeat(first - np.cumsum(counts) + counts, counts) + np.arange(counts.sum())
        others, bits = (self._arrays[name][places] for name in names[-2:])
        return np.repeat(refs, counts), others.astype(np.int64), bits.astype(np.float32)


def _members(
    known: NDArray[Any], refs: NDArray[Any], wanted: NDArray[np.uint64], most: int | None = None
) -> list[NDArray[Any]]:
    """The records of each key wanted, at most so many."""
    first = np.searchsorted(known, wanted, side="left")
    last = np.searchsorted(known, wanted, side="right")
    if most is not None:
        last = np.minimum(last, first + most)
    return [refs[start:end] for start, end in zip(first.tolist(), last.tolist(), strict=True)]
