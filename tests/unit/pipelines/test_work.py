"""The pipeline's own DuckDB: what goes wrong in it is told by its own name, and many records have more memory."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest

from pipelines.work import give_memory, open_work, uncompressed


def memory_of(work: duckdb.DuckDBPyConnection) -> str:
    rows = work.execute("SELECT current_setting('memory_limit')").fetchall()
    return str(rows[0][0])


def test_what_ends_a_transaction_is_told_not_that_it_has_ended(tmp_path: Path) -> None:
    with open_work(tmp_path) as work:
        work.execute("BEGIN")
        with pytest.raises(duckdb.ConversionException), uncompressed(work):
            work.execute("INSERT INTO records (rid) SELECT 'no number'::INTEGER")
        work.execute("ROLLBACK")


def test_compression_is_as_usual_afterwards(tmp_path: Path) -> None:
    with open_work(tmp_path) as work:
        with uncompressed(work):
            assert work.execute("SELECT current_setting('force_compression')").fetchall() == [("uncompressed",)]
        assert work.execute("SELECT current_setting('force_compression')").fetchall() == [("auto",)]


def test_many_records_have_more_memory_while_they_need_it(tmp_path: Path) -> None:
    with open_work(tmp_path) as work:
        usual = memory_of(work)
        work.execute("INSERT INTO records (rid) SELECT range::INTEGER FROM range(2)")
        give_memory(work, 1_000)
        assert memory_of(work) == usual
        give_memory(work, 2_000_000_000)
        assert memory_of(work) != usual
        give_memory(work, 400)
        assert memory_of(work) == usual
