"""A glance sees every write that was acknowledged before it, in every thread and process."""

from __future__ import annotations

import threading
from pathlib import Path

from profile_service.store.ledger import CURRENT, Ledger, OverlayWriter
from profile_service.store.ledger.key_rows import KEYS_VERSION


def test_it_tells_the_generation_the_keys_and_whether_anything_lies_over(ledger: Ledger) -> None:
    assert (ledger.glance().current, ledger.glance().keys_version, ledger.glance().bare) == (None, 0, True)
    with ledger.write() as tx:
        tx.set_meta(CURRENT, "run_1")
        tx.set_meta(KEYS_VERSION, "7")
    assert (ledger.glance().current, ledger.glance().keys_version, ledger.glance().bare) == ("run_1", 7, True)


def test_it_is_bare_until_a_customer_of_the_current_generation_is_there(ledger: Ledger) -> None:
    with ledger.write() as tx:
        tx.set_meta(CURRENT, "run_1")
        OverlayWriter(tx, "run_0", 0).retire_customer("cus_1", "merged_into", "cus_2", 1)
    assert ledger.glance().bare, "what lay over another generation does not count"
    with ledger.write() as tx:
        OverlayWriter(tx, "run_1", 0).retire_customer("cus_1", "merged_into", "cus_2", 1)
    assert not ledger.glance().bare


def test_what_another_thread_or_another_ledger_wrote_is_seen_by_the_next_glance(
    ledger: Ledger, where: str | Path
) -> None:
    other = Ledger.open(where)
    try:
        for number in range(1, 30):
            writer = other if number % 2 else ledger

            def write(writer: Ledger = writer, number: int = number) -> None:
                with writer.write() as tx:
                    tx.set_meta(KEYS_VERSION, str(number))

            thread = threading.Thread(target=write)
            thread.start()
            thread.join()
            assert ledger.glance().keys_version == number
            assert other.glance().keys_version == number
    finally:
        other.close()


def test_a_thread_that_hears_of_no_write_asks_for_nothing_again(ledger: Ledger) -> None:
    first = ledger.glance()
    if ledger.read().changes() is not None:
        assert ledger.glance() is first
