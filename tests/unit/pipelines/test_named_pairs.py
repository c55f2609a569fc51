"""Pairs everyone can judge, and the verdict a model trained on the sample must give them."""

from __future__ import annotations

from typing import Any

import pytest

from profile_service.identity.compare import compare_pair
from profile_service.identity.score import Score, score_pair
from profile_service.identity.standardise import standardise_record
from tests.linkage_world import Learned, raw

Fields = dict[str, str | None]
KATE: Fields = {
    "given_name": "Katherine",
    "family_name": "Holloway",
    "birth_date": "1984-03-09",
    "phone": "212-555-0147",
    "email": "katherine.holloway@gmail.com",
    "street": "48 Juniper Lane",
    "postcode": "60614",
    "city": "Chicago",
}
JIM: Fields = {**KATE, "given_name": "James", "family_name": "Smith", "email": "james.smith@gmail.com"}
FAR: Fields = {"street": "9 Harbor Road", "postcode": "98101", "city": "Seattle"}
HOME = ("street", "postcode", "city")


def of(person: Fields, *kept: str, **said: str) -> Fields:
    """A record of some of what is known of a person, and what it says otherwise."""
    return {name: person[name] for name in kept} | said


NAMES = ("given_name", "family_name")
SAME: dict[str, tuple[Fields, Fields]] = {
    "the same record twice": (KATE, KATE),
    "nickname, same phone": (of(KATE, *NAMES, "phone"), of(KATE, "family_name", "phone", given_name="Kate")),
    "spelling slip, same birth date and postcode": (
        of(KATE, *NAMES, "birth_date", "postcode"),
        of(KATE, "family_name", "birth_date", "postcode", given_name="Katharine"),
    ),
    "surname changed on marriage, same e-mail": (
        of(KATE, *NAMES, "email"),
        of(KATE, "given_name", "email", family_name="Brennan"),
    ),
    "surname changed on marriage, same phone and birth date": (
        of(KATE, *NAMES, "phone", "birth_date"),
        of(KATE, "given_name", "phone", "birth_date", family_name="Brennan"),
    ),
    "swapped names, same phone": (
        of(KATE, *NAMES, "phone"),
        of(KATE, "phone", given_name="Holloway", family_name="Katherine"),
    ),
    "swapped and misspelt names, same phone": (
        of(KATE, *NAMES, "phone"),
        of(KATE, "phone", given_name="Hollowey", family_name="Kathirine"),
    ),
    "one name in the e-mail address alone, same postcode": (
        of(KATE, *NAMES, "postcode", "birth_date"),
        of(KATE, "family_name", "email", "postcode"),
    ),
    "moved house, same phone and birth date": (
        of(KATE, *NAMES, *HOME, "phone", "birth_date"),
        of(KATE, *NAMES, "phone", "birth_date") | FAR,
    ),
    "moved house, same e-mail": (of(KATE, *NAMES, *HOME, "email"), of(KATE, *NAMES, "email") | FAR),
    "no name on either side, same phone and address": (of(KATE, *HOME, "phone"), of(KATE, *HOME, "phone")),
    "Guest with the same e-mail": (of(KATE, "email", given_name="Guest"), of(KATE, *NAMES, "email")),
    "initial only, same e-mail": (of(KATE, *NAMES, "email"), of(KATE, "family_name", "email", given_name="K.")),
    "day and month swapped, same town": (
        of(KATE, *NAMES, "birth_date", "city"),
        of(KATE, *NAMES, "city", birth_date="1984-09-03"),
    ),
    "same loyalty card, names as heard on the phone": (
        of(KATE, *NAMES, loyalty_id="LC0083125"),
        {"given_name": "Catherine", "family_name": "Haloway", "loyalty_id": "LC 0083125"},
    ),
    "full name and house, nothing else": (of(KATE, *NAMES, *HOME), of(KATE, *NAMES, *HOME)),
    "one digit of the phone number off": (of(KATE, *NAMES, "phone"), of(KATE, *NAMES, phone="212 555 0174")),
}
DIFFERENT: dict[str, tuple[Fields, Fields]] = {
    "no name on either side, one address": (of(KATE, *HOME), of(KATE, *HOME)),
    "Guest at the same address": (of(KATE, *HOME, given_name="Guest"), of(KATE, *NAMES, *HOME)),
    "sisters at one address": (
        of(KATE, *NAMES, *HOME, "birth_date"),
        of(KATE, "family_name", *HOME, given_name="Margaret", birth_date="1986-07-21"),
    ),
    "sisters at one address who share a phone": (
        of(KATE, *NAMES, *HOME, "birth_date", "phone"),
        of(KATE, "family_name", *HOME, "phone", given_name="Margaret", birth_date="1986-07-21"),
    ),
    "husband and wife with one phone": (
        of(KATE, *NAMES, *HOME, "phone"),
        of(KATE, "family_name", *HOME, "phone", given_name="Thomas"),
    ),
    "shared family e-mail, different given names": (
        of(KATE, *NAMES, "email"),
        of(KATE, "family_name", "email", given_name="Thomas"),
    ),
    "neighbours": (of(KATE, *NAMES, *HOME), of(KATE, *HOME, given_name="Omar", family_name="Reyes")),
    "a phone number given to somebody else": (
        of(KATE, *NAMES, "phone", "postcode"),
        {"given_name": "Dmitri", "family_name": "Okafor", "phone": "212-555-0147", "postcode": "33101"},
    ),
    "namesakes in different towns with different birth dates": (
        of(JIM, *NAMES, *HOME, "birth_date"),
        of(JIM, *NAMES, birth_date="1961-12-24") | FAR,
    ),
    "strangers born on one day in one town": (
        of(KATE, *NAMES, "birth_date", "city"),
        of(KATE, "birth_date", "city", given_name="Omar", family_name="Reyes"),
    ),
    "another's first name in the e-mail address, at one address": (
        of(KATE, *NAMES, *HOME),
        of(KATE, "family_name", *HOME, email="robert.holloway@gmail.com"),
    ),
    "twins at one address": (
        of(KATE, *NAMES, *HOME, "birth_date"),
        of(KATE, "family_name", *HOME, "birth_date", given_name="Margaret"),
    ),
    "father and junior at one address": (
        of(JIM, *NAMES, *HOME, birth_date="1952-11-30"),
        of(JIM, "given_name", *HOME, "birth_date", family_name="Smith Jr"),
    ),
    "namesakes with like e-mails": (
        of(JIM, *NAMES, *HOME, "birth_date", "email"),
        of(JIM, *NAMES, birth_date="1961-12-24", email="jamessmith@yahoo.com") | FAR,
    ),
}
BORDERLINE: dict[str, tuple[Fields, Fields]] = {
    "one phone number and nothing else": (of(KATE, "phone"), of(KATE, "phone")),
    "one device, no value in common": (of(KATE, "email", device_id="dev-77"), of(KATE, *NAMES, device_id="dev-77")),
    "a common name and nothing else": (of(JIM, *NAMES), of(JIM, *NAMES)),
}


