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


def audit_index(work: duckdb.DuckDBPyConnection, folder: Path) -> None:
    """Raises PromiseBroken when ``profiles.sqlite`` and ``arrays/`` in ``folder`` break a promise.

    To be called while the database ``generation`` is attached. Counts are compared for everyone; documents are read
    through against identifiers and records for up to two thousand customers.
    """
    index = sqlite3.connect(f"{(folder / PROFILES).resolve().as_uri()}?mode=ro", uri=True)
    try:
        documents, records = Lines(folder / ARRAYS, DOCUMENTS), Lines(folder / ARRAYS, RECORD_BODIES)
        _check("every standing customer has one document", _without_document(work, index, documents))
        _check("every current record is found by its number", _without_body(work, records))
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


def _without_document(work: duckdb.DuckDBPyConnection, index: sqlite3.Connection, documents: Lines) -> Iterator[str]:
    known = dict(index.execute("SELECT customer_id, number FROM profiles"))
    standing = work.execute("SELECT customer_id FROM generation.main.customers").fetchall()
    yield from (customer_id for (customer_id,) in standing if customer_id not in known)
    if len(known) > len(standing):
        yield f"{len(known) - len(standing)} numbers of customers who do not stand"
    numbers = np.fromiter(known.values(), np.int64, len(known))
    yield from _lacking(numbers, documents)


def _without_body(work: duckdb.DuckDBPyConnection, records: Lines) -> Iterator[str]:
    columns = work.execute("SELECT record_number FROM generation.main.customer_records").fetchnumpy()
    yield from _lacking(np.ma.getdata(columns["record_number"]).astype(np.int64), records)


def _lacking(numbers: np.ndarray[tuple[int], np.dtype[np.int64]], lines: Lines) -> Iterator[str]:
    """Numbers without a text, and how many texts have a number that is none of these."""
    beyond = numbers >= len(lines)
    filled = np.asarray(lines.places[:, LENGTH]) > 0
    yield from (f"number {number}" for number in numbers[beyond])
    yield from (f"number {number}" for number in numbers[~beyond][~filled[numbers[~beyond]]])
    if np.count_nonzero(filled) > len(numbers):
        yield f"{np.count_nonzero(filled) - len(numbers)} texts of no one"


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
