"""A CSV or JSONL file, however packed and encoded, becomes plain UTF-8 text with Unix or Windows line ends."""

from __future__ import annotations

import codecs
import gzip
import shutil
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from profile_service.errors import UnusableInput

PIECE = 8 << 20  # bytes read at a time
_LOOK_AT = 4096  # bytes by which a binary file shows
_BINARY_SHARE = 0.05  # control characters, in text, are rarer than this
_CONTROLS = bytes(set(range(32)) - set(b"\t\n\r\f\x1b"))
_FOREIGN = {b"PAR1": "a Parquet file", b"PK\x03\x04": "a ZIP or Excel file", b"\x28\xb5\x2f\xfd": "a Zstandard file"}


@dataclass
class PlainText:
    """Where the plain text is, and what was odd about the file; ``path`` is the file itself if it was plain."""

    path: Path
    notes: list[str] = field(default_factory=list)


def plain_text(source: Path, name: str, scratch: Path) -> PlainText:
    """Unpack and decode ``source`` into ``scratch`` where needed; UnusableInput where it is no text."""
    text = PlainText(source)
    start = _start(text.path)
    if start.startswith(b"\x1f\x8b"):
        text.path = _unzipped(source, name, scratch / "unzipped")
        start = _start(text.path)
    elif source.name.lower().endswith(".gz") and start:
        raise UnusableInput(f"{name} is not gzipped although its name ends in .gz")
    for magic, what in _FOREIGN.items():
        if start.startswith(magic):
            raise UnusableInput(f"{name} is {what} by its content: name it so, or send the text itself")
    if start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        text.path = _from_utf16(text.path, name, scratch / "utf8")
        text.notes.append(f"{name} was read as UTF-16")
        start = _start(text.path)
    if len(start.translate(None, _CONTROLS)) < len(start) * (1 - _BINARY_SHARE):
        if _unmarked_utf16(start):
            raise UnusableInput(
                f"{name} looks like UTF-16 without a byte order mark: save it as UTF-8, or with the mark"
            )
        raise UnusableInput(f"{name} is not text: it looks like a binary file")
    if b"\r" in start and b"\n" not in start and not _holds(text.path, b"\n"):
        text.path = _rewritten(text.path, scratch / "lines", lambda piece: piece.replace(b"\r", b"\n"))
    if not _is_utf8(text.path):
        text.path, lines = _from_mixed(text.path, scratch / "decoded")
        text.notes.append(f"{name} is not all UTF-8: {lines:,} lines were read as Windows-1252 (Latin-1)")
    return text


def skip_mark(stream: BinaryIO) -> int:
    """Move past a UTF-8 byte-order mark at the start; the count of its bytes, 0 or 3."""
    if stream.read(3) == codecs.BOM_UTF8:
        return 3
    stream.seek(0)
    return 0


def _unmarked_utf16(start: bytes) -> bool:
    """Whether every other byte is nought, as of Western text in UTF-16, and hardly one of those between."""
    noughts = sorted(start[place::2].count(0) for place in (0, 1))
    return noughts[0] < len(start) * 0.05 and noughts[1] > len(start) * 0.4


def _start(path: Path) -> bytes:
    with path.open("rb") as stream:
        return stream.read(_LOOK_AT)


def _pieces(stream: BinaryIO) -> Iterator[bytes]:
    while piece := stream.read(PIECE):
        yield piece


def _holds(path: Path, byte: bytes) -> bool:
    with path.open("rb") as stream:
        return any(byte in piece for piece in _pieces(stream))


def _is_utf8(path: Path) -> bool:
    decoder = codecs.getincrementaldecoder("utf-8")()
    with path.open("rb") as stream:
        try:
            for piece in _pieces(stream):
                # the buffer is empty after every piece that ends between characters
                if decoder.getstate()[0] or not piece.isascii():
                    decoder.decode(piece)
            decoder.decode(b"", final=True)
        except UnicodeDecodeError:
            return False
    return True


def _rewritten(path: Path, target: Path, rewrite: Callable[[bytes], bytes]) -> Path:
    with path.open("rb") as stream, target.open("wb") as out:
        for piece in _pieces(stream):
            out.write(rewrite(piece))
    return target


def _unzipped(path: Path, name: str, target: Path) -> Path:
    try:
        with gzip.open(path) as stream, target.open("wb") as out:
            shutil.copyfileobj(stream, out, PIECE)
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise UnusableInput(f"{name} is a broken gzip file ({error}): fetch it again") from error
    return target


def _from_utf16(path: Path, name: str, target: Path) -> Path:
    try:
        with path.open(encoding="utf-16", newline="") as stream, target.open("w", encoding="utf-8", newline="") as out:
            shutil.copyfileobj(stream, out, PIECE)
    except UnicodeError as error:
        raise UnusableInput(f"{name} begins as UTF-16 and is not: {error}") from error
    return target


def _from_mixed(path: Path, target: Path) -> tuple[Path, int]:
    """Decode line by line: a line that is UTF-8 is that, any other is Windows-1252; the count of the others too.

    Line by line, because feeds are often several systems' exports put end to end.
    """
    others = 0
    with path.open("rb") as stream, target.open("wb") as out:
        for line in iter(lambda: stream.readline(PIECE), b""):
            try:
                line.decode()
                out.write(line)
            except UnicodeDecodeError:
                others += 1
                out.write(_windows(line).encode())
    return target, others


def _windows(line: bytes) -> str:
    try:
        return line.decode("cp1252")
    except UnicodeDecodeError:  # the five bytes that Windows-1252 leaves free
        return line.decode("latin-1")
