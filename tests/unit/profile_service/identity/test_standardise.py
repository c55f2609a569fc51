"""One record as sent becomes one record as compared."""

from __future__ import annotations

import pytest

from profile_service.identity.block import blocking_keys
from profile_service.identity.model import packaged_model
from profile_service.identity.records import STANDARD_COLUMNS
from profile_service.identity.standardise import name_pair, standardise_record
from tests.linkage_world import Learned, raw

MODEL = packaged_model()


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        (
            {"given_name": "Bob", "family_name": "Smith Jr"},
            {
                "given_name": "bob",
                "given_root": "robert",
                "family_name": "smith",
                "suffix": "jr",
                "name_pair": "bob smith",
            },
        ),
        ({"given_name": "Mary Jane"}, {"given_name": "mary", "middle_name": "jane", "name_pair": None}),
        ({"given_name": "Mary Jane", "middle_name": "Ann"}, {"middle_name": "ann"}),
        (
            {"full_name": "Ludwig van Beethoven"},
            {"given_name": "ludwig", "middle_name": "van", "family_name": "beethoven"},
        ),
        ({"full_name": "Cher"}, {"given_name": None, "family_name": None}),
        ({"full_name": "Ann Lee", "given_name": "Bea"}, {"given_name": "bea", "family_name": None}),
        (
            {"email": "Kate.H+shop@googlemail.com"},
            {"email": "kateh@gmail.com", "email_local": "kateh"},
        ),
        (
            {"phone": "020 7946 0000", "country": "United Kingdom"},
            {"phone": "+442079460000", "phone_tail": "9460000", "country": "GB"},
        ),
        ({"phone": "020 7946 0000"}, {"phone": "02079460000", "country": None}),
        (
            {"street": "12b Main Street, Flat 3", "street_2": "Building C"},
            {"street": "12b main st flat 3", "street_number": "12b", "street_name": "main", "street_2": "building c"},
        ),
        ({"given_name": "  ", "email": "nan", "city": "N/A"}, {"given_name": None, "email": None, "city": None}),
    ],
    ids=lambda fields: " ".join(fields) if isinstance(fields, dict) else "",
)
def test_a_record_is_read_field_by_field(fields: dict[str, str | None], expected: dict[str, str | None]) -> None:
    record = standardise_record(raw(**fields), MODEL, {})
    assert {column: record[column] for column in expected} == expected


def test_every_column_is_there_whatever_was_sent() -> None:
    assert tuple(sorted(standardise_record(raw(), MODEL, {}).values)) == tuple(sorted(STANDARD_COLUMNS))


def test_a_generic_value_goes_missing_with_all_that_is_derived_from_it() -> None:
    fields = {"phone": "+1 212 555 0100", "email": "shop@example.com", "street": "1 Shop Road", "postcode": "60614"}
    generic = {"phone": {"+12125550100"}, "email": {"shop@example.com"}, "street": {"1 shop rd"}}
    record = standardise_record(raw(**fields), MODEL, generic)
    lost = ("phone", "phone_tail", "email", "email_local", "street", "street_number", "street_name")
    assert {record[column] for column in lost} == {None}
    assert record["postcode"] == "60614"


def test_a_number_without_a_country_is_dialled_where_most_records_are(learned: Learned) -> None:
    assert standardise_record(raw(phone="(212) 555-0147"), learned.model, {})["phone"] == "+12125550147"


def test_lines_of_an_address_in_each_others_place_are_read_as_if_they_were_not() -> None:
    swapped = standardise_record(raw(street="Flat 4", street_2="12 Church Lane"), MODEL, {})
    right = standardise_record(raw(street="12 Church Lane", street_2="Flat 4"), MODEL, {})
    assert swapped.values == right.values


def test_a_given_name_of_two_words_in_the_place_of_a_family_name_is_read_as_two(learned: Learned) -> None:
    record = standardise_record(raw(given_name="Smith", family_name="Mrs Mary K"), learned.model, {})
    assert (record["given_name"], record["middle_name"], record["family_name"]) == ("mary", "k", "smith")


@pytest.mark.parametrize(("text", "given"), [("Nan Smith", "nann"), ("nan Smith", None), ("NaN Smith", None)])
def test_a_full_name_begins_with_a_short_form_only_where_a_person_wrote_it(text: str, given: str | None) -> None:
    assert standardise_record(raw(full_name=text), MODEL, {})["given_name"] == given


def test_swapped_names_meet_in_their_pair() -> None:
    assert name_pair("ann", "lee") == name_pair("lee", "ann") == "ann lee"
    assert name_pair(None, "lee") is None
    assert name_pair("ann", None) is None


def test_a_missing_value_is_never_a_key() -> None:
    record = standardise_record(raw(given_name="Ann", postcode="60614", phone="00000000"), MODEL, {})
    assert blocking_keys(record, MODEL) == {
        "given and postcode": ("ann", "60614"),
        "postcode and initial": ("60614", "a"),
    }
    assert blocking_keys(standardise_record(raw(), MODEL, {}), MODEL) == {}
