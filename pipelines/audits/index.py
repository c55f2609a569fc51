"""What the files that the service reads by key promise: they hold all that the warehouse beside them holds."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path

import duckdb
import numpy as np
import orjson

from pipelines.audits.audit import SHOWN
from pipelines.work import whole_number
from profile_service.errors import PromiseBroken
from profile_service.store.generation import ARRAYS, PROFILES
from profile_service.store.lines import LENGTH, Lines
from profile_service.store.serving import DOCUMENTS, RECORD_BODIES

# Documents that are read through, evenly from those written now: all of a small run, some of a whole build.
MOST_READ = 2_000


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
        _check("every identifier of a customer finds it", _unlike_counts(work, index))
        _check("a document tells of its own customer, records and identifiers", _astray(index, documents, records))
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


def _unlike_counts(work: duckdb.DuckDBPyConnection, index: sqlite3.Connection) -> Iterator[str]:
    here = int(index.execute("SELECT count(*) FROM identifiers").fetchone()[0])
    there = whole_number(work, "SELECT count(*) FROM generation.main.customer_identifiers")
    if here != there:
        yield f"{here} found by key and {there} in customer_identifiers"


def _astray(index: sqlite3.Connection, documents: Lines, records: Lines) -> Iterator[str]:
    newest: Sequence[tuple[int, str]] = index.execute(
        "SELECT number, customer_id FROM profiles WHERE number % (SELECT max(1, count(*) / ?) FROM profiles) = 0 "
        "UNION SELECT * FROM (SELECT number, customer_id FROM profiles ORDER BY number DESC LIMIT ?)",
        [MOST_READ // 2, MOST_READ // 2],
    ).fetchall()
    for number, customer_id in newest:
        document = orjson.loads(documents.text(number) or b"{}")
        bodies = [orjson.loads(records.text(int(ref)) or b"{}") for ref in documents.heading(number).split()]
        held = {
            (each["type"], each["value"])
            for each in document.get("identifiers", ())
            if index.execute(
                "SELECT 1 FROM identifiers WHERE type = ? AND value = ? AND number = ?",
                [each["type"], each["value"], number],
            ).fetchone()
        }
        if (
            document.get("customer_id") != customer_id
            or len(held) != len(document["identifiers"])
            or {body.get("customer") for body in bodies} != {customer_id}
            or len(bodies) != document["record_count"]
        ):
            yield customer_id
