"""The golden record of one customer, case by case."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from profile_service.identity.merge import Evidence, GoldenValue, golden_record
from profile_service.identity.model import packaged_model
from profile_service.identity.records import RawRecord

RULES = packaged_model().survivorship


def record(key: str, day: int | None = None, standard: dict[str, str | None] | None = None, **sent: str) -> Evidence:
    channel, source_record_id = key.split(":")
    moment = None if day is None else datetime(2025, 1, day, tzinfo=UTC)
    known: dict[str, str | None] = {name: value.lower() for name, value in sent.items()}
    return Evidence(RawRecord(channel, source_record_id, sent, moment), known | (standard or {}))


def golden(*records: Evidence) -> dict[str, GoldenValue]:
    return golden_record(records, RULES)


CASES = [
    (
        "an initial never stands before a name",
        [record("store:1", 9, given_name="J"), record("web:1", 1, given_name="Johanna")],
        {"given_name": ("Johanna", "spelled_out")},
    ),
    (
        "the spelling of most records wins",
        [
            record("store:1", 9, given_name="Jon"),
            record("web:1", 1, given_name="John"),
            record("web:2", 2, given_name="JOHN"),
        ],
        {"given_name": ("John", "most_frequent")},
    ),
    (
        "a corrected spelling yields to the right one",
        [
            record("store:1", 9, given_name="Jonh", standard={"given_fixed": "john"}),
            record("web:1", 1, given_name="John", standard={"given_fixed": "john"}),
        ],
        {"given_name": ("John", "agreed")},
    ),
    (
        "of two family names equally held the later stands: marriage",
        [record("store:1", 1, family_name="Miller"), record("web:1", 9, family_name="Smith")],
        {"family_name": ("Smith", "most_recent")},
    ),
    (
        "a confirmed e-mail stands before a newer one that an agent heard",
        [record("call_center:1", 9, email="ann@old.example"), record("web:1", 1, email="Ann@New.example")],
        {"email": ("ann@new.example", "verified_first")},
    ),
    (
        "what a verified caller said last stands, though most records say otherwise",
        [
            record("web:1", 1, family_name="Miller", phone="+15055550001", standard={"phone": "+15055550001"}),
            record("store:1", 2, family_name="Miller"),
            record("call_center:9", 8, family_name="Smit", phone="+15055550003", standard={"phone": "+15055550003"}),
            record(
                "call_center:desk-1", 9, family_name="Smith", phone="+15055550002", standard={"phone": "+15055550002"}
            ),
        ],
        {"family_name": ("Smith", "verified_first"), "phone": ("+15055550002", "verified_first")},
    ),
    (
        "a generic value never wins",
        [
            record("web:1", 9, standard={"email": None}, email="no@mail.com"),
            record("store:1", 1, email="ann@x.example"),
        ],
        {"email": ("ann@x.example", "only_value")},
    ),
    (
        "junk in a part of an address is shown to nobody, and makes no address whole",
        [
            record("web:1", 9, standard={"city": None, "postcode": None}, street="1 High St", city="N/A", postcode="-"),
            record("store:1", 1, street="2 Low St", city="Leeds", postcode="ls1 1aa"),
        ],
        {"street": ("2 Low St", "complete"), "city": ("Leeds", "complete")},
    ),
    (
        "the majority has the birth date",
        [
            record("store:1", 1, birth_date="1980-01-02"),
            record("web:1", 2, birth_date="1980-01-02"),
            record("web:2", 9, birth_date="1980-02-01"),
        ],
        {"birth_date": ("1980-01-02", "most_frequent")},
    ),
    (
        "an address moves as one, and a whole one stands before a newer part",
        [
            record("store:1", 9, city="Bern", country="CH"),
            record("web:1", 1, street="1 HIGH ST", city="London", postcode="n1 9gu"),
        ],
        {"street": ("1 High St", "complete"), "city": ("London", "complete"), "postcode": ("N1 9GU", "complete")},
    ),
    (
        "nothing tells two values apart but the order of the records",
        [record("web:2", 1, sex="f"), record("web:1", 1, sex="m")],
        {"sex": ("m", "record_order")},
    ),
    (
        "an unknown time is older than any",
        [record("store:1", None, phone="+4411"), record("call_center:1", 1, phone="+4422")],
        {"phone": ("+4422", "most_recent")},
    ),
]


@pytest.mark.parametrize(("records", "expected"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_the_value_that_survives_and_the_rule_that_decided(
    records: list[Evidence], expected: dict[str, tuple[str, str]]
) -> None:
    for order in (records, records[::-1]):
        found = golden(*order)
        assert {name: (found[name].value, found[name].decided_by) for name in expected} == expected


def test_a_part_that_the_winning_address_lacks_is_not_borrowed() -> None:
    found = golden(
        record("web:1", 9, street="1 High St", postcode="N1"),
        record("web:2", 1, street="2 Low St", postcode="N2", city="Leeds"),
    )
    assert "city" not in found
    assert found["street"].runners_up[0].value == "2 Low St"


def test_addresses_that_differ_in_coarse_parts_only_are_one() -> None:
    found = golden(
        record("web:1", 9, street="1 High St", postcode="N1", region="Cal."),
        record("web:2", 1, street="1 High St", postcode="N1", region="California"),
    )
    assert found["street"].values == 1
    assert found["street"].decided_by == "agreed"


def test_a_golden_value_names_its_record_and_its_runners_up() -> None:
    found = golden(
        record("web:7", 5, phone="+441"), record("web:8", 4, phone="+442"), record("store:9", 1, phone="+442")
    )["phone"]
    assert (found.channel, found.source_record_id, found.records, found.values) == ("web", "7", 3, 2)
    assert [(loser.value, loser.source_record_id, loser.records) for loser in found.runners_up] == [("+442", "8", 2)]


def test_no_records_make_no_golden_record() -> None:
    assert golden() == {}
