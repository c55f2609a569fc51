"""An explanation from the work store says what was written live since the last run, and tells of nobody erased."""

from __future__ import annotations

from contextlib import closing
from itertools import permutations
from pathlib import Path

import pytest

from pipelines.evaluate import evaluate
from pipelines.explain import explain
from pipelines.explain_customer import explain_customer, nearness
from pipelines.progress import SilentProgress
from pipelines.run import Places, RunOptions, run
from pipelines.work import connect_work
from profile_service.correct import Wish, merge, split, undo
from profile_service.erase import erase
from profile_service.errors import NotFound
from profile_service.live.apply import apply
from profile_service.live.rule import Ruling
from profile_service.rulings import rule
from profile_service.settings import Settings
from profile_service.store.ledger import About
from profile_service.world import World
from tests.end_to_end.worlds import SAMPLE, profiles
from tests.served_world import take_record

WISH = Wish("ada", "seen both passports")


def some(world: World, count: int) -> list[tuple[str, list[str]]]:
    """Ids of customers with three records, and the keys of these."""
    rows = (
        world.state()
        .generation.warehouse()
        .execute("SELECT customer_id FROM customers WHERE record_count = 3 ORDER BY 1 LIMIT $1", [count])
    )
    return [(row[0], sorted(record.key for record in world.state().records_of(row[0]))) for row in rows.fetchall()]


def named(key: str) -> tuple[str, str]:
    channel, _, source_record_id = key.partition(":")
    return channel, source_record_id


def test_a_live_decision_is_told_until_a_run_knows_it_and_then_as_what_binds(world: World, data_dir: Path) -> None:
    (one, ones), (other, others) = some(world, 2)
    assert explain(ones[0], others[0], data_dir).waiting == ()
    with world.write() as hand:
        merge(hand, one, [other], WISH)
    said = explain(ones[0], others[0], data_dir)
    assert not said.same, "the work store knows what the last run knew"
    assert "ada decided on" in said.waiting[0]
    assert "same" in said.waiting[0]
    assert "seen both passports" in said.waiting[0]
    assert "of anybody: 1 decision;" in said.waiting[-1]
    assert nearness(one, other, data_dir).waiting == said.waiting
    assert explain_customer(one, data_dir).waiting[0] != said.waiting[-1]
    run(Places(None, data_dir), RunOptions(accept=True), SilentProgress())
    known = explain(*max_and_min(ones, others), data_dir)
    assert (known.same, known.waiting) == (True, ())
    assert [(judged.verdict, judged.standing) for judged in known.judged] == [("same", "binds")]


def test_a_live_ruling_is_told_of_whom_it_is_about_with_what_it_says(world: World, data_dir: Path) -> None:
    (_, ones), (_, others) = some(world, 2)
    left, right = (world.state().record(*named(keys[0])) for keys in (ones, others))
    assert left is not None
    assert right is not None
    value = next(value for value in (left.standard["email"], left.standard["phone"]) if value)
    field = "email" if "@" in value else "phone"
    for verdict, reason in (("generic", "the shop"), ("ordinary", "asked again")):
        with world.write() as hand:
            rule(hand, Ruling(field, value, verdict), Wish("ada", reason))
    elsewhere = explain(others[0], others[1], data_dir).waiting
    assert not any("ruled" in said for said in elsewhere), "it is about nobody here"
    assert "of anybody: 2 rulings;" in elsewhere[-1]
    ruled, much = explain(ones[0], others[0], data_dir).waiting
    assert "not in here yet: ada ruled on" in ruled
    assert f"that {field} {value} counts, however many share it (asked again)" in ruled, "the last word"
    assert ones[0] in ruled
    assert much == elsewhere[-1]
    run(Places(None, data_dir), RunOptions(accept=True), SilentProgress())
    assert explain(ones[0], others[0], data_dir).waiting == ()


