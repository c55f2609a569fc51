"""A standard value is its own standard: each rule applied to what it answers answers the same."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from profile_service.identity import phones, values
from profile_service.identity.phones import phone
from profile_service.identity.spelling import Spellings
from profile_service.identity.standardise import nickname_roots
from profile_service.identity.vocabulary import packaged_vocabulary

WORDS = packaged_vocabulary()
COUNTRIES = ("US", "GB", "DE", "FR", "IT", "AU", "IE", "BR", "MX", "XX", None)


RULES: dict[str, Callable[[str], str | None]] = {
    "name": lambda text: values.family_name(values.name_parts(text, WORDS)),
    "email": lambda text: values.email(text, WORDS),
    "identifier": lambda text: values.digits_or_letters(text, WORDS),
    "birth date": lambda text: values.birth_date(text, WORDS),
    "street": lambda text: values.street(text, WORDS).line,
    "postcode": lambda text: values.postcode(text, WORDS),
    "place": lambda text: values.place(text, WORDS),
    "sex": lambda text: values.sex(text, WORDS),
    "country": lambda text: phones.country_code(text, WORDS),
    "folded text": values.fold,
}
known = WORDS.titles | WORDS.suffixes.keys() | WORDS.junk | WORDS.street_words.keys() | WORDS.place_words.keys()
words = st.sampled_from(
    [
        *sorted(known),
        "o'neil",
        "van",
        "García",
        "Jürgen",
        "n/a",
        "12b",
        "00210",
        "2480.0",
        "12345-6789",
        "+44",
        "(0)",
        "ext. 4",
    ]
)
texts = st.one_of(
    st.text(max_size=20),
    st.lists(words, min_size=1, max_size=5).map(" ".join),
    st.emails(),
    st.builds("{}+{}@{}".format, words, words, st.sampled_from(["gmail.com", "googlemail.com", "gmail.co", "x.org"])),
    st.dates().map(str),
    st.from_regex(r"\+?[0-9()][0-9 ().-]{5,14}", fullmatch=True),
)


@pytest.mark.parametrize("rule", RULES)
@settings(max_examples=150, deadline=None)
@given(text=texts)
@example("Undisclosed")
@example("mr jr sr smith")
@example("upon north a")
def test_a_standard_value_is_its_own_standard(rule: str, text: str) -> None:
    once = RULES[rule](text)
    if once is not None:
        assert RULES[rule](once) == once


numbers = st.one_of(
    st.from_regex(r"(\+|00|\(\+)?[0-9]{0,3}[ ).-]{0,2}(\(0\))?[0-9 .-]{4,14}( ?(x|ext|#)[0-9]{1,4})?", fullmatch=True),
    st.from_regex(r"[0-9(][0-9 ().-]{5,15}", fullmatch=True),
    st.text(alphabet="0123456789+() .-/x#,;abc٣", max_size=18),
    st.text(max_size=16),
)


@settings(max_examples=600, deadline=None)
@given(text=numbers, country=st.sampled_from(COUNTRIES))
@example("+44 00 1234567", "US")
@example("+440123", "US")
@example("00100000", "GB")
def test_a_standard_phone_number_is_its_own_standard(text: str, country: str | None) -> None:
    once = phone(text, country)
    if once is not None:
        assert phone(once, country) == once


@settings(max_examples=100, deadline=None)
@given(st.sampled_from(sorted(WORDS.nickname_roots)))
def test_the_usual_root_of_a_name_is_among_the_roots_of_its_root(name: str) -> None:
    roots = (nickname_roots(name, WORDS) or "").split(" ")
    assert all(root in (nickname_roots(root, WORDS) or "").split(" ") for root in roots)


@settings(max_examples=100, deadline=None)
@given(
    counts=st.dictionaries(st.text("abcde", min_size=3, max_size=6), st.integers(3, 500), max_size=12),
    name=st.text("abcde", min_size=1, max_size=6),
)
def test_a_name_is_only_corrected_to_one_far_more_frequent(counts: dict[str, int], name: str) -> None:
    spellings = Spellings(counts, least_count=4, times_as_frequent=10, least_length=4)
    corrected = spellings.correct(name)
    assert corrected == name or counts[corrected or ""] >= 10 * counts.get(name, 1)
