"""Work that need not be waited for goes on beside, in a thread with a cursor of its own; libraries load beside."""

from __future__ import annotations

import importlib
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import duckdb

_NOTHING: Mapping[str, str] = {}


def load_beside(module: str) -> None:
    """Begin to load a library that takes long, beside work that the interpreter only waits for.

    Who needs it imports it where it is needed, and waits for what is left to load.
    """
    threading.Thread(target=importlib.import_module, args=(module,), name=f"loading {module}").start()


@contextmanager
def beside(
    work: duckdb.DuckDBPyConnection,
    *steps: Callable[[duckdb.DuckDBPyConnection], Any],
    tables: Mapping[str, str] = _NOTHING,
) -> Iterator[list[Future[Any]]]:
    """``steps`` are under way, one after the other, while the block lasts, and are waited for at its end.

    Yields what is to come of each. What one raises is raised at the end of the block, or where it is waited for; those
    after it are not begun. They are given a cursor, which no other thread may use, with the temp tables ``tables``
    (name = query of ``work``): of those that ``work`` has, a cursor sees none. It sees what is committed.
    """
    cursor = work.cursor()
    try:
        for name, query in tables.items():
            rows = work.execute(query).fetchnumpy()
            cursor.register("rows_beside", rows)
            cursor.execute(f"CREATE TEMP TABLE {name} AS FROM rows_beside")
            cursor.unregister("rows_beside")
        with ThreadPoolExecutor(1) as thread:
            done: list[Future[Any]] = []
            for step in steps:
                done.append(thread.submit(_after, list(done), step, cursor))
            yield done
        for each in done:
            each.result()
    finally:
        cursor.close()


def _after(
    before: Sequence[Future[Any]], step: Callable[[duckdb.DuckDBPyConnection], Any], cursor: duckdb.DuckDBPyConnection
) -> Any:
    """What a step answers; where one before it has failed, what that one raised."""
    for each in before:
        each.result()
    return step(cursor)
