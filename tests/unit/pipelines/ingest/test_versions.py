"""Of all versions of a record or event one stands, and every row is counted as what became of it."""

import itertools
from pathlib import Path

import pytest

from pipelines.ingest import FeedCounts
from profile_service.errors import PromiseBroken
from tests.landing_world import LandingWorld, csv_of, jsonl_of

OLD, MID, NEW = "2024-01-01T00:00:00Z", "2024-01-02T00:00:00+01:00", "2024-01-03T00:00:00Z"
HEADER = "source_record_id,given_name,updated_at"
EVENTS = "event_id,source_record_id,event_type,occurred_at"

# versions (given name, updated_at) in order of arrival; the one that stands; accepted, unchanged, superseded in all
DELIVERIES = [
    ("a first version", [("A", OLD)], "A", (1, 0, 0)),
    ("the same again", [("A", OLD), ("A", OLD)], "A", (1, 1, 0)),
    ("a newer one", [("A", OLD), ("B", NEW)], "B", (2, 0, 0)),
    ("an older one, late", [("B", NEW), ("A", OLD)], "B", (1, 0, 1)),
    ("an older one, late, twice", [("B", NEW), ("A", OLD), ("A", OLD)], "B", (1, 1, 1)),
    ("a replaced one again", [("A", OLD), ("B", NEW), ("A", OLD)], "B", (2, 1, 0)),
    ("the same with a newer date", [("A", OLD), ("A", NEW)], "A", (2, 0, 0)),
    ("undated, the later arrival", [("A", ""), ("B", "")], "B", (2, 0, 0)),
    ("undated, back to the first", [("A", ""), ("B", ""), ("A", "")], "A", (3, 0, 0)),
    ("a dated one after an undated", [("A", ""), ("B", OLD)], "B", (2, 0, 0)),
    ("an undated one after a dated", [("B", OLD), ("A", "")], "B", (1, 0, 1)),
    ("three, in the middle last", [("A", OLD), ("C", NEW), ("B", MID)], "C", (2, 0, 1)),
]


def row(name: str, date: str, key: str = "1") -> str:
    return f"{key},{name},{date}"


@pytest.mark.parametrize(
    ("versions", "stands", "outcomes"), [case[1:] for case in DELIVERIES], ids=[c[0] for c in DELIVERIES]
)
def test_versions_one_run_each(
    tmp_path: Path, versions: list[tuple[str, str]], stands: str, outcomes: tuple[int, int, int]
) -> None:
    world = LandingWorld(tmp_path)
    seen = [0, 0, 0]
    for number, version in enumerate(versions):
        blank = [""] * number  # lines that are no rows, so that no file is known by its content
        counts = world.deliver(f"store/customers_{number}.csv", csv_of(row(*version), *blank, header=HEADER))
        for place, outcome in enumerate(("accepted", "unchanged", "superseded")):
            seen[place] += counts.total(outcome)
    assert world.names() == {"1": stands}
    assert world.all("SELECT DISTINCT rid FROM records UNION SELECT DISTINCT rid FROM record_history") == [(1,)]
    assert tuple(seen) == outcomes


@pytest.mark.parametrize(("versions", "stands"), [case[1:3] for case in DELIVERIES], ids=[c[0] for c in DELIVERIES])
def test_versions_in_one_file(tmp_path: Path, versions: list[tuple[str, str]], stands: str) -> None:
    world = LandingWorld(tmp_path)
    counts = world.deliver("store/customers.csv", csv_of(*(row(*version) for version in versions), header=HEADER))
    assert world.names() == {"1": stands}
    distinct = len(set(versions))
    assert counts.total("accepted") == 1
    assert counts.total("superseded") == distinct - 1
    assert counts.total("unchanged") == len(versions) - distinct
    assert world.all("SELECT count(*) FROM record_history") == [(distinct - 1,)]


def test_of_two_versions_with_one_date_the_same_stands_in_either_order(tmp_path: Path) -> None:
    stands = set()
    for number, order in enumerate(itertools.permutations(["A", "B", "C"])):
        world = LandingWorld(tmp_path / str(number))
        for name in order:
            world.deliver(f"store/customers_{name}.csv", csv_of(row(name, NEW), header=HEADER))
        stands.add(world.names()["1"])
    assert len(stands) == 1


def test_the_replaced_version_goes_to_history_with_both_runs(tmp_path: Path) -> None:
    world = LandingWorld(tmp_path)
    world.deliver("store/customers_1.csv", csv_of(row("A", OLD), header=HEADER))
    world.deliver("store/customers_2.csv", csv_of(row("C", NEW), header=HEADER))
    world.deliver("store/customers_3.csv", csv_of(row("B", MID), header=HEADER))
    assert world.all("SELECT rid, given_name, file_id, changed_seq FROM records") == [(1, "C", 2, 2)]
    assert world.all(
        "SELECT rid, given_name, file_id, changed_seq, superseded_seq FROM record_history ORDER BY given_name"
    ) == [(1, "A", 1, 1, 2), (1, "B", 3, 3, 3)]


