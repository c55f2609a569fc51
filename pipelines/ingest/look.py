"""Proof, in a few passes over its bytes, that a file has one record on each line, well-formed where it is CSV."""

from __future__ import annotations

import mmap
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt

from pipelines.ingest.text import PIECE, skip_mark

LINE_LIMIT = 1_000_000  # bytes; a longer line is no record of a person
_QUOTE, _LF, _CR = b'"'[0], b"\n"[0], b"\r"[0]

Positions = npt.NDArray[np.intp]
Bytes = npt.NDArray[np.uint8]


def look(path: Path, delimiter: str, columns: int) -> int | None:
    """How many rows follow the header, if every line is one record of ``columns`` fields and all end alike.

    ``None`` where anything at all is unusual and each line needs care.

    The proof matters: a reader that trips over a quote can swallow lines without an error.
    """
    if columns == 1:  # a blank line and an empty value look the same
        return None
    lines = 0
    for piece, ends in _even_pieces(path):
        if not len(ends) or not _well_formed(piece, ends, delimiter.encode()[0], columns):
            return None
        lines += len(ends)
    return lines - 1 if lines else None


def count_even_lines(path: Path) -> int | None:
    """How many lines there are, if each holds something, none is overlong and all end alike."""
    lines = 0
    for _, ends in _even_pieces(path):
        if not len(ends):
            return None
        lines += len(ends)
    return lines


def _even_pieces(path: Path) -> Iterator[tuple[Bytes, Positions]]:
    """The bytes of whole lines and where in them each line ends; a piece that is not even comes without ends, last."""
    windows: bool | None = None
    uneven = np.empty(0, dtype=np.uint8), np.empty(0, dtype=np.intp)
    with path.open("rb") as stream, mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as whole:
        start = skip_mark(stream)
        while start < len(whole):
            end = len(whole)
            if end - start > PIECE:
                end = whole.rfind(b"\n", start, start + PIECE) + 1
                if end == 0:
                    yield uneven
                    return
            piece = np.frombuffer(whole[start:end], dtype=np.uint8)
            start = end
            ends = np.flatnonzero(piece == _LF)
            if not len(ends) or ends[-1] != len(piece) - 1:  # the last line of the file, without a line end
                ends = np.append(ends, len(piece))
            returns = int(np.count_nonzero(piece == _CR))
            if windows is None:
                windows = returns > 0
            if not _even_lines(piece, ends, returns, windows):
                yield uneven
                return
            yield piece, ends


def _even_lines(piece: Bytes, ends: Positions, returns: int, windows: bool) -> bool:
    """No line is empty or overlong, none holds a NUL, and carriage returns stand at every line's end or nowhere."""
    lengths = np.diff(ends, prepend=-1) - 1
    if lengths.min() <= int(windows) or lengths.max() > LINE_LIMIT or not piece.all():
        return False
    if not windows:
        return returns == 0
    closed = ends[ends < len(piece)]  # a last line without line end has no carriage return either
    return returns == len(closed) and bool((piece[closed - 1] == _CR).all())


def _well_formed(piece: Bytes, ends: Positions, delimiter: int, columns: int) -> bool:
    """Quotes enclose whole fields (RFC 4180) that end on their own line, and each line has the header's columns."""
    quotes = np.flatnonzero(piece == _QUOTE)
    delimiters = np.flatnonzero(piece == delimiter)
    if len(quotes):
        if (np.searchsorted(quotes, ends) % 2).any():
            return False
        edge = np.full(1, _LF, dtype=np.uint8)
        fenced = np.concatenate([edge, piece, edge])  # what stands before position p is now at p, after it at p + 2
        before, after = fenced[quotes[0::2]], fenced[quotes[1::2] + 2]
        if not np.isin(before, (delimiter, _LF, _QUOTE)).all():
            return False
        if not np.isin(after, (delimiter, _LF, _CR, _QUOTE)).all():
            return False
        delimiters = delimiters[np.searchsorted(quotes, delimiters) % 2 == 0]
    counts = np.diff(np.searchsorted(delimiters, ends), prepend=0)
    return bool((counts == columns - 1).all())
