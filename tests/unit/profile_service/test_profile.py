"""A profile document says how sure it is, what its events add up to, and what was agreed to."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import duckdb
import pytest

from profile_service import profile
from profile_service.identity.model import packaged_model
from profile_service.identity.records import STANDARD_COLUMNS
from profile_service.profile import CustomerFacts, assemble, sureness, weakest_link
from profile_service.store.stored import EventSummary, StoredRecord, moment_of, moment_sql, moment_text

MODEL = packaged_model()
FACTS = CustomerFacts("cus_1", datetime(2026, 1, 1, tzinfo=UTC), "run_1")


def day(number: int) -> datetime:
    return datetime(2025, 1, 1, tzinfo=UTC) + timedelta(days=number)


def record(ref: int, channel: str = "web", **more: Any) -> StoredRecord:
    fields = more.pop("fields", {"given_name": "ann"})
    standard = dict.fromkeys(STANDARD_COLUMNS) | more.pop("standard", {"given_name": "ann", "given_fixed": "ann"})
    return StoredRecord(ref, channel, f"id{ref}", "cus_1", fields, standard, day(ref), day(ref), **more)


@pytest.mark.parametrize(
    ("bits", "records", "words", "probability"),
    [
        (None, 1, profile.SINGLE, None),
        (None, 2, profile.UNWEIGHED, None),
        (25.0, 2, "as good as certain", 1.0),
        (12.0, 2, "very sure", 0.999756),
        (6.6015, 2, "sure", 0.989807),
        (0.0, 2, profile.SURE_ENOUGH, 0.5),
        (-3.0, 2, profile.DOUBTFUL, 0.111111),
    ],
)
def test_how_sure_a_merge_is_is_said_in_words(
    bits: float | None, records: int, words: str, probability: float | None
) -> None:
    said = sureness(bits, records)
    assert said["in_words"] == words
    assert said["probability"] == probability


def test_the_weakest_link_is_the_least_of_each_records_best() -> None:
    records = [record(1), record(2), record(3)]
    pairs = [(1, 2, 9.0), (1, 3, 4.0), (2, 3, -8.0), (3, 7, 30.0)]
    assert weakest_link(records, pairs) == 4.0
    assert weakest_link(records[:1], pairs) is None


def test_an_unauthenticated_record_gives_no_name_and_no_identifier() -> None:
    sent = {"given_name": "Ann", "email": "ann@x.example", "phone": "+441632960001"}
    document = assemble(FACTS, [record(1, fields=sent, standard={}, authenticated=False)], MODEL, [])
    assert [document[name] for name in ("full_name", "given_name", "email", "phone")] == [None] * 4
    assert document["identifiers"] == []
    assert document["record_count"] == 1


def test_events_of_several_records_add_up_by_currency() -> None:
    spent = [
        EventSummary(2, day(5), day(40), {"EUR": Decimal("1.5"), "USD": Decimal("2")}),
        EventSummary(1, day(-3), day(-3), {"EUR": Decimal("0.0001")}),
    ]
    records = [record(number, events=events) for number, events in enumerate(spent, start=1)]
    document = assemble(FACTS, records, MODEL, [(1, 2, 11.0)])
    assert document["event_count"] == 3
    assert document["amount_by_currency"] == {"EUR": "1.5001", "USD": "2.0000"}
    assert document["first_seen"] == moment_text(day(-3))
    assert document["last_seen"] == document["last_event_at"] == moment_text(day(40))


def test_a_no_in_one_channel_outweighs_an_older_yes_in_another() -> None:
    records = [record(1, "web", consent=("yes", day(1), 1)), record(2, "store", consent=("no", day(2), 3))]
    document = assemble(FACTS, records, MODEL, [])
    assert document["marketing_consent"] == "no"
    assert [(each["channel"], each["consent"], each["statements"]) for each in document["consents"]] == [
        ("store", "no", 3),
        ("web", "yes", 1),
    ]
    assert {each["customer_consent"] for each in document["consents"]} == {"no"}


def test_the_order_of_records_and_pairs_never_matters() -> None:
    records = [record(1), record(2, "store"), record(3, "mobile")]
    pairs = [(1, 2, 3.0), (2, 3, 5.0)]
    assert assemble(FACTS, records, MODEL, pairs) == assemble(FACTS, records[::-1], MODEL, pairs[::-1])


@pytest.mark.parametrize(
    "moment",
    [
        datetime(2024, 1, 2, 3, 4, 5, tzinfo=UTC),
        datetime(2024, 1, 2, 3, 4, 5, 120000, tzinfo=UTC),
        datetime(1901, 1, 2, 3, 4, 5, 7, tzinfo=UTC),
        datetime(2024, 7, 2, 23, 4, tzinfo=UTC).astimezone(),
        None,
    ],
)
def test_a_moment_is_written_alike_in_python_and_in_sql(moment: datetime | None) -> None:
    with duckdb.connect() as connection:
        query = f"SELECT {moment_sql('moment')} FROM (SELECT ?::TIMESTAMPTZ AS moment)"
        assert connection.execute(query, [moment]).fetchall() == [(moment_text(moment),)]
    assert moment_of(moment_text(moment)) == moment


def test_a_record_comes_back_from_its_json_as_it_was() -> None:
    spent = EventSummary(2, day(5), None, {"EUR": Decimal("1.5000")})
    kept = record(
        -7, "café ☕", consent=("no", None, 2), events=spent, authenticated=False, fields={"extra": '{"a": "\\""}'}
    )
    assert StoredRecord.from_json(kept.to_json()) == kept
