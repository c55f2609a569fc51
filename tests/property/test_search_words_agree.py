"""The words an agent finds a customer by are the same from the rule for one customer and from the SQL for everyone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from profile_service.search_terms import SEARCHED_COLUMNS, search_terms, search_words_sql


@dataclass(frozen=True)
class Card:
    """As much of a record as the rule reads."""

    source_record_id: str = "S-1"
    standard: Mapping[str, str | None] = field(default_factory=dict)


def _with_mailbox(values: dict[str, str | None]) -> dict[str, str | None]:
    email = values.get("email")
    return values | ({"email_local": email.rpartition("@")[0]} if email else {})


names = st.lists(st.text("abcdm", min_size=1, max_size=5), min_size=1, max_size=3).map(" ".join)
codes = st.text("abl09", min_size=3, max_size=9)
mailboxes = st.text("abc.7_'-|", min_size=1, max_size=30)
cards = st.builds(
    Card,
    source_record_id=st.text(st.sampled_from("abZ é0'-:İ"), min_size=1, max_size=9),
    standard=st.fixed_dictionaries(
        {},
        optional={
            **dict.fromkeys(("given_name", "given_fixed", "given_roots", "middle_name", "family_fixed", "city"), names),
            "family_name": names,
            "given_sound": st.text("MTR0K ", min_size=1, max_size=4),
            "family_sound": st.text("SM0", min_size=1, max_size=4),
            "email": st.builds("{}@{}".format, mailboxes, st.sampled_from(["shop.com", "a-b.co.uk"])),
            "phone": st.from_regex(r"\A\+?[0-9]{6,12}\Z"),
            "birth_date": st.dates().map(str),
            "postcode": codes,
            "street_name": st.text("abc", min_size=1, max_size=5),
            "loyalty_id": codes,
        },
    ).map(_with_mailbox),
)


@settings(max_examples=60)
@given(st.lists(st.lists(cards, min_size=1, max_size=3), min_size=1, max_size=4))
def test_the_rule_for_one_and_the_sql_for_everyone_give_the_same_words(customers: list[list[Card]]) -> None:
    with duckdb.connect() as work:
        columns = ", ".join(f"{column} VARCHAR" for column in SEARCHED_COLUMNS)
        work.execute(f"CREATE TABLE cards (number INTEGER, source_record_id VARCHAR, {columns})")
        rows = [
            [number, card.source_record_id, *(card.standard.get(name) for name in SEARCHED_COLUMNS)]
            for number, records in enumerate(customers)
            for card in records
        ]
        work.executemany(f"INSERT INTO cards VALUES ({', '.join('?' * (2 + len(SEARCHED_COLUMNS)))})", rows)
        found = work.execute(f"SELECT DISTINCT * FROM ({search_words_sql('cards')}) ORDER BY ALL").fetchall()
    assert found == [(number, word) for number, records in enumerate(customers) for word in search_terms(records)]


@pytest.mark.parametrize(
    ("column", "value", "expected"),
    [
        ("email", "jane.doe7@gmail.com", ["d_gmail.com", "m_janedoe7"]),
        ("phone", "+441632960001", ["p_100069236144"]),
        ("city", "st albans", ["c_albans", "c_st"]),
        ("loyalty_id", "l0042", ["k_2400l", "l_l0042"]),
        ("given_sound", "0MS", ["s_0ms"]),
        ("birth_date", "1980-02-29", ["b_19800229"]),
    ],
)
def test_a_word_says_what_it_is(column: str, value: str, expected: list[str]) -> None:
    assert search_terms([Card("S-7", {column: value})]) == sorted([*expected, "i_s7"])
