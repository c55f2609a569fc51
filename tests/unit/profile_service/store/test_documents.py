"""A document is opened as the list that views are made of: its identifiers are told from its records."""

from typing import Any

import orjson
import pytest

from profile_service.store.documents import PLAIN, customer_of, held_in, identifiers_in, marked, opened, record_numbers

CELLS = ["cus_1", *[None] * (len(PLAIN) - 4)]
EMAIL, PHONE = "a@b.example", "+441632960001"
EARLY, LATER, LATEST = "2024-05-01T10:00:00Z", "2024-05-01T10:00:00.5Z", "2024-05-01T10:00:01Z"


def record(number: int, channel: str, at: str | None, email: str | None = None, phone: str | None = None) -> list[Any]:
    return [number, channel, f"{channel}{number}", at, email, phone, None, None, None]


def text(*records: list[Any], shared: tuple[tuple[str, str], ...] = ()) -> bytes:
    return orjson.dumps([CELLS, ["regular"], {"orders": 2}, {"EUR": "1.0000"}, shared, [], records])


@pytest.mark.parametrize(
    ("records", "identifiers"),
    [
        ([record(7, "web", EARLY)], []),
        ([record(7, "web", None, EMAIL)], [["email", EMAIL, ["web"], 1, None, None, False]]),
        (
            [record(7, "web", LATER, EMAIL, PHONE), record(3, "store", EARLY, EMAIL)],
            [
                ["email", EMAIL, ["store", "web"], 2, EARLY, LATER, False],
                ["phone", PHONE, ["web"], 1, LATER, LATER, False],
            ],
        ),
        (
            [record(1, "web", LATEST, EMAIL), record(2, "web", None, EMAIL), record(3, "web", LATER, EMAIL)],
            [["email", EMAIL, ["web"], 3, LATER, LATEST, False]],
        ),
        (
            [record(1, "web", None, EMAIL), record(2, "web", EARLY, EMAIL)],
            [["email", EMAIL, ["web"], 2, *[EARLY] * 2, False]],
        ),
    ],
    ids=["none", "a record without a moment", "two channels", "fractions of a second", "a moment after none"],
)
def test_identifiers_are_told_from_the_records(records: list[list[Any]], identifiers: list[list[Any]]) -> None:
    table = opened(text(*records))
    assert table[len(PLAIN)] == identifiers
    assert table[len(PLAIN) + 2] == [each[:4] for each in records]
    assert identifiers_in(text(*records)) == [(each[0], each[1]) for each in identifiers]
    assert record_numbers(text(*records)) == [each[0] for each in records]
    held = ([each[0] for each in records], {(each[0], each[1]) for each in identifiers})
    assert held_in(text(*records)) == held


def test_what_is_shared_is_marked_and_told_only_where_it_is_news() -> None:
    alone = text(record(1, "web", EARLY, EMAIL, PHONE))
    both = marked(alone, {("email", EMAIL): True, ("phone", PHONE): False, ("email", "else@b.example"): True})
    assert both is not None
    assert [each[-1] for each in opened(both)[len(PLAIN)]] == [True, False]
    assert marked(both, {("email", EMAIL): True}) is None
    assert marked(both, {("email", EMAIL): False}) == alone


def test_segments_and_traits_are_told_anew() -> None:
    before = text(record(1, "web", EARLY, EMAIL), shared=(("email", EMAIL),))
    assert marked(before, {}, (["regular"], {"orders": 2})) is None
    after = opened(marked(before, {}, (["lapsed"], {"orders": 2})) or b"")
    assert after[PLAIN.index("segments")] == ["lapsed"]
    assert after[len(PLAIN)] == opened(before)[len(PLAIN)]


def test_a_document_of_an_earlier_generation_is_read_as_it_is() -> None:
    identifiers = [["email", EMAIL, ["web"], 1, EARLY, EARLY, True]]
    table = [*CELLS, [], {}, {}, identifiers, [], [record(1, "web", EARLY)[:4]]]
    before = orjson.dumps(table)
    assert opened(before) == table
    assert (customer_of(before), record_numbers(before), identifiers_in(before)) == ("cus_1", [1], [("email", EMAIL)])
