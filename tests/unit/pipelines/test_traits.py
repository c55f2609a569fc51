"""Traits and segments: what they say, as of when, of whom, and that a refresh says what computing anew does."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipelines.publish import Policy, publish
from pipelines.traits_use import published_as_declared, told_traits, use_traits
from profile_service.errors import UnusableInput
from profile_service.identity.model import packaged_model
from profile_service.store.documents import PLAIN, opened
from profile_service.store.generation import ARRAYS, open_standing, standing_generation
from profile_service.store.lines import Lines
from profile_service.store.serving import CUSTOMER_NUMBERS, DOCUMENTS
from profile_service.traits import DECLARED, packaged_traits
from tests.work_world import WorkWorld, moment, run_context

MODEL = packaged_model()
NOW = run_context(1).now  # the world's day 366


@pytest.fixture(scope="module")
def bought(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data directory of a first run whose customers bought this and that; to be copied."""
    made = WorkWorld(tmp_path_factory.mktemp("bought"))
    context = made.begin()
    for key in ("store:ann", "web:ann", "web:bob", "web:eve", "call_center:dan", "store:fay"):
        made.record(key, 1, given_name=key, marketing_consent="yes")
    crowd = made.crowd("mobile", 60)
    made.identify(context, ["store:ann web:ann", "web:bob", "web:eve", "call_center:dan", "store:fay", *crowd])
    # regular and of high value, over two channels
    for number, (key, day, amount) in enumerate(
        [("store:ann", 100, 200), ("store:ann", 250, 150.5), ("web:ann", 300, 250), ("web:ann", 360, 49.5)]
    ):
        made.event(key, f"ann{number}", day, amount)
    # an order of long ago
    made.event("web:bob", "bob", -400, 20)
    # bought twice, and pauses
    for number, day in enumerate((50, 120)):
        made.event("call_center:dan", f"dan{number}", day, 30, "USD")
    # bought first a month ago
    made.event("store:fay", "fay", 340, 10)
    made.work.close()
    return made.data_dir


@pytest.fixture
def world(bought: Path, tmp_path: Path) -> Iterator[WorkWorld]:
    """A first run that has not published yet."""
    made = WorkWorld.copied(bought, tmp_path)
    yield made
    made.work.close()


