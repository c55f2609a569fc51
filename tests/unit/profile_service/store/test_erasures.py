"""Erasures in the log: kept until carried out, proven afterwards, and remembered without the person."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from profile_service.privacy import Erasure, tokens_of
from profile_service.store.ledger import About, Ledger
from profile_service.store.ledger.erasures import (
    erasures_after,
    is_suppressed,
    rows_holding,
    settle,
    suppress,
    suppression_salt,
    unfinished_erasures,
)

KEYS = (("web", "W1"), ("store", "S:1"))


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    opened = Ledger.open(tmp_path / "ledger.sqlite")
    with opened.write() as tx:
        about = About("web", "W1", "cus_1")
        tx.append("record", {"email": "Ann_Lee@example.com"}, about, actor="web")
        salt = suppression_salt(tx)
        tokens = tokens_of(salt, KEYS)
        erasure = Erasure("era_1", "cus_1", salt, tokens, datetime(2026, 1, 1, tzinfo=UTC), KEYS)
        seq = tx.append("erasure", erasure.payload(), About(customer_id="cus_1"), actor="dpo", reason="asked")
        suppress(tx, tokens, seq)
    return opened


def test_an_erasure_is_unfinished_until_it_has_a_receipt_and_then_names_no_record(ledger: Ledger) -> None:
    (logged,) = unfinished_erasures(ledger.log())
    assert logged.erasure.keys == KEYS
    assert (logged.actor, logged.reason) == ("dpo", "asked")
    with ledger.write() as tx:
        settle(tx, logged, {"residue": 0})
    assert unfinished_erasures(ledger.log()) == []
    (done,) = erasures_after(ledger.log())
    assert done.receipt == {"residue": 0}
    assert done.erasure.keys == ()
    assert done.erasure.holds("store", "S:1")
    ledger.close()


@pytest.mark.parametrize(
    ("channel", "name", "held"),
    [("web", "W1", True), ("store", "S:1", True), ("web", "w1", False), ("store", "W1", False)],
)
def test_only_erased_records_are_refused(ledger: Ledger, channel: str, name: str, held: bool) -> None:
    assert is_suppressed(ledger.read(), channel, name) is held
    ledger.close()


def test_a_ledger_that_never_erased_refuses_nobody(tmp_path: Path) -> None:
    empty = Ledger.open(tmp_path / "other.sqlite")
    assert not is_suppressed(empty.read(), "web", "W1")
    empty.close()


@pytest.mark.parametrize(
    ("texts", "keys", "tables"),
    [
        (["Ann_Lee@example.com"], [], {"entries"}),
        (["AnnxLee@example.com"], [], set()),
        ([], [("web", "W1")], {"entries"}),
        (["100%"], [("web", "W2")], set()),
    ],
)
def test_what_is_left_is_found_in_whatever_table(
    ledger: Ledger, texts: list[str], keys: list[tuple[str, str]], tables: set[str]
) -> None:
    found = rows_holding(ledger.read(), texts, keys)
    assert {table for table, count in found.items() if count} == tables
    ledger.close()
