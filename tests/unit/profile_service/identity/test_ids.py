"""Customer ids: form, order, uniqueness."""

from __future__ import annotations

import time

import pytest

from profile_service.identity.ids import LENGTH, LETTERS, PREFIX, IdSource


def fixed_entropy(count: int) -> bytes:
    return bytes((7 * place + 3) % 256 for place in range(count))


def test_an_id_is_a_prefix_and_26_letters_of_base_32() -> None:
    (customer_id,) = IdSource().batch(1)
    assert customer_id.startswith(PREFIX)
    assert len(customer_id) == LENGTH == 30
    assert set(customer_id.removeprefix(PREFIX)) <= set(LETTERS)


def test_ids_of_a_batch_ascend_and_differ() -> None:
    batch = IdSource(clock=lambda: 5).batch(10_000)
    assert batch == sorted(set(batch))


@pytest.mark.parametrize("times", [[5, 5, 5], [5, 4, 3], [5, 6, 7]], ids=["clock stands", "clock steps back", "clock"])
def test_a_later_batch_sorts_after_an_earlier_one(times: list[int]) -> None:
    moments = iter(times)
    source = IdSource(clock=lambda: next(moments))
    ids = [*source.batch(100), source.one(), *source.batch(100)]
    assert ids == sorted(ids)


def test_one_id_is_made_as_in_a_batch_of_one() -> None:
    moment = 1_795_000_000_000
    assert IdSource(lambda: moment, fixed_entropy).one() == IdSource(lambda: moment, fixed_entropy).batch(1)[0]


def test_an_id_tells_its_millisecond() -> None:
    moment = 1_795_000_000_123
    letters = IdSource(clock=lambda: moment).one().removeprefix(PREFIX)
    number = 0
    for letter in letters:
        number = number * 32 + LETTERS.index(letter)
    assert number >> 80 == moment


def test_an_empty_batch_is_empty() -> None:
    assert IdSource().batch(0) == []


def test_a_draw_that_repeats_is_drawn_again() -> None:
    draws = iter([bytes(20), bytes(range(20))])
    assert len(set(IdSource(lambda: 1, lambda _: next(draws)).batch(2))) == 2


def test_six_hundred_thousand_ids_take_about_a_second() -> None:
    began = time.process_time()
    IdSource().batch(600_000)
    assert time.process_time() - began < 3
