from __future__ import annotations

from pathlib import Path

import orjson
import pytest

from profile_service.correct import Wish, merge
from profile_service.explain import MOST_OUTSIDE, explain_customer
from profile_service.state import State
from tests.served_world import opened_world, take_record


@pytest.fixture(scope="module")
def merged(sample_state: State) -> list[str]:
    """Customers of several records."""
    query = "SELECT customer_id FROM customers WHERE record_count > 2 ORDER BY record_count DESC, 1 LIMIT 20"
    return [customer_id for (customer_id,) in sample_state.generation.warehouse().execute(query).fetchall()]


def test_every_record_hangs_on_the_strongest_links(sample_state: State, merged: list[str]) -> None:
    for customer_id in merged:
        told = explain_customer(sample_state, customer_id)
        assert told is not None
        keys = {f"{record['channel']}:{record['source_record_id']}" for record in told["records"]}
        assert {end for link in told["strongest_links"] for end in link} == keys
        assert len(told["strongest_links"]) == len(keys) - 1
        weights = [link["bits"] for link in told["links"]]
        assert weights == sorted(weights, reverse=True)


def test_what_comparisons_say_adds_up(sample_state: State, merged: list[str]) -> None:
    for customer_id in merged:
        told = explain_customer(sample_state, customer_id)
        assert told is not None
        for link in [*told["links"], *told["outside"]]:
            total = link["prior_bits"] + sum(each["bits"] for each in link["comparisons"])
            assert total == pytest.approx(link["bits"], abs=0.06)


def test_links_and_fields_are_those_of_the_warehouse_and_the_profile(sample_state: State, merged: list[str]) -> None:
    for customer_id in merged:
        told = explain_customer(sample_state, customer_id)
        assert told is not None
        rows = sample_state.generation.warehouse().execute(
            "SELECT left_record, right_record, bits FROM match_links WHERE left_customer_id = $1 AND "
            "right_customer_id = $1",
            [customer_id],
        )
        published = {frozenset((left, right)): bits for left, right, bits in rows.fetchall()}
        here = {frozenset((link["left"], link["right"])): link["bits"] for link in told["links"]}
        assert here == pytest.approx({pair: bits for pair, bits in published.items() if pair in here}, abs=0.01)
        assert len(here) == told["links_total"] >= len(published)
        document = orjson.loads(sample_state.generation.document(customer_id) or b"")
        assert told["sureness"] == document["sureness"]
        values = sample_state.generation.warehouse().execute(
            "SELECT field, value, channel, source_record_id, decided_by, records, distinct_values, runners_up "
            "FROM customer_fields WHERE customer_id = $1",
            [customer_id],
        )
        facts = ("value", "channel", "source_record_id", "decided_by", "records", "distinct_values", "runners_up")
        rows_by_field = {
            field: dict(zip(facts, [*row, losers or []], strict=True)) for field, *row, losers in values.fetchall()
        }
        assert {name: {fact: each[fact] for fact in facts} for name, each in told["fields"].items()} == rows_by_field


def test_of_others_only_their_keys_are_told(sample_state: State, merged: list[str]) -> None:
    near = 0
    for customer_id in merged:
        told = explain_customer(sample_state, customer_id)
        assert told is not None
        assert len(told["outside"]) <= MOST_OUTSIDE
        for pair in told["outside"]:
            near += 1
            assert pair["customer_id"] != customer_id
            assert set(pair) == {"left", "right", "bits", "probability", "prior_bits", "comparisons", "customer_id"}
    assert near


def test_nobody_is_explained_by_nothing(sample_state: State) -> None:
    assert explain_customer(sample_state, "cus_unknown") is None


def test_a_steward_s_decision_is_part_of_the_explanation(published: Path, tmp_path: Path, merged: list[str]) -> None:
    with opened_world(published, tmp_path / "ledger.sqlite") as world:
        fields = {"given_name": "Zebedee", "family_name": "Quillfeather"}
        new = take_record(world, "web", "live-1", **fields)
        alone = explain_customer(world.state(), new)
        assert alone is not None
        assert (alone["links"], alone["strongest_links"], alone["judgements"]) == ([], [], [])
        with world.write() as hand:
            merge(hand, merged[0], [new], Wish("test", "she says so"))
        told = explain_customer(world.state(), merged[0])
        assert told is not None
        assert "web:live-1" in {end for judged in told["judgements"] for end in (judged["left"], judged["right"])}
        assert {judged["verdict"] for judged in told["judgements"]} == {"same"}
