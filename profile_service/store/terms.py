"""The words of an agent's search: who carries a word, a word that begins so, or one that holds something inside.

A segment is a sorted list of words in one text, where each word starts in it, and for each word the numbers of the
customers who carry it. Where little changed since a generation, the next one keeps its first segment and has a second,
small one; customers who changed have another number there, and nobody has the old one any more.
"""

from __future__ import annotations

import mmap
from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from profile_service.errors import NotFound

_BEYOND = b"\xff"  # no byte of UTF-8: the end of a prefix's range

Numbers = NDArray[np.int32]


def segment_files(arrays: Path, number: int) -> tuple[Path, Path, Path, Path]:
    """The files of a segment: its words, in order, each ended by a line break; where each starts in bytes; where the
    holders of each start; the holders' numbers, ascending for each word.
    """
    name = f"search-{number}"
    return (
        arrays / f"{name}-words.txt",
        arrays / f"{name}-starts.npy",
        arrays / f"{name}-spans.npy",
        arrays / f"{name}-holders.npy",
    )


@dataclass(frozen=True)
class Segment:
    """The words of the customers of one build."""

    text: mmap.mmap | bytes
    starts: NDArray[Any]
    spans: NDArray[Any]
    holders: Numbers

    @classmethod
    def open(cls, arrays: Path, number: int) -> Segment:
        """Map the files of a segment; raises NotFound when one of them is missing."""
        words, *numbers = segment_files(arrays, number)
        try:
            # plain arrays over the mapped files: slices of numpy's own memmap class take ten times as long
            starts, spans, holders = (np.load(path, mmap_mode="r").view(np.ndarray) for path in numbers)
            with words.open("rb") as file:
                text = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) if starts[-1] else b""
        except OSError as error:
            raise NotFound(f"{arrays} holds no search index: publish anew with `profiles run --rebuild`") from error
        return cls(text, starts, spans, holders)

    def __len__(self) -> int:
        return len(self.starts) - 1

    def word(self, place: int) -> bytes:
        """The word at a place in the order of words."""
        return self.text[int(self.starts[place]) : int(self.starts[place + 1]) - 1]

    def exactly(self, word: str) -> Numbers:
        """Who carries ``word``."""
        wanted = word.encode()
        place = self._place(wanted)
        found = place < len(self) and self.word(place) == wanted
        return self._held(place, place + found)

    def beginning(self, start: str) -> Numbers:
        """Who carries a word that begins with ``start``; who carries several stands there as often."""
        wanted = start.encode()
        return self._held(self._place(wanted), self._place(wanted + _BEYOND))

    def holding(self, mark: str, fragment: str, most: int) -> Numbers:
        """Who carries a word of a kind (``mark``) with ``fragment`` inside it; the first ``most`` such places count."""
        first, last = self._place(mark.encode()), self._place(mark.encode() + _BEYOND)
        places = list(self._met(fragment.encode(), int(self.starts[first]), int(self.starts[last]), most))
        words = np.unique(np.searchsorted(self.starts, places, side="right") - 1)
        return np.concatenate([self._held(0, 0), *(self._held(place, place + 1) for place in words.tolist())])

    def _met(self, fragment: bytes, first: int, last: int, most: int) -> Iterator[int]:
        at = self.text.find(fragment, first, last)
        while at >= 0 and most > 0:
            yield at
            most -= 1
            at = self.text.find(fragment, at + 1, last)

    def _place(self, wanted: bytes) -> int:
        """The place of the first word that is not before ``wanted``."""
        return bisect_left(range(len(self)), wanted, key=self.word)

    def _held(self, first: int, last: int) -> Numbers:
        return self.holders[int(self.spans[first]) : int(self.spans[last])]


class Terms:
    """All segments of a generation as one."""

    def __init__(self, arrays: Path) -> None:
        """Open the segments in the folder ``arrays``; raises NotFound when there is none."""
        self._segments = [Segment.open(arrays, 0)]
        if segment_files(arrays, 1)[0].exists():
            self._segments.append(Segment.open(arrays, 1))
        # numbers only grow: one more than the greatest is room for everyone's
        self.size = 1 + max(int(segment.holders.max(initial=0)) for segment in self._segments)

    def mapped(self) -> list[NDArray[Any] | mmap.mmap | bytes]:
        """All that is mapped."""
        return [part for each in self._segments for part in (each.text, each.starts, each.spans, each.holders)]

    def exactly(self, word: str) -> Numbers:
        """Who carries ``word``."""
        return np.concatenate([segment.exactly(word) for segment in self._segments])

    def beginning(self, start: str) -> Numbers:
        """Who carries a word that begins with ``start``; who carries several stands there as often."""
        return np.concatenate([segment.beginning(start) for segment in self._segments])

    def holding(self, mark: str, fragment: str, most: int = 2000) -> Numbers:
        """Who carries a word of a kind (``mark``) with ``fragment`` inside it; the first ``most`` such places count."""
        return np.concatenate([segment.holding(mark, fragment, most) for segment in self._segments])
