from __future__ import annotations

from pathlib import Path

import pytest

from profile_service.correct import Wish, merge
from profile_service.erase import erase
from profile_service.lookup import (
    Ambiguous,
    Erased,
    Found,
    Generic,
    Retired,
    Unknown,
    by_id,
    by_identifier,
    by_identifiers,
    standard_value,
)
from profile_service.state import State
from profile_service.store.shared_values import SharedValues
from tests.served_world import opened_world, take_record

WISH = Wish("test", "to see what follows")


def customer(state: State, condition: str) -> dict[str, str]:
    """The first customer of the sample that fits."""
    found = state.generation.warehouse().execute(
        f"SELECT customer_id, email, phone, loyalty_id FROM customers WHERE {condition} ORDER BY customer_id LIMIT 1"
    )
    row = found.fetchone()
    assert row is not None
    return dict(zip(("customer_id", "email", "phone", "loyalty_id"), row, strict=True))


def unshared(state: State, kind: str) -> tuple[str, str]:
    """A customer and an identifier that it alone carries."""
    query = """SELECT customer_id, value FROM customer_identifiers WHERE identifier_type = ? AND NOT shared
        ORDER BY 1, 2 LIMIT 1"""
    row = state.generation.warehouse().execute(query, [kind]).fetchone()
    assert row is not None
    return row[0], row[1]


def test_an_id_finds_its_customer_and_no_other(sample_state: State) -> None:
    for (customer_id,) in sample_state.generation.warehouse().execute("SELECT customer_id FROM customers").fetchall():
        found = by_id(sample_state, customer_id)
        assert isinstance(found, Found)
        assert found.profile["customer_id"] == customer_id


@pytest.mark.parametrize("asked", ["", "cus_", "cus_00000000000000000000000000", "' OR 1=1 --", "\x00", "é" * 500])
def test_an_id_that_was_never_given_is_unknown(sample_state: State, asked: str) -> None:
    assert by_id(sample_state, asked) == Unknown()


@pytest.mark.parametrize("kind", ["email", "phone", "loyalty_id", "cookie_id", "device_id"])
def test_every_kind_of_identifier_finds_its_customer(sample_state: State, kind: str) -> None:
    customer_id, value = unshared(sample_state, kind)
    found = by_identifier(sample_state, kind, value)
    assert isinstance(found, Found)
    assert (found.customer_id, found.by) == (customer_id, (kind,))


def test_a_phone_that_fits_no_plan_is_found_by_its_digits_as_published(published: Path, tmp_path: Path) -> None:
    with opened_world(published, tmp_path / "ledger.sqlite") as world:
        # ten digits are dialled in America, where this record is not from, and in no French plan
        taken = take_record(world, "web", "abroad", family_name="Nakamura", phone="3363732141", country="FR")
        kept = world.state().record("web", "abroad")
        assert kept is not None
        assert kept.standard["phone"] == "3363732141"
        found = by_identifier(world.state(), "phone", "336 373 2141")
        assert isinstance(found, Found)
        assert found.customer_id == taken
        other = take_record(world, "web", "at home", family_name="Okafor", phone="+1 336 373 2141")
        both = by_identifier(world.state(), "phone", "3363732141")
        assert both == Ambiguous(tuple(sorted((taken, other))), 2), "whoever it may be is told, and nobody guessed"
        assert by_identifier(world.state(), "phone", "+13363732141").customer_id == other  # type: ignore[union-attr]


def test_a_record_finds_its_customer(sample_state: State) -> None:
    query = "SELECT channel, source_record_id, customer_id FROM customer_records"
    channel, record, customer_id = sample_state.generation.warehouse().execute(query).fetchall()[0]
    found = by_identifier(sample_state, "record", f"{channel}:{record}")
    assert isinstance(found, Found)
    assert found.customer_id == customer_id


@pytest.mark.parametrize(
    ("kind", "written", "standard"),
    [
        ("email", " Jane.Doe+news@Example.COM ", "jane.doe@example.com"),
        ("email", "jane.doe news@example.com", "jane.doe@example.com"),  # a + that came as a space
        ("email", "jane", None),
        ("phone", "+1 303 330-7884", "+13033307884"),
        ("phone", " 13033307884", "+13033307884"),  # a + that came as a space
        ("phone", "(303) 330 7884", "+13033307884"),
        ("phone", "001-303-330-7884", "+13033307884"),
        ("phone", "12", None),
        ("loyalty_id", "lc-1000 8961", "lc10008961"),
        ("cookie_id", "??", None),
        ("shoe_size", "44", None),
    ],
)
def test_identifiers_are_read_however_they_are_written(
    sample_state: State, kind: str, written: str, standard: str | None
) -> None:
    assert standard_value(kind, written, sample_state.generation.model) == standard


