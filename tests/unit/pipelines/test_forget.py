"""Forgetting someone leaves the work store as if they had never been in it, but for what keeps them away."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest

from pipelines.forget import Forgotten, forget
from pipelines.ingest.suppressions import Suppressions
from pipelines.marks import drop_shared_marks
from profile_service.identity.records import RawRecord
from profile_service.privacy import Erasure, tokens_of
from tests.linkage_world import Learned, LinkageWorld, raw, run_context
from tests.work_world import WorkWorld

AT = datetime(2026, 5, 1, tzinfo=UTC)


def erasure(*names: str, customer_id: str = "cus_1", salt: str = "salt") -> Erasure:
    """The erasure of one customer that had these records."""
    keys = [tuple(name.split(":", 1)) for name in names]
    return Erasure(f"era_{customer_id}", customer_id, salt, tokens_of(salt, keys), AT, tuple(keys))  # type: ignore[arg-type]


def crowd(surnames: Sequence[str]) -> Iterator[RawRecord]:
    """People who share a phone, of as many families as there are names."""
    for number, surname in enumerate(surnames):
        yield raw(f"store:c{number}", given_name="Kim", family_name=surname, phone="+442079460000", city="Leeds")


@pytest.mark.parametrize("every", [3, 7, 50])
def test_forgetting_is_never_having_known(learned: Learned, every: int) -> None:
    shared = list(crowd([f"Fam{letter}{other}" for letter in "abcdef" for other in "ghij"]))
    everyone = [*learned.records[:500], *shared]
    gone = {f"{record.channel}:{record.source_record_id}" for record in everyone[::every]}
    with LinkageWorld(learned.models) as world, LinkageWorld(learned.models) as other:
        world.put(everyone)
        world.resolve()
        other.put(record for record in everyone if f"{record.channel}:{record.source_record_id}" not in gone)
        other.resolve()
        done = forget(world.work, run_context(2), [erasure(*gone)])
        assert done.rows["records"] == len(gone)
        world.resolve()
        assert world.customers() == other.customers()
        for query in (
            "SELECT * FROM generic_values ORDER BY ALL",
            """SELECT a.channel, a.source_record_id, s.* EXCLUDE (rid) FROM standardised s
            JOIN records a USING (rid) ORDER BY ALL""",
            """SELECT unnest(list_sort([hash(a.channel, a.source_record_id), hash(b.channel, b.source_record_id)])),
            round(s.bits, 4) AS bits FROM scored_pairs s JOIN records a ON a.rid = s.l JOIN records b ON b.rid = s.r
            ORDER BY ALL""",
            "SELECT field, value, count(*) FROM withheld GROUP BY ALL ORDER BY ALL",
        ):
            assert world.all(query) == other.all(query), query


def test_what_a_decision_tied_to_the_forgotten_is_resolved_without_it(learned: Learned) -> None:
    with LinkageWorld(learned.models) as world:
        world.put([raw("store:1", given_name="Ann"), raw("web:1", given_name="Zoe"), raw("web:2", given_name="Bob")])
        world.judge("store:1", "web:1", "same")
        world.judge("web:1", "web:2", "same")
        world.resolve()
        assert world.together("store:1", "web:2")
        forget(world.work, run_context(2), [erasure("web:1")])
        world.resolve()
        assert world.customers() == {frozenset({"store:1"}), frozenset({"web:2"})}
        assert world.all("SELECT * FROM constraints") == []


@pytest.fixture
def world(tmp_path: Path) -> Iterator[WorkWorld]:
    made = WorkWorld(tmp_path)
    context = made.begin()
    for key, email in (("store:1", "ann.lee@example.com"), ("web:1", "ann.lee@example.com"), ("web:2", "bo@x.org")):
        made.record(key, given_name="Ann", family_name="Lee", email=email, phone="+441234567890")
    made.event("store:1", "e1")
    made.event("web:2", "e2")
    made.link("store:1", "web:1", 12.0)
    made.link("web:1", "web:2", -3.0)
    made.identify(context, ["store:1 web:1", "web:2"])
    made.work.execute("CREATE TEMP TABLE IF NOT EXISTS changed_records (rid INTEGER)")
    yield made
    made.work.close()


def forgotten(world: WorkWorld, *erasures: Erasure) -> Forgotten:
    """Forget in the next run, which identifies what is left."""
    context = world.begin()
    done = forget(world.work, context, erasures)
    world.work.execute("DELETE FROM scored_pairs WHERE l IN (FROM gone_records) OR r IN (FROM gone_records)")
    world.identify(context, [], revised=False)
    world.work.execute("DROP TABLE gone_records")
    return done


def test_rows_of_every_table_go_and_others_stay(world: WorkWorld) -> None:
    world.record("store:1", day=5, given_name="Anne", family_name="Lee", email="ann.lee@example.com")
    for channel, text in (
        ("store", "1,Ann,Lee,not a date"),
        ("web", '{"source_record_id": "7", "email": "ann.lee@example.com"}'),
        ("web", "17,Someone,else"),
        ("mobile", "1,Another,one"),
    ):
        world.work.execute(
            "INSERT INTO rejected_rows BY NAME SELECT 1 AS run_seq, ? AS channel, ? AS row_as_sent", [channel, text]
        )
    # cut off before its id
    world.work.execute(
        """INSERT INTO rejected_rows BY NAME
        SELECT 1 AS run_seq, 'web' AS channel, '{"street": "very long' AS row_as_sent, '1' AS source_record_id"""
    )
    customer = world.customer_of("web:1")
    done = forgotten(world, erasure("store:1", "web:1", customer_id=customer))
    assert done.rows == {
        "rejected_rows": 3,
        "constraints": 0,
        "labels": 0,
        "records": 2,
        "record_history": 1,
        "events": 1,
        "event_history": 0,
        "consents": 0,
    }
    assert world.work.execute("SELECT channel, source_record_id FROM records").fetchall() == [("web", "2")]
    assert (customer, "erased", None, True) in world.history()
    marks = dict.fromkeys(world.work.execute("SELECT kind, value FROM erasing").fetchall())
    assert ("value", "ann.lee@example.com") in marks
    assert ("value", "+441234567890") not in marks, "another person holds the phone"


def test_forgetting_twice_changes_nothing_more(world: WorkWorld) -> None:
    customer = world.customer_of("web:1")
    gone = erasure("store:1", "web:1", customer_id=customer)
    assert forgotten(world, gone).changed
    before = world.history()
    assert not forgotten(world, gone).changed
    assert world.history() == before
    assert world.work.execute("SELECT count(*) FROM suppressions").fetchall() == [(2,)]


def test_the_forgotten_are_kept_away_whatever_salt_their_tokens_have(world: WorkWorld) -> None:
    forgotten(world, erasure("store:1", customer_id="cus_1"), erasure("web:9", customer_id="cus_9", salt="other"))
    suppressed = Suppressions(world.work)
    held = [key for key in (("store", "1"), ("web", "9"), ("web", "2")) if suppressed.hold(*key)]
    assert held == [("store", "1"), ("web", "9")]
    rows = "(SELECT unnest(['store', 'web', 'web']) AS channel, unnest(['1', '9', '2']) AS source_record_id)"
    assert world.work.execute(f"SELECT count(*) FROM {rows} WHERE {suppressed.condition_sql()}").fetchall() == [(2,)]


def test_an_id_erased_live_is_gone_whatever_the_store_still_held_under_it(world: WorkWorld) -> None:
    customer = world.customer_of("web:1")
    forgotten(world, erasure("web:1", customer_id=customer), erasure("web:8", customer_id="cus_live"))
    assert world.customer_of("store:1") != customer
    states = dict(world.work.execute("SELECT customer_id, stands_as FROM customer_ids WHERE NOT standing").fetchall())
    assert states == {customer: None, "cus_live": None}
    forgotten(world, erasure("web:7", customer_id=world.customer_of("store:1")))
    assert world.work.execute("SELECT count(*) FROM customer_ids WHERE standing").fetchall() == [(2,)]


def test_a_value_that_somebody_has_who_came_in_since_is_no_mark(tmp_path: Path) -> None:
    world = WorkWorld(tmp_path)
    world.record("web:1", email="kim@example.org", phone="+442079460001")
    world.record("store:9", email="ann@example.org")
    forget(world.work, run_context(2), [erasure("web:1")])
    values = "SELECT value FROM erasing WHERE kind = 'value' ORDER BY value"
    assert world.work.execute(values).fetchall() == [("+442079460001",), ("kim@example.org",)]
    world.record("web:2", email="kim@example.org")
    drop_shared_marks(world.work)
    assert world.work.execute(values).fetchall() == [("+442079460001",)]
    world.work.close()
