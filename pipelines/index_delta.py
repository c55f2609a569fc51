"""In a copy of an index, what is written of changed customers makes room, and others learn what is shared by now."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import duckdb
import numpy as np
import orjson

from pipelines.index_lines import LineWriter
from pipelines.relations import CHANGED
from profile_service.store.documents import identifiers_in, marked, record_numbers
from profile_service.store.generation import ARRAYS
from profile_service.store.lines import Lines
from profile_service.store.names import name_hash
from profile_service.store.serving import IDENTIFIER_HOLDERS, IDENTIFIER_NAMES

Identifier = tuple[str, str]
_IN_ONE_QUERY = 500


class Gone(NamedTuple):
    """The numbers that changed customers had, and the identifiers that they carried."""

    numbers: list[int]
    identifiers: set[Identifier]


def remove_changed(
    work: duckdb.DuckDBPyConnection, index: sqlite3.Connection, known: Lines, writers: tuple[LineWriter, LineWriter]
) -> Gone:
    """Remove what the index holds of the customers in ``publish_customers``; answers what that was.

    Words of their search stay: those are found by the customer's number, and a changed customer gets another one.
    ``known``: the documents as they stand; ``writers``: of documents and of records.
    """
    changed = [customer_id for (customer_id,) in work.execute(f"SELECT customer_id FROM {CHANGED}").fetchall()]
    gone = Gone([], set())
    refs: list[int] = []
    for part in _parts(changed):
        marks = ", ".join("?" * len(part))
        numbers = index.execute(f"SELECT number FROM profiles WHERE customer_id IN ({marks})", part).fetchall()
        for (number,) in numbers:
            gone.numbers.append(number)
            text = known.text(number)
            if text is not None:
                refs += record_numbers(text)
                gone.identifiers.update(identifiers_in(text))
        index.execute(f"DELETE FROM profiles WHERE customer_id IN ({marks})", part)
    documents, records = writers
    documents.remove(gone.numbers)
    records.remove(refs)
    return gone


Told = tuple[list[str], dict[str, Any]]


def traits_due(work: duckdb.DuckDBPyConnection, index: sqlite3.Connection) -> dict[int, Told]:
    """Segments and traits, as they are now, of customers whom only passing time has changed, by number."""
    due = work.execute("SELECT customer_id, segments, said::VARCHAR FROM publish_traits WHERE cno IS NULL").fetchall()
    told: dict[str, Told] = {customer_id: (segments, orjson.loads(said)) for customer_id, segments, said in due}
    found: dict[int, Told] = {}
    for part in _parts(list(told)):
        marks = ", ".join("?" * len(part))
        rows = index.execute(f"SELECT number, customer_id FROM profiles WHERE customer_id IN ({marks})", part)
        found |= {number: told[customer_id] for number, customer_id in rows}
    return found


def with_marks(
    folder: Path, known: Lines, touched: Iterable[Identifier], told: tuple[Collection[int], Mapping[int, Told]]
) -> Iterator[tuple[int, bytes]]:
    """Lines of the unchanged who hold an identifier ``touched``, where the mark ``shared`` is another one now.

    ``folder``: the generation, its arrays of identifiers written; ``told``: numbers that are new in it, and of others
    the segments and traits that passing time has changed.
    """
    fresh, due = told
    names = np.load(folder / ARRAYS / f"{IDENTIFIER_NAMES}.npy", mmap_mode="r")
    holders = np.load(folder / ARRAYS / f"{IDENTIFIER_HOLDERS}.npy", mmap_mode="r")
    identifiers = list(touched)
    wanted = np.array([name_hash(*identifier) for identifier in identifiers], dtype=np.uint64)
    first, last = (np.searchsorted(names, wanted, side=side).tolist() for side in ("left", "right"))
    shared: dict[int, dict[Identifier, bool]] = {}
    for identifier, start, end in zip(identifiers, first, last, strict=True):
        for number in holders[start:end].tolist():
            if number not in fresh:
                shared.setdefault(number, {})[identifier] = end - start > 1
    for number in shared.keys() | due.keys():
        text = marked(known.text(number) or b"", shared.get(number, {}), due.get(number))
        if text is not None:
            yield number, text


def _parts(ids: Sequence[str]) -> Iterator[list[Any]]:
    for start in range(0, len(ids), _IN_ONE_QUERY):
        yield list(ids[start : start + _IN_ONE_QUERY])
