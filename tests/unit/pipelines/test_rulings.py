"""Stewards' rulings on shared values: obeyed by every run, given back, and gone when nobody holds the value."""

from __future__ import annotations

import pytest

from pipelines.rulings import drop_forsaken_rulings
from profile_service.identity.records import RawRecord
from tests.linkage_world import Learned, LinkageWorld, raw
from tests.unit.pipelines.test_generic import FAMILIES, JUNK_PHONE, customers_of_the_shop, found

STANDARD = "+12125550100"


def twice_one_person(**shared: str) -> list[RawRecord]:
    """Somebody known in two channels by what they share alone."""
    return [
        raw("store:90", given_name="Ada", family_name="Marchetti", **shared),
        raw("web:90", given_name="Ada", **shared),
    ]


def shared_phone(world: LinkageWorld) -> None:
    """A phone of fourteen families, and somebody known in two channels by it."""
    world.put(
        [
            *customers_of_the_shop(13, start=1, phone=JUNK_PHONE),
            raw("store:0", given_name="Ada", family_name=FAMILIES[0], phone=JUNK_PHONE),
            raw("web:0", given_name="Ada", phone=JUNK_PHONE),
        ]
    )


@pytest.mark.parametrize("rebuild", [False, True], ids=["a ruling alone", "everyone anew"])
def test_a_value_ruled_ordinary_is_evidence_again_until_that_is_taken_back(learned: Learned, rebuild: bool) -> None:
    with LinkageWorld(learned.models) as world:
        shared_phone(world)
        world.resolve()
        assert found(world)
        assert not world.together("store:0", "web:0")
        world.rule("phone", STANDARD, "ordinary")
        world.resolve(rebuild=rebuild)
        assert not found(world)
        assert world.all("SELECT count(*) FROM withheld") == [(0,)]
        assert world.together("store:0", "web:0")
        assert world.all("SELECT holders, distinct_family_names, counted FROM ruled_values") == [(15, 14, True)]
        world.rule("phone", STANDARD, "counted")
        world.resolve(rebuild=rebuild)
        assert {value for _, value, *_ in found(world)} == {STANDARD}
        assert not world.together("store:0", "web:0")


@pytest.mark.parametrize("rebuild", [False, True], ids=["a ruling alone", "everyone anew"])
def test_a_value_ruled_generic_is_withheld_however_few_hold_it(learned: Learned, rebuild: bool) -> None:
    with LinkageWorld(learned.models) as world:
        world.put(twice_one_person(phone=JUNK_PHONE))
        world.resolve()
        assert world.together("store:90", "web:90")
        world.rule("phone", STANDARD, "generic")
        world.resolve(rebuild=rebuild)
        assert found(world) == {("phone", STANDARD, 2, 1)}
        assert world.all("SELECT count(phone), count(phone_tail) FROM standardised") == [(0, 0)]
        assert not world.together("store:90", "web:90")
        world.rule("phone", STANDARD, "counted")
        world.resolve(rebuild=rebuild)
        assert not found(world)
        assert world.together("store:90", "web:90")


def test_a_name_ruled_generic_is_no_name_and_vouches_for_no_phone(learned: Learned) -> None:
    with LinkageWorld(learned.models) as world:
        world.put(twice_one_person(phone=JUNK_PHONE))
        world.rule("name_pair", "ada marchetti", "generic")
        world.resolve()
        assert {field for field, *_ in found(world)} == {"name_pair"}
        assert world.all("SELECT count(given_name), count(family_name), count(phone) FROM standardised") == [(1, 0, 2)]


def test_a_ruling_binds_whoever_comes_with_the_value_later(learned: Learned) -> None:
    with LinkageWorld(learned.models) as world:
        world.put(twice_one_person(phone=JUNK_PHONE))
        world.rule("phone", STANDARD, "generic")
        world.resolve()
        world.put([raw("mobile:90", given_name="Ada", family_name="Marchetti", phone="(212) 555-0100")])
        world.resolve()
        assert found(world) == {("phone", STANDARD, 3, 1)}


def test_a_value_that_grows_common_stays_ordinary_where_a_steward_said_so(learned: Learned) -> None:
    with LinkageWorld(learned.models) as world:
        world.put(customers_of_the_shop(3, phone=JUNK_PHONE))
        world.rule("phone", STANDARD, "ordinary")
        world.resolve()
        world.put(customers_of_the_shop(14, start=3, phone=JUNK_PHONE))
        world.resolve()
        assert not found(world)
        assert world.all("SELECT holders, counted FROM ruled_values") == [(17, True)]


def test_of_two_rulings_on_a_value_the_later_stands(learned: Learned) -> None:
    with LinkageWorld(learned.models) as world:
        shared_phone(world)
        world.rule("phone", STANDARD, "generic")
        world.rule("phone", STANDARD, "ordinary")
        world.resolve()
        assert not found(world)
        assert world.all("SELECT verdict, ruling_id FROM generic_rulings") == [("ordinary", "rul_000000000002")]


def test_since_when_a_value_is_generic_outlives_a_rebuild(learned: Learned) -> None:
    with LinkageWorld(learned.models) as world:
        shared_phone(world)
        world.resolve()
        first = world.all("SELECT * FROM generic_since")
        world.resolve(rebuild=True)
        assert world.all("SELECT * FROM generic_since") == first
        assert len(first) == 1
        world.rule("phone", STANDARD, "ordinary")
        world.resolve()
        assert world.all("SELECT * FROM generic_since") == []


def test_with_an_erasure_rulings_on_values_that_nobody_holds_are_dropped_and_others_stay(learned: Learned) -> None:
    with LinkageWorld(learned.models) as world:
        world.put(twice_one_person(phone=JUNK_PHONE))
        for field, value in (("phone", STANDARD), ("email", "gone@example.com")):
            world.rule(field, value, "generic")
        world.resolve()
        drop_forsaken_rulings(world.work, learned.model)
        assert len(world.all("FROM generic_rulings")) == 2
        world.work.execute("INSERT INTO erasing VALUES ('era_1', 'cus_1', 'customer', 'cus_1')")
        drop_forsaken_rulings(world.work, learned.model)
        assert world.all("SELECT field, value FROM generic_rulings") == [("phone", STANDARD)]
