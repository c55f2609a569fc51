"""Which blocking rules take part, and what they never pair."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import duckdb
import pytest

from pipelines import block
from pipelines.block import block_all, keep_channels_apart, keys_sql
from pipelines.engines import coded_blocks
from pipelines.engines.duckdb_engine import DuckDBEngine
from profile_service.identity.blocking_rule import BlockingRule
from profile_service.identity.model import Model, packaged_model
from tests.linkage_world import standard, standardised_table

PACKAGED = packaged_model()
# with the budget of many records
MODEL = replace(
    PACKAGED,
    blocking_rules=tuple(rule for rule in PACKAGED.blocking_rules if not rule.few),
    settings={**PACKAGED.settings, "blocking": {**PACKAGED.settings["blocking"], "few": 0, "least_pairs": 0}},
)
TooWide = Callable[[duckdb.DuckDBPyConnection, Model], list[str]]


@pytest.fixture(params=["by query", "by codes"])
def too_wide(request: pytest.FixtureRequest) -> TooWide:
    """The wide rules beyond their budget, as the rule says it in SQL and as the usual engine counts."""
    return block.too_wide if request.param == "by query" else DuckDBEngine().too_wide


def work_of(people: list[dict[str, str | None]]) -> duckdb.DuckDBPyConnection:
    """A store with these standardised records."""
    work = duckdb.connect()
    work.execute("CREATE TABLE duplicate_free (channel VARCHAR, number UTINYINT)")
    standardised_table(work, MODEL, [standard(**values) for values in people])
    return work


def test_a_wide_rule_leaves_when_it_makes_more_pairs_than_its_budget(too_wide: TooWide) -> None:
    crowd: list[dict[str, str | None]] = [{"birth_date": "1980-01-01", "city": "springfield"}] * 20
    with work_of(crowd) as work:
        assert too_wide(work, MODEL) == ["birth date and city", "birth date"]


def test_a_wide_rule_stays_where_few_share_its_keys(too_wide: TooWide) -> None:
    couple: list[dict[str, str | None]] = [
        {"birth_date": f"19{max(n, 1) + 10}-01-01", "city": "springfield"} for n in range(20)
    ]
    with work_of(couple) as work:
        assert too_wide(work, MODEL) == []


def test_pairs_that_another_rule_finds_too_count_nothing_against_a_wide_rule(too_wide: TooWide) -> None:
    same: dict[str, str | None] = {"birth_date": "1980-01-01", "city": "springfield", "email": "a@example.com"}
    with work_of([same] * 20) as work:
        assert too_wide(work, MODEL) == []


def test_a_pair_counts_against_the_first_wide_rule_that_finds_it(too_wide: TooWide) -> None:
    """Each of two rules has more pairs than the budget in all; the second has none that the first has not."""
    model = replace(
        MODEL,
        blocking_rules=(BlockingRule("city", ("city",), wide=True), BlockingRule("region", ("region",), wide=True)),
        settings={**MODEL.settings, "blocking": {"cap": 60, "budget": 10}},
    )
    with work_of([{"city": "springfield", "region": "il"}] * 20) as work:
        assert too_wide(work, model) == []


def test_a_sample_of_the_keys_tells_how_wide_a_rule_is(too_wide: TooWide, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (block, coded_blocks):
        monkeypatch.setattr(module, "SAMPLED_PAIRS", 600)
    threes: list[dict[str, str | None]] = [{"city": f"town {n // 3}"} for n in range(3000)]
    model = replace(MODEL, blocking_rules=(BlockingRule("city", ("city",), wide=True),))
    for budget, left_out in ((0.7, ["city"]), (1.4, [])):  # three pairs among three records: one a record
        settings = {**model.settings, "blocking": {"cap": 60, "budget": budget}}
        with work_of(threes) as work:
            assert too_wide(work, replace(model, settings=settings)) == left_out


def test_few_records_have_the_budget_of_more(too_wide: TooWide) -> None:
    crowd: list[dict[str, str | None]] = [{"birth_date": "1980-01-01", "city": "springfield"}] * 20
    with work_of(crowd) as work:
        assert too_wide(work, PACKAGED) == []


@pytest.mark.parametrize(("few", "left_out"), [(20, []), (19, ["postcode"])])
def test_a_rule_for_few_records_takes_no_part_among_more(too_wide: TooWide, few: int, left_out: list[str]) -> None:
    model = replace(
        MODEL,
        blocking_rules=(BlockingRule("postcode", ("postcode",), few=True),),
        settings={**MODEL.settings, "blocking": {"cap": 60, "budget": 10, "few": few}},
    )
    with work_of([{"postcode": "60614"}] * 20) as work:
        assert too_wide(work, model) == left_out


def test_a_key_beyond_the_cap_counts_nothing_against_a_wide_rule(too_wide: TooWide) -> None:
    crowd: list[dict[str, str | None]] = [{"birth_date": "1980-01-01", "city": "springfield"}] * (
        MODEL.blocking_cap + 1
    )
    with work_of(crowd) as work:
        assert too_wide(work, MODEL) == []


@pytest.mark.parametrize(("holders", "pairs"), [(1, 0), (2, 1), (60, 1770), (61, 0)])
def test_a_key_finds_pairs_up_to_the_cap(holders: int, pairs: int) -> None:
    with work_of([{"email": "a@example.com"}] * holders) as work:
        assert block_all(work, MODEL) == pairs


def test_the_same_value_under_two_rules_is_two_keys() -> None:
    with work_of([{"email": "same", "phone_tail": "same", "email_local": "same"}]) as work:
        keys = work.execute(keys_sql(MODEL, "standardised")).fetchall()
    assert len(keys) == len(set(keys)) == 3


def test_records_of_one_duplicate_free_channel_are_no_candidates() -> None:
    with work_of([{"email": "a@example.com"}] * 3) as work:
        work.execute("INSERT INTO duplicate_free VALUES ('store', 1)")
        work.execute("UPDATE standardised SET apart = 1 WHERE rid < 2")
        block_all(work, MODEL)
        keep_channels_apart(work)
        assert set(work.execute("SELECT l, r FROM candidates").fetchall()) == {(0, 2), (1, 2)}


def test_each_rule_leaves_pairs_to_one_whose_key_follows_from_its_own() -> None:
    rules = (
        BlockingRule("email", ("email",)),
        BlockingRule("mailbox", ("email_local",)),
        BlockingRule("whole name", ("name_pair",)),
        BlockingRule("nickname, family and postcode", ("given_root", "family_fixed", "postcode")),
        BlockingRule("nickname and family", ("given_root", "family_fixed")),
        BlockingRule("birth date and postcode", ("birth_date", "postcode")),
        BlockingRule("year and postcode", ("birth_date:4", "postcode")),
        BlockingRule("month and postcode", ("birth_date:7", "postcode")),
    )
    assert coded_blocks.wider_rules(rules) == {
        "email": "mailbox",
        "whole name": "nickname and family",
        "nickname, family and postcode": "nickname and family",
        "birth date and postcode": "year and postcode",
    }


def test_two_rules_of_one_key_leave_nothing_to_each_other() -> None:
    assert coded_blocks.wider_rules((BlockingRule("one", ("city",)), BlockingRule("other", ("city",)))) == {}


def test_what_a_wider_rule_has_too_many_of_its_finer_one_finds() -> None:
    """61 records of one mailbox name are too many for a key; two of them have the same address."""
    rules = (BlockingRule("email", ("email",)), BlockingRule("mailbox", ("email_local",)))
    model = replace(MODEL, blocking_rules=rules)
    people: list[dict[str, str | None]] = [
        {"email": f"info@{max(n, 1)}.example", "email_local": "info"} for n in range(MODEL.blocking_cap + 1)
    ]
    with work_of(people) as work:
        DuckDBEngine().block_all(work, model)
        assert work.execute("SELECT l, r FROM candidates").fetchall() == [(0, 1)]
