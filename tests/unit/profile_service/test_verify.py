"""A caller proves who they are, or does not; nobody gets to try until it fits."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from profile_service.errors import Refused
from profile_service.store.ledger import Ledger
from profile_service.verify import ASKED, FAILED, PASSED, Verifier, history, questions, verified
from tests.unit.profile_service.test_users import Clock

BOUGHT = {"channel": "web", "occurred_at": "2026-03-14T12:00:00Z", "amount": "59.9000", "currency": "USD"}
CARD = {"type": "loyalty_id", "value": "L00123456"}


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def ledger(tmp_path: Path, clock: Clock) -> Iterator[Ledger]:
    ledger = Ledger.open(tmp_path / "ledger.sqlite", clock=clock)
    yield ledger
    ledger.close()


verifier = Verifier(b"k" * 32)


def test_the_right_code_verifies_the_caller_for_that_agent_and_customer_alone(ledger: Ledger, clock: Clock) -> None:
    with ledger.write() as tx:
        row, code = verifier.ask_code(tx, "cus_1", "anna")
        assert verifier.judge(tx, row.verification_id, "anna", code).state == PASSED
    session = ledger.read()
    assert verified(session, "cus_1", "anna", clock.now)
    assert verified(session, "cus_1", "ben", clock.now) is None
    assert verified(session, "cus_2", "anna", clock.now) is None
    clock.wait(minutes=31)
    assert verified(session, "cus_1", "anna", clock.now) is None


def test_a_code_may_be_misread_twice_and_not_a_third_time(ledger: Ledger) -> None:
    with ledger.write() as tx:
        row, code = verifier.ask_code(tx, "cus_1", "anna")
        wrong = f"{(int(code) + 1) % 10**6:06d}"
        states = [verifier.judge(tx, row.verification_id, "anna", wrong).state for _ in range(3)]
        assert states == [ASKED, ASKED, FAILED]
        with pytest.raises(Refused):
            verifier.judge(tx, row.verification_id, "anna", code)


def test_a_code_is_good_for_ten_minutes(ledger: Ledger, clock: Clock) -> None:
    with ledger.write() as tx:
        row, code = verifier.ask_code(tx, "cus_1", "anna")
    clock.wait(minutes=11)
    with ledger.write() as tx, pytest.raises(Refused):
        verifier.judge(tx, row.verification_id, "anna", code)


def test_another_agent_cannot_answer_for_the_one_who_asked(ledger: Ledger) -> None:
    with ledger.write() as tx:
        row, code = verifier.ask_code(tx, "cus_1", "anna")
        with pytest.raises(Refused):
            verifier.judge(tx, row.verification_id, "ben", code)


def test_questions_are_answered_once_and_all_must_be_right(ledger: Ledger) -> None:
    with ledger.write() as tx:
        row = verifier.ask_dealings(tx, "cus_1", "anna", [1, 0, 3])
        assert verifier.judge(tx, row.verification_id, "anna", "1,0,2").state == FAILED
        row = verifier.ask_dealings(tx, "cus_1", "anna", [1, 0, 3])
        assert verifier.judge(tx, row.verification_id, "anna", "1,0,3").state == PASSED


def test_whoever_guesses_is_stopped_for_the_day_whichever_agent_they_reach(ledger: Ledger, clock: Clock) -> None:
    with ledger.write() as tx:
        for agent in ("anna", "ben", "cleo"):
            row = verifier.ask_dealings(tx, "cus_1", agent, [0, 0])
            verifier.judge(tx, row.verification_id, agent, "1,1")
        with pytest.raises(Refused) as error:
            verifier.ask_code(tx, "cus_1", "dora")
        assert error.value.kind == "too-many-requests"
        verifier.ask_code(tx, "cus_2", "dora")
    clock.wait(hours=25)
    with ledger.write() as tx:
        verifier.ask_code(tx, "cus_1", "dora")


def test_questions_that_are_shown_and_left_count_as_attempts(ledger: Ledger) -> None:
    with ledger.write() as tx:
        for _ in range(3):
            verifier.ask_dealings(tx, "cus_1", "anna", [0, 0])
        with pytest.raises(Refused):
            verifier.ask_dealings(tx, "cus_1", "anna", [0, 0])


def test_codes_guessed_at_and_left_count_whichever_agent_asked(ledger: Ledger, clock: Clock) -> None:
    with ledger.write() as tx:
        for agent in ("anna", "ben", "cleo"):
            row, code = verifier.ask_code(tx, "cus_1", agent)
            verifier.judge(tx, row.verification_id, agent, f"{(int(code) + 1) % 10**6:06d}")
        with pytest.raises(Refused):
            verifier.ask_code(tx, "cus_1", "dora")


def test_what_another_agent_asks_just_now_is_no_failure_until_nobody_answers(ledger: Ledger, clock: Clock) -> None:
    with ledger.write() as tx:
        for agent in ("anna", "ben", "cleo", "dora"):
            verifier.ask_code(tx, "cus_1", agent)
    clock.wait(minutes=11)
    with ledger.write() as tx, pytest.raises(Refused):
        verifier.ask_code(tx, "cus_1", "emil")


def test_the_ledger_holds_neither_code_nor_answers(ledger: Ledger, clock: Clock) -> None:
    with ledger.write() as tx:
        _, code = verifier.ask_code(tx, "cus_1", "anna")
        verifier.ask_dealings(tx, "cus_1", "anna", [1, 2])
    for row in history(ledger.read(), "cus_1", clock.now):
        assert code not in "".join(map(str, vars(row).values()))
        assert len(row.expected) == 64


def test_each_question_has_one_right_option_among_plausible_ones() -> None:
    asked = questions([BOUGHT], [CARD])
    assert [question.options[place] for question, place in asked] == [
        "USD 59.90", "March 2026", "on the web site", "3456",
    ]  # fmt: skip
    for question, _ in asked:
        assert len(set(question.options)) == len(question.options) == 4


@pytest.mark.parametrize(("events", "identifiers"), [([], []), ([], [CARD]), ([{**BOUGHT, "amount": None}], [CARD])])
def test_who_has_dealt_with_us_too_little_is_not_asked(events: list[object], identifiers: list[object]) -> None:
    assert questions(events, identifiers) == []  # type: ignore[arg-type]


def test_no_arithmetic_tells_the_true_amount_from_the_others() -> None:
    for amount in ("5.00", "9.99", "59.90", "100.00", "1234.56", "99999.99"):
        ranks = [0] * 4
        for _ in range(400):
            (question, place), *_ = questions([{**BOUGHT, "amount": amount}], [CARD])
            prices = [round(float(option.removeprefix("USD ").replace(",", "")) * 100) for option in question.options]
            assert len(set(prices)) == 4 and min(prices) > 0
            assert prices[place] == round(float(amount) * 100)
            assert len({price % 10 for price in prices}) == 1
            ordered = sorted(prices)
            assert all(1.1 < dearer / cheaper < 2.2 for cheaper, dearer in pairwise(ordered))
            ranks[ordered.index(prices[place])] += 1
        # 100 of each are expected; outside of 55 to 150 comes once in some million draws
        assert all(55 < rank < 150 for rank in ranks), ranks


def test_an_amount_too_small_to_hide_is_not_asked_for() -> None:
    asked = questions([{**BOUGHT, "amount": "0.01"}], [CARD])
    assert asked and not [question for question, _ in asked if "cost" in question.asks]
