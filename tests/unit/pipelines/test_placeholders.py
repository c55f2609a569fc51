"""What was written in place of a value is counted by the run that reads it, and never twice."""

from __future__ import annotations

from pipelines.placeholders import Placeholder, placeholder_values_sql, placeholders
from profile_service.identity.placeholders import KNOWN, REPEATED, UNREADABLE
from tests.linkage_world import Learned, LinkageWorld, raw
from tests.unit.pipelines.test_generic import FAMILIES, JUNK_PHONE


def test_what_is_read_as_missing_is_counted_by_field_and_spelling(learned: Learned) -> None:
    with LinkageWorld(learned.models) as world:
        world.put(
            [
                *(raw(f"web:{n}", given_name="Guest", email=f"noemail@{n}.example") for n in range(5)),
                *(raw(f"store:{n}", given_name=" GUEST", loyalty_id="0000-0000") for n in range(3)),
                raw("store:9", given_name="Ada", family_name="Lovelace", street="n/a", email="ada at example"),
                raw("store:10", given_name="Nan", family_name="Lovelace", phone="000 000 0000"),
            ]
        )
        world.resolve()
        assert placeholders(world.work, 1) == (
            Placeholder("given_name", "guest", KNOWN, 8),
            Placeholder("email", "noemail@*", KNOWN, 5),
            Placeholder("loyalty_id", "00000000", REPEATED, 3),
            Placeholder("email", None, UNREADABLE, 1),
            Placeholder("phone", "0000000000", REPEATED, 1),
            Placeholder("street", "n/a", KNOWN, 1),
        )


def test_a_later_run_counts_what_it_reads_and_everyone_read_anew_is_counted_anew(learned: Learned) -> None:
    with LinkageWorld(learned.models) as world:
        world.put(raw(f"web:{n}", given_name="Guest", email=f"{n}@example.com") for n in range(5))
        world.resolve()
        world.put(raw(f"web:{n}", given_name="Visitor", email=f"{n}@example.com") for n in range(3, 7))
        world.resolve()
        assert placeholders(world.work, 2) == (Placeholder("given_name", "visitor", KNOWN, 4),)
        assert [each.records for each in placeholders(world.work)] == [5, 4]
        world.resolve(rebuild=True)
        now = (Placeholder("given_name", "visitor", KNOWN, 4), Placeholder("given_name", "guest", KNOWN, 3))
        assert placeholders(world.work, 3) == placeholders(world.work) == now
        assert world.all("SELECT DISTINCT run_seq FROM placeholder_values") == [(3,)]


def test_records_that_another_s_value_makes_read_again_are_not_counted_again(learned: Learned) -> None:
    people = [
        raw(f"store:{n}", given_name="Guest", family_name=FAMILIES[n], street="n/a", phone=JUNK_PHONE)
        for n in range(20)
    ]
    with LinkageWorld(learned.models) as world:
        world.put(people[:10])
        world.resolve()
        world.put(people[10:])
        world.resolve()
        assert world.all("SELECT holders FROM generic_values") == [(20,)], "the phone became generic for the first ten"
        assert [each.records for each in placeholders(world.work, 2)] == [10, 10]


def test_the_warehouse_names_the_run_that_read_them(learned: Learned) -> None:
    with LinkageWorld(learned.models) as world:
        world.work.execute("INSERT INTO runs BY NAME SELECT 1 AS run_seq, 'run_0001' AS run_id")
        world.put([raw("web:1", given_name="Guest", email="ada@example.com")])
        world.resolve()
        assert world.all(placeholder_values_sql()) == [("run_0001", "given_name", "guest", KNOWN, 1)]


def test_in_a_store_that_never_counted_them_there_are_none(learned: Learned) -> None:
    with LinkageWorld(learned.models) as world:
        world.work.execute("DROP TABLE placeholder_values")
        assert placeholders(world.work) == ()
