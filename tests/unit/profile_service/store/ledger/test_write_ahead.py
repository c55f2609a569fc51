"""Room in the write-ahead log: made beside writers, never over what they wrote, and told apart from what is in use."""

from __future__ import annotations

import os
import shutil
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from profile_service.store.ledger import Ledger
from profile_service.store.ledger.write_ahead import WriteAheadLog

ROOM = 32 << 20
LOG = "ledger.sqlite-wal"


def _write(ledger: Ledger, numbers: range, length: int = 100_000) -> None:
    for number in numbers:
        with ledger.write() as tx:
            tx.set_meta(f"name {number}", chr(97 + number % 26) * length)


def _is_whole(ledger: Ledger, numbers: range, length: int = 100_000) -> bool:
    return all(ledger.log().meta(f"name {number}") == chr(97 + number % 26) * length for number in numbers)


def test_a_log_that_has_become_long_gets_room_ahead_and_keeps_what_it_holds(tmp_path: Path) -> None:
    ledger = Ledger.open(tmp_path / "ledger.sqlite")
    try:
        _write(ledger, range(20))
        log = WriteAheadLog(tmp_path / LOG)
        used = log.used_bytes()
        assert used == (tmp_path / LOG).stat().st_size, "nothing but this round stands in it"
        ledger.checkpoint()
        assert (tmp_path / LOG).stat().st_size >= ROOM
        assert log.used_bytes() == used, "zeros are no frames"
        _write(ledger, range(20, 60))
        assert (tmp_path / LOG).stat().st_size < ROOM + (1 << 20), "what is written goes into the room"
        assert _is_whole(ledger, range(60))
    finally:
        ledger.close()


def test_whoever_finds_the_files_of_a_killed_process_reads_all_that_was_committed(tmp_path: Path) -> None:
    ledger = Ledger.open(tmp_path / "ledger.sqlite")
    try:
        _write(ledger, range(20))
        ledger.checkpoint()
        _write(ledger, range(20, 50))
        left = tmp_path / "left"
        left.mkdir()
        for name in ("ledger.sqlite", LOG):
            shutil.copy(tmp_path / name, left / name)
    finally:
        ledger.close()
    found = Ledger.open(left / "ledger.sqlite")
    try:
        assert _is_whole(found, range(50))
    finally:
        found.close()


def test_room_is_made_beside_writers_and_takes_nothing_from_them(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite"
    ledger, beside = Ledger.open(path), Ledger.open(path)

    def make() -> None:
        while (tmp_path / LOG).stat().st_size < ROOM:
            beside.checkpoint()
            time.sleep(0.01)

    maker = threading.Thread(target=make)
    try:
        _write(ledger, range(15))
        maker.start()
        written = 15
        while maker.is_alive():
            _write(ledger, range(written, written + 1), length=30_000)
            written += 1
            time.sleep(0.001)
        assert (tmp_path / LOG).stat().st_size >= ROOM
        assert written > 20, "somebody wrote meanwhile"
        assert _is_whole(beside, range(15)) and _is_whole(beside, range(15, written), length=30_000)
        ((verdict,),) = beside.read().connection.execute("PRAGMA integrity_check").fetchall()  # type: ignore[attr-defined]
        assert verdict == "ok"
    finally:
        ledger.close()
        beside.close()


def test_after_deleted_values_are_scrubbed_none_of_the_log_is_in_use(tmp_path: Path) -> None:
    ledger = Ledger.open(tmp_path / "ledger.sqlite")
    try:
        _write(ledger, range(20))
        ledger.checkpoint()
        ledger.scrub()
        assert WriteAheadLog(tmp_path / LOG).used_bytes() == 0
        assert (tmp_path / LOG).stat().st_size == 0, "room is made anew when it is needed"
    finally:
        ledger.close()


@pytest.mark.parametrize("content", [b"", b"\0" * 31, b"\0" * 5000, b"no log at all".ljust(9000, b"!")])
def test_of_a_file_that_is_no_log_nothing_is_in_use(tmp_path: Path, content: bytes) -> None:
    (tmp_path / LOG).write_bytes(content)
    assert WriteAheadLog(tmp_path / LOG).used_bytes() == 0
    assert WriteAheadLog(tmp_path / "missing").used_bytes() == 0


def test_no_room_is_made_while_somebody_writes(tmp_path: Path) -> None:
    (tmp_path / LOG).write_bytes(b"\0" * 100)

    @contextmanager
    def taken() -> Iterator[bool]:
        yield False

    WriteAheadLog(tmp_path / LOG).make_room(taken)
    assert (tmp_path / LOG).stat().st_size == 100


def test_no_room_is_made_on_a_disk_that_is_nearly_full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / LOG).write_bytes(b"\0" * 100)
    full = list(os.statvfs(tmp_path))
    full[4] = 1  # f_bavail
    monkeypatch.setattr(os, "statvfs", lambda _: os.statvfs_result(full))

    @contextmanager
    def alone() -> Iterator[bool]:
        yield True

    WriteAheadLog(tmp_path / LOG).make_room(alone)
    assert (tmp_path / LOG).stat().st_size == 100
