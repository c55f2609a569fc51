"""Texts by number are written straight by DuckDB, a line each, and then looked over once for where each stands."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path

import duckdb
import numpy as np
from numpy.typing import NDArray

from profile_service.store.lines import DIGITS, FILE_SHIFT, HEADING, LENGTH, START, line_files, places_file

_AT_ONCE = 1 << 26
_TAB, _BREAK, _NOUGHT = 9, 10, 48


def line_sql(number: str, heading: str, text: str) -> str:
    """A line as SQL, in bytes; a number has at most ten digits, a heading no tab, a JSON text no control character."""
    return f"encode(concat(lpad(({number})::VARCHAR, {DIGITS}, '0'), {heading}, chr({_TAB}), {text}, chr({_BREAK})))"


class LineWriter:
    """Adds one file of lines to those of the generation that is refreshed, if any; ``finish`` writes the places."""

    def __init__(self, folder: Path, name: str, standing: Path | None) -> None:
        self._folder, self._name = folder, name
        self._places = np.zeros((0, 3), np.int64)
        if standing is not None:
            self._places = np.load(places_file(standing, name))
            for source in line_files(standing, name):
                _keep(source, folder / source.name)
        self._number = len(line_files(folder, name))
        self._path = folder / f"{name}-{self._number}.lines"

    def copy(self, work: duckdb.DuckDBPyConnection, query: str) -> None:
        """Write the lines that a query of one column gives."""
        quoted = str(self._path).replace("'", "''")
        # bytes as they are: written as CSV, each would be looked at for quotes, which takes twice as long
        work.execute(f"COPY ({query}) TO '{quoted}' (FORMAT blob)")

    def append(self, lines: Iterable[tuple[int, bytes, bytes]]) -> None:
        """Write further lines: number, heading and text; of one number the last one counts."""
        with self._path.open("ab") as file:
            file.writelines(b"%010d%b\t%b\n" % line for line in lines)

    def remove(self, numbers: Iterable[int]) -> None:
        """Those numbers have no text any more."""
        self._places[list(numbers), LENGTH] = 0

    def finish(self) -> None:
        """Write down where each text stands."""
        packed = self._number << FILE_SHIFT
        for numbers, starts, lengths, headings in _found(self._path):
            missing = int(numbers.max()) + 1 - len(self._places)
            if missing > 0:
                self._places = np.concatenate([self._places, np.zeros((missing, 3), np.int64)])
            self._places[numbers, START] = starts | packed
            self._places[numbers, LENGTH] = lengths
            self._places[numbers, HEADING] = headings
        np.save(places_file(self._folder, self._name), self._places)


Found = tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]


def _found(path: Path) -> Iterator[Found]:
    """Numbers, first bytes and lengths of the texts, and lengths of the headings, a portion of the file at a time."""
    if not path.stat().st_size:
        return
    content = np.memmap(path, dtype=np.uint8, mode="r").view(np.ndarray)
    begin = 0
    while begin < len(content):
        portion = content[begin : begin + _AT_ONCE]
        # every line has one tab and one break, in turn: JSON writes its own as escapes
        marks = np.flatnonzero((portion == _TAB) | (portion == _BREAK))
        marks = marks[: len(marks) // 2 * 2] + begin
        tabs, breaks = marks[0::2], marks[1::2]
        lines = np.concatenate([[begin], breaks[:-1] + 1])
        numbers = np.zeros(len(lines), np.int64)
        for place in range(DIGITS):
            numbers = numbers * 10 + (content[lines + place] - _NOUGHT)
        yield numbers, tabs + 1, breaks - tabs - 1, tabs - lines - DIGITS
        begin = int(breaks[-1]) + 1


def _keep(source: Path, target: Path) -> None:
    """A file once more: a second name where the file system gives it, else a copy."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)
