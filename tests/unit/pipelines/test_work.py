"""The pipeline's own DuckDB: errors are told by their names, memory grows with records, check-points are in time."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest

from pipelines.work import check_point_ahead, give_memory, open_work, uncompressed, whole_number


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


def test_a_store_of_many_records_has_more_memory_from_the_beginning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with open_work(tmp_path) as work:
        usual = memory_of(work)
        work.execute("INSERT INTO records (rid) SELECT range::INTEGER FROM range(2)")
    monkeypatch.setattr("pipelines.work.MEMORY_A_RECORD", 2_000_000_000)
    with open_work(tmp_path) as work:
        assert memory_of(work) != usual


@pytest.mark.parametrize(("run_seq", "ahead"), [(15, True), (16, False), (17, True)])
def test_a_run_check_points_ahead_beside_a_reader_but_for_every_sixteenth(
    tmp_path: Path, run_seq: int, ahead: bool
) -> None:
    log = tmp_path / "work" / "pipeline.duckdb.wal"
    with open_work(tmp_path) as work:
        work.execute("INSERT INTO meta SELECT 'key' || i, 'value' FROM range(1000) r(i)")
        logged = log.stat().st_size
        work.execute("BEGIN")
        assert whole_number(work, "SELECT count(*) FROM meta") == 1000
        cursor = work.cursor()
        check_point_ahead(cursor, run_seq)
        cursor.close()
        work.execute("COMMIT")
        assert (not log.exists() or log.stat().st_size < logged) == ahead


def test_a_check_point_ahead_waits_for_the_one_at_closing_while_somebody_writes(tmp_path: Path) -> None:
    with open_work(tmp_path) as work:
        work.execute("BEGIN")
        work.execute("INSERT INTO meta VALUES ('key', 'value')")
        cursor = work.cursor()
        check_point_ahead(cursor, 1)
        cursor.close()
        work.execute("COMMIT")
    with open_work(tmp_path) as work:
        assert whole_number(work, "SELECT count(*) FROM meta WHERE key = 'key'") == 1
