"""Several processes write one ledger, and some are killed: what was acknowledged is there, once."""

from __future__ import annotations

import os
import sqlite3
import threading
from collections import Counter
from pathlib import Path

import pytest

from profile_service.audit import Audit
from profile_service.journal import ReadJournal
from profile_service.store.ledger import Ledger, Overlay
from tests.ledger_writer import SECRET, acknowledged, start_writer
from tests.postgres_world import PostgresWorld

WRITERS, WRITES = 4, 40


def check(where: str | Path, journals: Path, lines: list[str]) -> int:
    """Whatever ``lines`` say was done is in the ledger, once; answers how many entries there are."""
    ledger = Ledger.open(where)
    audit = Audit(ledger, SECRET)
    ReadJournal(ledger, audit, journals).fold_orphans()
    entries = ledger.log().entries_after(0, 100_000)
    assert [entry.seq for entry in entries] == list(range(1, len(entries) + 1))
    written = {int(seq) for seq in acknowledged(lines, "write")}
    assert written <= {entry.seq for entry in entries}
    overlay = Overlay(ledger.read, "run_1", 0)
    assert all(overlay.document(str(entry.about.customer_id)) for entry in entries)
    rows = audit.rows(limit=100_000)
    reads = Counter(row.request_id for row in rows if row.action == "profile.read")
    assert set(acknowledged(lines, "read")) <= set(reads)
    assert set(reads.values()) <= {1}
    assert sum(row.action == "record.write" for row in rows) == len(entries)
    verdict = audit.verify()
    assert (verdict.rows, verdict.broken_at) == (len({row.seq for row in rows}), None), "reads share a row"
    assert list(journals.glob("*")) == []
    ledger.close()
    return len(entries)


def test_writers_that_start_at_once_wait_for_each_other(where: str | Path, tmp_path: Path) -> None:
    journals = tmp_path / "audit"
    writers = [start_writer(where, journals, WRITES) for _ in range(WRITERS)]
    said = [writer.communicate()[0].splitlines(keepends=True) for writer in writers]
    assert [writer.returncode for writer in writers] == [0] * WRITERS
    assert check(where, journals, [line for lines in said for line in lines]) == WRITERS * WRITES


def killed_after(where: str | Path, journals: Path, lines: int) -> list[str]:
    writer = start_writer(where, journals, 0)
    assert writer.stdout is not None
    said = [writer.stdout.readline() for _ in range(lines)]
    writer.kill()
    said += writer.stdout.readlines()
    writer.wait()
    writer.stdout.close()
    return said


def test_a_writer_killed_at_any_moment_loses_nothing_it_acknowledged(where: str | Path, tmp_path: Path) -> None:
    said: list[str] = []
    for lines in (1, 2, 7, 50, 151):
        said += killed_after(where, tmp_path / "audit", lines)
    assert check(where, tmp_path / "audit", said) >= len(acknowledged(said, "write"))
    if isinstance(where, Path):
        connection = sqlite3.connect(where)
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        connection.close()


def test_a_postgres_server_that_crashes_loses_nothing_acknowledged(postgres: PostgresWorld, tmp_path: Path) -> None:
    url = postgres.new_ledger()
    reading = Ledger.open(url)
    assert reading.log().last_seq() == 0
    writer = start_writer(url, tmp_path / "audit", 0)
    assert writer.stdout is not None
    said = [writer.stdout.readline() for _ in range(41)]
    postgres.stop("immediate")
    writer.kill()
    said += writer.stdout.readlines()
    writer.wait()
    writer.stdout.close()
    postgres.start()
    assert check(url, tmp_path / "audit", said) == reading.log().last_seq(), "a reader finds the server again by itself"
    with reading.write() as tx:
        tx.append("record", {}, actor="shop")
    reading.close()


def test_threads_share_a_ledger(ledger: Ledger) -> None:
    failed: list[BaseException] = []

    def work(name: str) -> None:
        try:
            for number in range(25):
                with ledger.write() as tx:
                    tx.set_meta(name, str(number))
                    tx.set_meta("sum", str(int(tx.log.meta("sum") or 0) + 1))
                assert ledger.log().meta(name) == str(number)
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=work, args=(f"thread-{each}",)) for each in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    assert ledger.log().meta("sum") == "200"


def test_connections_of_threads_that_ended_are_closed(tmp_path: Path) -> None:
    ledger = Ledger.open(tmp_path / "ledger.sqlite")
    for _ in range(50):
        thread = threading.Thread(target=lambda: ledger.log().last_seq())
        thread.start()
        thread.join()
    held = [path for path in Path("/proc/self/fd").iterdir() if str(tmp_path) in os.path.realpath(path)]
    assert len(held) < 12
    ledger.close()


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_forked_process_takes_connections_of_its_own(ledger: Ledger) -> None:
    with ledger.write() as tx:
        tx.append("record", {}, actor="parent")
    assert ledger.log().last_seq() == 1
    child = os.fork()
    if child == 0:
        with ledger.write() as tx:
            tx.append("record", {}, actor="child")
        os._exit(0 if ledger.log().last_seq() == 2 else 1)
    assert os.waitpid(child, 0)[1] == 0
    with ledger.write() as tx:
        assert tx.append("record", {}, actor="parent") == 3
    assert [entry.actor for entry in ledger.log().entries_after(0)] == ["parent", "child", "parent"]
