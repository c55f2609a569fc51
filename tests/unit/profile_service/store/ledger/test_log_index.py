"""The index of the ledger's log tells of every commit, whoever made it, and is closed after all that locks it."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from profile_service.errors import LedgerBusy
from profile_service.store.ledger import Ledger
from profile_service.store.ledger.log_index import LogIndex

INDEX = "ledger.sqlite-shm"


def _commit(ledger: Ledger, number: int) -> None:
    with ledger.write() as tx:
        tx.set_meta("number", str(number))


def _open_files(path: Path) -> int:
    found = 0
    for file in Path("/proc/self/fd").iterdir():
        try:
            found += file.readlink() == path
        except OSError:
            continue
    return found


def test_it_differs_after_every_commit_and_check_point_or_not_and_stays_while_nobody_writes(tmp_path: Path) -> None:
    ledger = Ledger.open(tmp_path / "ledger.sqlite")
    index = LogIndex(tmp_path / INDEX)
    try:
        seen = {index.head()}
        for number in range(200):
            _commit(ledger, number)
            head = index.head()
            assert head not in seen, f"commit {number} is told of"
            seen.add(head)
            ledger.log().meta("number")
            assert index.head() == head, "a read is no change"
            if number % 50 == 49:
                ledger.scrub()
    finally:
        index.close()
        ledger.close()


def test_what_is_undone_is_no_change(tmp_path: Path) -> None:
    ledger = Ledger.open(tmp_path / "ledger.sqlite")
    index = LogIndex(tmp_path / INDEX)
    try:
        head = index.head()
        with pytest.raises(ZeroDivisionError), ledger.write() as tx:
            tx.set_meta("number", "1")
            raise ZeroDivisionError
        assert index.head() == head
    finally:
        index.close()
        ledger.close()


def test_another_process_is_seen_at_once(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite"
    ledger = Ledger.open(path)
    try:
        before = ledger.read().changes()
        program = f"""
from pathlib import Path
from profile_service.store.ledger import Ledger
ledger = Ledger.open(Path({str(path)!r}))
with ledger.write() as tx:
    tx.set_meta("number", "7")
ledger.close()
"""
        subprocess.run([sys.executable, "-c", program], check=True)
        assert ledger.read().changes() != before
        assert ledger.log().meta("number") == "7"
    finally:
        ledger.close()


def test_a_ledger_that_is_closed_leaves_the_locks_of_another_one_of_its_process(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite"
    ledger, beside = Ledger.open(path), Ledger.open(path)
    try:
        with beside.write() as tx:
            tx.set_meta("number", "1")
            ledger.close()
            program = f"""
import sqlite3, sys
connection = sqlite3.connect({str(path)!r}, timeout=0, isolation_level=None)
try:
    connection.execute("BEGIN IMMEDIATE")
except sqlite3.OperationalError:
    sys.exit(0)
sys.exit("the lock was free")
"""
            subprocess.run([sys.executable, "-c", program], check=True)
        assert beside.log().meta("number") == "1"
    finally:
        beside.close()


def test_threads_that_end_take_nothing_with_them_and_the_last_ledger_closes_the_file(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite"
    ledger, beside = Ledger.open(path), Ledger.open(path)
    try:
        for _ in range(5):
            thread = threading.Thread(target=lambda: (ledger.glance(), beside.glance()))
            thread.start()
            thread.join()
        with ledger.write(), pytest.raises(LedgerBusy), beside.write(wait_seconds=0.01):
            pass
        ledger.close()
        _commit(beside, 2)
        assert beside.log().meta("number") == "2"
    finally:
        beside.close()
    assert not _open_files(tmp_path / INDEX)


def test_a_forked_process_looks_for_itself(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite"
    ledger = Ledger.open(path)
    try:
        _commit(ledger, 1)
        child = os.fork()
        if child == 0:
            status = 1
            try:
                first = ledger.glance()
                _commit(ledger, 2)
                status = 0 if ledger.glance() is not first and ledger.log().meta("number") == "2" else 2
            finally:
                os._exit(status)
        assert os.waitpid(child, 0)[1] == 0
        assert ledger.log().meta("number") == "2"
        _commit(ledger, 3)
    finally:
        ledger.close()


def test_beside_a_file_that_is_no_database_there_is_none(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="No such file"):
        LogIndex(tmp_path / INDEX)
