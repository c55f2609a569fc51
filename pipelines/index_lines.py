"""Texts by number are written straight by DuckDB, a line each, and then looked over once for where each stands."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path

import duckdb
import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from profile_service.store.lines import DIGITS, FILE_SHIFT, LENGTH, START, line_files, places_file

# What fits into the processor's cache is looked over five times as fast as what does not.
_AT_ONCE = 1 << 20
_BREAK, _NOUGHT = 10, 48
# In floating point, which holds ten digits exactly: whole numbers are multiplied by no library.
_WORTH = 10.0 ** np.arange(DIGITS - 1, -1, -1)


def line_sql(number: str, text: str) -> str:
    """A line as SQL; a number has at most ten digits, a JSON text no control character."""
    return f"concat(lpad(({number})::VARCHAR, {DIGITS}, '0'), {text})"


class LineWriter:
    """Adds one file of lines to those of the generation that is refreshed, if any; ``finish`` writes the places."""

    def __init__(self, folder: Path, name: str, standing: Path | None) -> None:
        self._folder, self._name = folder, name
        self._places = np.zeros((0, 2), np.int64)
        if standing is not None:
            self._places = np.load(places_file(standing, name))
            for source in line_files(standing, name):
                keep_file(source, folder / source.name)
        self._number = len(line_files(folder, name))
        self._path = folder / f"{name}-{self._number}.lines"

    def copy(self, work: duckdb.DuckDBPyConnection, query: str) -> None:
        """Write the lines that a query of one column gives."""
        quoted = str(self._path).replace("'", "''")
        # as CSV without quotes: what is written as bytes is written, and all before it made, by one thread alone
        work.execute(
            f"COPY ({query}) TO '{quoted}' (FORMAT csv, HEADER false, QUOTE '', ESCAPE '', DELIMITER '\x01', "
            "COMPRESSION none)"
        )

    def append(self, lines: Iterable[tuple[int, bytes]]) -> None:
        """Write further lines: number and text; of one number the last one counts."""
        with self._path.open("ab") as file:
            file.writelines(b"%010d%b\n" % line for line in lines)

    def remove(self, numbers: Iterable[int]) -> None:
        """Those numbers have no text any more."""
        self._places[list(numbers), LENGTH] = 0

    def finish(self) -> None:
        """Write down where each text stands."""
        numbers, starts, lengths = _found(self._path)
        missing = int(numbers.max(initial=-1)) + 1 - len(self._places)
        if missing > 0:
            self._places = np.concatenate([self._places, np.zeros((missing, 2), np.int64)])
        self._places[numbers, START] = starts | self._number << FILE_SHIFT
        self._places[numbers, LENGTH] = lengths
        np.save(places_file(self._folder, self._name), self._places)


Found = tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]


def _found(path: Path) -> Found:
    """Numbers, first bytes and lengths of the texts in a file, in the order in which they stand there."""
    none = np.zeros(0, np.int64)
    numbers, starts, lengths = zip(*_portions(path), (none, none, none), strict=True)
    return np.concatenate(numbers), np.concatenate(starts), np.concatenate(lengths)


def _portions(path: Path) -> Iterator[Found]:
    begin, size = 0, _AT_ONCE
    with path.open("rb", buffering=0) as file:
        while portion := os.pread(file.fileno(), size, begin):
            read = np.frombuffer(portion, np.uint8)
            ends = np.flatnonzero(read == _BREAK)
            if len(ends):
                firsts = np.concatenate([[0], ends[:-1] + 1])
                digits = sliding_window_view(read, DIGITS)[firsts].astype(np.float64) - _NOUGHT
                yield (digits @ _WORTH).astype(np.int64), firsts + begin + DIGITS, ends - firsts - DIGITS
                begin += int(ends[-1]) + 1
                size = _AT_ONCE
            elif len(portion) < size:
                raise ValueError(f"{path.name} ends within a line")
            else:
                size *= 2


def keep_file(source: Path, target: Path) -> None:
    """A file once more: a second name where the file system gives it, else a copy."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)
