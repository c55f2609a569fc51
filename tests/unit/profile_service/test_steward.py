"""What stewards decide shows at once and can be taken back; whom they erase is gone from every answer."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from profile_service.correct import Decided, Wish, merge, split, undo
from profile_service.erase import erase, erasure_of_customer
from profile_service.errors import NotFound, Refused
from profile_service.export import export_customer
from profile_service.export_page import export_page
from profile_service.live.standing import Standing
from profile_service.lookup import Erased, Found, by_id, by_identifier
from profile_service.review import decide, review_of, reviews
from profile_service.store.ledger.erasures import is_suppressed, rows_holding
from profile_service.world import World
from profile_service.written import money
from tests.served_world import opened_world

WISH = Wish("steward", "they told us on the phone")


@pytest.fixture
def world(published: Path, tmp_path: Path) -> Iterator[World]:
    with opened_world(published, tmp_path / "ledger.sqlite") as opened:
        yield opened


def customers(world: World, at_least: int, count: int = 2) -> list[str]:
    """Ids of customers of so many records, in order."""
    rows = (
        world.state()
        .generation.warehouse()
        .execute(
            "SELECT customer_id FROM customers WHERE record_count >= $1 AND email IS NOT NULL ORDER BY 1 LIMIT $2",
            [at_least, count],
        )
        .fetchall()
    )
    return [str(customer_id) for (customer_id,) in rows]


def keys(world: World, customer_id: str) -> set[str]:
    return {record.key for record in world.state().records_of(customer_id)}


def merged(world: World, *ids: str) -> Decided:
    with world.write() as hand:
        return merge(hand, ids[0], ids[1:], WISH)


def parts(world: World, customer_id: str) -> list[tuple[str, str]]:
    """The first record of a customer, as the part to be split off."""
    first = min(keys(world, customer_id))
    channel, _, name = first.partition(":")
    return [(channel, name)]


def test_a_merge_is_on_the_next_read_and_its_undoing_too(world: World) -> None:
    one, other = customers(world, 2)
    before = {each: keys(world, each) for each in (one, other)}
    decided = merged(world, one, other)
    (standing,) = {each["customer_id"] for each in decided.after}
    (retired, winner) = decided.customers.retired[0]
    assert winner == standing
    assert keys(world, standing) == before[one] | before[other]
    outcome = by_id(world.state(), retired)
    assert getattr(outcome, "stands_as", None) == standing
    document = world.state().profile(standing) or {}
    assert document["record_count"] == len(before[one] | before[other])
    with world.write() as hand:
        back = undo(hand, decided.decision_id, WISH)
    # the id that had answered through the other is its records' own again
    assert {each["customer_id"]: set(each["records"]) for each in back.after} == before
    assert back.customers.restored == (retired,)
    assert isinstance(by_id(world.state(), retired), Found)
    with world.write() as hand, pytest.raises(Refused, match="taken back already"):
        undo(hand, decided.decision_id, WISH)


def test_the_undoing_of_a_split_leaves_the_customer_as_it_was(world: World) -> None:
    (customer_id,) = customers(world, 3, 1)
    document = world.state().profile(customer_id)
    with world.write() as hand:
        decided = split(hand, customer_id, parts(world, customer_id), WISH)
    fresh = {each["customer_id"] for each in decided.after} - {customer_id}
    with world.write() as hand:
        undo(hand, decided.decision_id, WISH)
    assert world.state().profile(customer_id) == document
    assert [getattr(by_id(world.state(), each), "stands_as", None) for each in fresh] == [customer_id] * len(fresh)
    with world.write() as hand:
        again = split(hand, customer_id, parts(world, customer_id), WISH)
    assert {each["customer_id"] for each in again.after} == {each["customer_id"] for each in decided.after}


def test_a_split_is_on_the_next_read_and_a_later_merge_binds_over_it(world: World) -> None:
    (customer_id,) = customers(world, 3, 1)
    before = keys(world, customer_id)
    part = parts(world, customer_id)
    with world.write() as hand:
        decided = split(hand, customer_id, part, WISH)
    assert len(decided.after) >= 2
    assert [":".join(part[0])] in [each["records"] for each in decided.after]
    again = merged(world, *(each["customer_id"] for each in decided.after))
    assert [set(each["records"]) for each in again.after] == [before]


@pytest.mark.parametrize(
    "wrong", ["itself", "unknown", "foreign record", "every record", "no record", "nothing to undo"]
)
def test_what_cannot_be_decided_is_refused_and_changes_nothing(world: World, wrong: str) -> None:
    one, other = customers(world, 2)
    foreign = parts(world, other)
    every = [(key.partition(":")[0], key.partition(":")[2]) for key in keys(world, one)]
    with world.write() as hand, pytest.raises(Refused):
        {
            "itself": lambda: merge(hand, one, [one], WISH),
            "unknown": lambda: merge(hand, one, ["cus_nobody"], WISH),
            "foreign record": lambda: split(hand, one, foreign, WISH),
            "every record": lambda: split(hand, one, every, WISH),
            "no record": lambda: split(hand, one, [], WISH),
            "nothing to undo": lambda: undo(hand, "jdg_000000000001", WISH),
        }[wrong]()
    assert world.ledger.log().last_seq() == 0


def test_the_queue_is_most_valuable_first_and_what_is_judged_waits_no_more(world: World) -> None:
    first = reviews(world.state(), limit=5)
    assert [item["value"] for item in first.items] == sorted((item["value"] for item in first.items), reverse=True)
    following = reviews(world.state(), limit=5, cursor=first.next_cursor)
    assert not {item["review_id"] for item in first.items} & {item["review_id"] for item in following.items}
    same, different = (item["review_id"] for item in first.items[:2])
    told = review_of(world.state(), same)
    assert [link["bits"] for link in told["links"]] == [told["bits"]]
    with world.write() as hand:
        decided = decide(hand, same, "same", (), WISH)
    assert len(decided.after) == 1
    with world.write() as hand:
        decide(hand, different, "different", (), WISH)
    left = {item["review_id"] for item in reviews(world.state(), limit=500).items}
    assert not {same, different} & left
    with world.write() as hand, pytest.raises(Refused, match="not any more"):
        decide(hand, same, "different", (), WISH)


def test_a_customer_in_doubt_is_confirmed_or_parted(world: World) -> None:
    page = reviews(world.state(), "customer", limit=2)
    one, other = page.items
    with world.write() as hand:
        decide(hand, one["review_id"], "same", (), WISH)
        with pytest.raises(Refused, match="name in"):
            decide(hand, other["review_id"], "different", (), WISH)
        decided = decide(
            hand, other["review_id"], "different", parts(world, other["customers"][0]["customer_id"]), WISH
        )
    assert len(decided.after) >= 2
    assert not {one["review_id"], other["review_id"]} & {
        item["review_id"] for item in reviews(world.state(), "customer", limit=500).items
    }


def test_an_erased_customer_is_gone_from_every_answer_at_once(world: World) -> None:
    one, other = customers(world, 2)
    decided = merged(world, one, other)
    customer_id = decided.after[0]["customer_id"]
    gone = keys(world, customer_id)
    document = world.state().profile(customer_id) or {}
    identifiers = [(each["type"], each["value"]) for each in document["identifiers"]]
    with world.write() as hand:
        erase(hand, customer_id, Wish("dpo", "asked by letter"))
    state = world.state()
    assert isinstance(by_id(state, customer_id), Erased)
    for key in gone:
        channel, _, name = key.partition(":")
        assert not isinstance(by_identifier(state, "record", key), Found)
        assert Standing(*state).record(channel, name) is None
        assert is_suppressed(world.ledger.read(), channel, name)
    for identifier_type, value in identifiers:
        assert customer_id not in state.holders(identifier_type, value)
    refs = {record.ref for record in state.generation.records_of(one)}
    assert Standing(*state).records(refs) == {}
    assert erasure_of_customer(world.ledger.log(), customer_id)["state"] == "invisible"
    with world.write() as hand, pytest.raises(Refused) as refused:
        erase(hand, customer_id, WISH)
    assert refused.value.kind == "erased"
    with world.write() as hand, pytest.raises(Refused, match="no such decision"):
        undo(hand, decided.decision_id, WISH)
    left = rows_holding(world.ledger.read(), [value for _, value in identifiers], ())
    assert not {table for table, count in left.items() if count}


def test_an_erasure_is_carried_over_to_a_generation_that_has_not_folded_it(
    world: World, published: Path, tmp_path: Path
) -> None:
    (customer_id,) = customers(world, 3, 1)
    gone = keys(world, customer_id)
    with world.write() as hand:
        erasure = erase(hand, customer_id, WISH)
    with world.ledger.write() as tx:
        # as after a restored backup: nothing is applied to the generation, and the log knows tokens only
        from profile_service.store.ledger.erasures import erasures_after, settle

        (logged,) = erasures_after(tx.log)
        settle(tx, logged, {"residue": 0})
        hand_overlay = world.state().overlay.run_id
        from profile_service.store.ledger import OverlayWriter

        OverlayWriter(tx, hand_overlay, 0).drop_generation(hand_overlay)
        tx.set_meta(f"applied:{hand_overlay}", "0")
        tx.set_meta("current_generation", "another")
    with opened_world(published, tmp_path / "ledger.sqlite") as restored:
        assert isinstance(by_id(restored.state(), customer_id), Erased)
        for key in gone:
            assert restored.state().record(*key.split(":", 1)) is None or key in gone
    assert erasure.tokens


def test_a_customer_who_shared_an_identifier_with_the_erased_shares_it_no_more(world: World) -> None:
    rows = (
        world.state()
        .generation.warehouse()
        .execute(
            """SELECT list(customer_id ORDER BY customer_id), identifier_type, value FROM customer_identifiers
            WHERE held_by = 2 GROUP BY ALL ORDER BY 1, 2, 3 LIMIT 1"""
        )
        .fetchall()
    )
    (gone, other), identifier_type, value = rows[0]
    with world.write() as hand:
        erase(hand, gone, WISH)
    found = by_identifier(world.state(), identifier_type, value)
    assert isinstance(found, Found)
    assert found.customer_id == other
    told = found.profile["identifiers"]
    assert [each["shared"] for each in told if each["value"] == value] == [False]


def test_an_export_tells_everything_and_its_page_shows_it_safely(world: World) -> None:
    (customer_id,) = customers(world, 3, 1)
    with world.write() as hand:
        decided = split(hand, customer_id, parts(world, customer_id), WISH)
    with world.write() as hand:
        undo(hand, decided.decision_id, WISH)
    told = export_customer(world.state(), customer_id, datetime(2026, 1, 1, tzinfo=UTC))
    assert told is not None
    assert {f"{each['channel']}:{each['source_record_id']}" for each in told["records"]} == keys(world, customer_id)
    assert len(told["events"]) == told["profile"]["event_count"]
    assert len(told["former_ids"]) >= 1
    told["profile"]["full_name"] = "<script>alert(1)</script>"
    page = export_page(told)
    assert "<script>" not in page
    for record in told["records"]:
        assert record["source_record_id"] in page
    assert export_customer(world.state(), "cus_nobody", datetime(2026, 1, 1, tzinfo=UTC)) is None


def test_the_page_of_an_export_writes_moments_amounts_and_likelihoods_as_people_do(world: World) -> None:
    (customer_id,) = customers(world, 2, 1)
    told = export_customer(world.state(), customer_id, datetime(2026, 1, 1, 9, 5, tzinfo=UTC))
    assert told is not None
    told["profile"]["amount_by_currency"] = {"EUR": "1204.5000", "GBP": "3.0000"}
    told["profile"]["sureness"] = {
        "weakest_link_bits": 18.25,
        "probability": 0.999997,
        "records": 2,
        "in_words": "sure",
    }
    event = {"occurred_at": "2025-03-04T18:30:12.5Z", "channel": "call_center", "event_type": "gift_card", "extra": {}}
    told["events"] = [{**event, "amount": "1049.9000", "currency": "USD", "event_id": "E-1"}]
    page = export_page(told)
    shown = ("1 January 2026, 09:05 UTC", "1,204.50 EUR, 3.00 GBP", "over 99.9 %", "4 March 2025, 18:30 UTC")
    for text in (*shown, "call center", "gift card", "1,049.90 USD"):
        assert text in page
    for raw in ("1049.9000", "1204.5000", "18.25", "0.999997", "2025-03-04T", "weakest_link", ">call_center<"):
        assert raw not in page


def test_the_page_of_an_export_tells_traits_by_their_meaning_and_nested_values_apart(world: World) -> None:
    ask = world.state().generation.ask
    ((customer_id,),) = ask("SELECT customer_id FROM customer_traits WHERE name = 'average_basket' ORDER BY 1 LIMIT 1")
    told = export_customer(world.state(), customer_id, datetime(2026, 1, 1, tzinfo=UTC))
    assert told is not None
    assert {each["name"] for each in told["worth"]} >= {"orders", "average_basket", "first_purchase"}
    basket = {"basket": [{"sku": "A-1", "tags": ["new", "sale"]}, {"sku": "B-2"}]}
    told["events"] = [{"occurred_at": "2025-03-04T18:30:12Z", "channel": "web", "extra": basket}]
    page = export_page(told)
    (value,) = (each["value"] for each in told["worth"] if each["name"] == "average_basket")
    what, amount, why = ("average basket", money(value, "EUR"), "What an order is worth")
    cells = f'<td data-of="what"><span>{what}</span></td><td data-of="value"><span>{amount}</span></td>'
    assert f'{cells}<td data-of="why"><span>{why}' in page
    assert "<li>basket: <ul><li>sku: A-1, tags: new, sale</li><li>sku: B-2</li></ul></li>" in page
    for raw in ("average_basket", "first_purchase", f": {value}"):
        assert raw not in page


def test_nobody_was_erased_who_was_not(world: World) -> None:
    with pytest.raises(NotFound):
        erasure_of_customer(world.ledger.log(), customers(world, 1, 1)[0])
