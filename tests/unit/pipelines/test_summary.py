"""What a run says of itself: nothing left out, nothing cut off on a narrow terminal."""

import io
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from pipelines.placeholders import Placeholder
from pipelines.summary import SORTS, IdChange, RunSummary, print_summary
from profile_service.identity.placeholders import KNOWN, UNREADABLE

COUNTS = {"files_read": 1, "files_skipped": 2, **{sort: 1_000_000 + place for place, sort in enumerate(SORTS)}}
SUMMARY = RunSummary(
    run_id="run_20261121T060000Z_0001",
    data_dir=Path("data"),
    landing=Path("landing"),
    rows={"call_center": {"customers": COUNTS, "events": COUNTS}},
    records=1_000_000,
    customers=400_000,
    customers_by_channels={1: 300_000, 2: 100_000},
    merges_by_channels={1: 50_000, 2: 100_000},
    ids={"churn": 0},
    model_version="m1",
    warnings=("a column is empty",),
    durations={"ingest": 1.5, "publish": 2.25},
    peak_memory_bytes=1_500_000_000,
    generation=Path("data/generations/run_x"),
    seconds=12.3456,
)


def printed(**changes: Any) -> str:
    stream = io.StringIO()
    print_summary(replace(SUMMARY, **changes), Console(file=stream, width=80))
    return stream.getvalue()


def test_a_summary_cuts_nothing_off_on_a_narrow_terminal() -> None:
    text = printed()
    assert "…" not in text
    for said in ("1,000,005", "2,000,000", "400,000", "150,000", "in 2 channels", "2.25", "1,500 MB", "warning"):
        assert said in text


def test_what_was_read_as_missing_is_told_most_frequent_first_and_the_rest_counted() -> None:
    written = [Placeholder("email", f"noemail{n}@*", KNOWN, 5_000 - n) for n in range(9)]
    text = printed(placeholders=(*written, Placeholder("phone", None, UNREADABLE, 20)))
    lines = [" ".join(line.split()) for line in text.splitlines()]
    assert lines[lines.index("read as missing records why") + 1] == "email noemail0@* 5,000 known placeholder"
    assert "2 more: see placeholder_values 5,012" in lines
    assert "read as missing" not in printed()


def test_one_of_a_kind_is_told_as_one() -> None:
    text = printed(folded={"ledger_seq": 9, "records": 0, "decisions": 1, "labels": 1_200})
    assert "written live since the last run: 1 decision, 1,200 labels" in text


def test_a_value_of_any_length_leaves_room_for_its_count() -> None:
    text = printed(placeholders=(Placeholder("email", "-" * 3_000, KNOWN, 7),))
    assert f"email {'-' * 40}" in text and "-" * 41 not in text
    assert " 7 " in text and KNOWN in text


@pytest.mark.parametrize(
    ("read", "skipped", "told"),
    [
        (0, 1, "1 file is known already"),
        (0, 2_000, "2,000 files are known already"),
        (1, 0, "1 file holds none"),
        (2, 1, "1 file is known already, 2 files hold none"),
    ],
)
def test_where_no_row_came_in_it_is_told_what_became_of_the_files(read: int, skipped: int, told: str) -> None:
    counts = {"files_read": read, "files_skipped": skipped, **dict.fromkeys(SORTS, 0)}
    text = printed(rows={"store": {"customers": counts}}, records=1, customers=1)
    assert f"no new rows: {told}\n" in text
    assert "from 1 record " in text


def test_nothing_new_is_one_line() -> None:
    text = printed(outcome="nothing new")
    assert text.count("\n") == 1
    assert "0 ids changed" in text


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({}, "next: profiles run landing again"),
        ({"data_dir": Path("elsewhere")}, "--data-dir elsewhere"),
        ({"outcome": "dry run"}, "publish it: profiles run landing\n"),
        ({"landing": Path("my feeds")}, "next: profiles run 'my feeds' again"),
        (
            {"outcome": "dry run", "warnings": ("the over-merge firewall objects: 206 customers are merged",)},
            "publish it all the same: profiles run landing --accept",
        ),
    ],
)
def test_the_next_command_is_named(changes: dict[str, Any], said: str) -> None:
    assert said in printed(**changes)


def test_the_next_command_repeats_what_the_run_was_asked_for() -> None:
    stream = io.StringIO()
    options = {
        "channels": Path("channels.toml"),
        "engine": "recordlinkage",
        "rebuild": True,
        "dry_run": True,
        "keep": 3,
    }
    print_summary(replace(SUMMARY, outcome="dry run"), Console(file=stream, width=200), options)
    said = "publish it: profiles run landing --channels channels.toml --engine recordlinkage --rebuild\n"
    assert said in stream.getvalue()


def test_the_next_command_after_a_simulated_landing_is_evaluate(tmp_path: Path) -> None:
    (tmp_path / "truth.csv").touch()
    assert f"profiles evaluate --truth {tmp_path / 'truth.csv'}" in printed(landing=tmp_path).replace("\n", "")


def test_a_dry_run_lists_who_would_change() -> None:
    changes = (IdChange("cus_1", "merged_into", "cus_2", ("web:1",)), IdChange("cus_3", "created", None))
    text = printed(outcome="dry run", changes=changes)
    assert "cus_1 merged into cus_2\n  web:1" in text
    assert "cus_3" not in text
    assert "no standing customer would be merged" in printed(outcome="dry run")


def test_a_long_list_of_changes_says_how_many_more_there_are() -> None:
    changes = tuple(IdChange(f"cus_{number}", "split_from", "cus_x") for number in range(25))
    assert "and 5 more" in printed(outcome="dry run", changes=changes)


def test_the_json_is_whole_and_plain() -> None:
    said = json.loads(json.dumps(SUMMARY.as_json()))
    assert said["rejected"] == 2 * COUNTS["rejected"]
    assert said["durations"] == {"ingest": 1.5, "publish": 2.25}
    assert said["seconds"] == 12.346
    assert said["customers_by_channels"] == {"1": 300_000, "2": 100_000}
    assert said["generation"] == "data/generations/run_x"
    assert said["rows"]["call_center"]["events"]["superseded"] == COUNTS["superseded"]
