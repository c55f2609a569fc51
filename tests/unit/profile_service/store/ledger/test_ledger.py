"""The log: numbered without gaps, all or nothing, the same in SQLite and PostgreSQL."""

from __future__ import annotations

import threading
from datetime import UTC, datetime
from pathlib import Path

import pytest

from profile_service.errors import LedgerBusy, LedgerUnavailable, WrongUsage
from profile_service.store.ledger import About, Ledger, OverlayWriter, StandingCustomer
from profile_service.store.ledger.sqlite import SqliteDriver

ANN = About("web", "W1", "cus_1")


def append(ledger: Ledger, *payloads: dict[str, object]) -> list[int]:
    with ledger.write() as tx:
        return [tx.append("record", payload, ANN, actor="shop") for payload in payloads]


def test_an_entry_reads_back_as_it_was_appended(ledger: Ledger) -> None:
    with ledger.write() as tx:
        seq = tx.append("judgement", {"a": [1, None, "ü"]}, ANN, actor="desk", reason="said so")
        now = tx.now
    (entry,) = ledger.log().entries_after(0)
    assert (entry.seq, entry.kind, entry.at, entry.actor) == (seq, "judgement", now, "desk")
    assert (entry.about, entry.payload, entry.reason) == (ANN, {"a": [1, None, "ü"]}, "said so")
    assert ledger.log().entry(seq) == entry
    assert ledger.log().entries_of_record("web", "W1") == [entry]
    assert ledger.log().entries_of_customers(["cus_1", "cus_2"]) == [entry]
    assert ledger.log().entries_after(0, kind="record") == []


def test_numbers_are_without_gaps_also_after_a_write_that_failed(ledger: Ledger) -> None:
    assert append(ledger, {}, {}) == [1, 2]
    with pytest.raises(ZeroDivisionError), ledger.write() as tx:
        assert tx.append("record", {}, actor="shop") == 3
        raise ZeroDivisionError
    assert append(ledger, {}) == [3]
    assert [entry.seq for entry in ledger.log().entries_after(1)] == [2, 3]
    assert ledger.log().last_seq() == 3


def test_a_ledger_put_back_from_a_backup_gives_no_number_that_a_generation_has_folded(ledger: Ledger) -> None:
    append(ledger, {})
    with ledger.write() as tx:
        tx.skip_to(50)
        tx.skip_to(20)
        assert tx.append("record", {}, actor="shop") == 51
    assert append(ledger, {}) == [52]


def test_what_is_not_committed_is_seen_inside_alone(ledger: Ledger) -> None:
    with ledger.write() as tx:
        tx.append("record", {}, ANN, actor="shop")
        tx.set_meta("current_generation", "run_1")
        assert tx.log.last_seq() == 1
        assert tx.log.meta("current_generation") == "run_1"
        assert ledger.log().last_seq() == 0
        assert ledger.log().meta("current_generation") is None
    assert ledger.log().meta("current_generation") == "run_1"


def test_a_snapshot_sees_one_state_however_much_is_written(ledger: Ledger) -> None:
    append(ledger, {})
    with ledger.snapshot():
        assert ledger.log().last_seq() == 1
        writer = threading.Thread(target=append, args=(ledger, {}))
        writer.start()
        writer.join()
        assert ledger.log().last_seq() == 1
    assert ledger.log().last_seq() == 2


def test_who_writes_keeps_others_waiting_and_they_give_up_in_time(where: str | Path) -> None:
    first, second = Ledger.open(where), Ledger.open(where, wait_seconds=0.1)
    with first.write(), pytest.raises(LedgerBusy), second.write():
        pass
    with second.write() as tx:
        tx.append("record", {}, actor="shop")
    assert first.log().last_seq() == 1
    first.close()
    second.close()


def test_one_process_waits_for_itself_likewise(where: str | Path) -> None:
    ledger = Ledger.open(where, wait_seconds=0.1)
    refused = []

    def write() -> None:
        try:
            append(ledger, {})
        except LedgerBusy as error:
            refused.append(error)

    with ledger.write():
        thread = threading.Thread(target=write)
        thread.start()
        thread.join()
    assert len(refused) == 1
    ledger.close()


