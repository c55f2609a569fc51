"""What is left of a person in the ledger is found in either database, wherever it stands and however it is spelt."""

from __future__ import annotations

import pytest

from profile_service.store.ledger import About, Answer, Ledger, LiveEvent, OverlayWriter, Request, StandingCustomer
from profile_service.store.ledger.erasures import rows_holding

HELD = {
    "entries": "Łucja@example.com",
    "idempotency": "100%_sure!",
    "overlay_customers": "Zoë O'Brien-李",
    "overlay_terms": "zoe",
    "overlay_identifiers": "+61400000001",
    "live_events": "\U0001f600 gift",
}


@pytest.mark.parametrize(("table", "text"), HELD.items())
def test_a_value_is_found_in_its_table_alone(ledger: Ledger, table: str, text: str) -> None:
    with ledger.write() as tx:
        seq = tx.append("record", {"email": HELD["entries"]}, About("web", "W1", "cus_1"), actor="shop")
        tx.remember(Request("shop", "key", "hash"), Answer(200, HELD["idempotency"].encode(), "cus_1"))
        writer = OverlayWriter(tx, "run_1", 0)
        document = f'{{"name":"{HELD["overlay_customers"]}"}}'.encode()
        identifiers = [("phone", HELD["overlay_identifiers"])]
        writer.put_customer(StandingCustomer("cus_1", document, identifiers, [("names", HELD["overlay_terms"])]), seq)
        writer.put_event(LiveEvent(seq, "web", "E1", "W1", None, f'"{HELD["live_events"]}"'.encode()))
    found = rows_holding(ledger.read(), [text], ())
    assert {name: count for name, count in found.items() if count} == {table: 1}


def test_case_does_not_hide_a_value_and_a_pattern_is_no_pattern(ledger: Ledger) -> None:
    with ledger.write() as tx:
        tx.append("record", {"email": "Ann_Lee@Example.com"}, actor="shop")
    assert rows_holding(ledger.read(), ["ann_lee@EXAMPLE.com"], ())["entries"] == 1
    assert rows_holding(ledger.read(), ["annxlee@example.com", "ann%"], ())["entries"] == 0


def test_a_record_is_found_by_its_key(ledger: Ledger) -> None:
    with ledger.write() as tx:
        tx.append("record", {}, About("web", "W1"), actor="shop")
        tx.give_id("web", "W1", "cus_1", 1)
    assert {
        name: count for name, count in rows_holding(ledger.read(), (), [("web", "W1"), ("web", "W2")]).items() if count
    } == {"entries": 1, "given_ids": 1}
