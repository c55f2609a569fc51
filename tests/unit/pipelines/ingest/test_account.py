"""The counts of a run are held against the work store, and an erased person's rows stay away."""

from pathlib import Path

import pytest

from pipelines.ingest.account import audit_ingest, hold_to_account
from pipelines.ingest.counts import FeedCounts, IngestCounts
from pipelines.ingest.suppressions import suppression_salt
from profile_service.errors import PromiseBroken
from profile_service.privacy import suppression_token
from tests.landing_world import LandingWorld, csv_of, jsonl_of

HEADER = "source_record_id,given_name,birth_date,updated_at"
EVENTS = "event_id,source_record_id,occurred_at"
ROWS = [
    "1,Ada,1990-01-01,2024-01-01T00:00:00Z",
    "1,Ada,1990-01-01,2024-01-01T00:00:00Z",
    "1,Ida,1990-01-01,2023-01-01T00:00:00Z",
    "2,Bo,x,",
    "3,Cy",
]

# what is done to the work store behind the counts' back, and what the audit then says
BREAKS = [
    ("DELETE FROM records", "store customers: 1 rows told as accepted, 0 found"),
    ("INSERT INTO records SELECT * FROM records", "1 rows told as accepted, 2 found"),
    ("DELETE FROM record_history", "1 rows told as superseded, 0 found"),
    ("DELETE FROM rejected_rows WHERE line = 5", "2 rows told as rejected, 1 found"),
    ("UPDATE files SET rows = rows + 1 WHERE kind = 'customers'", "5 rows told as received, 6 found"),
    ("DELETE FROM events", "store events: 1 rows told as accepted, 0 found"),
    ("INSERT INTO events SELECT * REPLACE ('web' AS channel) FROM events", "web events: 0 rows told as accepted, 1"),
    (
        "INSERT INTO records SELECT * REPLACE (9 AS changed_seq) FROM records",
        "records: more than one row of the same channel, source_record_id stands",
    ),
]


def world_of(tmp_path: Path) -> tuple[LandingWorld, IngestCounts]:
    world = LandingWorld(tmp_path)
    world.put("store/customers.csv", csv_of(*ROWS, header=HEADER))
    world.put("store/events.csv", csv_of("e,1,", header=EVENTS))
    return world, world.run()


def test_every_row_has_one_outcome(tmp_path: Path) -> None:
    _, counts = world_of(tmp_path)
    assert counts.feeds == (
        FeedCounts("store", "customers", 1, 0, received=5, accepted=1, unchanged=1, superseded=1, rejected=2),
        FeedCounts("store", "events", 1, 0, received=1, accepted=1),
    )
    assert counts.total("received", "customers") == 5
    assert counts.as_dict()["feeds"][0]["rejected"] == 2


def test_how_many_records_were_read_is_told_before_it_is_known_which_stand(tmp_path: Path) -> None:
    world = LandingWorld(tmp_path)
    world.put("store/customers.csv", csv_of(*ROWS, header=HEADER))
    world.put("store/events.csv", csv_of("e,1,", header=EVENTS))
    told: list[tuple[int, int]] = []
    world.run(read=lambda records: told.append((records, len(world.all("FROM records")))))
    assert told == [(5, 0)]


def test_the_work_store_agrees_with_the_counts(tmp_path: Path) -> None:
    world, counts = world_of(tmp_path)
    assert audit_ingest(world.work, 1, counts) == []


@pytest.mark.parametrize(("broken", "said"), BREAKS)
def test_the_audit_finds_what_is_broken_on_purpose(tmp_path: Path, broken: str, said: str) -> None:
    world, counts = world_of(tmp_path)
    world.work.execute(broken)
    assert any(said in line for line in audit_ingest(world.work, 1, counts))
    with pytest.raises(PromiseBroken):
        hold_to_account(world.work, 1, counts)


def test_an_erased_persons_rows_are_counted_and_not_kept(tmp_path: Path) -> None:
    world = LandingWorld(tmp_path)
    salt = suppression_salt(world.work)
    assert salt == suppression_salt(world.work)
    for channel, key in (("store", "1"), ("web", "2"), ("web", "3")):
        token = suppression_token(salt, channel, key)
        world.work.execute("INSERT INTO suppressions VALUES (?, now())", [token])
    world.put("store/customers.csv", csv_of(*ROWS, "9,Di,,", header=HEADER))
    world.put("store/customers_bad.csv", csv_of("1,Ada", "1,Ada,x,", header=HEADER))
    world.put("web/customers.jsonl", jsonl_of({"source_record_id": 3, "email": []}, {"source_record_id": 1}))
    world.put("web/events.csv", csv_of("e,2,", "f,1,", "g,2,x", header=EVENTS))
    counts = world.run()
    assert [(feed.channel, feed.kind, feed.suppressed, feed.accepted, feed.rejected) for feed in counts.feeds] == [
        ("store", "customers", 5, 1, 2),
        ("web", "customers", 1, 1, 0),
        ("web", "events", 2, 1, 0),
    ]
    assert set(world.all("SELECT channel, source_record_id FROM records")) == {("store", "9"), ("web", "1")}
    kept = world.all("SELECT row_as_sent FROM rejected_rows")
    assert not [row for (row,) in kept if "Ada" in row or "Ida" in row]
    assert world.all("SELECT count(*) FROM record_history") == [(0,)]