@pytest.fixture(scope="module")
def published_once(bought: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same, published, which takes half a second each time; to be copied too."""
    made = WorkWorld.copied(bought, tmp_path_factory.mktemp("published_once"))
    assert published(made) == "full"
    made.work.close()
    return made.data_dir


@pytest.fixture(scope="module")
def told(published_once: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[WorkWorld]:
    """A published world, for reading only."""
    made = WorkWorld.copied(published_once, tmp_path_factory.mktemp("told"))
    yield made
    made.work.close()


@pytest.fixture
def standing(published_once: Path, tmp_path: Path) -> Iterator[WorkWorld]:
    """A published world for the next run."""
    made = WorkWorld.copied(published_once, tmp_path)
    yield made
    made.work.close()


def happened(world: WorkWorld, key: str, event_id: str, kind: str, day: int, amount: float | None = None) -> None:
    """An event of another kind than a purchase."""
    world.event(key, event_id, day, amount)
    world.work.execute("UPDATE events SET event_type = ? WHERE event_id = ?", [kind, event_id])


def published(world: WorkWorld, now: datetime = NOW, *, anew: bool = False) -> str:
    """Publish the world's last run as of ``now``; answers whether that was full or a refresh."""
    run = replace(run_context(world.seq), now=now)
    if anew:
        (world.data_dir / "customers.duckdb").unlink(missing_ok=True)
    return publish(world.work, world.data_dir, run, MODEL, Policy()).kind


def ask(world: WorkWorld, query: str) -> list[Any]:
    with open_standing(world.data_dir) as reader:
        return reader.execute(query).fetchall()


def segments_of(world: WorkWorld, key: str) -> list[str]:
    found = ask(world, f"SELECT name FROM customer_segments WHERE customer_id = '{world.customer_of(key)}' ORDER BY 1")
    return [str(name) for (name,) in found]


def value(world: WorkWorld, key: str, trait: str) -> Any:
    rows = ask(
        world,
        f"SELECT value FROM customer_traits WHERE customer_id = '{world.customer_of(key)}' AND name = '{trait}'",
    )
    return rows[0][0] if rows else None


def documents(world: WorkWorld) -> dict[str, tuple[Any, Any]]:
    """Segments and traits by customer, as the service reads them."""
    standing = standing_generation(world.data_dir)
    assert standing is not None
    lines = Lines(standing.folder / ARRAYS, DOCUMENTS)
    numbers = np.load(standing.folder / ARRAYS / f"{CUSTOMER_NUMBERS}.npy").tolist()
    tables = {table[0]: table for table in (opened(lines.text(number) or b"") for number in numbers)}
    cells = (PLAIN.index("segments"), PLAIN.index("traits"))
    return {customer_id: (table[cells[0]], table[cells[1]]) for customer_id, table in tables.items()}


def everything(world: WorkWorld) -> tuple[list[Any], list[Any], dict[str, tuple[Any, Any]]]:
    return (
        sorted(ask(world, "FROM customer_trait_values"), key=repr),
        sorted(ask(world, "FROM customer_segments"), key=repr),
        documents(world),
    )


@pytest.mark.parametrize(
    ("key", "segments"),
    [
        pytest.param("store:ann", ["high_value", "multichannel", "regular"], id="four orders in two channels"),
        pytest.param("web:bob", ["lapsed"], id="one order two years ago"),
        pytest.param("call_center:dan", ["lapsing"], id="two orders, the last eight months ago"),
        pytest.param("store:fay", ["new"], id="a first order last month"),
        pytest.param("web:eve", [], id="nothing bought"),
    ],
)
def test_a_customer_is_in_the_segments_that_their_orders_say(told: WorkWorld, key: str, segments: list[str]) -> None:
    assert segments_of(told, key) == segments


@pytest.mark.parametrize(
    ("key", "trait", "said"),
    [
        ("store:ann", "orders", "4"),
        ("store:ann", "amount_last_year", "650.00"),
        ("store:ann", "average_basket", "162.50"),
        ("store:ann", "channels_used", "store, web"),
        ("store:ann", "favourite_channel", "store"),
        ("store:ann", "returns_share", "0.0"),
        ("store:ann", "last_purchase", "2025-12-27T00:00:00Z"),
        ("store:ann", "marketing_consent", "yes"),
        ("web:bob", "amount", "20.00"),
        ("web:bob", "amount_last_year", None),
        ("call_center:dan", "amount", "54.00"),
    ],
)
def test_a_trait_is_told_in_the_warehouse(told: WorkWorld, key: str, trait: str, said: str | None) -> None:
    assert value(told, key, trait) == said


def test_who_has_bought_nothing_has_no_traits_and_no_segments(world: WorkWorld) -> None:
    happened(world, "web:eve", "seen", "page_view", 300)
    published(world)
    eve = world.customer_of("web:eve")
    assert ask(world, f"FROM customer_traits WHERE customer_id = '{eve}'") == []
    assert documents(world)[eve] == ([], {})
    assert ask(world, "SELECT count(*) FROM customer_trait_values") == [(4,)]


def test_what_came_back_is_taken_off_with_a_minus_or_without(world: WorkWorld) -> None:
    happened(world, "store:ann", "back1", "RETURN", 320, 50)
    happened(world, "store:ann", "back2", "refund", 321, -25)
    published(world)
    assert value(world, "store:ann", "amount") == "575.00"
    assert (value(world, "store:ann", "returns"), value(world, "store:ann", "returns_share")) == ("2", "0.5")
    assert "returns_much" in segments_of(world, "store:ann")


def test_an_order_that_lies_ahead_counts_from_its_day_on(world: WorkWorld) -> None:
    world.event("web:bob", "ahead", 370, 5)
    published(world)
    assert value(world, "web:bob", "orders") == "1"
    world.begin()
    assert published(world, moment(371)) == "delta"
    assert value(world, "web:bob", "orders") == "2"


def test_an_amount_in_a_currency_without_a_rate_counts_as_an_order_alone(world: WorkWorld) -> None:
    world.event("web:bob", "yen", 360, 9_000, "JPY")
    published(world)
    assert (value(world, "web:bob", "orders"), value(world, "web:bob", "amount")) == ("2", "20.00")


def test_the_service_reads_what_the_warehouse_says(told: WorkWorld) -> None:
    segments, traits = documents(told)[told.customer_of("store:ann")]
    assert segments == ["regular", "high_value", "multichannel"]
    assert (traits["orders"], traits["amount"], traits["channels_used"]) == (4, "650.00", ["store", "web"])
    assert traits["first_purchase"] == "2025-04-11T00:00:00Z"
    assert set(traits) == {trait.name for trait in packaged_traits().served}


@pytest.mark.parametrize("ahead", [0, 40, 181, 800])
def test_a_refresh_says_what_computing_everyone_anew_says(standing: WorkWorld, ahead: int) -> None:
    context = standing.begin()
    standing.event("web:bob", "again", 365, 70)
    standing.event("web:ann", "ann0", 90, 10)
    standing.event("mobile:3", "m3", 366 + 30, 3)
    standing.identify(context, ["mobile:1 mobile:2"])
    assert published(standing, NOW + timedelta(days=ahead)) == "delta"
    refreshed = everything(standing)
    assert published(standing, NOW + timedelta(days=ahead), anew=True) == "full"
    assert refreshed == everything(standing)


def test_only_those_whom_time_changes_are_written_again(standing: WorkWorld) -> None:
    lines = sorted((standing_generation(standing.data_dir) or pytest.fail()).folder.glob(f"arrays/{DOCUMENTS}-*.lines"))
    assert len(lines) == 1
    standing.begin()
    # fay's first order is a quarter old by then; nobody else's year or half year ends before
    published(standing, moment(340 + 91))
    second = (standing_generation(standing.data_dir) or pytest.fail()).folder / ARRAYS / f"{DOCUMENTS}-1.lines"
    assert [line for line in second.read_bytes().splitlines() if standing.customer_of("store:fay").encode() in line]
    assert standing.customer_of("web:bob").encode() not in second.read_bytes()
    assert segments_of(standing, "store:fay") == []


def test_a_declaration_adopted_publishes_everyone_anew(standing: WorkWorld, tmp_path: Path) -> None:
    assert published_as_declared(standing.data_dir)
    mine = tmp_path / "mine.toml"
    mine.write_text(
        """
        [money]
        currency = "EUR"
        [events]
        purchase = ["purchase"]
        [traits.select]
        measure = "count"
        events = "purchase"
        why = "Named as a word of SQL is."
        [traits.consent]
        column = "marketing_consent"
        why = "To ask for it."
        [segments.to_write_to]
        when = [{ trait = "select", at_least = 1, below = 4 }, { trait = "consent", equals = "yes" }]
        in_words = "may be written to"
        why = "They bought little, and agree."
        """,
        encoding="utf-8",
    )
    use_traits(standing.data_dir, str(mine))
    assert not published_as_declared(standing.data_dir)
    standing.begin()
    assert published(standing) == "full"
    assert told_traits(standing.data_dir).segments == {"to_write_to": 3}
    assert ask(standing, "SELECT name, number FROM customer_traits WHERE name = 'select' AND number > 3") == [
        ("select", 4)
    ]
    use_traits(standing.data_dir, "packaged")
    assert not (standing.data_dir / DECLARED).exists()


def test_each_trait_and_segment_is_defined_beside_them(told: WorkWorld) -> None:
    rows = ask(told, "SELECT kind, name, in_words, rule, told, currency FROM trait_definitions")
    traits = packaged_traits()
    assert [name for kind, name, *_ in rows if kind == "trait"] == [trait.name for trait in traits.traits]
    assert [row[1] for row in sorted(rows, key=lambda row: row[4] or 0) if row[4] is not None] == list(traits.told)
    assert {row[1] for row in rows if row[5] == "EUR"} == {"amount", "amount_last_year", "average_basket"}
    high = next(row for row in rows if row[1] == "high_value")
    assert high[2] == "high value"
    assert json.loads(high[3]) == [{"trait": "amount_last_year", "at_least": "500"}]


def test_a_declaration_that_cannot_be_meant_is_not_adopted(world: WorkWorld, tmp_path: Path) -> None:
    bad = tmp_path / "bad.toml"
    bad.write_text("[money]\ncurrency = 'EUR'\n[traits]\n[segments.x]\nwhen = []\nin_words = 'x'\nwhy = 'No.'\n")
    with pytest.raises(UnusableInput, match="when must be a list of conditions"):
        use_traits(world.data_dir, str(bad))
    assert not (world.data_dir / DECLARED).exists()


def test_the_packaged_amounts_are_exact() -> None:
    assert packaged_traits().rates["USD"] == Decimal("0.9")
