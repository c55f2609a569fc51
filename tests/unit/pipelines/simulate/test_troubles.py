"""Each trouble strikes at about its documented rate: the same retailer with it alone and without any, compared."""

import tomllib
from collections.abc import Callable, Mapping
from copy import deepcopy
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import pytest

from pipelines.simulate.life import Life, live
from pipelines.simulate.names import nicknames
from pipelines.simulate.options import CHANNELS, TROUBLES, Dice, Troubles
from pipelines.simulate.people import FAMILY, FLAT_MATES, LONE_PARENT, People, invent_people
from pipelines.simulate.records import Records, observe, records_a_person
from pipelines.simulate.spoil import BLANK_TOKENS, Spoiler

TABLES: Mapping[str, Any] = tomllib.loads(TROUBLES.read_text(encoding="utf-8"))
NOISY = ("names", "dates", "emails", "phones", "addresses", "junk", "blanks")


@dataclass(frozen=True)
class World:
    people: People
    life: Life
    records: Records

    def text(self, field: str) -> np.ndarray[Any, Any]:
        return self.records.fields[field].astype(str)

    def there(self, field: str) -> np.ndarray[Any, Any]:
        return self.text(field) != ""


@cache
def world(records: int = 12_000, seed: int = 3, noise: str = "usual", only: str | None = None) -> World:
    """A retailer with all its troubles, or with one alone (``table.name``), or (``only=""``) with none of the noise."""
    tables = deepcopy(dict(TABLES))
    if only is not None:
        for table in NOISY:
            tables[table] = {name: rate * (f"{table}.{name}" == only) for name, rate in tables[table].items()}
    return spoilt(tables, records, seed, noise)


def spoilt(tables: Mapping[str, Any], records: int = 12_000, seed: int = 3, noise: str = "usual") -> World:
    """A retailer with these rates."""
    chance = (Troubles(tables, noise), Dice(seed))
    people = invent_people(round(records * chance[0].rate("people.share_of_records")), *chance)
    life = live(people, *chance)
    observed = observe(people, life, records_a_person(records, len(people), *chance), chance)
    Spoiler(observed, people, life, chance).spoil()
    return World(people, life, observed)


def struck(name: str, records: int = 12_000, seed: int = 3) -> np.ndarray[Any, Any]:
    """Which records look otherwise because of one trouble."""
    present, calm = world(records, seed, only=name), world(records, seed, only="")
    differ = [present.records.fields[field] != calm.records.fields[field] for field in present.records.fields]
    return np.asarray(np.logical_or.reduce(differ), dtype=bool)


def _day_and_month_differ(calm: World) -> Any:
    return np.asarray(
        [len(day) == 10 and int(day[8:]) <= 12 and day[5:7] != day[8:] for day in calm.text("birth_date")]
    )


def _lacks(calm: World, field: str) -> Any:
    return np.isin(calm.text(field), ["", *BLANK_TOKENS])


def _of_country(calm: World, *countries: str) -> Any:
    return np.isin(calm.people.country[calm.records.person].astype(str), countries)


def _address_there(calm: World) -> Any:
    return calm.there("street") & ~_lacks(calm, "street")


