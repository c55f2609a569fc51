"""Erasures in the log: kept until carried out, proven afterwards, and remembered without the person."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from profile_service.privacy import Erasure, tokens_of
from profile_service.store.ledger import About, Answer, Ledger, Request
from profile_service.store.ledger.erasures import (
    erasures_after,
    forget_answers_naming,
    is_suppressed,
    rewrite_entry,
    rows_holding,
    settle,
    suppress,
    suppression_salt,
    unfinished_erasures,
)

KEYS = (("web", "W1"), ("store", "S:1"))


@pytest.fixture
def erased(ledger: Ledger) -> Ledger:
    """A ledger in which one customer of two records was erased."""
    with ledger.write() as tx:
        about = About("web", "W1", "cus_1")
        tx.append("record", {"email": "Ann_Lee@example.com"}, about, actor="web")
        salt = suppression_salt(tx)
        tokens = tokens_of(salt, KEYS)
        erasure = Erasure("era_1", "cus_1", salt, tokens, datetime(2026, 1, 1, tzinfo=UTC), KEYS)
        seq = tx.append("erasure", erasure.payload(), About(customer_id="cus_1"), actor="dpo", reason="asked")
        suppress(tx, tokens, seq)
    return ledger


def test_an_erasure_is_unfinished_until_it_has_a_receipt_and_then_names_no_record(erased: Ledger) -> None:
    (logged,) = unfinished_erasures(erased.log())
    assert logged.erasure.keys == KEYS
    assert (logged.actor, logged.reason) == ("dpo", "asked")
    with erased.write() as tx:
        settle(tx, logged, {"residue": 0})
    assert unfinished_erasures(erased.log()) == []
    (done,) = erasures_after(erased.log())
    assert done.receipt == {"residue": 0}
    assert done.erasure.keys == ()
    assert done.erasure.holds("store", "S:1")


@pytest.mark.parametrize(
    ("channel", "name", "held"),
    [("web", "W1", True), ("store", "S:1", True), ("web", "w1", False), ("store", "W1", False)],
)
def test_only_erased_records_are_refused(erased: Ledger, channel: str, name: str, held: bool) -> None:
    assert is_suppressed(erased.read(), channel, name) is held


def test_a_ledger_that_never_erased_refuses_nobody(ledger: Ledger) -> None:
    assert not is_suppressed(ledger.read(), "web", "W1")


def test_answers_and_entries_say_less_when_asked_to(erased: Ledger) -> None:
    kept, gone = Request("desk", "one", "hash"), Request("desk", "two", "hash")
    with erased.write() as tx:
        tx.remember(kept, Answer(200, b'{"customer_id": "cus_2"}', "cus_2"))
        tx.remember(gone, Answer(200, b'{"after": [{"customer_id": "cus_1"}]}', "cus_2"))
        forget_answers_naming(tx, ["cus_1"])
        rewrite_entry(tx, 1, None, reason=None)
        assert (tx.replayed(kept) is None, tx.replayed(gone) is None) == (False, True)
    entry = erased.log().entry(1)
    assert entry is not None
    assert (entry.payload, entry.reason) == (None, None)


@pytest.mark.parametrize(
    ("texts", "keys", "tables"),
    [
        (["Ann_Lee@example.com"], [], {"entries"}),
        (["AnnxLee@example.com"], [], set()),
        ([], [("web", "W1")], {"entries"}),
        (["100%"], [("web", "W2")], set()),
        # what some dozens of people erased at once leave to be looked for
        ([f"nobody {number}" for number in range(1500)], [("web", "W1")], {"entries"}),
        (["Ann_Lee@example.com"], [("web", f"N{number}") for number in range(1500)], {"entries"}),
    ],
)
def test_what_is_left_is_found_in_whatever_table(
    erased: Ledger, texts: list[str], keys: list[tuple[str, str]], tables: set[str]
) -> None:
    found = rows_holding(erased.read(), texts, keys)
    assert {table for table, count in found.items() if count} == tables