def test_what_several_carry_is_answered_with_all_of_them_and_never_a_guess(sample_state: State) -> None:
    shared = sample_state.generation.warehouse().execute(
        """SELECT identifier_type, value, list(customer_id ORDER BY customer_id) FROM customer_identifiers
        WHERE shared GROUP BY ALL"""
    ).fetchall()  # fmt: skip
    assert shared
    for kind, value, customers in shared:
        assert by_identifier(sample_state, kind, value) == Ambiguous(tuple(customers), len(customers))


def test_a_generic_value_names_nobody(sample_state: State, monkeypatch: pytest.MonkeyPatch) -> None:
    shared = SharedValues([("phone", "+13035550000")], [])
    monkeypatch.setattr(sample_state.generation, "shared", shared)
    assert by_identifier(sample_state, "phone", "(303) 555-0000") == Generic("phone")
    _, email = unshared(sample_state, "email")
    found = by_identifiers(sample_state, [("phone", "(303) 555-0000"), ("email", email)])
    assert isinstance(found, Found)
    assert found.by == ("email",)


@pytest.mark.parametrize(
    ("kind", "value", "readable"),
    [
        ("email", "zq@nowhere.example", True),
        ("email", "nobody", False),
        ("phone", "+442079460999", True),
        ("record", "store:none", True),
        ("record", "store", False),
        ("record", ":", True),
    ],
)
def test_what_nobody_carries_is_unknown(sample_state: State, kind: str, value: str, readable: bool) -> None:
    assert by_identifier(sample_state, kind, value) == Unknown(readable)


def test_several_identifiers_are_to_name_one_customer(sample_state: State) -> None:
    one, email = unshared(sample_state, "email")
    other, phone = (
        sample_state.generation.warehouse()
        .execute(
            """SELECT customer_id, value FROM customer_identifiers WHERE identifier_type = 'phone' AND NOT shared
            AND customer_id <> ? ORDER BY 1""",
            [one],
        )
        .fetchall()[0]
    )
    nobody = ("email", "zq@nowhere.example")
    alone = by_identifiers(sample_state, [nobody, ("email", email)])
    assert isinstance(alone, Found)
    assert (alone.customer_id, alone.by, alone.without) == (one, ("email",), ("email",))
    torn = by_identifiers(sample_state, [("email", email), ("phone", phone)])
    assert torn == Ambiguous(tuple(sorted((one, other))), 2)
    assert by_identifiers(sample_state, []) == Unknown(False)


def test_a_second_identifier_tells_two_sharers_apart(sample_state: State) -> None:
    rows = sample_state.generation.warehouse().execute(
        """SELECT s.identifier_type, s.value, s.customer_id, o.identifier_type, o.value FROM customer_identifiers s
        JOIN customer_identifiers o USING (customer_id) WHERE s.shared AND NOT o.shared ORDER BY ALL LIMIT 20"""
    ).fetchall()  # fmt: skip
    assert rows
    for kind, value, customer_id, other_kind, other_value in rows:
        found = by_identifiers(sample_state, [(kind, value), (other_kind, other_value)])
        assert isinstance(found, Found)
        assert found.customer_id == customer_id


def test_a_live_record_is_found_at_once_by_all_it_carries(published: Path, tmp_path: Path) -> None:
    with opened_world(published, tmp_path / "ledger.sqlite") as world:
        known, email = unshared(world.state(), "email")
        fields = {"given_name": "Zebedee", "family_name": "Quillfeather", "email": "zq@fresh.example"}
        new = take_record(world, "web", "live-1", **fields)
        state = world.state()
        for kind, value in (("email", "ZQ@fresh.example"), ("record", "web:live-1")):
            found = by_identifier(state, kind, value)
            assert isinstance(found, Found)
            assert found.customer_id == new
        # somebody else says the same e-mail address: nobody is guessed any more
        take_record(world, "store", "live-2", given_name="Unlike", family_name="Another", email=email)
        outcome = by_identifier(world.state(), "email", email)
        assert known in (outcome.candidates if isinstance(outcome, Ambiguous) else (known,))


def test_a_merged_id_answers_through_the_one_that_stands_and_an_erased_one_is_gone(
    published: Path, tmp_path: Path
) -> None:
    with opened_world(published, tmp_path / "ledger.sqlite") as world:
        state = world.state()
        first, email = unshared(state, "email")
        second = customer(state, f"customer_id <> '{first}' AND record_count = 1")["customer_id"]
        with world.write() as hand:
            merge(hand, first, [second], WISH)
        outcomes = [by_id(world.state(), each) for each in (first, second)]
        (stands,) = [outcome.customer_id for outcome in outcomes if isinstance(outcome, Found)]
        (old,) = [outcome for outcome in outcomes if isinstance(outcome, Retired)]
        assert (old.stands_as, old.event) == (stands, "merged_into")
        with world.write() as hand:
            erase(hand, stands, WISH)
        assert by_id(world.state(), stands) == Erased(stands)
        assert by_id(world.state(), old.customer_id) == Erased(old.customer_id)
        assert by_identifier(world.state(), "email", email) == Unknown()
