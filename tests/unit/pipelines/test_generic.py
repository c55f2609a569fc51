"""Values that too many families share: found, withheld, and let in again when they become ordinary."""

from __future__ import annotations

import pytest

from pipelines.generic import dictionary_of, threshold
from profile_service.errors import UnusableInput
from profile_service.identity.model import packaged_model
from profile_service.identity.records import RawRecord
from tests.linkage_world import Learned, LinkageWorld, raw

FAMILIES = tuple(
    f"{start}{end}" for start in ("Abb", "Bark", "Cast", "Daw", "Ell") for end in ("ott", "er", "illo", "son")
)
JUNK_PHONE = "212-555-0100"
JUNK_MAIL = "shop@example.com"


def customers_of_the_shop(count: int, start: int = 0, **shared: str) -> list[RawRecord]:
    """People of different families who share values."""
    return [
        raw(f"store:{n}", given_name="Given", family_name=FAMILIES[n], **shared) for n in range(start, start + count)
    ]


def found(world: LinkageWorld) -> set[tuple[str, str, int, int]]:
    """The generic values with how many records and families hold them."""
    return set(world.all("SELECT * FROM generic_values"))


def test_a_phone_and_a_mailbox_of_many_families_are_found_and_withheld(learned: Learned) -> None:
    with LinkageWorld(learned.models) as world:
        world.put(customers_of_the_shop(15, phone=JUNK_PHONE, email=JUNK_MAIL))
        assert world.resolve().counts["generic_values"] == 2
        assert found(world) == {("phone", "+12125550100", 15, 15), ("email", JUNK_MAIL, 15, 15)}
        assert world.all(
            "SELECT count(phone), count(phone_tail), count(email), count(email_local) FROM standardised"
        ) == [(0, 0, 0, 0)]
        assert world.all("SELECT field, count(*) FROM withheld GROUP BY field ORDER BY field") == [
            ("email", 15),
            ("phone", 15),
        ]


def test_what_one_large_family_shares_is_ordinary(learned: Learned) -> None:
    with LinkageWorld(learned.models) as world:
        world.put(raw(f"web:{n}", given_name=f"N{n}", family_name="Abbott", phone=JUNK_PHONE) for n in range(30))
        world.resolve()
        assert found(world) == set()
        assert world.all("SELECT count(phone) FROM standardised") == [(30,)]


def test_exactly_as_many_families_as_the_threshold_are_ordinary_one_more_is_not(learned: Learned) -> None:
    assert learned.model.trained is not None
    threshold = learned.model.trained.generic_threshold["phone"]
    for families, generic in ((threshold, 0), (threshold + 1, 1)):
        with LinkageWorld(learned.models) as world:
            world.put(customers_of_the_shop(families, phone=JUNK_PHONE))
            world.resolve()
            assert len(found(world)) == generic


def test_among_the_values_of_the_sample_only_the_planted_are_found(learned: Learned) -> None:
    with LinkageWorld(learned.models) as world:
        world.put(learned.records)
        world.resolve()
        before = found(world)
        world.put(customers_of_the_shop(16, phone=JUNK_PHONE, street="1 Shop Road"))
        world.resolve()
        assert {(field, value) for field, value, *_ in found(world) - before} == {
            ("phone", "+12125550100"),
            ("street", "1 shop rd"),
        }
        assert all(families > 12 for *_, families in found(world))


def test_a_value_that_becomes_generic_later_lets_go_of_its_earlier_holders(learned: Learned) -> None:
    two = [
        raw("store:0", given_name="Ada", family_name="Abbott", phone=JUNK_PHONE),
        raw("web:0", given_name="Ada", phone=JUNK_PHONE),
    ]
    with LinkageWorld(learned.models) as world:
        world.put(two)
        world.resolve()
        assert world.together("store:0", "web:0")
        world.put(customers_of_the_shop(15, start=1, phone=JUNK_PHONE))
        world.resolve()
        assert {value for _, value, *_ in found(world)} == {"+12125550100"}
        assert not world.together("store:0", "web:0")


def test_a_value_that_becomes_ordinary_again_is_let_in_for_all_its_holders(learned: Learned) -> None:
    with LinkageWorld(learned.models) as world:
        world.put(
            [
                *customers_of_the_shop(14, phone=JUNK_PHONE),
                raw("web:0", given_name="Given", family_name=FAMILIES[0], phone=JUNK_PHONE),
            ]
        )
        world.resolve()
        assert len(found(world)) == 1
        world.put(customers_of_the_shop(10, start=4, phone="212-555-0199"))
        world.resolve()
        assert found(world) == set()
        assert world.all("SELECT count(*) FROM withheld") == [(0,)]
        assert world.all("SELECT count(*) FROM standardised WHERE phone = '+12125550100'") == [(5,)]
        assert world.together("store:0", "web:0")


def test_a_corrected_family_name_alone_can_make_a_value_ordinary(learned: Learned) -> None:
    with LinkageWorld(learned.models) as world:
        world.put(customers_of_the_shop(13, phone=JUNK_PHONE))
        world.resolve()
        assert len(found(world)) == 1
        world.put([raw("store:12", given_name="Given", family_name=FAMILIES[0], phone=JUNK_PHONE)])
        world.resolve()
        assert found(world) == set()


RULE = packaged_model().settings["generic"]


@pytest.mark.parametrize("people", [40, 400])
def test_a_column_of_few_values_does_not_hide_its_junk_behind_itself(people: int) -> None:
    """Half of the people share one value, the others have one each."""
    assert threshold(RULE, people // 2 + 1, [people // 2]) == 12


def test_a_column_in_which_sharing_is_usual_has_a_higher_threshold() -> None:
    assert threshold(RULE, 100, [20] * 100) == 80


def test_a_column_that_nobody_shares_has_the_least_threshold() -> None:
    assert threshold(RULE, 1_000_000, []) == 12


def test_a_column_without_a_dictionary_of_its_own_is_refused() -> None:
    with pytest.raises(UnusableInput, match="email_local"):
        dictionary_of("email_local")