# which records a trouble could strike, seen in the retailer without it
CAN_STRIKE: dict[str, Callable[[World], Any]] = {
    "names.nickname": lambda calm: (
        calm.there("given_name") & np.isin(calm.people.given[calm.records.person].astype(str), list(nicknames()))
    ),
    "names.initial": lambda calm: calm.there("given_name"),
    "names.middle_initial": lambda calm: calm.there("given_name"),
    "names.swapped": lambda calm: ~_lacks(calm, "given_name") & ~_lacks(calm, "family_name"),
    "names.phonetic": lambda calm: calm.records.of("call_center") & calm.there("family_name"),
    "names.given_typo": lambda calm: calm.there("given_name"),
    "names.family_typo": lambda calm: calm.there("family_name"),
    "names.double_barrelled": lambda calm: calm.there("family_name") & (calm.people.maiden[calm.records.person] != ""),
    "names.honorific": lambda calm: calm.there("given_name"),
    "names.upper_case": lambda calm: ~calm.records.of("web"),
    "names.lower_case": lambda calm: ~calm.records.of("call_center"),
    "names.accents_dropped": lambda calm: np.asarray(
        [
            not (given + family + street + city).isascii()
            for given, family, street, city in zip(
                *(calm.text(field) for field in ("given_name", "family_name", "street", "city")), strict=True
            )
        ]
    ),
    "dates.day_month_swapped": _day_and_month_differ,
    "dates.digit_wrong": lambda calm: calm.there("birth_date"),
    "dates.placeholder": lambda calm: calm.there("birth_date"),
    "dates.first_of_year": lambda calm: calm.there("birth_date"),
    "emails.typo": lambda calm: calm.there("email"),
    "emails.domain_typo": lambda calm: calm.there("email"),
    "emails.plus_tag": lambda calm: calm.there("email"),
    "emails.dots": lambda calm: np.char.endswith(np.char.lower(calm.text("email")), "@gmail.com"),
    "emails.capitals": lambda calm: calm.there("email"),
    "phones.typo": lambda calm: calm.there("phone"),
    "phones.cut_short": lambda calm: calm.there("phone"),
    "phones.extension": lambda calm: calm.there("phone"),
    "addresses.abbreviated": lambda calm: _address_there(calm) & _of_country(calm, "US", "GB", "CA"),
    "addresses.street_typo": _address_there,
    "addresses.number_missing": _address_there,
    "addresses.unit_missing": lambda calm: np.char.find(np.char.lower(calm.text("street")), " apt ") > 0,
    "addresses.city_typo": lambda calm: ~_lacks(calm, "city"),
    "addresses.postcode_typo": lambda calm: ~_lacks(calm, "postcode"),
    "addresses.postcode_missing": lambda calm: ~_lacks(calm, "postcode"),
    "addresses.city_missing": lambda calm: ~_lacks(calm, "city"),
    "addresses.region_in_full": lambda calm: np.asarray([len(region) == 2 for region in calm.text("region")]),
    "addresses.zip_plus_four": lambda calm: ~_lacks(calm, "postcode") & _of_country(calm, "US"),
    "junk.email": lambda calm: calm.there("email"),
    "junk.phone": lambda calm: calm.there("phone"),
    "junk.address": lambda calm: calm.there("street"),
    "junk.shop_device": lambda calm: calm.there("device_id"),
    "junk.guest": lambda calm: calm.there("email"),
}
# how often a record is struck for each time the rate says so: given and family name are heard each for itself
CHANCES = {"names.phonetic": 1.85}


def test_every_noisy_trouble_of_the_toml_has_a_case() -> None:
    named = {f"{table}.{name}" for table in NOISY for name in TABLES[table]}
    assert named == {*CAN_STRIKE, "blanks.token"}


@pytest.mark.parametrize("name", CAN_STRIKE)
def test_a_trouble_strikes_at_about_its_documented_rate(name: str) -> None:
    table, _, key = name.partition(".")
    able = CAN_STRIKE[name](world(only=""))
    expected = float(TABLES[table][key]) * CHANCES.get(name, 1.0)
    happened = struck(name).sum() / able.sum()
    chance_error = 3.5 * np.sqrt(expected / able.sum())
    assert happened == pytest.approx(expected, rel=0.2, abs=chance_error), f"{able.sum()} records could be struck"


def test_missing_values_are_sent_as_words_at_about_the_documented_rate() -> None:
    noisy, calm = world(only="blanks.token"), world(only="")
    fields = ("given_name", "family_name", "email", "phone", "street", "city", "region", "postcode")
    missing = sum(int((~calm.there(field)).sum()) for field in fields)
    words = sum(int(np.isin(noisy.text(field), BLANK_TOKENS).sum()) for field in fields)
    assert words / missing == pytest.approx(TABLES["blanks"]["token"], rel=0.15)


@pytest.mark.parametrize("name", CAN_STRIKE)
def test_the_sample_has_every_trouble_in_it(name: str) -> None:
    assert struck(name, records=3000, seed=7).any()


def test_the_sample_has_twins_juniors_movers_and_flat_mates_in_it() -> None:
    people, life = world(records=3000, seed=7).people, world(records=3000, seed=7).life
    assert (people.suffix == "Jr").any()
    assert ((people.born[1:] == people.born[:-1]) & (people.household[1:] == people.household[:-1])).any()
    assert (people.kind == FLAT_MATES).any()
    for now, before in ((life.address, life.address_before), (life.number, life.number_before)):
        assert (now != before).any()
    assert (life.married_at > 0).any()


Share = tuple[float, int]  # and among how many


def _share(hit: Any, among: Any) -> Share:
    return float(np.asarray(hit)[np.asarray(among)].mean()), int(np.asarray(among).sum())


def _other_in_household(people: People, place: int) -> Any:
    """Whether somebody is the ``place``-th of the household."""
    first = np.searchsorted(people.household, people.household)
    return np.arange(len(people)) - first == place


def _channel(it: World, name: str, field: str) -> Share:
    return _share(it.there(field) & ~_lacks(it, field), it.records.of(name))


