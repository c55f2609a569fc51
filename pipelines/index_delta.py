"""In a copy of an index, what is written of changed customers makes room, and others learn what is shared by now."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from typing import Any

import duckdb
import orjson

from pipelines.relations import CHANGED

Identifier = tuple[str, str]
_IN_ONE_QUERY = 500


def remove_changed(work: duckdb.DuckDBPyConnection, index: sqlite3.Connection) -> None:
    """Remove what the index holds of the customers in ``publish_customers``, but for the words of their search.

    Those are found by the customer's number, and a changed customer gets another one.
    """
    index.execute("CREATE TEMP TABLE touched (type TEXT, value TEXT, PRIMARY KEY (type, value)) WITHOUT ROWID")
    changed = [customer_id for (customer_id,) in work.execute(f"SELECT customer_id FROM {CHANGED}").fetchall()]
    gone: list[tuple[int]] = []
    refs: list[tuple[int]] = []
    for part in _parts(changed):
        marks = ", ".join("?" * len(part))
        for number, numbers, document in index.execute(
            f"SELECT number, refs, document FROM profiles WHERE customer_id IN ({marks})", part
        ).fetchall():
            gone.append((number,))
            refs += [(int(ref),) for ref in numbers.split()]
            held = _identifiers(document)
            index.executemany("INSERT OR IGNORE INTO touched VALUES (?, ?)", held)
            index.executemany(
                "DELETE FROM identifiers WHERE type = ? AND value = ? AND number = ?",
                [(*identifier, number) for identifier in held],
            )
    index.executemany("DELETE FROM profiles WHERE number = ?", gone)
    index.executemany("DELETE FROM records WHERE ref = ?", refs)


def mark_shared(work: duckdb.DuckDBPyConnection, index: sqlite3.Connection) -> None:
    """Bring the mark ``shared`` up to date in the documents of those who hold what changed customers have or had."""
    index.executemany(
        "INSERT OR IGNORE INTO touched VALUES (?, ?)",
        work.execute(
            "SELECT identifier_type, value FROM generation.main.customer_identifiers JOIN index_customers "
            "USING (customer_id)"
        ).fetchall(),
    )
    first = work.execute("SELECT coalesce(min(number), 2147483647) FROM index_customers").fetchall()[0][0]
    shared: dict[int, dict[Identifier, bool]] = {}
    for kind, value, number, holders in index.execute(
        "SELECT i.type, i.value, i.number, count(*) OVER (PARTITION BY i.type, i.value) "
        "FROM touched JOIN identifiers i USING (type, value)"
    ):
        if number < first:
            shared.setdefault(number, {})[kind, value] = holders > 1
    for number, marks in shared.items():
        (text,) = index.execute("SELECT document FROM profiles WHERE number = ?", [number]).fetchone()
        document = orjson.loads(text)
        for each in document["identifiers"]:
            each["shared"] = marks.get((each["type"], each["value"]), each["shared"])
        index.execute("UPDATE profiles SET document = ? WHERE number = ?", [orjson.dumps(document).decode(), number])
    index.execute("DROP TABLE touched")


def _identifiers(document: str) -> list[Identifier]:
    return [(each["type"], each["value"]) for each in orjson.loads(document)["identifiers"]]


def _parts(ids: Iterable[str]) -> Iterator[list[Any]]:
    some = list(ids)
    for start in range(0, len(some), _IN_ONE_QUERY):
        yield some[start : start + _IN_ONE_QUERY]
