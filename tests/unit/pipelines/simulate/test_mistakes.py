"""Slips of hand and ear: what may become of a text."""

from datetime import date

import numpy as np
import pytest

from pipelines.simulate import mistakes

CERTAIN = [
    (mistakes.day_and_month_swapped, "1980-03-09", {"1980-09-03"}),
    (mistakes.day_and_month_swapped, "1980-03-29", {"1980-03-29"}),
    (mistakes.dots_moved, "ann.lee@gmail.com", {"annlee@gmail.com"}),
    (mistakes.domain_typo, "a@gmail.com", {"a@gmial.com", "a@gmail.co", "a@gmal.com"}),
    (mistakes.accents_dropped, "Müller", {"Mueller", "Muller"}),
    (mistakes.accents_dropped, "García", {"Garcia"}),
    (mistakes.typo, "Al", {"Al"}),
    (mistakes.wrong_digit, "x1", {"x1"}),
    (mistakes.titled("Dr"), "Ann", {"Dr Ann"}),
    (mistakes.one_of(("only",)), "anything", {"only"}),
]


@pytest.mark.parametrize(("slip", "text", "allowed"), CERTAIN)
def test_a_slip_makes_one_of_the_texts_it_may_make(slip: mistakes.Slip, text: str, allowed: set[str]) -> None:
    assert {slip(text, np.random.default_rng(seed)) for seed in range(30)} <= allowed


@pytest.mark.parametrize("seed", range(20))
def test_a_typo_keeps_the_first_letter_or_a_look_alike_and_nearly_the_length(seed: int) -> None:
    wrong = mistakes.typo("Katherine", np.random.default_rng(seed))
    assert abs(len(wrong) - len("Katherine")) <= 1


@pytest.mark.parametrize("seed", range(20))
def test_a_wrong_date_is_still_a_date(seed: int) -> None:
    wrong = mistakes.wrong_date_digit("1984-02-29", np.random.default_rng(seed))
    assert 1970 < date.fromisoformat(wrong).year < 2000


def test_the_first_of_several_values_is_the_commonest() -> None:
    rng = np.random.default_rng(1)
    drawn = [mistakes.one_of(("a", "b", "c"))("", rng) for _ in range(600)]
    assert drawn.count("a") > drawn.count("b") > drawn.count("c") > 0
