"""Phone numbers in E.164, and the countries they would be dialled in."""

from __future__ import annotations

import pytest

from profile_service.identity.phones import country_code, most_frequent_country, numbering_plan, phone
from profile_service.identity.vocabulary import packaged_vocabulary


@pytest.mark.parametrize(
    ("text", "country", "number"),
    [
        # inside a country, as people write it there
        ("(212) 555-0123", "US", "+12125550123"),
        ("212.555.0123", "US", "+12125550123"),
        ("1-212-555-0123", "US", "+12125550123"),
        ("020 7946 0000", "GB", "+442079460000"),
        ("07700 900123", "GB", "+447700900123"),
        ("7700 900123", "GB", "+447700900123"),
        ("02 9876 5432", "AU", "+61298765432"),
        ("0412 345 678", "AU", "+61412345678"),
        ("030 1234567", "DE", "+49301234567"),
        ("01 23 45 67 89", "FR", "+33123456789"),
        ("06 1234 5678", "IT", "+390612345678"),  # Italy dials the nought
        ("087 123 4567", "IE", "+353871234567"),
        ("91 123 45 67", "ES", "+34911234567"),
        # with a calling code
        ("+44 20 7946 0000", "US", "+442079460000"),
        ("+44 (0)20 7946 0000", "US", "+442079460000"),
        ("+44 (0) (0)20 7946 0000", "US", "+442079460000"),
        ("0044 20 7946 0000", "US", "+442079460000"),
        ("(+49) 30 1234567", None, "+49301234567"),
        ("44 20 7946 0000", "GB", "+442079460000"),
        ("+1 212 555 0123", "DE", "+12125550123"),
        # extensions go
        ("212-555-0123 ext. 45", "US", "+12125550123"),
        ("212-555-0123x45", "US", "+12125550123"),
        ("212-555-0123 #45", "US", "+12125550123"),
        # digits in other scripts
        ("０２０ ７９４６ ００００", "GB", "+442079460000"),
        # nothing is known of where it would be dialled: digits, so that equal ones still agree
        ("212 555 0123", None, "2125550123"),
        ("212 555 0123", "XX", "2125550123"),
        # no number at all
        ("12345", "US", None),
        ("000 000", "US", None),
        ("00012345", "US", None),
        ("0000000000", "US", None),
        ("999-9999999", "US", None),
        ("1111111111", "US", None),
        ("call me", "US", None),
        (None, "US", None),
    ],
)
def test_a_number_becomes_e164(text: str | None, country: str | None, number: str | None) -> None:
    assert phone(text, country) == number


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("US", "US"),
        ("U.S.A.", "US"),
        ("United  States", "US"),
        ("england", "GB"),
        ("Österreich", "AT"),
        ("fr", "FR"),
        ("ke", "KE"),
        ("zz", None),
        ("Atlantis", None),
        (None, None),
    ],
)
def test_a_country_is_known_as_channels_write_it(text: str | None, code: str | None) -> None:
    assert country_code(text, packaged_vocabulary()) == code


@pytest.mark.parametrize(
    ("numbers", "country"),
    [
        ([], None),
        (["nonsense", "+"], None),
        (["+442079460000", "+12125550123", "+442079460001"], "GB"),
        (["+442079460000", "+12125550123"], "US"),  # a tie goes one way, always the same
    ],
)
def test_most_numbers_tell_the_country(numbers: list[str], country: str | None) -> None:
    assert most_frequent_country(numbers) == country
    assert most_frequent_country(numbers[::-1]) == country


def test_a_country_without_a_plan_has_none() -> None:
    assert numbering_plan("XX") is None
    plan = numbering_plan("DE")
    assert plan is not None
    assert (plan.calling_code, plan.national_prefix) == ("49", "0")
