"""What the service reads by key is written beside the warehouse: documents, identifiers, records, search and arrays."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import duckdb

from pipelines.index_arrays import write_customers, write_identifiers
from pipelines.index_delta import Gone, remove_changed, traits_due, with_marks
from pipelines.index_lines import LineWriter
from pipelines.index_rows import (
    Rows,
    documents_sql,
    former_ids_sql,
    judgements_sql,
    orphan_events_sql,
    record_bodies_sql,
    reviews_sql,
    searched_sql,
)
from pipelines.index_search import search_words
from pipelines.merge import RECORDS
from pipelines.relations import CHANGED, IDENTIFIERS
from pipelines.work import whole_number
from profile_service.store.generation import ARRAYS, PROFILES
from profile_service.store.lines import Lines
from profile_service.store.names import name_hash, name_sql
from profile_service.store.serving import DOCUMENTS, HASH_PROBE_SQL, RECORD_BODIES

_TABLES = """
    CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT);
    CREATE TABLE ids (customer_id TEXT PRIMARY KEY, stands_as TEXT, event TEXT) WITHOUT ROWID;
    CREATE TABLE generic_values (field TEXT, value TEXT, holders INTEGER, PRIMARY KEY (field, value)) WITHOUT ROWID;
    CREATE TABLE generic_rulings (field TEXT, value TEXT, verdict TEXT, counted INTEGER,
        PRIMARY KEY (field, value)) WITHOUT ROWID;
    CREATE TABLE reviews (review_id TEXT PRIMARY KEY, left TEXT, right TEXT, left_customer_id TEXT,
        right_customer_id TEXT, status TEXT, bits REAL, value REAL) WITHOUT ROWID;
    CREATE TABLE duplicate_free (channel TEXT PRIMARY KEY, number INTEGER);
    CREATE TABLE judgements (left_ref INTEGER, right_ref INTEGER, verdict TEXT, decision_id TEXT);
    CREATE TABLE former_ids (ref INTEGER, customer_id TEXT, retired_us INTEGER, since TEXT,
        PRIMARY KEY (ref, customer_id)) WITHOUT ROWID;
    CREATE TABLE orphan_events (source_record_id TEXT, channel TEXT, body TEXT,
        PRIMARY KEY (source_record_id, channel)) WITHOUT ROWID;
