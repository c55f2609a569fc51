"""Line by line, with care: every good record of a troubled CSV or JSONL file, and every bad one with its reason."""

from __future__ import annotations

import csv
import json
import math
import re
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from pipelines.ingest.look import LINE_LIMIT
from pipelines.ingest.text import PIECE, skip_mark

# How far to look for the quote that closes a field: beyond, the opening quote itself is taken for the fault.
_LOOK_AHEAD = 200  # lines
_EXACT = 1e15  # whole numbers below it are exact as floating-point ones
_SHAPES = 10_000  # sets of keys remembered; a feed has few, unless every row makes up its own

# A bad row: line number, the start of the text as sent, its length in bytes, the reason, the key if it shows.
Reject = Callable[[int, bytes, int, str, str | None], None]


@dataclass(frozen=True)
class Sieved:
    """Rows kept (in a clean CSV, line number first, below a header) and rows refused; blank lines are no rows."""

    kept: int
    refused: int
    multi_line: bool = False


@dataclass
class _Line:
    number: int
    text: bytes  # without its line end
    cut: int = 0  # the whole length where the text was cut short


class _Lines:
    """The lines of a file one by one, which can be put back."""

    def __init__(self, stream: BinaryIO) -> None:
        skip_mark(stream)
        self._read = self._each(stream)
        self._back: deque[_Line] = deque()

    def next(self) -> _Line | None:
        return self._back.popleft() if self._back else next(self._read, None)

    def put_back(self, lines: Sequence[_Line]) -> None:
        self._back.extendleft(reversed(lines))

    @staticmethod
    def _each(stream: BinaryIO) -> Iterator[_Line]:
        number = 0
        while text := stream.readline(LINE_LIMIT + 2):
            number += 1
            cut = 0
            if not text.endswith(b"\n") and len(text) > LINE_LIMIT:
                cut = len(text)
                while rest := stream.readline(PIECE):
                    cut += len(rest)
                    if rest.endswith(b"\n"):
                        break
            yield _Line(number, text.rstrip(b"\n").removesuffix(b"\r"), cut)


