from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from profile_service.errors import Refused
from profile_service.state import State
from profile_service.timeline import ALL, Wanted, timeline
from tests.served_world import opened_world, take_event, take_record


def everything(state: State, customer_id: str, wanted: Wanted = ALL, limit: int = 2) -> list[dict[str, Any]]:
    """All pages, one behind the other."""
    events: list[dict[str, Any]] = []
    cursor = None
    while True:
        page = timeline(state, customer_id, wanted, limit, cursor)
        assert len(page.items) <= limit
        events += [dict(item) for item in page.items]
        cursor = page.next_cursor
        if cursor is None:
            return events


@pytest.fixture(scope="module")
def busy(sample_state: State) -> list[tuple[str, int]]:
    """The customers of the sample with the most events, and how many they have."""
    query = "SELECT customer_id, event_count FROM customers ORDER BY event_count DESC, customer_id LIMIT 12"
    return sample_state.generation.warehouse().execute(query).fetchall()


def test_pages_hold_every_event_once_newest_first(sample_state: State, busy: list[tuple[str, int]]) -> None:
    for customer_id, count in busy:
        events = everything(sample_state, customer_id)
        assert len({(event["channel"], event["event_id"]) for event in events}) == len(events) == count
        moments = [event["occurred_at"] or "" for event in events]
        assert moments == sorted(moments, reverse=True)
        assert events == everything(sample_state, customer_id, limit=1000)


def test_events_are_those_of_the_warehouse(sample_state: State, busy: list[tuple[str, int]]) -> None:
    names = ("event_id", "channel", "source_record_id", "event_type", "amount", "currency")
    for customer_id, _ in busy:
        rows = (
            sample_state.generation.warehouse()
            .execute(
                """SELECT event_id, channel, source_record_id, event_type, amount::VARCHAR, currency
                FROM customer_events WHERE customer_id = ? ORDER BY occurred_at DESC NULLS LAST, channel, event_id""",
                [customer_id],
            )
            .fetchall()
        )
        assert [tuple(event[name] for name in names) for event in everything(sample_state, customer_id)] == rows


def test_only_the_events_asked_for_are_told(sample_state: State, busy: list[tuple[str, int]]) -> None:
    for customer_id, _ in busy:
        events = everything(sample_state, customer_id)
        middle = datetime.fromisoformat(events[len(events) // 2]["occurred_at"])
        for wanted in (
            Wanted(channels=frozenset({"web"})),
            Wanted(types=frozenset({events[0]["event_type"]})),
            Wanted(since=middle),
            Wanted(until=middle),
            Wanted(channels=frozenset({"web", "store"}), since=middle),
        ):
            assert everything(sample_state, customer_id, wanted) == [event for event in events if wanted.has(event)]


@pytest.mark.parametrize(
    "cursor", ["x", "", "bm90IGpzb24", "WzEsMiwzXQ", "W10", "é", "a" * 9000, "eyJhIjoxfQ", "WyIxIiwiYSIsImIiXQ"]
)
def test_a_cursor_that_is_none_is_refused(sample_state: State, busy: list[tuple[str, int]], cursor: str) -> None:
    with pytest.raises(Refused, match="cursor"):
        timeline(sample_state, busy[0][0], cursor=cursor)


def test_nobody_has_no_events(sample_state: State) -> None:
    assert timeline(sample_state, "cus_unknown").items == ()


def test_live_events_stand_among_the_others_and_each_counts_once(
    published: Path, tmp_path: Path, busy: list[tuple[str, int]]
) -> None:
    customer_id = busy[0][0]
    with opened_world(published, tmp_path / "ledger.sqlite") as world:
        before = everything(world.state(), customer_id)
        channel, record = before[0]["channel"], before[0]["source_record_id"]
        event = {"event_id": "live-1", "event_type": "purchase", "occurred_at": "2031-01-02T03:04:05Z"}
        further = {"amount": "12.5", "currency": "EUR", "extra": '{"basket": 7}'}
        for _ in range(2):
            take_event(world, channel, record, **event, **further)
        take_event(world, channel, record, event_id="live-2", event_type="visit", occurred_at="2031-01-02T03:04:05Z")
        # one that the generation holds already, sent once more
        take_event(
            world,
            channel,
            record,
            event_id=before[0]["event_id"],
            event_type="visit",
            occurred_at=before[0]["occurred_at"],
        )
        after = everything(world.state(), customer_id)
        assert [each["event_id"] for each in after] == ["live-1", "live-2", *(each["event_id"] for each in before)]
        assert (after[0]["amount"], after[0]["currency"], after[0]["extra"]) == ("12.5000", "EUR", {"basket": 7})


def test_a_new_customer_has_its_events_at_once(published: Path, tmp_path: Path) -> None:
    with opened_world(published, tmp_path / "ledger.sqlite") as world:
        customer_id = take_record(world, "web", "live-1", given_name="Zebedee", family_name="Quillfeather")
        take_event(world, "web", "live-1", event_id="e1", event_type="visit")
        take_event(world, "web", "live-1", event_id="e2", event_type="visit", occurred_at="2025-01-02T03:04:05.678Z")
        events = everything(world.state(), customer_id, limit=1)
        assert [(each["event_id"], each["occurred_at"]) for each in events] == [
            ("e2", "2025-01-02T03:04:05.678Z"),
            ("e1", None),  # without a moment last
        ]
        since = Wanted(since=datetime(2025, 1, 1, tzinfo=UTC))
        assert [each["event_id"] for each in everything(world.state(), customer_id, since)] == ["e2"]