# What two records cannot tell: the model calls these one person.
def score(learned: Learned, left: Fields, right: Fields) -> Score:
    """The match weight of two records as sent."""
    one, other = (standardise_record(raw(**fields), learned.model, {}) for fields in (left, right))
    return score_pair(compare_pair(one, other, learned.model), learned.model)


@pytest.mark.parametrize(("other", "level"), [("Mark", "alike"), ("Marianthe", "close")])
def test_two_usual_names_are_no_slips_of_each_other(learned: Learned, other: str, level: str) -> None:
    one, two = (
        standardise_record(raw(given_name=given, family_name="Smith"), learned.model, {}) for given in ("Maria", other)
    )
    levels = learned.model.level_names(compare_pair(one, two, learned.model))
    assert levels["given_name"] == level


@pytest.mark.parametrize("name", SAME)
def test_one_person_is_known_again(learned: Learned, name: str) -> None:
    found = score(learned, *SAME[name])
    assert found.bits > 0, found


@pytest.mark.parametrize("name", DIFFERENT)
def test_two_people_are_told_apart(learned: Learned, name: str) -> None:
    found = score(learned, *DIFFERENT[name])
    assert found.bits < 0, found


@pytest.mark.parametrize("name", BORDERLINE)
def test_what_says_too_little_is_left_to_other_records_or_a_steward(learned: Learned, name: str) -> None:
    low, high = learned.model.clustering.borderline_bits
    found = score(learned, *BORDERLINE[name])
    assert low < found.bits < high, found


