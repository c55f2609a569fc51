"""What SQL answers for plain values is what the Python rule answers, and it answers for ordinary ones."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.standardise import define_value_rules, houses_sql, streets_sql
from profile_service.identity import shortcuts, values
from profile_service.identity.phones import phone
from profile_service.identity.vocabulary import packaged_vocabulary
from tests.property.test_standard_values_stand import COUNTRIES, numbers, texts, words

WORDS = packaged_vocabulary()


def _given(text: str) -> list[str | None]:
    parts = values.name_parts(text, WORDS)
    return [parts.first, parts.rest, parts.suffix]


def _family(text: str) -> list[str | None]:
    parts = values.name_parts(text, WORDS)
    return [values.family_name(parts), parts.suffix]


SHORT_WAYS: dict[str, tuple[shortcuts.Shortcut, Callable[[str], Any]]] = {
    "identifier": (shortcuts.identifier_shortcut(), lambda text: values.digits_or_letters(text, WORDS)),
    "given name": (shortcuts.given_name_shortcut(WORDS), _given),
    "family name": (shortcuts.family_name_shortcut(WORDS), _family),
    "postcode": (shortcuts.postcode_shortcut(), lambda text: values.postcode(text, WORDS)),
    "email": (shortcuts.email_shortcut(WORDS), lambda text: values.email(text, WORDS)),
}
junk = st.sampled_from(sorted(WORDS.junk | WORDS.junk_names | WORDS.titles | WORDS.suffixes.keys()))
addresses = st.builds(
    "{}{}@{}".format,
    st.sampled_from(["", ".", "n.", "J_", "x-"]),
    st.sampled_from([*sorted(WORDS.junk_mailboxes), "Jo.Smith", ".", "a+b", "ü"]),
    st.sampled_from(
        [*sorted(WORDS.dotless_domains), *sorted(WORDS.same_domain), "X.org", "a.co.uk", "x", "x..y", "ö.de"]
    ),
)
identifiers = st.text("aB0-Ä ", min_size=1, max_size=9)
two_names = st.builds("{}{}{}".format, st.one_of(junk, words), st.sampled_from([" ", "-", "  ", "'", " - "]), words)
postcodes = st.from_regex(r"[09]{4,6}(-[09]{3,5})?", fullmatch=True)
plain_or_not = st.one_of(texts, junk, junk.map(str.title), two_names, addresses, postcodes, identifiers)


def _short(shortcut: shortcuts.Shortcut, raws: list[str], country: str | None = None) -> list[Any]:
    with duckdb.connect() as connection:
        distinct = "SELECT unnest($raws) AS raw, $country::VARCHAR AS country"
        return connection.execute(
            f"SELECT raw, cheap FROM ({shortcut.over(distinct)})", {"raws": raws, "country": country}
        ).fetchall()


@pytest.mark.parametrize("kind", SHORT_WAYS)
@settings(max_examples=25, deadline=None)
@given(raws=st.lists(plain_or_not, min_size=20, max_size=60))
def test_the_short_way_is_the_rule_wherever_it_answers(kind: str, raws: list[str]) -> None:
    shortcut, rule = SHORT_WAYS[kind]
    assert [(raw, short) for raw, short in _short(shortcut, raws) if short is not None and short != rule(raw)] == []


@settings(max_examples=25, deadline=None)
@given(
    raws=st.lists(numbers, min_size=20, max_size=60),
    dialled=st.sampled_from(COUNTRIES),
    usual=st.lists(st.sampled_from([country for country in COUNTRIES if country]), unique=True),
)
def test_the_short_way_to_a_phone_number_is_the_rule_wherever_it_answers(
    raws: list[str], dialled: str | None, usual: list[str]
) -> None:
    found = _short(shortcuts.phone_shortcut(usual), raws, dialled)
    assert [(raw, short) for raw, short in found if short is not None and short != phone(raw, dialled)] == []


@pytest.mark.parametrize(
    ("shortcut", "raw", "standard"),
    [
        (shortcuts.identifier_shortcut(), "LC-000123", "lc000123"),
        (shortcuts.given_name_shortcut(WORDS), "MARY", ["mary", None, None]),
        (shortcuts.given_name_shortcut(WORDS), "Mary Jo", ["mary", "jo", None]),
        (shortcuts.family_name_shortcut(WORDS), "Smith-Jones", ["smith jones", None]),
        (shortcuts.postcode_shortcut(), "94103-1234", "94103"),
        (shortcuts.postcode_shortcut(), "94103", "94103"),
        (shortcuts.email_shortcut(WORDS), "Jo.Smith@GMail.com", "josmith@gmail.com"),
        (shortcuts.email_shortcut(WORDS), "Jo.Smith@x.org", "jo.smith@x.org"),
        (shortcuts.phone_shortcut(["GB", "US"]), "(212) 555-0123", "+12125550123"),
        (shortcuts.phone_shortcut(["US"]), "+44 20 7946 0000", "+442079460000"),
    ],
)
def test_the_short_way_answers_for_ordinary_values(shortcut: shortcuts.Shortcut, raw: str, standard: object) -> None:
    assert _short(shortcut, [raw], "US") == [(raw, standard)]


house_numbers = st.sampled_from(["", "12 ", "007 ", "1  ", "12b ", "3 4 ", "٣ "])
streets = st.builds(
    "{}{}".format,
    house_numbers,
    st.one_of(texts, words, junk, st.sampled_from(["Apt 4", "9 Main St", "North St", "5th Ave", "Hwy 50"])),
)


@settings(max_examples=50, deadline=None)
@given(raws=st.lists(streets.filter(bool), min_size=20, max_size=60, unique=True))
def test_a_street_read_apart_from_its_house_number_is_the_line_read_whole(raws: list[str]) -> None:
    with duckdb.connect() as connection:
        define_value_rules(connection, WORDS)
        connection.execute("CREATE TABLE lines AS SELECT unnest($raws) AS raw, 1 AS n", {"raws": raws})
        connection.execute(f"CREATE TABLE houses AS {houses_sql('FROM lines')}")
        read = "(SELECT street, rule_street(street) AS list FROM (SELECT DISTINCT street FROM houses))"
        found = dict(connection.execute(f"SELECT raw, list FROM ({streets_sql('houses', read)})").fetchall())
    wholes = {raw: values.street(raw, WORDS) for raw in raws}
    assert found == {raw: [whole.line, whole.number, whole.name] for raw, whole in wholes.items()}
