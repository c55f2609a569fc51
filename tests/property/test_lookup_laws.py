"""A look-up answers whom it was asked for and nobody else, in whatever order and however many ask at once."""

from __future__ import annotations

import random
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from profile_service.lookup import Ambiguous, Found, by_id, by_identifier, by_identifiers
from profile_service.state import State
from profile_service.world import World
from tests.served_world import opened_world, take_record

LOOK_UPS = 100_000
THREADS = 8

Identifier = tuple[str, str]


@pytest.fixture(scope="module")
def identifiers(sample_state: State) -> dict[Identifier, set[str]]:
    """Every identifier of the sample with the customers who carry it."""
    query = "SELECT identifier_type, value, list(customer_id) FROM customer_identifiers GROUP BY ALL ORDER BY ALL"
    rows = sample_state.generation.warehouse().execute(query).fetchall()
    return {(kind, value): set(customers) for kind, value, customers in rows}


@settings(max_examples=300, deadline=None)
@given(st.randoms(use_true_random=False), st.integers(1, 4))
def test_several_identifiers_find_those_who_carry_all_of_them_in_any_order(
    sample_state: State, identifiers: dict[Identifier, set[str]], chance: random.Random, number: int
) -> None:
    customer = chance.choice(sorted(set().union(*identifiers.values())))
    own = [identifier for identifier, held in identifiers.items() if customer in held]
    asked = [chance.choice(own if chance.random() < 0.8 else list(identifiers)) for _ in range(number)]
    holders = [identifiers[identifier] for identifier in asked]
    common = set.intersection(*holders)
    outcome = by_identifiers(sample_state, asked)
    chance.shuffle(asked)
    again = by_identifiers(sample_state, asked)
    if len(common) == 1:
        assert isinstance(outcome, Found)
        assert isinstance(again, Found)
        assert {outcome.customer_id, again.customer_id} == common
    else:
        expected = tuple(sorted(common or set().union(*holders)))
        assert outcome == again == Ambiguous(expected, len(expected))


@pytest.fixture
def world(published: Path, tmp_path: Path) -> Iterator[World]:
    with opened_world(published, tmp_path / "ledger.sqlite") as opened:
        yield opened


def test_a_hundred_thousand_look_ups_at_once_answer_whom_they_asked_for(
    world: World, identifiers: dict[Identifier, set[str]]
) -> None:
    alone = [(kind, value, *held) for (kind, value), held in identifiers.items() if len(held) == 1]

    def ask(seed: int) -> list[str]:
        chance = random.Random(seed)
        wrong = []
        for _ in range(LOOK_UPS // THREADS // 2):
            kind, value, customer_id = chance.choice(alone)
            state = world.state()
            for outcome in (by_id(state, customer_id), by_identifier(state, kind, value)):
                profile = outcome.profile if isinstance(outcome, Found) else {}
                if profile.get("customer_id") != customer_id:
                    wrong.append(customer_id)
        return wrong

    with ThreadPoolExecutor(THREADS + 1) as pool:
        asked = [pool.submit(ask, seed) for seed in range(THREADS)]
        # somebody writes meanwhile
        for number in range(20):
            fields = {"given_name": "Zebedee", "family_name": "Quillfeather", "email": f"zq{number}@fresh.example"}
            pool.submit(take_record, world, "web", f"live-{number}", **fields).result()
        assert [wrong for each in asked for wrong in each.result()] == []