WEAKER: dict[str, tuple[tuple[Fields, Fields], tuple[Fields, Fields]]] = {
    "a common name than a rare one": (
        (of(JIM, *NAMES), of(JIM, *NAMES)),
        (of(KATE, *NAMES), of(KATE, *NAMES)),
    ),
    "an initial than the name": (
        (of(KATE, *NAMES, "email"), of(KATE, "family_name", "email", given_name="K")),
        (of(KATE, *NAMES, "email"), of(KATE, *NAMES, "email")),
    ),
    "a slip in the birth date than none": (
        (of(JIM, *NAMES, "birth_date"), of(JIM, *NAMES, birth_date="1984-08-19")),
        (of(JIM, *NAMES, "birth_date"), of(JIM, *NAMES, "birth_date")),
    ),
    "a shared phone once the given names differ": (
        (of(KATE, *NAMES, "phone"), of(KATE, "family_name", "phone", given_name="Thomas")),
        (of(KATE, *NAMES, "phone"), of(KATE, "family_name", "phone", given_name="Kate")),
    ),
}


@pytest.mark.parametrize("name", WEAKER)
def test_weaker_evidence_weighs_less(learned: Learned, name: str) -> None:
    weak, strong = WEAKER[name]
    assert score(learned, *weak).bits < score(learned, *strong).bits


LEVELS: dict[str, tuple[Fields, Fields, dict[str, Any]]] = {
    "nickname": ({"given_name": "Bob"}, {"given_name": "Robert"}, {"given_name": "nickname"}),
    "two short forms of one name": ({"given_name": "Bob"}, {"given_name": "Robbie"}, {"given_name": "nickname"}),
    "initial": ({"given_name": "R."}, {"given_name": "Robert"}, {"given_name": "initial"}),
    "another initial": ({"given_name": "T."}, {"given_name": "Robert"}, {"given_name": "differ"}),
    "swapped names leave the family name silent": (
        {"given_name": "Anna", "family_name": "Zhou"},
        {"given_name": "Zhou", "family_name": "Anna"},
        {"given_name": "swapped", "family_name": "missing"},
    ),
    "part of a double name": ({"family_name": "Reyes-Ortega"}, {"family_name": "Ortega"}, {"family_name": "part"}),
    "an accent is no difference": (
        {"family_name": "Núñez"},
        {"family_name": "NUNEZ"},
        {"family_name": "exact (rarest)"},
    ),
    "day and month swapped": ({"birth_date": "1984-03-09"}, {"birth_date": "1984-09-03"}, {"birth_date": "swapped"}),
    "one digit of the day": ({"birth_date": "1984-03-09"}, {"birth_date": "1984-03-08"}, {"birth_date": "one slip"}),
    "another day": ({"birth_date": "1984-03-09"}, {"birth_date": "1984-03-28"}, {"birth_date": "two parts"}),
    "the year": ({"birth_date": "1984-03-09"}, {"birth_date": "1984-11-28"}, {"birth_date": "year"}),
    "another provider": ({"email": "k.holloway@gmx.de"}, {"email": "k.holloway@web.de"}, {"email": "mailbox"}),
    "country code forgotten": ({"phone": "+1 212 555 0147"}, {"phone": "2125550147"}, {"phone": "exact"}),
    "another area code": ({"phone": "212-555-0147"}, {"phone": "917-555-0147"}, {"phone": "same ending"}),
    "flat number in one only": (
        {"street": "48 Juniper Lane Apt 3"},
        {"street": "48 Juniper Ln"},
        {"street": "house"},
    ),
    "next door": ({"street": "48 Juniper Lane"}, {"street": "1250 Juniper Lane"}, {"street": "name"}),
    "a postcode says its city": (
        {"postcode": "60614", "city": "Chicago"},
        {"postcode": "60614-1234", "city": "Chicago"},
        {"city": "missing"},
    ),
    "the area of a postcode": ({"postcode": "60614"}, {"postcode": "60699"}, {"postcode": "area"}),
    "one side silent": ({"phone": "212-555-0147"}, {}, {"phone": "missing"}),
}


@pytest.mark.parametrize("name", LEVELS)
def test_each_kind_of_likeness_has_its_level(learned: Learned, name: str) -> None:
    left, right, expected = LEVELS[name]
    one, other = (standardise_record(raw(**fields), learned.model, {}) for fields in (left, right))
    found = learned.model.level_names(compare_pair(one, other, learned.model))
    assert {comparison: found[comparison] for comparison in expected} == expected
