"""What goes on beside has a cursor and temp tables of its own, and is waited for."""

from __future__ import annotations

import sys
import threading
from contextlib import redirect_stdout
from io import StringIO

import duckdb
import pytest

from pipelines.beside import beside, load_beside


def test_it_sees_what_is_committed_and_the_temp_tables_it_is_given() -> None:
    found: list[tuple[int, ...]] = []

    def add(cursor: duckdb.DuckDBPyConnection) -> None:
        found.extend(cursor.execute("SELECT k.n + t.n FROM kept k, changed t ORDER BY 1").fetchall())

    with duckdb.connect() as work:
        work.execute("CREATE TABLE kept AS SELECT 10 AS n")
        work.execute("CREATE TEMP TABLE changed AS SELECT unnest([1, 2, 3]) AS n")
        with beside(work, add, tables={"changed": "SELECT n FROM changed WHERE n > 1"}):
            assert work.execute("SELECT count(*) FROM changed").fetchall() == [(3,)]
    assert found == [(12,), (13,)]


def test_it_runs_while_the_block_does() -> None:
    begun = threading.Event()
    with duckdb.connect() as work, beside(work, lambda _: begun.set()):
        assert begun.wait(10)


def test_what_it_raises_is_raised_at_the_end_of_the_block() -> None:
    done = []

    def fail(_: duckdb.DuckDBPyConnection) -> None:
        raise ValueError("a promise is broken")

    with duckdb.connect() as work:
        with pytest.raises(ValueError, match="promise"), beside(work, fail):
            done.append("the block")
        assert work.execute("SELECT 1").fetchall() == [(1,)]
    assert done == ["the block"]


def test_what_the_block_raises_goes_before_what_it_raises() -> None:
    def fail(_: duckdb.DuckDBPyConnection) -> None:
        raise ValueError("beside")

    with duckdb.connect() as work, pytest.raises(KeyError, match="block"), beside(work, fail):
        raise KeyError("the block")


def test_one_step_follows_the_other_and_each_can_be_waited_for() -> None:
    with (
        duckdb.connect() as work,
        beside(
            work,
            lambda cursor: cursor.execute("CREATE TEMP TABLE made AS SELECT 7 AS n").fetchall(),
            lambda cursor: cursor.execute("SELECT n FROM made").fetchall(),
        ) as done,
    ):
        assert done[1].result(10) == [(7,)]


def test_what_follows_a_step_that_fails_is_not_begun() -> None:
    begun = []

    def fail(_: duckdb.DuckDBPyConnection) -> None:
        raise ValueError("a promise is broken")

    with (
        duckdb.connect() as work,
        pytest.raises(ValueError, match="promise"),
        beside(work, fail, lambda _: begun.append("next")) as done,
    ):
        done[0].result(10)
    assert begun == []


def test_a_library_is_loaded_by_a_thread_that_says_so() -> None:
    sys.modules.pop("this", None)
    with redirect_stdout(StringIO()):
        load_beside("this")
        for thread in threading.enumerate():
            if thread.name == "loading this":
                thread.join()
    assert "this" in sys.modules
