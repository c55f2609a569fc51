"""Why what was written says nothing: words for nothing are told, what may be somebody's own is not."""

from __future__ import annotations

import pytest

from profile_service.identity.placeholders import KNOWN, REPEATED, UNREADABLE, Nothing, why_nothing
from profile_service.identity.vocabulary import packaged_vocabulary

WORDS = packaged_vocabulary()


@pytest.mark.parametrize(
    ("field", "text", "told"),
    [
        ("given_name", " GUEST ", "guest"),
        ("given_name", "Guest 0612345678", "guest"),
        ("family_name", "Walk-In Customer", "walk in customer"),
        ("given_name", "NaN", "nan"),
        ("given_name", "Mr. & Mrs.", "mr mrs"),
        ("full_name", "Guest", "guest"),
        ("middle_name", "-", "-"),
        ("email", "N/A", "n/a"),
        ("email", "NoEmail+7@smith-family.example", "noemail@*"),
        ("birth_date", "1900-01-01T00:00:00", "1900-01-01"),
        ("birth_date", "Unknown", "unknown"),
        ("street", "No  Address", "no address"),
        ("city", "n.a.", "n.a."),
        ("postcode", "Missing", "missing"),
        ("sex", "unknown", "unknown"),
        ("country", "none", "none"),
        ("phone", "not given", "not given"),
        ("loyalty_id", "N/A", "n/a"),
    ],
)
def test_words_for_nothing_are_told_as_written(field: str, text: str, told: str) -> None:
    assert why_nothing(field, text, WORDS) == Nothing(told, KNOWN)


@pytest.mark.parametrize(
    ("field", "text", "told", "why"),
    [
        ("given_name", "Guest " * 20, "guest " * 19 + "guest", KNOWN),
        ("given_name", "Guest " * 20_000, "guest " * 20 + "… (119,999 characters)", KNOWN),
        ("loyalty_id", "0" * 1_000, "0" * 120 + "… (1,000 characters)", REPEATED),
        ("street", "-" * 1_000, "-" * 120 + "… (1,000 characters)", KNOWN),
    ],
    ids=["just short enough", "a name", "noughts", "a word for nothing"],
)
def test_of_a_value_without_end_the_beginning_is_told(field: str, text: str, told: str, why: str) -> None:
    assert why_nothing(field, text, WORDS) == Nothing(told, why)


@pytest.mark.parametrize(
    ("field", "text", "told"),
    [
        ("loyalty_id", "0000-0000", "00000000"),
        ("loyalty_id", "0", "0"),
        ("device_id", "FFFF-FFFF", "ffffffff"),
        ("phone", "+1 (000) 000-0000", "10000000000"),
        ("phone", "555-555-5555", "5555555555"),
        ("postcode", "00000", "00000"),
        ("postcode", "99999", "99999"),
        ("email", "000000", "000000"),
    ],
)
def test_one_character_repeated_is_told_as_such(field: str, text: str, told: str) -> None:
    assert why_nothing(field, text, WORDS) == Nothing(told, REPEATED)


@pytest.mark.parametrize(
    ("field", "text"),
    [
        ("email", "ada.lovelace(at)example.com"),
        ("phone", "Ada Lovelace"),
        ("phone", "12345"),
        ("birth_date", "10th of December 1815"),
        ("given_name", "0612345678"),
        ("full_name", "Lovelace"),
        ("loyalty_id", "L7"),
    ],
)
def test_what_cannot_be_read_may_be_somebody_s_own_and_is_only_counted(field: str, text: str) -> None:
    assert why_nothing(field, text, WORDS) == Nothing(None, UNREADABLE)


@pytest.mark.parametrize(("field", "text"), [("sex", "x"), ("sex", "undisclosed"), ("country", "Atlantis")])
def test_an_answer_that_no_rule_reads_is_no_placeholder(field: str, text: str) -> None:
    assert why_nothing(field, text, WORDS) is None
