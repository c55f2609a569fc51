"""JSON texts found by number: files of lines that are written once, and an array of where each text stands.

A refreshed generation keeps the files of the one before by a second name and adds one of what changed.
"""

from __future__ import annotations

import mmap
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from profile_service.errors import NotFound

# A line is: the number in ten digits, the text, a line break. Of a text its place is kept: the file's number and the
# first byte packed in one integer, and the bytes it has.
DIGITS = 10
FILE_SHIFT = 48
START, LENGTH = range(2)


def places_file(folder: Path, name: str) -> Path:
    """The array of places: a row a number, two columns; no length: no text."""
    return folder / f"{name}-places.npy"


def line_files(folder: Path, name: str) -> list[Path]:
    """The files of lines that are there, in order of their numbers."""
    return sorted(folder.glob(f"{name}-*.lines"), key=lambda path: int(path.stem.rpartition("-")[2]))


def mapped_array(path: Path) -> NDArray[Any]:
    """An array over a mapped file, a plain one: slices of numpy's own memmap class take ten times as long."""
    array: NDArray[Any] = np.load(path, mmap_mode="r")
    return array.view(np.ndarray)


class Lines:
    """The texts of one name; any number of threads may read."""

    def __init__(self, folder: Path, name: str) -> None:
        """Map the files; raises NotFound when one of them is missing or cut short."""
        try:
            self.places = mapped_array(places_file(folder, name))
            self._files = [_mapped(path) for path in line_files(folder, name)]
            self._check_whole()
        except OSError as error:
            raise NotFound(f"{folder} holds no {name}: publish anew with `profiles run --rebuild`") from error

    def _check_whole(self) -> None:
        """A file cut short by a copy is none: raises OSError."""
        lengths = self.places[:, LENGTH]
        # where each text ends, the file's number above it; what has no text ends nowhere
        ends = np.where(lengths > 0, self.places[:, START] + lengths, 0)
        if int(ends.max(initial=0)) >> FILE_SHIFT >= max(len(self._files), 1):
            raise OSError("a file is missing")
        for number, file in enumerate(self._files):
            last = int(ends.max(initial=0, where=ends < (number + 1) << FILE_SHIFT))
            if last - (number << FILE_SHIFT) > len(file):
                raise OSError(f"file {number} is not whole")

    def __len__(self) -> int:
        """One more than the largest number."""
        return len(self.places)

    def mapped(self) -> list[NDArray[Any] | mmap.mmap | bytes]:
        """All that is mapped."""
        return [self.places, *self._files]

    def text(self, number: int) -> bytes | None:
        """The text of a number, or None where there is none."""
        if not 0 <= number < len(self.places):
            return None
        packed, length = self.places[number].tolist()
        if not length:
            return None
        start = packed & ((1 << FILE_SHIFT) - 1)
        text: bytes = self._files[packed >> FILE_SHIFT][start : start + length]
        return text


def _mapped(path: Path) -> mmap.mmap | bytes:
    with path.open("rb") as file:
        return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) if path.stat().st_size else b""
