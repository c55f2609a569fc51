"""What is taken in now shows at once: versions, claims nobody vouches for, events before their record, consents."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest

from profile_service.correct import Wish
from profile_service.erase import erase
from profile_service.errors import Refused
from profile_service.live.events import EventTaken
from profile_service.live.records import RecordTaken
from profile_service.lookup import Ambiguous, Found, by_id, by_identifier
from profile_service.settings import Settings
from profile_service.take import SentConsent, SentEvent, SentRecord, take_consents, take_events, take_record
from profile_service.world import World
from tests.postgres_world import PostgresWorld
from tests.served_world import opened_world

DAY = datetime(2026, 11, 20, 8, tzinfo=UTC)
PERSON = {
    "given_name": "Zdenka",
    "family_name": "Vrchlabska",
    "email": "zdenka.vrchlabska@example.org",
    "phone": "+441632960777",
    "birth_date": "1980-02-29",
    "street": "77 Quince Lane",
    "postcode": "QX1 7ZZ",
}


@pytest.fixture
def world(published: Path, tmp_path: Path) -> Iterator[World]:
    with opened_world(published, tmp_path / "ledger.sqlite") as opened:
        yield opened


def put(world: World, key: str, at: datetime | None = DAY, *, authenticated: bool = True, **fields: str) -> RecordTaken:
    channel, _, name = key.partition(":")
    with world.write() as hand:
        return take_record(hand, SentRecord(channel, name, fields, at, authenticated), "test")


def put_event(world: World, key: str, event_id: str, **fields: str) -> EventTaken:
    channel, _, name = key.partition(":")
    known = world.state().generation.known_events([(channel, event_id)])
    with world.write() as hand:
        return take_events(hand, [SentEvent(channel, event_id, name, fields)], known, "test")[0]


def profile(world: World, customer_id: str) -> dict[str, Any]:
    outcome = by_id(world.state(), customer_id)
    assert isinstance(outcome, Found)
    table: dict[str, Any] = outcome.profile
    return table


def test_a_new_person_is_a_new_customer_and_a_second_record_extends_it(world: World) -> None:
    first = put(world, "web:w-new", **PERSON)
    second = put(world, "store:s-new", **PERSON | {"given_name": "Zdenka M"})
    assert first.customers.created == (first.customer_id,)
    assert second.customer_id == first.customer_id
    assert profile(world, first.customer_id)["record_count"] == 2
    found = by_identifier(world.state(), "email", "ZDENKA.vrchlabska@example.org")
    assert isinstance(found, Found)
    assert found.customer_id == first.customer_id


def test_a_record_joins_a_customer_that_is_published(world: World) -> None:
    published = world.state().generation
    row = published.warehouse().execute(
        "SELECT channel, source_record_id, customer_id FROM customer_records "
        "WHERE email IS NOT NULL AND standard_email IS NOT NULL AND birth_date IS NOT NULL "
        "AND phone IS NOT NULL AND channel = 'store' LIMIT 1"
    )
    channel, name, customer_id = row.fetchall()[0]
    record = published.record(channel, name)
    assert record is not None
    sent = {field: value for field, value in record.fields.items() if field not in ("loyalty_id", "extra")}
    taken = put(world, "web:w-same", **sent)
    assert (taken.customer_id, taken.customers.created) == (customer_id, ())
    before = orjson.loads(published.document(customer_id) or b"")
    assert profile(world, customer_id)["record_count"] == before["record_count"] + 1
    assert profile(world, customer_id)["customer_since"] == before["customer_since"]


@pytest.mark.parametrize("order", ["older first", "newer first"])
def test_of_two_versions_the_newer_stands_in_whatever_order(world: World, order: str) -> None:
    versions = [
        (DAY, PERSON),
        (DAY + timedelta(days=1), PERSON | {"phone": "+441632960888"}),
    ]
    outcomes = []
    for at, fields in versions if order == "older first" else reversed(versions):
        taken = put(world, "web:w-twice", at, **fields)
        outcomes.append(taken.outcome)
    assert outcomes == (["accepted", "accepted"] if order == "older first" else ["accepted", "superseded"])
    document = profile(world, taken.customer_id)
    assert document["phone"] == "+441632960888"
    assert (document["first_seen"], document["last_seen"]) == ("2026-11-20T08:00:00Z", "2026-11-21T08:00:00Z")
    assert put(world, "web:w-twice", versions[1][0], **versions[1][1]).outcome == "unchanged"


def test_of_two_versions_of_one_moment_the_same_one_stands_in_either_order(world: World) -> None:
    one, other = PERSON | {"phone": "+441632960111"}, PERSON | {"phone": "+441632960222"}
    for key, versions in {"web:w-a": (one, other), "web:w-b": (other, one)}.items():
        for fields in versions:
            put(world, key, **fields)
    records = [world.state().record("web", name) for name in ("w-a", "w-b")]
    assert len({record.fields["phone"] for record in records if record is not None}) == 1


def test_a_version_that_says_it_is_someone_else_leaves_the_customer(world: World) -> None:
    put(world, "store:s-stays", **PERSON)
    joined = put(world, "web:w-leaves", **PERSON)
    other = {"given_name": "Bartholomew", "family_name": "Ngcobo", "email": "bart.ngcobo@example.com"}
    left = put(world, "web:w-leaves", DAY + timedelta(days=1), **other)
    assert left.customer_id != joined.customer_id
    assert profile(world, joined.customer_id)["record_count"] == 1
    assert isinstance(by_identifier(world.state(), "email", "bart.ngcobo@example.com"), Found)
    back = put(world, "web:w-leaves", DAY + timedelta(days=2), **PERSON)
    assert back.customer_id == joined.customer_id
    assert back.customers.retired == ((left.customer_id, joined.customer_id),)


def test_a_claim_that_nobody_vouches_for_joins_nobody_until_somebody_does(world: World) -> None:
    real = put(world, "store:s-real", **PERSON)
    claim = put(world, "web:w-claim", authenticated=False, **PERSON)
    assert claim.customer_id != real.customer_id
    found = by_identifier(world.state(), "email", PERSON["email"])
    assert isinstance(found, Found)
    assert found.customer_id == real.customer_id
    assert profile(world, claim.customer_id)["email"] is None
    vouched = put(world, "web:w-claim", DAY - timedelta(days=9), **PERSON)
    assert vouched.customer_id == real.customer_id
    for at in (DAY + timedelta(days=9), DAY - timedelta(days=9999)):
        before = profile(world, real.customer_id)
        again = put(world, "web:w-claim", at, authenticated=False, given_name="Mallory", marketing_consent="yes")
        assert (again.outcome, again.customer_id) == ("superseded", real.customer_id)
        assert profile(world, real.customer_id) == before


def test_an_event_counts_once_and_waits_for_its_record(world: World) -> None:
    bought = {"event_type": "purchase", "occurred_at": "2026-11-19T10:00:00Z", "amount": "12.50", "currency": "EUR"}
    assert put_event(world, "web:w-later", "e-1", **bought) == EventTaken(None, new=True)
    assert put_event(world, "web:w-later", "e-1", **bought).new is False
    taken = put(world, "web:w-later", **PERSON)
    assert put_event(world, "web:w-later", "e-2", **bought) == EventTaken(taken.customer_id, new=True)
    document = profile(world, taken.customer_id)
    assert document["event_count"] == 2
    assert document["amount_by_currency"] == {"EUR": "25.0000"}
    assert (document["first_seen"], document["last_event_at"]) == ("2026-11-19T10:00:00Z",) * 2


def test_an_event_that_is_published_is_known(world: World) -> None:
    rows = (
        world.state()
        .generation.warehouse()
        .execute(
            "SELECT channel, source_record_id, event_id, customer_id FROM customer_events "
            "WHERE customer_id IS NOT NULL LIMIT 1"
        )
    )
    channel, name, event_id, customer_id = rows.fetchall()[0]
    assert put_event(world, f"{channel}:{name}", event_id, event_type="visit") == EventTaken(customer_id, new=False)


def test_consent_is_kept_by_purpose_and_channel_and_fails_closed(world: World) -> None:
    taken = put(world, "web:w-consents", **PERSON | {"marketing_consent": "yes"})
    said = [
        SentConsent("marketing", "email", "no", DAY + timedelta(days=1)),
        SentConsent("analytics", "web", "yes", DAY),
    ]
    with world.write() as hand:
        take_consents(hand, taken.customer_id, said, "test")
    document = profile(world, taken.customer_id)
    assert document["marketing_consent"] == "no"
    stands = {(each["purpose"], each["channel"]): each["consent"] for each in document["consents"]}
    assert stands == {("marketing", "web"): "yes", ("marketing", "email"): "no", ("analytics", "web"): "yes"}
    with world.write() as hand:
        take_consents(hand, taken.customer_id, [SentConsent("marketing", "email", "yes", DAY + timedelta(days=2))], "t")
    assert profile(world, taken.customer_id)["marketing_consent"] == "yes"
    # it stays with the customer when another record becomes the first
    put(world, "call_center:c-consents", **PERSON)
    assert profile(world, taken.customer_id)["marketing_consent"] == "yes"


def test_nothing_is_taken_of_an_erased_person(world: World) -> None:
    taken = put(world, "web:w-gone", **PERSON)
    with world.write() as hand:
        erase(hand, taken.customer_id, Wish("test", "asked to be forgotten"))
    with pytest.raises(Refused, match="erased"):
        put(world, "web:w-gone", **PERSON)
    with pytest.raises(Refused, match="erased"):
        put_event(world, "web:w-gone", "e-gone", event_type="visit")


def test_of_a_batch_with_an_event_of_an_erased_person_none_is_taken(world: World) -> None:
    taken = put(world, "web:w-gone", **PERSON)
    with world.write() as hand:
        erase(hand, taken.customer_id, Wish("test", "asked to be forgotten"))
    batch = [SentEvent("web", "e-kept", "w-nobody", {}), SentEvent("web", "e-gone", "w-gone", {})]
    with world.write() as hand:
        before = hand.tx.seq
        with pytest.raises(Refused, match="erased"):
            take_events(hand, batch, set(), "test")
        assert hand.tx.seq == before


def test_a_value_that_two_customers_come_to_share_is_marked_on_both(world: World) -> None:
    one = put(world, "web:w-one", **PERSON)
    stranger = {
        "given_name": "Olumide",
        "family_name": "Abernathy",
        "birth_date": "1955-05-05",
        "phone": PERSON["phone"],
    }
    other = put(world, "store:s-other", **stranger)
    assert other.customer_id != one.customer_id
    for customer_id in (one.customer_id, other.customer_id):
        marks = {each["type"]: each["shared"] for each in profile(world, customer_id)["identifiers"]}
        assert marks["phone"] is True
    assert isinstance(by_identifier(world.state(), "phone", PERSON["phone"]), Ambiguous)
    put(world, "store:s-other", DAY + timedelta(days=1), **stranger | {"phone": "+441632960999"})
    marks = {each["type"]: each["shared"] for each in profile(world, one.customer_id)["identifiers"]}
    assert marks["phone"] is False


def test_a_ledger_in_postgresql_answers_the_same(published: Path, postgres: PostgresWorld) -> None:
    world = World.open(Settings(data_dir=published, ledger_url=postgres.new_ledger()))
    try:
        taken = put(world, "web:w-pg", **PERSON)
        assert put(world, "store:s-pg", **PERSON).customer_id == taken.customer_id
        assert put_event(world, "web:w-pg", "e-pg", event_type="visit") == EventTaken(taken.customer_id, new=True)
        found = by_identifier(world.state(), "phone", PERSON["phone"])
        assert isinstance(found, Found)
        assert profile(world, found.customer_id)["event_count"] == 1
    finally:
        world.close()


def test_two_live_records_of_one_new_person_at_once_are_one_customer(published: Path, tmp_path: Path) -> None:
    settings = Settings(data_dir=published, ledger_url=f"sqlite:///{tmp_path}/ledger.sqlite")
    names = ("Aaltonen", "Bhattacharya", "Castellanos", "Dziedzic", "Eberhardt", "Fujimoto", "Grzelak", "Hakobyan")
    workers = [World.open(settings) for _ in range(2)]
    together = threading.Barrier(2)
    answers: list[dict[int, str]] = [{}, {}]

    def write(worker: int) -> None:
        for person, name in enumerate(names):
            fields = PERSON | {
                "given_name": f"{name[::-1].title()}",
                "family_name": name,
                "email": f"{name.lower()}@example.org",
                "phone": f"+4416329605{person:02}",
                "birth_date": f"19{50 + person * 5}-0{person + 1}-1{person}",
                "street": f"{person + 1} {name} Street",
                "postcode": f"{name[:2].upper()}{person} 1AA",
            }
            together.wait(timeout=30)
            taken = put(workers[worker], f"{('web', 'store')[worker]}:race-{person}", **fields)
            answers[worker][person] = taken.customer_id

    threads = [threading.Thread(target=write, args=(worker,)) for worker in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    try:
        assert answers[0] == answers[1]
        assert len(set(answers[0].values())) == len(names)
        for worker in workers:
            for customer_id in answers[0].values():
                assert profile(worker, customer_id)["record_count"] == 2
    finally:
        for worker in workers:
            worker.close()