"""
_AT_ONCE = 20_000


def build_index(work: duckdb.DuckDBPyConnection, folder: Path, standing: Path | None) -> int:
    """Write ``profiles.sqlite`` and what of ``arrays/`` tells of customers; answers the size of the first in bytes.

    To be called while the database ``generation`` is attached and filled, and the temp tables of the build stand;
    ``merge_records`` is given back.
    ``standing``: the folder of the generation that is refreshed, or None when everyone is written.
    """
    path, arrays = folder / PROFILES, folder / ARRAYS
    arrays.mkdir(exist_ok=True)
    if standing is not None:
        shutil.copyfile(standing / PROFILES, path)
    refreshed = None if standing is None else standing / ARRAYS
    documents = LineWriter(arrays, DOCUMENTS, refreshed)
    records = LineWriter(arrays, RECORD_BODIES, refreshed)
    rows = Rows.of(work)
    index = sqlite3.connect(path, isolation_level=None)
    try:
        for setting in ("page_size = 8192", "journal_mode = OFF", "synchronous = OFF", "cache_size = -65536"):
            index.execute(f"PRAGMA {setting}")
        if standing is None:
            index.executescript(_TABLES)
        index.execute("BEGIN")
        # a number is never given twice: words of a customer who is gone may still stand by it
        known = None if refreshed is None else Lines(refreshed, DOCUMENTS)
        before = 0 if known is None else max(len(known) - 1, 0)
        work.execute(f"""
            CREATE OR REPLACE TEMP TABLE index_customers AS
            SELECT {before} + cno AS number, customer_id, cno FROM {CHANGED} WHERE standing""")
        gone = Gone([], set())
        if refreshed is not None and known is not None:
            gone = remove_changed(work, refreshed, known, (documents, records))
        write_customers(work, arrays, refreshed, gone.numbers)
        documents.copy(work, documents_sql(rows))
        write_identifiers(work, arrays, refreshed, gone.numbers)
        if refreshed is not None and known is not None:
            touched = _identifiers(work)
            touched |= {each: int(name_hash(*each)) for each in gone.identifiers - touched.keys()}
            fresh = range(
                before + 1, 1 + whole_number(work, f"SELECT coalesce(max(number), {before}) FROM index_customers")
            )
            due = traits_due(work, refreshed, known)
            documents.append(with_marks(arrays, known, touched, (fresh, due)))
        # one thread for what only counts and sorts, beside DuckDB, which writes and joins
        with ThreadPoolExecutor(1) as aside:
            finished = [aside.submit(documents.finish)]
            records.copy(work, record_bodies_sql(rows))
            finished.append(aside.submit(records.finish))
            words = search_words(work, searched_sql(rows, before), arrays, refreshed)
            finished.append(aside.submit(words.write))
            # read by no one any more; what the first held is freed with the second, beside the sorting
            for table in (RECORDS, "publish_events"):
                work.execute(f"DROP TABLE IF EXISTS temp.{table}")
            _fill_lists(work, index)
            index.execute("COMMIT")
            for each in finished:
                each.result()
    finally:
        index.close()
        work.execute("DROP TABLE IF EXISTS temp.index_customers")
    return path.stat().st_size


def _identifiers(work: duckdb.DuckDBPyConnection) -> dict[tuple[str, str], int]:
    """Those of changed customers, with the hash of each."""
    name = name_sql("identifier_type", "value")
    rows = work.execute(f"SELECT identifier_type, value, {name} FROM {IDENTIFIERS}").fetchall()
    return {(identifier_type, value): code for identifier_type, value, code in rows}


def _fill_lists(work: duckdb.DuckDBPyConnection, index: sqlite3.Connection) -> None:
    """What is short enough to be written anew every time."""
    for table in (
        "meta",
        "generic_values",
        "generic_rulings",
        "ids",
        "reviews",
        "duplicate_free",
        "judgements",
        "former_ids",
        "orphan_events",
    ):
        index.execute(f"DELETE FROM {table}")
    _fill(work, index, "meta", f"SELECT 'hash_probe', ({HASH_PROBE_SQL})")
    _fill(work, index, "generic_values", "SELECT field, value, holders FROM generic_values")
    _fill(
        work,
        index,
        "generic_rulings",
        """SELECT field, value, verdict, coalesce(counted, false)::INTEGER
           FROM generic_rulings LEFT JOIN ruled_values USING (field, value)""",
    )
    _fill(
        work,
        index,
        "ids",
        """SELECT customer_id, stands_as, event FROM generation.main.customer_id_history
           WHERE valid_to IS NULL AND event IN ('merged_into', 'erased')""",
    )
    _fill(work, index, "reviews", reviews_sql())
    _fill(work, index, "duplicate_free", "SELECT channel, number FROM duplicate_free")
    _fill(work, index, "judgements", judgements_sql())
    _fill(work, index, "former_ids", former_ids_sql())
    _fill(work, index, "orphan_events", orphan_events_sql())


def _fill(work: duckdb.DuckDBPyConnection, index: sqlite3.Connection, table: str, query: str) -> None:
    cursor = work.execute(query)
    marks = ", ".join("?" * len(cursor.description or ()))
    index.executemany(f"INSERT INTO {table} VALUES ({marks})", _rows(cursor))


def _rows(cursor: duckdb.DuckDBPyConnection) -> Iterator[tuple[Any, ...]]:
    while rows := cursor.fetchmany(_AT_ONCE):
        yield from rows
