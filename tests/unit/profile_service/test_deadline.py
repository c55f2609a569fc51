"""A request's own work ends when its time is over: it is answered, and its thread is free again."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from profile_service import deadline
from profile_service.correct import Wish
from profile_service.erase import erase
from profile_service.errors import Refused
from profile_service.search import search
from profile_service.state import State
from profile_service.store.ledger.statement import Statement
from profile_service.store.serving import ServingGeneration
from tests.served_world import opened_world, take_record
from tests.service_app import service_app

# Longer than anybody waits: a trillion pairs.
ENDLESS = "SELECT count(*) FROM range(1000000) a, range(1000000) b WHERE hash(a.range, b.range) = 0"


@pytest.fixture
def hurried() -> Iterator[None]:
    """A fifth of a second for what this thread does."""
    deadline.begin(0.2)
    yield
    deadline.end()


@pytest.mark.usefixtures("hurried")
def test_a_query_that_takes_too_long_is_broken_off_and_its_thread_asks_on(sample_state: State) -> None:
    began = time.monotonic()
    with pytest.raises(Refused) as refused:
        sample_state.generation.ask(ENDLESS)
    assert refused.value.kind == "too-slow"
    assert time.monotonic() - began < 5
    deadline.begin(60)
    assert sample_state.generation.ask("SELECT 42") == [(42,)]


@pytest.mark.usefixtures("hurried")
def test_a_search_ends_when_its_time_is_over(sample_state: State) -> None:
    time.sleep(0.25)
    with pytest.raises(Refused) as refused:
        search(sample_state, "Smith")
    assert refused.value.kind == "too-slow"


# Longer than anybody waits, in SQLite.
COUNTING = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n"


@pytest.mark.usefixtures("hurried")
def test_a_look_up_in_a_generation_is_broken_off_and_its_thread_asks_on(sample_state: State) -> None:
    with pytest.raises(Refused) as refused:
        sample_state.generation._readers.rows(COUNTING)
    assert refused.value.kind == "too-slow"
    deadline.end()
    assert sample_state.generation._readers.rows("SELECT 42") == [(42,)]


@pytest.mark.usefixtures("hurried")
def test_a_write_whose_time_is_over_leaves_nothing_in_the_ledger(published: Path, tmp_path: Path) -> None:
    with opened_world(published, tmp_path / "ledger.sqlite") as world:
        deadline.begin(0.2)
        with pytest.raises(Refused) as refused, world.write() as hand:
            hand.append("label", {"rows": []}, actor="test")
            hand.tx.session.all(Statement(text(COUNTING)), {})
        assert refused.value.kind == "too-slow"
        assert world.ledger.log().last_seq() == 0
        with pytest.raises(Refused) as refused:
            take_record(world, "web", "w-late", given_name="Ada", family_name="Late", email="ada@late.example")
        assert refused.value.kind == "too-slow"
        deadline.end()
        assert world.ledger.log().last_seq() == 0
        assert take_record(world, "web", "w-late", given_name="Ada", email="ada@late.example")


def test_an_erasure_comes_to_its_end_however_late_it_is(published: Path, tmp_path: Path) -> None:
    with opened_world(published, tmp_path / "ledger.sqlite") as world:
        customer_id = take_record(world, "web", "w-gone", given_name="Ada", email="ada@gone.example")
        with world.write() as hand:
            deadline.begin(0.0)
            try:
                erase(hand, customer_id, Wish("test", "asked to be forgotten"))
                assert deadline.over()
            finally:
                deadline.end()
        assert world.state().profile(customer_id) is None


def test_what_answers_no_request_may_take_its_time(sample_state: State) -> None:
    deadline.begin(0.0)
    deadline.end()
    deadline.check()
    assert sample_state.generation.ask("SELECT 42") == [(42,)]


def test_a_slow_request_is_answered_503_within_its_time(
    published: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ask = ServingGeneration.ask

    def slow(self: ServingGeneration, query: str, values: Mapping[str, object] | None = None) -> list[tuple[Any, ...]]:
        return ask(self, ENDLESS)

    with service_app(published, tmp_path / "data", request_timeout_seconds=0.3) as service:
        ((customer_id,),) = service.sql("SELECT customer_id FROM customers WHERE event_count > 0 LIMIT 1")
        key = service.key("profiles:read")
        monkeypatch.setattr(ServingGeneration, "ask", slow)
        answer = service.client.get(f"/v1/profiles/{customer_id}/timeline", headers=key)
        assert (answer.status_code, answer.json["type"]) == (503, "/problems/too-slow")  # type: ignore[index]
        assert answer.headers["Retry-After"]
        monkeypatch.undo()
        assert service.client.get(f"/v1/profiles/{customer_id}/timeline", headers=key).status_code == 200
