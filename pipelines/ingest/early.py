"""The next file is hashed, unpacked and looked into while DuckDB reads the one before it."""

from __future__ import annotations

import errno
from collections.abc import Container, Generator, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from pipelines.ingest.landing import FeedFile, content_hash
from pipelines.ingest.layout import lay_out, named_apart
from pipelines.ingest.look import count_even_lines, look
from pipelines.ingest.sieve import CsvSieve
from pipelines.ingest.text import PlainText, plain_text
from profile_service.errors import NotEnoughDisk, PromiseBroken, UnusableInput

DELIMITERS = (",", ";", "\t", "|")
# A larger file waits for its turn: whoever interrupts a run would wait for it, and so might the disk.
_MOST_BYTES = 1 << 30

Stamp = tuple[int, int, int]


@dataclass(frozen=True)
class Early:
    """What is known of a file before its rows are read.

    ``known_as``: its content as the work store knows it; ``stamp``: what tells it from another file or state before it
    was read. ``text``: None for Parquet, for an empty file and for one that is known; ``scratch``: where there is a
    text, a folder of its own for what is unpacked. Of CSV ``delimiter`` and ``header``; ``rows``: how many, where every
    line is as even as ``look`` wants it.
    """

    file: FeedFile
    known_as: str
    stamp: Stamp
    scratch: Path
    text: PlainText | None = None
    delimiter: str = DELIMITERS[0]
    header: Sequence[str] = ()
    rows: int | None = None


def look_early(files: Sequence[FeedFile], known: Container[str], scratch: Path) -> Generator[Early]:
    """Each file in turn, looked into while the caller is still at work on the one before; ``known``: by ``known_as``.

    Raises, when a file's turn comes, UnusableInput where it cannot be read or is no text, NotEnoughDisk where there is
    no room to unpack it.
    """
    with ThreadPoolExecutor(1) as thread:
        coming: Future[Early] | None = None
        for number, file in enumerate(files):
            early = coming.result() if coming else look_into(file, known, scratch / str(number))
            following = files[number + 1] if number + 1 < len(files) else None
            coming = None
            if following is not None and _is_small(following):
                coming = thread.submit(look_into, following, known, scratch / str(number + 1))
            yield early


def look_into(file: FeedFile, known: Container[str], scratch: Path) -> Early:
    """One file; raises as ``look_early`` does."""
    with reading_named(file, scratch):
        stamp = stamp_of(file)
        early = Early(file, file.channel.known_as(file.kind, content_hash(file.path)), stamp, scratch)
        if early.known_as in known or file.form == "parquet" or not stamp[0]:
            return early
        scratch.mkdir()
        text = plain_text(file.path, file.name, scratch)
        if file.form == "jsonl":
            return Early(file, early.known_as, stamp, scratch, text, rows=count_even_lines(text.path))
        delimiter, header = _header(text.path, file)
        rows = look(text.path, delimiter, len(named_apart(header)[0])) if header else None
        return Early(file, early.known_as, stamp, scratch, text, delimiter, header, rows)


def stamp_of(file: FeedFile) -> Stamp:
    """Size in bytes, time of change and number on its disk: copying tools give another file the same size and time."""
    stat = file.path.stat()
    return stat.st_size, stat.st_mtime_ns, stat.st_ino


@contextmanager
def reading_named(file: FeedFile, scratch: Path) -> Iterator[None]:
    """Errors of the system name the file; raises NotEnoughDisk and UnusableInput."""
    try:
        yield
    except OSError as error:
        if error.errno == errno.ENOSPC:
            raise NotEnoughDisk(f"no room to unpack {file.name} in {scratch.parent}: free some disk") from error
        raise UnusableInput(f"{file.name} cannot be read: {error.strerror or error}") from error


def _is_small(file: FeedFile) -> bool:
    try:
        return file.path.stat().st_size < _MOST_BYTES
    except OSError:
        return False


def _header(path: Path, file: FeedFile) -> tuple[str, list[str]]:
    """The delimiter under which the header names most fields of the contract (the comma, if none does better)."""
    best, found = DELIMITERS[0], CsvSieve(DELIMITERS[0], 0, None, _never).header(path)
    for delimiter in DELIMITERS[1:]:
        names = CsvSieve(delimiter, 0, None, _never).header(path)
        if len(lay_out(names, file.channel, file.kind).fields) > len(lay_out(found, file.channel, file.kind).fields):
            best, found = delimiter, names
    return best, found


def _never(line: int, text: bytes, length: int, reason: str, key: str | None) -> None:
    raise PromiseBroken(f"a header was refused: {reason}")
