"""Work that need not be waited for goes on beside, in a thread with a cursor of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import duckdb

_NOTHING: Mapping[str, str] = {}


@contextmanager
def beside(
    work: duckdb.DuckDBPyConnection,
    do: Callable[[duckdb.DuckDBPyConnection], object],
    tables: Mapping[str, str] = _NOTHING,
) -> Iterator[None]:
    """``do`` is under way while the block lasts, and is waited for at its end; what it raises is raised there.

    It is given a cursor, which no other thread may use, with the temp tables ``tables`` (name = query of ``work``): of
    those that ``work`` has, a cursor sees none. It sees what is committed.
    """
    cursor = work.cursor()
    try:
        for name, query in tables.items():
            rows = work.execute(query).fetchnumpy()
            cursor.register("rows_beside", rows)
            cursor.execute(f"CREATE TEMP TABLE {name} AS FROM rows_beside")
            cursor.unregister("rows_beside")
        with ThreadPoolExecutor(1) as thread:
            done = thread.submit(do, cursor)
            yield
        done.result()
    finally:
        cursor.close()
