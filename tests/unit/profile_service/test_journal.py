"""A read is noted before it is answered, and is in the audit trail once, whatever is killed when."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from profile_service.audit import Act, Audit
from profile_service.errors import LedgerBusy, LedgerUnavailable
from profile_service.journal import ReadJournal
from profile_service.store.ledger import Ledger

SECRET = b"a secret that only tests know, and they tell"


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    opened = Ledger.open(tmp_path / "ledger.sqlite", wait_seconds=0.05)
    yield opened
    opened.close()


def journal_of(ledger: Ledger, folder: Path) -> ReadJournal:
    return ReadJournal(ledger, Audit(ledger, SECRET), folder / "audit", seconds=0.01)


def read(number: int) -> Act:
    return Act("desk", "profile.read", f"cus_{number}", "a call", f"req-{number}", {"fields": ["ü"]})


def requests(ledger: Ledger) -> list[str | None]:
    assert Audit(ledger, SECRET).verify().broken_at is None
    return [row.request_id for row in Audit(ledger, SECRET).rows(limit=100_000)]


def test_a_read_is_on_the_disk_when_it_is_noted_and_in_the_chain_once_it_is_folded(
    ledger: Ledger, tmp_path: Path
) -> None:
    journal = journal_of(ledger, tmp_path)
    journal.note(read(1))
    (path,) = (tmp_path / "audit").iterdir()
    assert b"req-1" in path.read_bytes()
    assert path.stat().st_mode & 0o077 == 0
    assert requests(ledger) == []
    assert journal.fold() == 1
    assert journal.fold() == 0
    (row,) = Audit(ledger, SECRET).rows()
    assert (row.actor, row.action, row.customer_id, row.purpose) == ("desk", "profile.read", "cus_1", "a call")
    assert row.details == '{"fields":["ü"]}'
    journal.stop()
    assert list((tmp_path / "audit").iterdir()) == []


def test_the_thread_folds_by_itself_and_a_stop_folds_the_rest(ledger: Ledger, tmp_path: Path) -> None:
    journal = journal_of(ledger, tmp_path)
    journal.start()
    for number in range(1200):
        journal.note(read(number))
    journal.stop()
    assert requests(ledger) == [f"req-{number}" for number in range(1200)]


def test_what_a_dead_process_left_is_folded_once(ledger: Ledger, tmp_path: Path) -> None:
    child = os.fork()
    if child == 0:
        dying = journal_of(ledger, tmp_path)
        for number in range(3):
            dying.note(read(number))
        dying.fold()
        dying.note(read(3))
        os._exit(0)
    os.waitpid(child, 0)
    assert requests(ledger) == ["req-0", "req-1", "req-2"]
    journal = journal_of(ledger, tmp_path)
    assert journal.fold_orphans() == 1
    assert journal.fold_orphans() == 0
    assert requests(ledger) == ["req-0", "req-1", "req-2", "req-3"]
    assert list((tmp_path / "audit").iterdir()) == []


def test_a_living_process_folds_its_own(ledger: Ledger, tmp_path: Path) -> None:
    living, other = journal_of(ledger, tmp_path), journal_of(ledger, tmp_path)
    living.note(read(1))
    assert other.fold_orphans() == 0
    living.stop()
    assert requests(ledger) == ["req-1"]


def left_behind(folder: Path, content: bytes) -> Path:
    (folder / "audit").mkdir(exist_ok=True)
    path = folder / "audit" / "reads-1-abc.jsonl"
    path.write_bytes(content)
    return path


WHOLE = b'["2026-01-01T00:00:00.000000Z","desk","profile.read","cus_1",null,"req-1",{}]\n'


def test_a_line_that_was_cut_short_was_answered_to_nobody(ledger: Ledger, tmp_path: Path) -> None:
    path = left_behind(tmp_path, WHOLE + WHOLE[:30])
    assert journal_of(ledger, tmp_path).fold_orphans() == 1
    assert requests(ledger) == ["req-1"]
    assert not path.exists()


@pytest.mark.parametrize("line", [b"nonsense\n", b"[1]\n", b"{}\n", b'"text"\n', b"\xff\xfe\n", b"\n"])
def test_a_line_that_nobody_wrote_here_is_said_so_and_keeps_nothing_back(
    ledger: Ledger, tmp_path: Path, line: bytes
) -> None:
    left_behind(tmp_path, line + WHOLE)
    assert journal_of(ledger, tmp_path).fold_orphans() == 2
    assert [row.action for row in Audit(ledger, SECRET).rows()] == ["journal.unreadable", "profile.read"]
    assert Audit(ledger, SECRET).verify().broken_at is None


def test_a_ledger_that_is_busy_keeps_no_read_from_being_noted(ledger: Ledger, tmp_path: Path) -> None:
    journal = journal_of(ledger, tmp_path)
    with ledger.write():
        journal.note(read(1))
        with pytest.raises(LedgerBusy):
            journal.fold()
    assert journal.fold() == 1
    assert requests(ledger) == ["req-1"]
    journal.stop()


def test_a_full_disk_refuses_the_read(ledger: Ledger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("profile_service.journal.LONGEST", 150)
    journal = journal_of(ledger, tmp_path)
    journal.note(read(1))

    def no_room(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as full:
        full.setattr(os, "posix_fallocate", no_room)
        with pytest.raises(LedgerUnavailable, match="No space left"):
            journal.note(read(2))
    journal.note(read(3))
    assert len(list((tmp_path / "audit").iterdir())) == 2, "nothing is left of the one that found no room"
    journal.stop()
    assert sorted(map(str, requests(ledger))) == ["req-1", "req-3"]


def test_a_journal_has_its_room_on_the_disk_from_the_beginning(ledger: Ledger, tmp_path: Path) -> None:
    journal = journal_of(ledger, tmp_path)
    journal.note(read(0))
    (path,) = (tmp_path / "audit").iterdir()
    assert path.stat().st_blocks * 512 >= path.stat().st_size >= 1_000_000, "its room is its own"
    journal.stop()


def test_a_line_longer_than_a_journal_has_one_of_its_own(ledger: Ledger, tmp_path: Path) -> None:
    journal = journal_of(ledger, tmp_path)
    journal.note(read(1))
    journal.note(Act("desk", "profile.read", "cus_2", "x" * 150, "req-2", {"fields": ["y" * 5_000_000]}))
    journal.note(read(3))
    journal.stop()
    assert requests(ledger) == ["req-1", "req-2", "req-3"]


def test_zeros_behind_what_a_dead_process_wrote_are_no_lines(ledger: Ledger, tmp_path: Path) -> None:
    path = left_behind(tmp_path, WHOLE * 3 + WHOLE[:20] + bytes(3_000_000))
    assert journal_of(ledger, tmp_path).fold_orphans() == 3
    assert requests(ledger) == ["req-1"] * 3
    assert not path.exists()


def test_a_journal_in_which_nothing_was_noted_is_put_away(ledger: Ledger, tmp_path: Path) -> None:
    path = left_behind(tmp_path, bytes(5000))
    assert journal_of(ledger, tmp_path).fold_orphans() == 0
    assert not path.exists()
    assert requests(ledger) == []


def test_a_long_journal_is_put_away(ledger: Ledger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("profile_service.journal.LONGEST", 300)
    journal = journal_of(ledger, tmp_path)
    names = set()
    for number in range(20):
        journal.note(read(number))
        journal.fold()
        names |= {path.name for path in (tmp_path / "audit").iterdir()}
        assert len(list((tmp_path / "audit").iterdir())) <= 1
    assert len(names) > 3
    journal.stop()
    assert requests(ledger) == [f"req-{number}" for number in range(20)]
