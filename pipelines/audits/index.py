"""What the files that the service reads by key promise: they hold all that the warehouse beside them holds."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import duckdb
import numpy as np
from numpy.typing import NDArray

from pipelines.audits.audit import SHOWN
from pipelines.work import whole_number
from profile_service.errors import PromiseBroken
from profile_service.store.documents import customer_of, held_in, opened, whole
from profile_service.store.generation import ARRAYS
from profile_service.store.lines import LENGTH, Lines
from profile_service.store.names import CUSTOMER, customer_name_sql, named
from profile_service.store.serving import (
    CUSTOMER_NAMES,
    CUSTOMER_NUMBERS,
    DOCUMENTS,
    IDENTIFIER_HOLDERS,
    IDENTIFIER_NAMES,
    RECORD_BODIES,
)
from profile_service.store.stored import head_of

# Documents that are read through, evenly from those written now: all of a small run, some of a whole build.
MOST_READ = 2_000

_ID_OF = f"""SELECT customer_id FROM generation.main.customers
    WHERE {customer_name_sql()} = $name"""

Names = NDArray[np.uint64]
Holders = NDArray[np.int32]
Named = tuple[Names, Holders]


def audit_index(work: duckdb.DuckDBPyConnection, folder: Path, changed: str | None = None) -> None:
    """Raises PromiseBroken when ``arrays/`` in ``folder`` breaks a promise.

    To be called while the database ``generation`` is attached. Counts are compared for everyone; documents are read
    through against identifiers and records for up to two thousand customers. ``changed``: a table of the customer ids
    that were written now; those of the others were found when they were, and are only counted.
    """
    arrays = folder / ARRAYS
    documents, records = Lines(arrays, DOCUMENTS), Lines(arrays, RECORD_BODIES)
    customers = np.load(arrays / f"{CUSTOMER_NAMES}.npy"), np.load(arrays / f"{CUSTOMER_NUMBERS}.npy")
    _check("every standing customer has one document", _without_document(work, customers, documents, changed))
    _check("every current record is found by its number", _without_body(work, records, changed))
    found = np.load(arrays / f"{IDENTIFIER_NAMES}.npy"), np.load(arrays / f"{IDENTIFIER_HOLDERS}.npy")
    _check("every identifier of a customer finds it", _unlike_counts(work, *found))
    told = _astray((customers, found), documents, records)
    _check("a document tells of its own customer, records and identifiers", told)


def _check(promise: str, broken_by: Iterator[str]) -> None:
    some = [what for what, _ in zip(broken_by, range(SHOWN), strict=False)]
    if some:
        raise PromiseBroken(f"the promise “{promise}” is broken, for instance by {'; '.join(some)}")


def _without_document(
    work: duckdb.DuckDBPyConnection, customers: Named, documents: Lines, changed: str | None
) -> Iterator[str]:
    names, numbers = customers
    named = work.execute(
        f"SELECT {customer_name_sql()} AS name FROM generation.main.customers {_of(changed)}"
    ).fetchnumpy()
    wanted = np.ma.getdata(named["name"]).astype(np.uint64)
    places = np.searchsorted(names, wanted)
    there = places < len(names)
    there[there] = names[places[there]] == wanted[there]
    for lacking in wanted[~there].tolist():
        yield from (row[0] for row in work.execute(_ID_OF, {"name": lacking}).fetchall())
    standing = whole_number(work, "SELECT count(*) FROM generation.main.customers")
    if len(names) > standing:
        yield f"{len(names) - standing} numbers of customers who do not stand"
    yield from _out_of_order(names)
    yield from _lacking(numbers[places[there]].astype(np.int64), standing, documents)


def _out_of_order(names: Names) -> Iterator[str]:
    if np.any(names[1:] < names[:-1]):
        yield "their order, by which they are found"


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
    yield from _out_of_order(names)


def _astray(named_in: tuple[Named, Named], documents: Lines, records: Lines) -> Iterator[str]:
    customers, identifiers = named_in
    numbers = np.sort(customers[1])
    evenly = numbers[:: max(1, len(numbers) // (MOST_READ // 2))]
    for number in np.unique(np.concatenate([evenly, numbers[-(MOST_READ // 2) :]])).tolist():
        text = documents.text(number) or b""
        document = whole(opened(text))
        customer_id = customer_of(text)
        refs, carried = held_in(text)
        bodies = [head_of(records.text(ref) or b"") for ref in refs]
        found = [number in named(*identifiers, *identifier) for identifier in carried]
        if (
            document["customer_id"] != customer_id
            or number not in named(*customers, CUSTOMER, customer_id)
            or not all(found)
            or {(body.customer_id, body.channel, body.source_record_id) for body in bodies}
            != {(customer_id, each["channel"], each["source_record_id"]) for each in document["records"]}
        ):
            yield customer_id