class CsvSieve:
    """A CSV file's records by RFC 4180; a record may span lines where that is plainly meant."""

    def __init__(self, delimiter: str, columns: int, key: int | None, reject: Reject) -> None:
        """Expect ``columns`` fields a record; ``key`` is the position of the record's id."""
        self._delimiter = delimiter
        self._columns = columns
        self._key = key
        self._reject = reject
        d = re.escape(delimiter)
        self._field = re.compile(f'(?:"([^"]*(?:""[^"]*)*)"|([^"{d}\n]*))({d}|\\Z)')

    def header(self, path: Path) -> list[str]:
        """The fields of the first line that is not blank; names are trimmed by the caller."""
        with path.open("rb") as stream:
            lines = _Lines(stream)
            line = self._first(lines)
            return self.fields(line.text.decode()) or line.text.decode().split(self._delimiter) if line else []

    def sift(self, path: Path, clean: Path) -> Sieved:
        """Write the good records to ``clean`` and hand the bad ones to ``reject``."""
        kept = refused = 0
        multi_line = False
        delimiter = self._delimiter.encode()
        gaps = self._columns - 1
        with path.open("rb") as stream, clean.open("w", encoding="utf-8", newline="") as out:
            lines = _Lines(stream)
            self._first(lines)
            writer = csv.writer(out, delimiter=self._delimiter, lineterminator="\n", quoting=csv.QUOTE_ALL)
            writer.writerow(["line"])  # a header, so that the first line end is a plain one
            while (line := lines.next()) is not None:
                text = line.text
                if not text.strip() and delimiter not in text:
                    continue
                rest: list[_Line] = []
                found: list[str] | str
                if line.cut:
                    found = f"the row has {line.cut:,} bytes, at most {LINE_LIMIT:,} are read"
                elif b'"' not in text and text.count(delimiter) == gaps and b"\0" not in text and b"\r" not in text:
                    found = text.decode().split(self._delimiter)
                else:
                    found, rest = self._record(line, lines)
                if isinstance(found, str):
                    refused += 1
                    self._reject(line.number, text, line.cut or len(text), found, self._shown_key(text))
                    lines.put_back(rest)
                else:
                    kept += 1
                    multi_line = multi_line or bool(rest)
                    writer.writerow([line.number, *found])
        return Sieved(kept, refused, multi_line)

    def fields(self, record: str) -> list[str] | None:
        """The fields of a whole record, or ``None`` where its quoting is broken."""
        found: list[str] = []
        position = 0
        while match := self._field.match(record, position):
            inside, bare, closing = match.groups()
            found.append(bare if inside is None else inside.replace('""', '"'))
            position = match.end()
            if not closing:
                return found
        return None

    @staticmethod
    def _first(lines: _Lines) -> _Line | None:
        while (line := lines.next()) is not None:
            if line.text.strip():
                return line
        return None

    def _record(self, line: _Line, lines: _Lines) -> tuple[list[str] | str, list[_Line]]:
        """The fields that begin on this line, or why there are none; and the further lines read for them."""
        rest: list[_Line] = []
        quotes = line.text.count(b'"')
        if not self._left_open(line.text.decode()):
            quotes = 0
        while quotes % 2 and len(rest) < _LOOK_AHEAD:
            following = lines.next()
            if following is None:
                break
            rest.append(following)
            if following.cut:
                break
            quotes += following.text.count(b'"')
        texts = [line.text, *(each.text for each in rest)]
        whole = b"\n".join(texts)
        if quotes % 2 or any(each.cut for each in rest):
            return "a quote is opened and never closed", rest
        # an unclosed quote and the next one may look like one long field; but then each line is a whole record
        gaps = self._columns - 1
        if rest and gaps and all(text.count(self._delimiter.encode()) >= gaps for text in texts):
            return "a quote is opened and closed only in a later row", rest
        if len(whole) > LINE_LIMIT:
            return f"the row has {len(whole):,} bytes, at most {LINE_LIMIT:,} are read", rest
        if b"\0" in whole:
            return "the row holds NUL bytes", rest
        found = self.fields(whole.decode())
        if found is None:
            return "the quoting is broken: a quote stands inside a field and is not doubled", rest
        if len(found) != self._columns:
            return f"the row has {len(found)} columns, the header has {self._columns}", rest
        if any("\r" in each for each in found):
            return "a carriage return stands inside a field", rest
        return found, rest

    def _left_open(self, line: str) -> bool:
        """Whether a quoted field begins on this line that does not end on it."""
        position = 0
        while (match := self._field.match(line, position)) and match.group(3):
            position = match.end()
        return match is None and line.startswith('"', position) and line.count('"', position) % 2 == 1

    def _shown_key(self, text: bytes) -> str | None:
        """The row's id as far as it can be made out, so that an erased person's row is not kept as a bad one."""
        pieces = text.split(self._delimiter.encode(), self._columns)
        if self._key is None or self._key >= len(pieces):
            return None
        return pieces[self._key].decode(errors="replace").strip('"')


