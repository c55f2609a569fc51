"""A landing split in two: nearly everything first, about ten thousand records and their events later."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TextIO
from zlib import crc32

from pipelines.simulate.options import CHANNELS

_ID_COLUMN = {"customers": 0, "events": 1}


def split(landing: Path, first: Path, later: Path, one_in: int) -> None:
    """Write one record in ``one_in`` (by a hash of its id) with its events to ``later``, all others to ``first``."""
    for channel in CHANNELS:
        for path in sorted((landing / channel).iterdir()):
            kind = path.name.partition(".")[0]
            with ExitStack() as files:
                source = files.enter_context(_text(path, "rt"))
                outs = [files.enter_context(_text(out / channel / path.name, "wt")) for out in (first, later)]
                if ".csv" in path.suffixes:
                    header = next(source)
                    for out in outs:
                        out.write(header)
                for line, record in _records(source, ".jsonl" in path.suffixes, _ID_COLUMN[kind]):
                    outs[crc32(record.encode()) % one_in == 0].write(line)


def _text(path: Path, mode: str) -> TextIO:
    path.parent.mkdir(parents=True, exist_ok=True)
    return gzip.open(path, mode, encoding="utf-8") if path.suffix == ".gz" else path.open(mode, encoding="utf-8")  # type: ignore[return-value]


def _records(source: TextIO, as_json: bool, column: int) -> Iterator[tuple[str, str]]:
    """Each line with the id of its record; ids and event ids of simulated feeds hold no comma."""
    for line in source:
        yield line, json.loads(line)["source_record_id"] if as_json else line.split(",", column + 1)[column]