# what a rate of the TOML comes to in a retailer
OBSERVED: dict[str, Callable[[World], Share]] = {
    "people.abroad": lambda it: _share(it.people.country != "US", _other_in_household(it.people, 0)),
    "households.single": lambda it: _share(it.people.kind == 0, _other_in_household(it.people, 0)),
    "households.junior": lambda it: _share(
        it.people.suffix == "Jr",
        (it.people.kind == FAMILY) & _other_in_household(it.people, 2) & (it.people.sex == "m"),
    ),
    "households.twins": lambda it: _share(
        np.r_[False, it.people.born[1:] == it.people.born[:-1]],
        ((it.people.kind == FAMILY) & _other_in_household(it.people, 3))
        | ((it.people.kind == LONE_PARENT) & _other_in_household(it.people, 2)),
    ),
    "households.landline": lambda it: _share(it.life.landline != "", _other_in_household(it.people, 0)),
    "households.joint_email": lambda it: _share(it.life.joint_email != "", _other_in_household(it.people, 0)),
    "life.moved": lambda it: _share(it.life.address != it.life.address_before, it.people.kind == 0),
    "life.new_number": lambda it: _share(it.life.number != it.life.number_before, it.people.kind == 0),
    "life.married": lambda it: _share(it.life.married_at > 0, it.people.maiden != ""),
    "life.second_email": lambda it: _share(it.life.emails[:, 1] != "", it.people.kind == 0),
    "life.third_email": lambda it: _share(it.life.emails[:, 2] != "", it.life.emails[:, 1] != ""),
    "life.second_card": lambda it: _share(it.life.card != it.life.card_before, it.life.card != ""),
    "contacts.loyalty_card": lambda it: _share(it.life.card != "", it.people.kind == 0),
    "channels.store.share": lambda it: _share(it.records.of("store"), it.records.channel >= 0),
    "channels.call_center.share": lambda it: _share(it.records.of("call_center"), it.records.channel >= 0),
    "channels.store.birth_date": lambda it: _channel(it, "store", "birth_date"),
    "channels.web.email": lambda it: _channel(it, "web", "email"),
    "channels.mobile.address": lambda it: _channel(it, "mobile", "street"),
    "channels.call_center.given_name": lambda it: _channel(it, "call_center", "given_name"),
}


@pytest.mark.parametrize("name", OBSERVED)
def test_people_live_as_the_rates_say(name: str) -> None:
    rate: Any = TABLES
    for part in name.split("."):
        rate = rate[part]
    share, among = OBSERVED[name](world(records=60_000))
    assert share == pytest.approx(rate, rel=0.1, abs=3.5 * np.sqrt(rate / among))


def test_a_cleaner_retailer_has_fewer_troubles_and_a_dirtier_one_more() -> None:
    words = [
        int(np.isin(world(noise=noise).text("email"), BLANK_TOKENS).sum()) for noise in ("clean", "usual", "dirty")
    ]
    assert words == sorted(words)
    assert words[0] * 2 < words[1]


def test_only_a_junior_shares_a_full_name_with_somebody_at_home() -> None:
    people = world(records=60_000).people
    adults = people.suffix == ""
    keys = list(zip(people.household[adults].tolist(), people.given[adults], people.family[adults], strict=True))
    assert len(keys) - len(set(keys)) <= len(keys) * 0.0005


def test_postcode_city_and_region_belong_together() -> None:
    places = world().life.addresses
    homes = {(place, code): (city, region) for place, code, city, region in zip(
        places.country, places.postcode, places.city, places.region, strict=True
    )}  # fmt: skip
    assert all(
        homes[place, code] == (city, region)
        for place, code, city, region in zip(places.country, places.postcode, places.city, places.region, strict=True)
    )


def test_no_two_people_have_the_same_email_address() -> None:
    given = world().life.emails.ravel()
    given = given[given != ""]
    assert len(set(given)) == len(given)


@pytest.mark.parametrize("channel", CHANNELS)
def test_several_records_of_one_person_fall_into_one_channel(channel: str) -> None:
    of_channel = world().records.person[world().records.of(channel)]
    assert len(np.unique(of_channel)) < len(of_channel)


def test_a_lying_id_is_that_of_somebody_else_and_others_stay() -> None:
    tables = deepcopy(dict(TABLES))
    tables["identifiers"]["lying"] = 0.1
    lying, honest = spoilt(tables), world()
    for field in ("loyalty_id", "cookie_id", "device_id"):
        assert (lying.there(field) == honest.there(field)).all()
        changed = lying.text(field) != honest.text(field)
        assert 0.06 < changed.sum() / honest.there(field).sum() < 0.12
        assert set(lying.text(field)[changed]) <= set(honest.text(field))