def test_records_are_numbered_by_channel_and_id_and_keep_their_number(tmp_path: Path) -> None:
    world = LandingWorld(tmp_path)
    world.put("web/customers.csv", csv_of(row("D", OLD, "b"), row("C", OLD, "a"), header=HEADER))
    world.put("store/customers.csv", csv_of(row("B", OLD, "b"), row("A", OLD, "a"), header=HEADER))
    world.run()
    numbered = [(1, "store", "a"), (2, "store", "b"), (3, "web", "a"), (4, "web", "b")]
    assert world.all("SELECT rid, channel, source_record_id FROM records ORDER BY rid") == numbered
    assert world.all("SELECT rid FROM changed_records ORDER BY rid") == [(1,), (2,), (3,), (4,)]
    world.put(
        "store/customers_2.csv", csv_of(row("E", NEW, "b"), row("F", OLD, "A"), row("A", OLD, "a"), header=HEADER)
    )
    counts = world.run()
    assert world.all("SELECT rid, channel, source_record_id FROM records ORDER BY rid") == [
        *numbered,
        (5, "store", "A"),
    ]
    assert world.all("SELECT rid FROM changed_records ORDER BY rid") == [(2,), (5,)]
    assert (counts.total("accepted"), counts.total("unchanged"), counts.total("files_skipped")) == (2, 1, 2)


def test_bytes_seen_before_say_nothing_new_not_even_of_undated_records(tmp_path: Path) -> None:
    world = LandingWorld(tmp_path)
    first = csv_of(row("A", ""), header=HEADER)
    world.deliver("store/customers_1.csv", first)
    world.deliver("store/customers_2.csv", csv_of(row("B", ""), header=HEADER))
    counts = world.deliver("store/customers_3.csv", first)
    assert (counts.total("received"), counts.total("files_skipped")) == (0, 3)
    assert world.names() == {"1": "B"}


def test_the_same_landing_again_is_skipped_file_by_file(tmp_path: Path) -> None:
    world = LandingWorld(tmp_path)
    world.put("store/customers.csv", csv_of(row("A", OLD), row("B", "x", "2"), header=HEADER))
    world.put("store/events.csv", csv_of("e,1,sale,", header=EVENTS))
    first = world.run()
    assert first.anything_new
    again = world.run()
    assert not again.anything_new
    assert (again.total("received"), again.total("files_skipped"), again.total("files_read")) == (0, 2, 0)
    assert world.all("SELECT count(*) FROM rejected_rows") == [(1,)]
    assert world.all("SELECT count(*) FROM changed_records") == [(0,)]


# versions of one event (type, occurred_at); the one that stands
EVENT_VERSIONS = [
    ([("sale", OLD), ("return", NEW)], "return"),
    ([("return", NEW), ("sale", OLD)], "return"),
    ([("sale", ""), ("return", OLD)], "return"),
    ([("sale", OLD), ("sale", OLD)], "sale"),
]


@pytest.mark.parametrize(("versions", "stands"), EVENT_VERSIONS)
@pytest.mark.parametrize("one_file", [True, False])
def test_of_two_events_with_one_id_the_later_stands(
    tmp_path: Path, versions: list[tuple[str, str]], stands: str, one_file: bool
) -> None:
    world = LandingWorld(tmp_path)
    lines = [f"e1,1,{kind},{date}" for kind, date in versions]
    files = [lines] if one_file else [[line] for line in lines]
    for number, each in enumerate(files):
        world.deliver(f"web/events_{number}.csv", csv_of(*each, header=EVENTS))
    assert world.all("SELECT event_id, event_type FROM events") == [("e1", stands)]
    assert world.all("SELECT count(*) FROM event_history") == [(len(set(versions)) - 1,)]


@pytest.mark.parametrize("order", list(itertools.permutations(["", "sale", "return"])))
def test_undated_events_stand_by_content_in_any_order(tmp_path: Path, order: tuple[str, ...]) -> None:
    world = LandingWorld(tmp_path)
    for kind in order:
        world.deliver(f"web/events_{kind}.csv", csv_of(f"e1,1,{kind},", header=EVENTS))
    other = LandingWorld(tmp_path / "other")
    other.deliver("web/events.csv", csv_of(*(f"e1,1,{kind}," for kind in ("", "sale", "return")), header=EVENTS))
    assert world.all("SELECT event_type FROM events") == other.all("SELECT event_type FROM events")


def test_events_keep_amounts_to_four_places_and_further_columns(tmp_path: Path) -> None:
    world = LandingWorld(tmp_path)
    world.deliver(
        "web/events.jsonl",
        jsonl_of({"event_id": 1, "source_record_id": "9", "amount": 12.34567, "currency": "EUR", "sku": {"a": 1}}),
    )
    assert world.all("SELECT amount::VARCHAR, currency, extra, source_record_id FROM events") == [
        ("12.3457", "EUR", '{"sku":{"a":1}}', "9")
    ]


def test_a_row_without_an_outcome_is_a_broken_promise() -> None:
    with pytest.raises(PromiseBroken, match="3 rows received, 2 accounted for"):
        FeedCounts("store", "customers", received=3, accepted=1, rejected=1)
