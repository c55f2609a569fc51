"""What the files that the service reads by key promise: they hold all that the warehouse beside them holds."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path

import duckdb
import numpy as np
import orjson
from numpy.typing import NDArray

from pipelines.audits.audit import SHOWN
from pipelines.work import whole_number
from profile_service.errors import PromiseBroken
from profile_service.store.documents import customer_of, identifiers_in, record_numbers, whole
from profile_service.store.generation import ARRAYS, PROFILES
from profile_service.store.lines import LENGTH, Lines
from profile_service.store.names import named
from profile_service.store.serving import DOCUMENTS, IDENTIFIER_HOLDERS, IDENTIFIER_NAMES, RECORD_BODIES
from profile_service.store.stored import head_of

# Documents that are read through, evenly from those written now: all of a small run, some of a whole build.
MOST_READ = 2_000

Names = NDArray[np.uint64]
Holders = NDArray[np.int32]


def audit_index(work: duckdb.DuckDBPyConnection, folder: Path, changed: str | None = None) -> None:
    """Raises PromiseBroken when ``profiles.sqlite`` and ``arrays/`` in ``folder`` break a promise.

    To be called while the database ``generation`` is attached. Counts are compared for everyone; documents are read
    through against identifiers and records for up to two thousand customers. ``changed``: a table of the customer ids
    that were written now; those of the others were found when they were, and are only counted.
    """
    index = sqlite3.connect(f"{(folder / PROFILES).resolve().as_uri()}?mode=ro", uri=True)
    try:
        documents, records = Lines(folder / ARRAYS, DOCUMENTS), Lines(folder / ARRAYS, RECORD_BODIES)
        _check("every standing customer has one document", _without_document(work, index, documents, changed))
        _check("every current record is found by its number", _without_body(work, records, changed))
        names, holders = (np.load(folder / ARRAYS / f"{name}.npy") for name in (IDENTIFIER_NAMES, IDENTIFIER_HOLDERS))
        _check("every identifier of a customer finds it", _unlike_counts(work, names, holders))
        found = (names, holders)
        _check(
            "a document tells of its own customer, records and identifiers", _astray(index, found, documents, records)
        )
    finally:
        index.close()


def _check(promise: str, broken_by: Iterator[str]) -> None:
    some = [what for what, _ in zip(broken_by, range(SHOWN), strict=False)]
    if some:
        raise PromiseBroken(f"the promise “{promise}” is broken, for instance by {'; '.join(some)}")


def _without_document(
    work: duckdb.DuckDBPyConnection, index: sqlite3.Connection, documents: Lines, changed: str | None
) -> Iterator[str]:
    ids = work.execute(f"SELECT customer_id FROM generation.main.customers {_of(changed)}").fetchall()
    if changed is None:
        known = dict(index.execute("SELECT customer_id, number FROM profiles"))
    else:
        asked = (index.execute("SELECT customer_id, number FROM profiles WHERE customer_id = ?", each) for each in ids)
        known = dict(row for rows in asked for row in rows)
    yield from (customer_id for (customer_id,) in ids if customer_id not in known)
    numbered = int(index.execute("SELECT count(*) FROM profiles").fetchone()[0])
    standing = whole_number(work, "SELECT count(*) FROM generation.main.customers")
    if numbered > standing:
        yield f"{numbered - standing} numbers of customers who do not stand"
    yield from _lacking(np.fromiter(known.values(), np.int64, len(known)), standing, documents)


def _without_body(work: duckdb.DuckDBPyConnection, records: Lines, changed: str | None) -> Iterator[str]:
    columns = work.execute(f"SELECT record_number FROM generation.main.customer_records {_of(changed)}").fetchnumpy()
    current = whole_number(work, "SELECT count(*) FROM generation.main.customer_records")
    yield from _lacking(np.ma.getdata(columns["record_number"]).astype(np.int64), current, records)


def _of(changed: str | None) -> str:
    return "" if changed is None else f"SEMI JOIN {changed} USING (customer_id)"


def _lacking(numbers: NDArray[np.int64], expected: int, lines: Lines) -> Iterator[str]:
    """Which of some numbers have no text, and how many more texts there are than are expected."""
    beyond = numbers >= len(lines)
    filled = np.asarray(lines.places[:, LENGTH]) > 0
    yield from (f"number {number}" for number in numbers[beyond])
    yield from (f"number {number}" for number in numbers[~beyond][~filled[numbers[~beyond]]])
    texts = int(np.count_nonzero(filled))
    if texts < expected:
        yield f"{expected - texts} without a text"
    if texts > expected:
        yield f"{texts - expected} texts of no one"


def _unlike_counts(work: duckdb.DuckDBPyConnection, names: Names, holders: Holders) -> Iterator[str]:
    there = whole_number(work, "SELECT count(*) FROM generation.main.customer_identifiers")
    if not len(names) == len(holders) == there:
        yield f"{len(names)} found by key and {there} in customer_identifiers"
    if np.any(names[1:] < names[:-1]):
        yield "their order, by which they are found"


def _astray(
    index: sqlite3.Connection, identifiers: tuple[Names, Holders], documents: Lines, records: Lines
) -> Iterator[str]:
    newest: Sequence[tuple[int, str]] = index.execute(
        "SELECT number, customer_id FROM profiles WHERE number % (SELECT max(1, count(*) / ?) FROM profiles) = 0 "
        "UNION SELECT * FROM (SELECT number, customer_id FROM profiles ORDER BY number DESC LIMIT ?)",
        [MOST_READ // 2, MOST_READ // 2],
    ).fetchall()
    for number, customer_id in newest:
        text = documents.text(number) or b""
        document = whole(orjson.loads(text))
        bodies = [head_of(records.text(ref) or b"") for ref in record_numbers(text)]
        found = [number in named(*identifiers, *identifier) for identifier in identifiers_in(text)]
        if (
            not document["customer_id"] == customer_of(text) == customer_id
            or not all(found)
            or {(body.customer_id, body.channel, body.source_record_id) for body in bodies}
            != {(customer_id, each["channel"], each["source_record_id"]) for each in document["records"]}
        ):
            yield customer_id
