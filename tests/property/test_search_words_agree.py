"""The words an agent finds a customer by are the same from the rule for one customer and from the SQL for everyone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from profile_service.identity.records import STANDARD_COLUMNS
from profile_service.search_terms import SEARCH_COLUMNS, mailbox_words, search_terms, search_terms_sql


@dataclass(frozen=True)
class Card:
    """As much of a record as the rule reads."""

    source_record_id: str = "S-1"
    standard: Mapping[str, str | None] = field(default_factory=dict)


words = st.text(st.sampled_from("abz é0'"), min_size=1, max_size=9)
names = st.lists(st.text("abcdm", min_size=1, max_size=5), min_size=1, max_size=3).map(" ".join)
mailboxes = st.text("abc.7_é", min_size=1, max_size=30)
cards = st.builds(
    Card,
    source_record_id=words,
    standard=st.fixed_dictionaries(
        {},
        optional={
            **dict.fromkeys(("given_name", "given_fixed", "given_roots", "middle_name", "family_fixed"), names),
            "given_sound": st.text("MTR0K ", min_size=1, max_size=4),
            "family_sound": st.text("SM0", min_size=1, max_size=4),
            "email": st.builds("{}@{}".format, mailboxes, st.sampled_from(["shop.com", "a-b.co.uk", "é.é"])),
            "phone": st.from_regex(r"\+?[0-9]{6,12}", fullmatch=True),
            "birth_date": st.dates().map(str),
            "postcode": words,
            "city": names,
            "loyalty_id": st.text("l09", min_size=4, max_size=9),
        },
    ),
)


@settings(max_examples=60)
@given(st.lists(st.lists(cards, min_size=1, max_size=3), min_size=1, max_size=4))
def test_the_rule_for_one_and_the_sql_for_everyone_give_the_same_words(customers: list[list[Card]]) -> None:
    with duckdb.connect() as work:
        columns = ", ".join(f"{column} VARCHAR" for column in STANDARD_COLUMNS)
        work.execute(f"CREATE TABLE cards (customer_id VARCHAR, source_record_id VARCHAR, {columns})")
        rows = [
            [f"cus_{number}", card.source_record_id, *(card.standard.get(name) for name in STANDARD_COLUMNS)]
            for number, records in enumerate(customers)
            for card in records
        ]
        work.executemany(f"INSERT INTO cards VALUES ({', '.join('?' * (2 + len(STANDARD_COLUMNS)))})", rows)
        found = work.execute(f"SELECT * FROM ({search_terms_sql('cards')})").fetchall()
    assert len(found) == len(customers)
    for customer, *texts in found:
        told = search_terms(customers[int(customer.removeprefix("cus_"))])
        assert {column: sorted(text.split()) for column, text in zip(SEARCH_COLUMNS, texts, strict=True)} == told


@pytest.mark.parametrize(
    ("mailbox", "expected"),
    [
        ("jane.doe7", ["janedoe7", "anedoe7", "nedoe7", "edoe7", "doe7", "oe7"]),
        ("jd", ["jd"]),
        ("j_d_x", ["jdx"]),
        ("é", []),
    ],
)
def test_a_mailbox_is_found_by_any_fragment_of_three_letters(mailbox: str, expected: list[str]) -> None:
    assert mailbox_words(mailbox) == expected
