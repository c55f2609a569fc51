"""In a copy of an index, what is written of changed customers makes room, and others learn what is shared by now."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from typing import Any

import duckdb
import orjson

from pipelines.index_lines import LineWriter
from pipelines.relations import CHANGED
from profile_service.store.lines import Lines

Identifier = tuple[str, str]
_IN_ONE_QUERY = 500


def remove_changed(
    work: duckdb.DuckDBPyConnection, index: sqlite3.Connection, known: Lines, writers: tuple[LineWriter, LineWriter]
) -> None:
    """Remove what the index holds of the customers in ``publish_customers``, but for the words of their search.

    Those are found by the customer's number, and a changed customer gets another one. ``known``: the documents as they
    stand; ``writers``: of documents and of records.
    """
    index.execute("CREATE TEMP TABLE touched (type TEXT, value TEXT, PRIMARY KEY (type, value)) WITHOUT ROWID")
    changed = [customer_id for (customer_id,) in work.execute(f"SELECT customer_id FROM {CHANGED}").fetchall()]
    gone: list[int] = []
    refs: list[int] = []
    for part in _parts(changed):
        marks = ", ".join("?" * len(part))
        numbers = index.execute(f"SELECT number FROM profiles WHERE customer_id IN ({marks})", part).fetchall()
        for (number,) in numbers:
            gone.append(number)
            refs += map(int, known.heading(number).split())
            held = _identifiers(known.text(number))
            index.executemany("INSERT OR IGNORE INTO touched VALUES (?, ?)", held)
            index.executemany(
                "DELETE FROM identifiers WHERE type = ? AND value = ? AND number = ?",
                [(*identifier, number) for identifier in held],
            )
        index.execute(f"DELETE FROM profiles WHERE customer_id IN ({marks})", part)
    documents, records = writers
    documents.remove(gone)
    records.remove(refs)


def with_marks(
    work: duckdb.DuckDBPyConnection, index: sqlite3.Connection, known: Lines
) -> Iterator[tuple[int, bytes, bytes]]:
    """Lines of the unchanged who hold what changed customers have or had, where the mark ``shared`` is another now."""
    index.executemany(
        "INSERT OR IGNORE INTO touched VALUES (?, ?)",
        work.execute(
            "SELECT identifier_type, value FROM generation.main.customer_identifiers JOIN index_customers "
            "USING (customer_id)"
        ).fetchall(),
    )
    first = work.execute("SELECT coalesce(min(number), 2147483647) FROM index_customers").fetchall()[0][0]
    shared: dict[int, dict[Identifier, bool]] = {}
    held = index.execute(
        "SELECT i.type, i.value, i.number, count(*) OVER (PARTITION BY i.type, i.value) "
        "FROM touched JOIN identifiers i USING (type, value)"
    )
    for kind, value, number, holders in held:
        if number < first:
            shared.setdefault(number, {})[kind, value] = holders > 1
    for number, marks in shared.items():
        document = orjson.loads(known.text(number) or b"{}")
        stale = False
        for each in document["identifiers"]:
            mark = marks.get((each["type"], each["value"]), each["shared"])
            stale = stale or mark != each["shared"]
            each["shared"] = mark
        if stale:
            yield number, known.heading(number), orjson.dumps(document)
    index.execute("DROP TABLE touched")


def _identifiers(document: bytes | None) -> list[Identifier]:
    return [(each["type"], each["value"]) for each in orjson.loads(document)["identifiers"]] if document else []


def _parts(ids: Sequence[str]) -> Iterator[list[Any]]:
    for start in range(0, len(ids), _IN_ONE_QUERY):
        yield list(ids[start : start + _IN_ONE_QUERY])