def test_purging_empties_entries_and_leaves_that_they_were(ledger: Ledger) -> None:
    append(ledger, {"email": "ann@example.com"}, {"email": "ann@example.org"})
    with ledger.write() as tx:
        tx.append("record", {"email": "bob@example.com"}, About("web", "W2", "cus_2"), actor="shop")
        tx.give_id("web", "W1", "cus_1", 3)
    with ledger.write() as tx:
        assert tx.purge("cus_1", [("web", "W1")]) == [1, 2]
    log = ledger.log()
    assert [entry.payload for entry in log.entries_after(0)] == [None, None, {"email": "bob@example.com"}]
    assert [entry.about for entry in log.entries_after(0)][:2] == [About(customer_id="cus_1")] * 2
    assert log.given_ids("web", "W1") == []
    ledger.scrub()
    assert append(ledger, {}) == [4]


def test_what_was_purged_and_scrubbed_is_in_no_byte_of_the_file(tmp_path: Path) -> None:
    ledger = Ledger.open(tmp_path / "ledger.sqlite")
    names = [f"ann-lee-{number}@example.com" for number in range(300)]
    with ledger.write() as tx:
        for name in names:
            seq = tx.append("record", {"email": name, "more": "x" * 900}, ANN, actor="shop", reason=name)
            customer = StandingCustomer("cus_1", name.encode() * 50, [("email", name)], [("names", name)])
            OverlayWriter(tx, "run_1", 0).put_customer(customer, seq)
    with ledger.write() as tx:
        tx.purge("cus_1", [("web", "W1")])
        OverlayWriter(tx, "run_1", 0).erase_customer("cus_1", tx.seq)
    ledger.scrub()
    for path in tmp_path.iterdir():
        assert b"ann-lee-" not in path.read_bytes(), path.name
    ledger.close()


def test_times_are_kept_in_utc_to_the_microsecond(where: str | Path) -> None:
    at = datetime(2026, 3, 1, 23, 59, 59, 7, tzinfo=UTC)
    ledger = Ledger.open(where, clock=lambda: at)
    append(ledger, {})
    assert ledger.log().entries_after(0)[0].at == at
    ledger.close()


def test_a_ledger_of_a_newer_program_is_refused(where: str | Path) -> None:
    ledger = Ledger.open(where)
    with ledger.write() as tx:
        tx.set_meta("schema_version", "99")
    ledger.close()
    with pytest.raises(LedgerUnavailable, match="update the program"):
        Ledger.open(where)


def test_a_ledger_of_another_kind_is_wrong_usage() -> None:
    with pytest.raises(WrongUsage, match="not mysql://"):
        Ledger.open("mysql://localhost/ledger")


def test_a_file_that_is_no_ledger_is_said_so(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite"
    path.write_text("a shopping list, much longer than the header of a database would be" * 20)
    with pytest.raises(LedgerUnavailable, match="cannot be"):
        Ledger.open(path)


def test_a_place_where_no_ledger_can_be_made_is_said_so(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for path in (tmp_path / "file" / "ledger.sqlite", tmp_path):
        with pytest.raises(LedgerUnavailable, match="cannot be opened"):
            Ledger.open(path)


def test_a_full_disk_undoes_the_write_and_is_said_so(tmp_path: Path) -> None:
    ledger = Ledger.open(tmp_path / "ledger.sqlite")
    append(ledger, {})
    driver = ledger._driver
    assert isinstance(driver, SqliteDriver)
    driver._writer.get().connection.execute("PRAGMA max_page_count = 1")
    with pytest.raises(LedgerUnavailable, match="full"):
        append(ledger, *[{"x": "y" * 10_000}] * 100)
    driver._writer.get().connection.execute("PRAGMA max_page_count = 1000000")
    assert append(ledger, {}) == [2]
    ledger.close()


def test_a_new_file_is_for_its_owner_alone(tmp_path: Path) -> None:
    ledger = Ledger.open(tmp_path / "deep" / "ledger.sqlite")
    append(ledger, {})
    for path in (tmp_path / "deep").iterdir():
        assert path.stat().st_mode & 0o077 == 0, path.name
    ledger.close()
