"""What a steward rules on a shared value: who may be ruled on, which ruling stands, and who obeys it at once."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from profile_service.correct import Wish
from profile_service.errors import ProfileError, Refused
from profile_service.identity.ids import IdSource
from profile_service.identity.rulings import VERDICTS, is_generic
from profile_service.live.replay import bring
from profile_service.live.rule import Ruling
from profile_service.rulings import (
    Ruled,
    forget_rulings,
    is_held,
    read_value,
    rule,
    shared_page,
    shared_values,
    undo_ruling,
)
from profile_service.store.ledger.erasures import rows_holding
from profile_service.store.shared_values import SharedValues
from profile_service.world import World
from tests.served_world import opened_world, take_record

WISH = Wish("ada", "the shop's own")
EMAIL = "andrea.solomon@hotmail.com"


@pytest.fixture
def world(published: Path, tmp_path: Path) -> Iterator[World]:
    with opened_world(published, tmp_path / "ledger.sqlite") as opened:
        yield opened


def ruled(world: World, verdict: str, value: str = EMAIL, field: str = "email", seen: str | None = None) -> Ruled:
    with world.write() as hand:
        return rule(hand, Ruling(field, value, verdict), WISH, seen)


def standard_email(world: World, name: str) -> str | None:
    record = world.state().record("web", name)
    assert record is not None
    return record.standard["email"]


@pytest.mark.parametrize(
    ("counted", "verdict", "generic"),
    [
        (True, None, True),
        (False, None, False),
        (True, "counted", True),
        (False, "counted", False),
        (True, "ordinary", False),
        (False, "ordinary", False),
        (True, "generic", True),
        (False, "generic", True),
    ],
)
def test_a_ruling_stands_over_the_counts_until_it_is_given_back(
    counted: bool, verdict: str | None, generic: bool
) -> None:
    assert is_generic(counted, verdict) is generic


@pytest.mark.parametrize(
    ("field", "written", "value"),
    [
        ("email", " Andrea.Solomon+news@Hotmail.com ", EMAIL),
        ("phone", "(850) 602-3040", "+18506023040"),
        ("name_pair", "Andrea Solomon", "andrea solomon"),
        ("name_pair", "SOLOMON andrea", "andrea solomon"),
        ("birth_date", "1984-03-09", "1984-03-09"),
        ("loyalty_id", "l-12 34", "l1234"),
    ],
)
def test_a_value_is_read_however_it_is_written(world: World, field: str, written: str, value: str) -> None:
    assert read_value(world.state(), field, written) == value


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("shoe_size", "44"),
        ("city", "Denver"),
        ("email", "no address"),
        ("phone", "12"),
        ("phone", "2125550100\0"),
        ("email", "a@example.com\n"),
        ("name_pair", "Madonna"),
        ("email", "\udcff@example.com"),
    ],
)
def test_what_cannot_be_a_shared_value_is_refused(world: World, field: str, value: str) -> None:
    with pytest.raises(Refused) as refused:
        read_value(world.state(), field, value)
    assert refused.value.kind == "invalid-request"


@pytest.mark.parametrize(
    ("field", "value"),
    [("email", "nobody@example.org"), ("street", "1 nowhere rd"), ("email", "x'; DROP TABLE entries; --@example.com")],
)
def test_there_is_no_ruling_on_what_nobody_holds(world: World, field: str, value: str) -> None:
    with pytest.raises(Refused, match="nobody holds this value"):
        ruled(world, "generic", value, field)
    assert world.ledger.log().last_seq() == 0


def test_a_verdict_is_one_of_three(world: World) -> None:
    with pytest.raises(Refused, match="generic, ordinary or counted"):
        ruled(world, "maybe")


def test_a_ruling_binds_records_that_come_in_after_it_and_no_others(world: World) -> None:
    take_record(world, "web", "before", given_name="Andrea", email=EMAIL)
    ruled(world, "generic")
    after = take_record(world, "web", "after", given_name="Andrea", email=EMAIL)
    assert standard_email(world, "before") == EMAIL
    assert standard_email(world, "after") is None
    assert world.state().records_of(after)[0].key == "web:after", "nobody is joined by it"
    ruled(world, "counted")
    take_record(world, "web", "again", given_name="Andrea", email=EMAIL)
    assert standard_email(world, "again") == EMAIL


def test_a_replay_of_the_log_reads_each_record_as_it_was_read(world: World) -> None:
    names = []
    for verdict in ("generic", "ordinary", "generic", "counted"):
        names.append(f"under-{verdict}-{len(names)}")
        ruled(world, verdict)
        take_record(world, "web", names[-1], given_name="Andrea", email=EMAIL)
    as_read = [standard_email(world, name) for name in names]
    assert as_read == [None, EMAIL, None, EMAIL]
    generation = world.state().generation
    with world.write() as hand:
        hand.overlay.drop_generation(generation.run_id)
        hand.tx.set_meta(f"applied:{generation.run_id}", "0")
        hand.tx.set_meta("current_generation", "")
        hand.note_applied = lambda: None  # type: ignore[method-assign]
    bring(world.ledger, generation, IdSource())
    assert [standard_email(world, name) for name in names] == as_read


def test_the_list_tells_who_ruled_why_and_that_it_waits(world: World) -> None:
    assert shared_values(world.state(), world.ledger.log()) == []
    done = ruled(world, "generic")
    [item] = shared_values(world.state(), world.ledger.log())
    assert (item["field"], item["value"], item["generic"], item["holders"]) == ("email", EMAIL, False, 2)
    ruling = item["ruling"]
    assert (ruling["ruling_id"], ruling["by"], ruling["reason"]) == (done.ruling_id, "ada", "the shop's own")
    assert (ruling["verdict"], ruling["waits"]) == ("generic", True)


def test_a_ruling_is_taken_back_to_what_stood_before_it(world: World) -> None:
    first = ruled(world, "generic")
    second = ruled(world, "ordinary")
    with pytest.raises(Refused, match="ada has ruled on this value since"), world.write() as hand:
        undo_ruling(hand, first.ruling_id, WISH)
    with world.write() as hand:
        assert undo_ruling(hand, second.ruling_id, WISH).verdict == "generic"
    [item] = shared_values(world.state(), world.ledger.log())
    assert item["ruling"]["verdict"] == "generic"


def test_taking_back_the_first_ruling_lets_the_counts_decide(world: World) -> None:
    first = ruled(world, "generic")
    with world.write() as hand:
        done = undo_ruling(hand, first.ruling_id, WISH)
    assert (done.verdict, done.generic) == ("counted", False)


@pytest.mark.parametrize("which", ["rul_000000000099", "rul_1", "jdg_000000000001", "", "rul_" + "9" * 40])
def test_a_ruling_that_nobody_gave_is_not_taken_back(world: World, which: str) -> None:
    take_record(world, "web", "one", email=EMAIL)
    with pytest.raises(Refused) as refused, world.write() as hand:
        undo_ruling(hand, which, WISH)
    assert refused.value.kind == "unknown-judgement"


def test_what_is_ruled_already_and_what_is_not_ruled_on_is_said(world: World) -> None:
    with pytest.raises(Refused, match="no ruling stands"):
        ruled(world, "counted")
    ruled(world, "ordinary")
    with pytest.raises(Refused, match="it is ruled ordinary already"):
        ruled(world, "ordinary")


def test_of_two_who_rule_at_once_the_second_is_told_of_the_first(world: World) -> None:
    started = threading.Barrier(2)
    told: list[str] = []

    def give(verdict: str) -> None:
        started.wait()
        try:
            told.append(ruled(world, verdict, seen="").verdict)
        except ProfileError as error:
            told.append(str(error))

    threads = [threading.Thread(target=give, args=(verdict,)) for verdict in ("generic", "ordinary")]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    [won] = [said for said in told if said in VERDICTS]
    assert f"ada ruled it {won} meanwhile: look again, then decide" in told
    assert len(shared_values(world.state(), world.ledger.log())) == 1


def test_a_ruling_on_a_value_that_is_forgotten_leaves_nothing_in_the_ledger(world: World) -> None:
    for verdict in ("generic", "ordinary", "counted"):
        ruled(world, verdict)
    ruled(world, "generic", "+18506023040", "phone")
    with world.write() as hand:
        forget_rulings(hand.tx, {("phone", "+18506023040")}, hand.tx.seq)
    assert not any(rows_holding(world.ledger.read(), [EMAIL], ()).values())
    assert [item["field"] for item in shared_values(world.state(), world.ledger.log())] == ["phone"]


def test_a_ruling_that_no_run_has_met_is_not_forgotten_with_others(world: World) -> None:
    ruled(world, "generic")
    with world.write() as hand:
        forget_rulings(hand.tx, set(), 0)
    assert len(shared_values(world.state(), world.ledger.log())) == 1


def test_a_value_of_an_erased_customer_alone_is_held_by_nobody(world: World) -> None:
    from profile_service.erase import erase

    state = world.state()
    [customer_id] = state.holders("email", EMAIL)
    with world.write() as hand:
        erase(hand, customer_id, WISH)
    assert not is_held(world.state(), "email", EMAIL)


def test_pages_of_the_list_follow_each_other(world: World) -> None:
    for field, value in (("email", EMAIL), ("phone", "+18506023040"), ("phone", "+13052225608")):
        ruled(world, "generic", value, field)
    state, log = world.state(), world.ledger.log()
    first = shared_page(state, log, 2)
    assert first.next_cursor is not None
    second = shared_page(state, log, 2, first.next_cursor)
    assert second.next_cursor is None
    values = [item["value"] for page in (first, second) for item in page.items]
    assert values == [item["value"] for item in shared_values(state, log)]
    assert EMAIL not in str(first.next_cursor)


def test_what_the_counts_say_of_a_ruled_value_is_kept() -> None:
    shared = SharedValues(
        [("phone", "+1"), ("phone", "+2")], [("phone", "+2", "generic", 0), ("phone", "+3", "ordinary", 1)]
    )
    assert {value for value in ("+1", "+2", "+3") if shared.is_generic("phone", value)} == {"+1", "+2"}
    assert {value for value in ("+1", "+2", "+3") if shared.by_count("phone", value)} == {"+1", "+3"}