class JsonlSieve:
    """A JSONL file's objects: the wanted keys as text, all others together as the inside of a JSON object."""

    def __init__(self, wanted: Sequence[str], keys: Sequence[str], reject: Reject) -> None:
        """Take ``wanted`` keys, matched exactly or without regard to case; the record's id is in one of ``keys``."""
        self._folded = {name.casefold(): place for place, name in reversed(list(enumerate(wanted)))}
        self._exact = {name: place for place, name in enumerate(wanted)}
        self._shapes: dict[tuple[str, ...], list[int | None]] = {}
        self._keys = keys
        self._reject = reject
        self._wanted = wanted
        self.present: set[int] = set()

    def sift(self, path: Path, clean: Path) -> Sieved:
        """Write the good rows to ``clean`` and hand the bad ones to ``reject``; ``present`` are the wanted keys met."""
        kept = refused = 0
        with path.open("rb") as stream, clean.open("w", encoding="utf-8", newline="") as out:
            lines = _Lines(stream)
            writer = csv.writer(out, lineterminator="\n", quoting=csv.QUOTE_ALL)
            writer.writerow(["line"])  # a header, so that the first line end is a plain one
            while (line := lines.next()) is not None:
                text = line.text
                if not text.strip():
                    continue
                row: Mapping[str, Any] = {}
                try:
                    if line.cut:
                        raise ValueError(f"the row has {line.cut:,} bytes, at most {LINE_LIMIT:,} are read")
                    row = _object(text)
                    values = self._values(row)
                    if b"\\u" in text:
                        _whole_characters(row, values)
                    writer.writerow([line.number, *values])
                    kept += 1
                except (ValueError, RecursionError) as error:
                    refused += 1
                    reason = str(error) if isinstance(error, ValueError) else "the row is nested too deeply"
                    key = next((str(row[name]) for name in self._keys if name in row), None)
                    self._reject(line.number, text, line.cut or len(text), reason, key)
        return Sieved(kept, refused, multi_line=True)

    def _values(self, row: Mapping[str, Any]) -> list[str | None]:
        values: list[str | None] = [None] * len(self._wanted)
        further = {}
        for place, (name, value) in zip(self._places(tuple(row)), row.items(), strict=True):
            if value is None or value == "":
                continue
            if place is None:
                further[name] = value
            else:
                values[place] = value if type(value) is str else _text(name, value)
        inside = _ENCODER.encode(further)[1:-1] if further else None
        return [*values, inside]

    def _places(self, names: tuple[str, ...]) -> list[int | None]:
        """Where the value of each key goes, once for each set of keys met; a second spelling of one goes nowhere."""
        places = self._shapes.get(names)
        if places is None:
            places = []
            for name in names:
                place = self._exact.get(name, self._folded.get(name.casefold()))
                places.append(None if place in places else place)
            if len(self._shapes) >= _SHAPES:
                self._shapes.clear()
            self._shapes[names] = places
            self.present.update(place for place in places if place is not None)
        return places


def _whole_characters(row: Mapping[str, Any], values: Sequence[str | None]) -> None:
    """Raise ValueError for what only an escape can bring into valid UTF-8: a NUL, or half a surrogate pair."""
    for name, value in row.items():
        if isinstance(value, str) and "\0" in value:
            raise ValueError(f"{name} holds a NUL character")
    try:
        "".join(value for value in values if value).encode()
    except UnicodeEncodeError as error:
        raise ValueError("the row holds half of a surrogate pair") from error


def _text(name: str, value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError(f"{name} is a number too large to keep")
    if isinstance(value, float) and value.is_integer() and abs(value) < _EXACT:
        # a column of whole numbers with gaps is often written as floating-point ones: 12345.0
        return str(int(value))
    if isinstance(value, int | float):
        return str(value)
    raise ValueError(f"{name} is not text")


def _object(text: bytes) -> dict[str, Any]:
    try:
        row = _DECODER.decode(text.decode())
    except json.JSONDecodeError as error:
        raise ValueError(f"the row is not JSON: {error.msg} at character {error.pos}") from error
    if not isinstance(row, dict):
        raise ValueError("the row is not a JSON object")
    return row


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    row = dict(pairs)
    if len(row) != len(pairs):
        raise ValueError("the row has a key twice")
    return row


def _refuse(constant: str) -> Any:
    raise ValueError(f"the row is not JSON: {constant} is no number")


_ENCODER = json.JSONEncoder(ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False)
_DECODER = json.JSONDecoder(object_pairs_hook=_once, parse_constant=_refuse)
