"""Names that too many people share, values that come with them, and what a run tells of both."""

from __future__ import annotations

from pipelines.held_back import held_back
from profile_service.identity.records import RawRecord
from profile_service.identity.standardise import standardise_record
from tests.linkage_world import Learned, LinkageWorld, raw
from tests.unit.pipelines.test_generic import FAMILIES, JUNK_PHONE


def guests(count: int, start: int = 0, **fields: str) -> list[RawRecord]:
    """Different people under one name, told apart by birth date and mailbox."""
    return [
        raw(
            f"web:{n}",
            **{
                "given_name": "Jonathan",
                "family_name": "Placeholder",
                "birth_date": f"19{50 + n % 40}-03-{n % 27 + 1:02}",
                "email": f"box{n}@example.com",
                **fields,
            },
        )
        for n in range(start, start + count)
    ]


def threshold(learned: Learned) -> int:
    assert learned.model.trained is not None
    return learned.model.trained.generic_threshold["name_pair"]


def fields_held(world: LinkageWorld) -> set[str]:
    return {field for (field,) in world.all("SELECT DISTINCT field FROM generic_values")}


def test_a_name_of_too_many_different_people_is_no_name(learned: Learned) -> None:
    with LinkageWorld(learned.models) as world:
        world.put(guests(threshold(learned) + 1))
        world.resolve()
        assert fields_held(world) == {"name_pair"}
        assert world.all("SELECT count(given_name), count(family_sound), count(name_pair) FROM standardised") == [
            (0, 0, 0)
        ]
        assert len(world.customers()) == threshold(learned) + 1


def test_a_record_that_comes_live_is_read_like_everyone(learned: Learned) -> None:
    (sent,) = guests(1, middle_name="Maria", phone="212-555-0199")
    with LinkageWorld(learned.models) as world:
        world.put([*guests(threshold(learned) + 1, start=1), sent])
        world.resolve()
        generic: dict[str, set[str]] = {}
        for field, value in world.all("SELECT field, value FROM generic_values"):
            generic.setdefault(field, set()).add(value)
        live = standardise_record(sent, learned.model, generic)
        row = world.work.execute("SELECT s.* FROM standardised s JOIN records USING (rid) WHERE source_record_id = '0'")
        stored = dict(zip((column[0] for column in row.description or ()), row.fetchall()[0], strict=True))
    assert live["name_pair"] is None
    assert live["phone"] is not None
    bins = {f"{column}_bin": number for column, number in live.bins.items()}
    assert {name: stored[name] for name in (*live.values, *bins)} == {**live.values, **bins}


def test_one_person_in_very_many_records_keeps_the_name(learned: Learned) -> None:
    with LinkageWorld(learned.models) as world:
        world.put(guests(threshold(learned) * 2, birth_date="1980-03-03", email="one@example.com"))
        world.resolve()
        assert fields_held(world) == set()


def test_a_phone_and_a_name_of_one_till_do_not_vouch_for_each_other(learned: Learned) -> None:
    count = threshold(learned) + 1
    with LinkageWorld(learned.models) as world:
        world.put(guests(count, phone=JUNK_PHONE))
        world.resolve()
        assert fields_held(world) == {"name_pair", "phone"}


def test_a_phone_of_many_nameless_people_is_held_back(learned: Learned) -> None:
    with LinkageWorld(learned.models) as world:
        world.put(guests(20, given_name="Guest", family_name="", phone=JUNK_PHONE))
        world.resolve()
        assert fields_held(world) == {"phone"}


def test_a_phone_of_which_nothing_else_is_known_is_nobody_elses(learned: Learned) -> None:
    with LinkageWorld(learned.models) as world:
        world.put(raw(f"web:{n}", phone=JUNK_PHONE) for n in range(20))
        world.resolve()
        assert fields_held(world) == set()


def test_added_bit_by_bit_the_same_is_held_back_and_let_in_again_as_at_once(learned: Learned) -> None:
    count = threshold(learned) + 1
    everyone = guests(count, phone=JUNK_PHONE)
    # the name stays with eight of them: phone and name are ordinary again
    mended = [
        raw(record.key, **{**record.fields, "family_name": FAMILIES[n % 20], "given_name": f"Anna{n}", "phone": None})
        for n, record in enumerate(everyone[8:])
    ]
    steps = [everyone[:10], everyone[10 : count - 1], everyone[count - 1 :], mended]
    with LinkageWorld(learned.models) as world:
        seen: dict[str, RawRecord] = {}
        held = []
        for step in steps:
            world.put(step)
            world.resolve()
            seen |= {record.key: record for record in step}
            with LinkageWorld(learned.models) as at_once:
                at_once.put(seen.values())
                at_once.resolve()
                rows = "SELECT * FROM generic_values ORDER BY ALL"
                assert world.all(rows) == at_once.all(rows)
                values = (
                    "SELECT channel, source_record_id, s.* EXCLUDE (rid) FROM standardised s JOIN records USING (rid)"
                )
                assert world.all(f"{values} ORDER BY ALL") == at_once.all(f"{values} ORDER BY ALL")
                assert world.customers() == at_once.customers()
            held.append(fields_held(world))
    assert held == [set(), set(), {"name_pair", "phone"}, set()]


def test_what_was_held_back_is_told_with_what_it_would_have_joined(learned: Learned) -> None:
    with LinkageWorld(learned.models) as world:
        world.put(
            raw(f"store:{n}", given_name="Given", family_name=FAMILIES[n // 2], phone=JUNK_PHONE) for n in range(30)
        )
        world.resolve()
        world.work.execute("INSERT INTO membership SELECT rid, 'cus_' || cluster FROM member")
        (told,) = held_back(world.work, learned.model)
    assert (told.field, told.value, told.holders, told.distinct_family_names) == ("phone", "+12125550100", 30, 15)
    assert (told.allowed, told.customers, told.pairs) == (12, 15, 435)


def test_before_the_first_run_nothing_is_held_back(learned: Learned) -> None:
    with LinkageWorld(learned.models) as world:
        assert held_back(world.work, learned.model) == ()
