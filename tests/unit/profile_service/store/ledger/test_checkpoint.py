"""A long write-ahead log is brought into the file beside the writers, and everything is in the ledger as before."""

from __future__ import annotations

from pathlib import Path

from profile_service.store.ledger import Ledger


def test_a_long_log_is_brought_into_the_file_while_others_write(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite"
    ledger, other = Ledger.open(path), Ledger.open(path)
    try:
        for number in range(40):
            with ledger.write() as tx:
                tx.set_meta(f"name {number}", "x" * 1_000_000)
        log = path.with_name("ledger.sqlite-wal")
        before, size = log.stat().st_size, path.stat().st_size
        assert before > 40_000_000, "no writer has done so on its own"
        with other.write() as tx:
            tx.set_meta("meanwhile", "1")
            ledger.checkpoint()
        ledger.checkpoint()
        assert path.stat().st_size >= size + 39_000_000
        with ledger.write() as tx:
            tx.set_meta("then", "1")
        assert log.stat().st_size <= before + 1_000_000, "the log begins anew"
        assert other.log().meta("name 39") == "x" * 1_000_000
        assert (other.log().meta("meanwhile"), other.log().meta("then")) == ("1", "1")
    finally:
        ledger.close()
        other.close()
