"""A write repeated under one Idempotency-Key gets the answer it got."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from profile_service.errors import IdempotencyConflict
from profile_service.store.ledger import Answer, Ledger, Request

REQUEST = Request("shop", "key-1", "hash-1")
ANSWER = Answer(201, b'{"customer_id":"cus_1"}', "cus_1")


@pytest.mark.parametrize(
    ("request_made", "answered"),
    [
        (REQUEST, True),
        (Request("shop", "key-2", "hash-1"), False),
        (Request("desk", "key-1", "hash-1"), False),
    ],
    ids=["the same", "another key", "another caller"],
)
def test_only_the_same_request_is_answered_again(ledger: Ledger, request_made: Request, answered: bool) -> None:
    with ledger.write() as tx:
        assert tx.replayed(REQUEST) is None
        tx.remember(REQUEST, ANSWER)
    with ledger.write() as tx:
        assert tx.replayed(request_made) == (ANSWER if answered else None)


def test_a_key_used_for_something_else_is_a_conflict(ledger: Ledger) -> None:
    with ledger.write() as tx:
        tx.remember(REQUEST, ANSWER)
    with pytest.raises(IdempotencyConflict), ledger.write() as tx:
        tx.replayed(Request("shop", "key-1", "hash-2"))


def test_an_answer_of_a_write_that_failed_is_not_kept(ledger: Ledger) -> None:
    with pytest.raises(ZeroDivisionError), ledger.write() as tx:
        tx.remember(REQUEST, ANSWER)
        raise ZeroDivisionError
    with ledger.write() as tx:
        assert tx.replayed(REQUEST) is None


def test_an_answer_is_kept_for_a_day(where: str | Path) -> None:
    now = [datetime(2026, 1, 1, tzinfo=UTC)]
    ledger = Ledger.open(where, clock=lambda: now[0])
    with ledger.write() as tx:
        tx.remember(REQUEST, ANSWER)
    for later, kept in ((timedelta(hours=23, minutes=59), True), (timedelta(hours=24), False)):
        now[0] = datetime(2026, 1, 1, tzinfo=UTC) + later
        with ledger.write() as tx:
            assert (tx.replayed(REQUEST) is not None) is kept
    ledger.close()


def test_a_purge_takes_the_answers_about_the_customer(ledger: Ledger) -> None:
    with ledger.write() as tx:
        tx.remember(REQUEST, ANSWER)
        tx.purge("cus_1", [])
        assert tx.replayed(REQUEST) is None