def test_whose_only_neighbour_is_erased_is_told_the_same_as_who_never_had_one(world: World, data_dir: Path) -> None:
    pairs = "SELECT l, r FROM scored_pairs UNION ALL SELECT r, l FROM scored_pairs"
    with connect_work(data_dir, read_only=True) as work:
        rows = work.execute(
            f"""SELECT m.customer_id, list(DISTINCT o.customer_id) FILTER (o.customer_id <> m.customer_id)
            FROM membership m LEFT JOIN ({pairs}) ON l = m.rid
            LEFT JOIN membership o ON o.rid = r GROUP BY 1 ORDER BY 1"""
        ).fetchall()
    lonely = next(customer_id for customer_id, others in rows if not others)
    one, (neighbour,) = next((customer_id, others) for customer_id, others in rows if others and len(others) == 1)
    assert neighbour in profiles("explain", one, "--why-not", data_dir=data_dir).out
    with world.write() as hand:
        erase(hand, neighbour, WISH)
    told, never = (profiles("explain", each, "--why-not", data_dir=data_dir).out.splitlines() for each in (one, lonely))
    assert told[0].startswith("nobody else who stands today was weighed against it: ")
    assert [told[0], told[2:]] == [never[0], never[2:]], "but for the record to ask about"


def max_and_min(ones: list[str], others: list[str]) -> tuple[str, str]:
    """The link of the chain of must-links over the records of both customers that ties the two."""
    chain = sorted([*ones, *others], key=named)
    tie = next(place for place in range(5) if (chain[place] in ones) != (chain[place + 1] in ones))
    return chain[tie], chain[tie + 1]


def test_what_was_taken_back_live_is_told_too(world: World, data_dir: Path) -> None:
    ((customer_id, keys),) = some(world, 1)
    with world.write() as hand:
        parted = split(hand, customer_id, [named(keys[0])], WISH)
    with world.write() as hand:
        undo(hand, parted.decision_id, Wish("bob", "asked again"))
    decided, taken_back, _ = explain(keys[0], keys[1], data_dir).waiting
    assert "ada decided on" in decided
    assert "different" in decided
    assert "bob took back on" in taken_back


def test_of_two_authors_the_later_one_is_told_to_bind(world: World, data_dir: Path) -> None:
    ((customer_id, keys),) = some(world, 1)
    with world.write() as hand:
        split(hand, customer_id, [named(keys[0])], WISH)
    with world.write() as hand:
        owners = {world.state().record(*named(key)).customer_id for key in keys[:2]}  # type: ignore[union-attr]
        merge(hand, min(owners), [max(owners)], Wish("bob", "asked again"))
    run(Places(None, data_dir), RunOptions(accept=True), SilentProgress())
    judged = explain(keys[0], keys[1], data_dir).judged
    assert [(each.author, each.standing) for each in judged] == [("ada", "superseded"), ("bob", "binds")]
    text = profiles("explain", keys[0], keys[1], data_dir=data_dir).out
    assert "a later decision binds" in text
    assert "a decision binds: they are one customer" in text


def test_a_record_written_live_is_told_as_too_new_and_a_new_version_as_not_yet_compared(
    world: World, data_dir: Path
) -> None:
    ((_, keys),) = some(world, 1)
    take_record(world, "web", "brand-new", given_name="Ada", family_name="Lovelace")
    take_record(world, *named(keys[0]), given_name="Grace", family_name="Hopper")
    with pytest.raises(NotFound, match=r"record web:brand-new was written live on .*after the last run"):
        explain("web:brand-new", keys[0], data_dir)
    with pytest.raises(NotFound, match="written live"):
        explain_customer("web:brand-new", data_dir)
    assert f"{keys[0]} was written live" in explain(keys[0], keys[1], data_dir).waiting[0]


def test_of_a_record_for_which_nobody_vouches_it_is_told_why_nothing_is_compared(world: World, data_dir: Path) -> None:
    ((_, keys),) = some(world, 1)
    sent = {"fields": {"given_name": "Ada"}, "updated_at": "2026-11-20T08:00:00Z", "authenticated": False}
    with world.write() as hand:
        apply(hand.append("record", sent, About("web", "typed"), actor="a page"))
    run(Places(None, data_dir), RunOptions(), SilentProgress())
    assert "nobody vouches for web:typed" in (explain("web:typed", keys[0], data_dir).not_compared or "")
    assert "nobody vouches for web:typed" in profiles("explain", "web:typed", data_dir=data_dir).out
    assert explain_customer(keys[0], data_dir).unvouched == ()


def test_nobody_erased_is_explained_though_no_run_has_forgotten_them_yet(world: World, data_dir: Path) -> None:
    (one, ones), (_, others) = some(world, 2)
    with world.write() as hand:
        erase(hand, one, WISH)
    for asked in (one, ones[0]):
        with pytest.raises(NotFound, match="is erased"):
            explain_customer(asked, data_dir)
    with pytest.raises(NotFound, match=f"record {ones[0]} is erased"):
        explain(others[0], ones[0], data_dir)


