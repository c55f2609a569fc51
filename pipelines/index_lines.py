"""Texts by number are written straight by DuckDB, a line each, and then looked over once for where each stands."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path

import duckdb
import numpy as np
from numpy.typing import NDArray

from profile_service.store.lines import DIGITS, FILE_SHIFT, LENGTH, START, line_files, places_file

_AT_ONCE = 1 << 24
_NOUGHT = 48
_WORTH = 10 ** np.arange(DIGITS - 1, -1, -1, dtype=np.int64)


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
                _keep(source, folder / source.name)
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
        packed = self._number << FILE_SHIFT
        for numbers, starts, lengths in _found(self._path):
            missing = int(numbers.max()) + 1 - len(self._places)
            if missing > 0:
                self._places = np.concatenate([self._places, np.zeros((missing, 2), np.int64)])
            self._places[numbers, START] = starts | packed
            self._places[numbers, LENGTH] = lengths
        np.save(places_file(self._folder, self._name), self._places)


Found = tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]


def _found(path: Path) -> Iterator[Found]:
    """Numbers, first bytes and lengths of the texts, a portion of the file at a time."""
    begin, rest = 0, b""
    with path.open("rb") as file:
        while read := file.read(_AT_ONCE):
            portion = rest + read
            lines = portion.split(b"\n")
            rest = lines.pop()
            if lines:
                # the break is one byte more
                lengths = np.fromiter(map(len, lines), np.int64, len(lines)) + 1
                starts = np.cumsum(lengths) - lengths
                digits = np.frombuffer(portion, np.uint8)[starts[:, None] + np.arange(DIGITS)] - _NOUGHT
                yield digits.astype(np.int64) @ _WORTH, starts + begin + DIGITS, lengths - DIGITS - 1
            begin += len(portion) - len(rest)


def _keep(source: Path, target: Path) -> None:
    """A file once more: a second name where the file system gives it, else a copy."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)
