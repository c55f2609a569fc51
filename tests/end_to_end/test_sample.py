"""The sample, by the real command line, as a stranger would use it."""

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.end_to_end import worlds
from tests.end_to_end.served import PROFILES


@pytest.fixture
def standing(sample: Path, tmp_path: Path) -> Path:
    """A copy of the data directory in which the sample stands, to write to."""
    data_dir = tmp_path / "data"
    shutil.copytree(sample, data_dir, symlinks=True)
    return data_dir


def test_every_row_received_has_one_outcome_and_some_are_rejected(tmp_path: Path) -> None:
    summary = worlds.run(worlds.SAMPLE, tmp_path / "data")
    assert set(summary["rows"]) >= {"store", "web", "mobile", "call_center"}
    for kinds in summary["rows"].values():
        for counts in kinds.values():
            outcomes = ("accepted", "unchanged", "superseded", "rejected", "suppressed")
            assert counts["received"] == sum(counts[outcome] for outcome in outcomes)
    assert summary["rejected"] > 0
    assert 0 < summary["customers"] < summary["records"]
    assert sum(summary["customers_by_channels"].values()) == summary["customers"]
    assert set(summary["customers_by_channels"]) == {"1", "2", "3", "4"}
    assert Path(summary["generation"]).is_dir()
    assert summary["peak_memory_bytes"] < 1_000_000_000


def test_what_is_printed_names_the_next_command(tmp_path: Path) -> None:
    ended = worlds.profiles("run", "data/sample", data_dir=tmp_path / "data")
    assert ended.status == 0, ended.err
    for said in (
        "received",
        "customers out",
        "in 4 channels",
        "stage",
        "profiles evaluate --truth data/sample/truth.csv",
    ):
        assert said in ended.out
    assert "ingest" in ended.err, "log lines where there is no terminal"


def test_the_same_landing_again_changes_no_id_and_takes_no_time(standing: Path) -> None:
    before = worlds.ids(standing)
    generation = (standing / "customers.duckdb").resolve()
    summary = worlds.run(worlds.SAMPLE, standing)
    assert summary["outcome"] == "nothing new"
    assert summary["ids"]["churn"] == 0
    assert worlds.ids(standing) == before
    assert (standing / "customers.duckdb").resolve() == generation
    assert summary["seconds"] < 5


def test_a_second_landing_is_added_without_resolving_everyone(
    after_first: Path, halves: tuple[Path, Path], tmp_path: Path
) -> None:
    data_dir = tmp_path / "data"
    shutil.copytree(after_first, data_dir, symlinks=True)
    before = worlds.ids(data_dir)
    summary = worlds.run(halves[1], data_dir)
    assert summary["outcome"] == "published"
    assert summary["resolution"]["standardised"] < summary["records"]
    after = worlds.ids(data_dir)
    assert set(before) < set(after)
    kept = sum(before[key] == after[key] for key in before)
    assert kept >= 0.95 * len(before), "ids stay with the customers who keep most of their records"
    with worlds.published(data_dir) as warehouse:
        unexplained = warehouse.execute(
            "SELECT count(*) FROM customer_records r ANTI JOIN customer_id_history h USING (customer_id)"
        ).fetchone()
        answered = dict(warehouse.execute("SELECT customer_id, stands_as FROM customer_id_history").fetchall())
    assert unexplained == (0,)
    assert set(before.values()) <= set(answered), "every id ever given still answers"


def test_a_rebuild_changes_no_id(standing: Path) -> None:
    before = worlds.ids(standing)
    summary = worlds.run(worlds.SAMPLE, standing, "--rebuild")
    assert summary["outcome"] == "published"
    assert worlds.ids(standing) == before


def test_a_dry_run_publishes_nothing(after_first: Path, halves: tuple[Path, Path], tmp_path: Path) -> None:
    data_dir = tmp_path / "data"
    shutil.copytree(after_first, data_dir, symlinks=True)
    generation = (data_dir / "customers.duckdb").resolve()
    told = worlds.run(halves[1], data_dir, "--dry-run")
    assert told["outcome"] == "dry run"
    assert (data_dir / "customers.duckdb").resolve() == generation
    real = worlds.run(halves[1], data_dir)
    assert told["customers"] == real["customers"]
    assert told["ids"] == real["ids"]


def test_evaluate_measures_the_sample_against_its_truth(sample: Path) -> None:
    truth = worlds.SAMPLE / "truth.csv"
    said = worlds.profiles("evaluate", "--truth", truth, "--json", data_dir=sample).json()
    assert set(said) == {"records", "pairwise", "bcubed", "largest_cluster"}
    for measure in ("pairwise", "bcubed"):
        assert set(said[measure]) == {"precision", "recall", "f1"}
    assert said["pairwise"]["f1"] > 0.93
    text = worlds.profiles("evaluate", "--truth", truth, data_dir=sample)
    assert text.status == 0
    assert "missed, by what they share" in text.out


def test_explain_tells_why_two_records_are_one_customer_and_why_not(sample: Path) -> None:
    with worlds.published(sample) as warehouse:
        link = warehouse.execute(
            """SELECT left_record, right_record, bits FROM match_links
            WHERE status = 'accepted' ORDER BY bits DESC LIMIT 1"""
        ).fetchone()
        strangers = warehouse.execute(
            """SELECT min(channel || ':' || source_record_id), max(channel || ':' || source_record_id)
            FROM (SELECT * FROM customer_records WHERE standard_email IS NOT NULL
                  QUALIFY row_number() OVER (PARTITION BY customer_id) = 1)"""
        ).fetchone()
    assert link is not None
    assert strangers is not None
    same = worlds.profiles("explain", link[0], link[1], data_dir=sample)
    assert same.status == 0, same.err
    assert "one customer" in same.out
    assert f"{link[2]:+.1f}" in same.out, "the published weight is the explained one"
    other = worlds.profiles("explain", *strangers, data_dir=sample)
    assert other.status == 0, other.err
    assert "two customers" in other.out
    assert "no candidate pair" in other.out


def test_analysts_read_while_a_run_is_at_work_and_after(standing: Path) -> None:
    with worlds.published(standing) as warehouse:
        before = warehouse.execute("SELECT count(*) FROM customers").fetchone()
        worlds.run(worlds.SAMPLE, standing, "--rebuild", "--keep", "1")
        assert warehouse.execute("SELECT count(*) FROM customers").fetchone() == before
    assert len(list((standing / "generations").iterdir())) == 1


def test_a_command_says_nothing_once_it_has_ended(standing: Path) -> None:
    # by the script itself: what a process says at its very end, one that was forked does not
    arguments = ["run", str(worlds.SAMPLE), "--data-dir", str(standing)]
    ended = subprocess.run([*PROFILES, *arguments], capture_output=True, text=True, check=True)
    assert "nothing new" in ended.stdout
    assert "leaked" not in ended.stderr
    wrong = subprocess.run([*PROFILES, "explain", "web:none", "web:none"], capture_output=True, text=True, check=False)
    assert len(wrong.stderr.strip().splitlines()) == 1, wrong.stderr