def tied_by_another(data_dir: Path) -> tuple[str, str, str]:
    """Two records of one customer that only a third one ties, which is the last."""
    with connect_work(data_dir, read_only=True) as work:
        rows = work.execute(
            """SELECT list(channel || ':' || source_record_id ORDER BY rid)
            FROM membership JOIN records USING (rid) GROUP BY customer_id HAVING count(*) = 3 ORDER BY 1"""
        ).fetchall()
    for (keys,) in rows:
        for left, middle, right in permutations(keys):
            told = explain(left, right, data_dir)
            if told.not_compared and [link.right for link in told.path] == [middle, right]:
                return left, right, middle
    raise AssertionError("the sample has no such customer")


def test_who_tied_two_records_and_is_erased_stands_in_no_path_between_them(world: World, data_dir: Path) -> None:
    left, right, middle = tied_by_another(data_dir)
    assert middle in profiles("explain", left, right, data_dir=data_dir).out
    customer_id = explain_customer(left, data_dir).customer_id
    with world.write() as hand:
        split(hand, customer_id, [named(middle)], WISH)
    taken_out = world.state().record(*named(middle))
    assert taken_out is not None
    with world.write() as hand:
        erase(hand, taken_out.customer_id, WISH)
    told = profiles("explain", left, right, data_dir=data_dir)
    assert (told.status, middle in told.out) == (0, False)
    assert "no path of scored links of who stands today joins them" in told.out
    for asked in (left, customer_id):
        with pytest.raises(NotFound, match=f"nothing can be told yet of .*{asked} as one customer"):
            explain_customer(asked, data_dir)
    with pytest.raises(NotFound, match=f"record {middle} is erased"):
        explain_customer(middle, data_dir)


def test_why_a_row_of_somebody_erased_was_refused_is_told_no_more(world: World, data_dir: Path) -> None:
    with connect_work(data_dir) as work:
        work.execute(
            """INSERT INTO rejected_rows BY NAME SELECT * REPLACE (
                'customers' AS kind, 'web' AS channel, 'late' AS source_record_id, ['birth_date 31.2.1970'] AS reasons)
            FROM rejected_rows LIMIT 1"""
        )
    assert "31.2.1970" in profiles("explain", "web:late", data_dir=data_dir).last_error
    sent = {"fields": {"given_name": "Ada"}, "updated_at": "2026-11-20T08:00:00Z", "authenticated": True}
    with world.write() as hand:
        apply(hand.append("record", sent, About("web", "late"), actor="a page"))
    late = world.state().record("web", "late")
    assert late is not None
    with world.write() as hand:
        erase(hand, late.customer_id, WISH)
    for asked in (["web:late"], ["web:late", "web:W00000152"], [late.customer_id]):
        told = profiles("explain", *asked, data_dir=data_dir)
        assert "is erased; " in told.last_error
        assert "31.2.1970" not in told.last_error


@pytest.mark.parametrize("put_back", [True, False])
def test_whom_a_ledger_put_back_or_lost_does_not_know_to_be_erased_is_told_of_no_more(
    data_dir: Path, put_back: bool
) -> None:
    with closing(World.open(Settings(data_dir=data_dir))) as world:
        ((one, ones),) = some(world, 1)
    before = (data_dir / "ledger.sqlite").read_bytes()
    with closing(World.open(Settings(data_dir=data_dir))) as world, world.write() as hand:
        erase(hand, one, WISH)
    for file in data_dir.glob("ledger.sqlite*"):
        file.unlink()
    if put_back:
        (data_dir / "ledger.sqlite").write_bytes(before)
    with pytest.raises(NotFound, match=f"record {ones[0]} is erased"):
        explain_customer(ones[0], data_dir)
    assert "1 erased customer counted" in evaluate(SAMPLE / "truth.csv", data_dir).not_named[0]
    for file in () if put_back else data_dir.glob("ledger.sqlite*"):
        file.unlink()
    run(Places(None, data_dir), RunOptions(accept=True), SilentProgress())
    with connect_work(data_dir, read_only=True) as work:
        assert work.execute("SELECT stands_as FROM customer_ids WHERE customer_id = ?", [one]).fetchall() == [(None,)]
