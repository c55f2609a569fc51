"""In a copy of an index, what is written of changed customers makes room, and others learn what is shared by now."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import duckdb
import numpy as np
import orjson

from pipelines.index_lines import LineWriter
from pipelines.relations import CHANGED
from profile_service.store.documents import customer_of, held_in, marked
from profile_service.store.lines import Lines, mapped_array
from profile_service.store.names import customer_name_sql
from profile_service.store.serving import (
    CUSTOMER_NAMES,
    CUSTOMER_NUMBERS,
    IDENTIFIER_HOLDERS,
    IDENTIFIER_NAMES,
)

Identifier = tuple[str, str]
_NO_ONE = b'[""]'


class Gone(NamedTuple):
    """The numbers that changed customers had, and the identifiers that they carried."""

    numbers: list[int]
    identifiers: set[Identifier]


def remove_changed(
    work: duckdb.DuckDBPyConnection, refreshed: Path, known: Lines, writers: tuple[LineWriter, LineWriter]
) -> Gone:
    """Remove what the index holds of the customers in ``publish_customers``; answers what that was.

    Words of their search stay: those are found by the customer's number, and a changed customer gets another one.
    ``refreshed``: the arrays as they stand, ``known`` the documents among them; ``writers``: of documents and records.
    """
    gone = Gone([], set())
    refs: list[int] = []
    for number in numbers_of(work, CHANGED, refreshed, known).values():
        numbers, identifiers = held_in(known.text(number) or b"")
        gone.numbers.append(number)
        refs += numbers
        gone.identifiers.update(identifiers)
    documents, records = writers
    documents.remove(gone.numbers)
    records.remove(refs)
    return gone


def numbers_of(work: duckdb.DuckDBPyConnection, customers: str, arrays: Path, known: Lines) -> dict[str, int]:
    """The numbers of the customers in a relation with ``customer_id``, of those that the arrays know."""
    names, numbers = (mapped_array(arrays / f"{name}.npy") for name in (CUSTOMER_NAMES, CUSTOMER_NUMBERS))
    rows = work.execute(f"SELECT customer_id, {customer_name_sql()} FROM {customers}").fetchall()
    wanted = np.array([name for _, name in rows], dtype=np.uint64)
    first, last = (np.searchsorted(names, wanted, side=side).tolist() for side in ("left", "right"))
    return {
        customer_id: number
        for (customer_id, _), start, end in zip(rows, first, last, strict=True)
        for number in numbers[start:end].tolist()
        if customer_of(known.text(number) or _NO_ONE) == customer_id
    }


Told = tuple[list[str], dict[str, Any]]


def traits_due(work: duckdb.DuckDBPyConnection, refreshed: Path, known: Lines) -> dict[int, Told]:
    """Segments and traits, as they are now, of customers whom only passing time has changed, by number.

    ``refreshed``: the arrays as they stand, ``known`` the documents among them.
    """
    passed = "FROM publish_traits WHERE cno IS NULL"
    due = work.execute(f"SELECT customer_id, segments, said::VARCHAR {passed}").fetchall()
    numbers = numbers_of(work, f"(SELECT customer_id {passed})", refreshed, known)
    return {
        numbers[customer_id]: (segments, orjson.loads(said))
        for customer_id, segments, said in due
        if customer_id in numbers
    }


def with_marks(
    arrays: Path, known: Lines, touched: Mapping[Identifier, int], told: tuple[range, Mapping[int, Told]]
) -> Iterator[tuple[int, bytes]]:
    """Lines of the unchanged who hold an identifier ``touched``, where the mark ``shared`` is another one now.

    ``touched``: with the hash of each. ``arrays``: the generation's, those of identifiers written; ``told``: numbers
    that are new in it, and of others the segments and traits that passing time has changed.
    """
    fresh, due = told
    names = mapped_array(arrays / f"{IDENTIFIER_NAMES}.npy")
    holders = mapped_array(arrays / f"{IDENTIFIER_HOLDERS}.npy")
    identifiers = list(touched)
    wanted = np.fromiter(touched.values(), np.uint64, len(touched))
    first, last = (np.searchsorted(names, wanted, side=side) for side in ("left", "right"))
    # of most, somebody who is new is the only holder: nobody else is to be told
    held = np.flatnonzero(last > first)
    ends = holders[first[held]]
    held = held[(last[held] - first[held] > 1) | (ends < fresh.start) | (ends >= fresh.stop)]
    shared: dict[int, dict[Identifier, bool]] = {}
    for place, start, end in zip(held.tolist(), first[held].tolist(), last[held].tolist(), strict=True):
        for number in holders[start:end].tolist():
            if number not in fresh:
                shared.setdefault(number, {})[identifiers[place]] = end - start > 1
    for number in shared.keys() | due.keys():
        text = marked(known.text(number) or b"", shared.get(number, {}), due.get(number))
        if text is not None:
            yield number, text
