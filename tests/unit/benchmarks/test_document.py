"""Tables and plots say what the results say."""

from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from tests.benchmarks import document, plots
from tests.benchmarks.bench_growth import told
from tests.benchmarks.results import Results


def measured(f1: float, seconds: float) -> dict[str, Any]:
    measure = {"precision": f1, "recall": f1, "f1": f1}
    return {
        "seconds": {"read": 0.5, "link": seconds}, "linking_seconds": seconds, "to_clusters_seconds": seconds + 0.5,
        "linking_processor": 2 * seconds, "to_clusters_processor": 2 * seconds + 1, "whole_processor": 40.0,
        "peak_gb": 1.25, "candidate_pairs": 1234567, "pair_completeness": 0.95,
        "pairwise": measure, "bcubed": measure, "largest_cluster": 13, "records": 1_000_000, "whole_seconds": 20.0,
    }  # fmt: skip


@pytest.fixture
def results(tmp_path: Path) -> Results:
    kept = Results(tmp_path / "results")
    kept.keep("simulated-1m", "ours", measured(0.957, 10.0))
    kept.keep("simulated-1m", "splink", measured(0.822, 20.0))
    kept.keep("simulated-1m", "recordlinkage", {"over": "over 8 GB"})
    return kept


WHO = ("ours", "splink", "dedupe", "recordlinkage", "rules")


def test_a_table_has_a_row_a_contender_and_says_why_one_was_stopped(results: Results) -> None:
    rows = document.contenders_table(results.all(["simulated-1m"], WHO)).splitlines()
    figures = "10.0 | 20.0 | 10.5 | 21.0 | 1.25 | 1,234,567 | 0.950 | 0.957 | 0.957 | 0.957 | 0.957 | 13 |"
    assert rows[2] == f"| **this project** | {figures}"
    assert rows[3].startswith("| Splink | 20.0 |")
    assert rows[4].startswith("| recordlinkage | over 8 GB | – |")
    assert len({row.count("|") for row in rows}) == 1


def test_what_was_not_measured_is_said_to_be_so() -> None:
    assert document.contenders_table([]) == "Not measured here yet."


def test_the_best_of_a_row_is_bold_and_who_was_stopped_says_of_what(results: Results) -> None:
    last = document.f1_table(results.all(["simulated-1m"], WHO), "pairwise").splitlines()[-1]
    assert last == "| an invented retailer | 1,000,000 | **0.9570** | 0.8220 | over 8 GB |"


def test_shares_of_splinks_time_are_of_like_with_like(results: Results) -> None:
    ours, splink = results.all(["simulated-1m"], WHO)[:2]
    said = document.beside_splink(ours, splink)
    assert "linking takes 0.50 / 0.50 of" in said
    assert "files to clusters 0.51 / 0.51" in said
    assert "whole run 0.98 / 0.98 of what" in said
    assert "40.0 processor seconds, 20.0 s" in said


def test_only_what_stands_between_the_marks_is_written() -> None:
    text = "before\n<!-- one -->\nold\n<!-- /one -->\nafter\n"
    once = document.filled(text, {"one": "| new |"})
    assert once == "before\n<!-- one -->\n\n| new |\n\n<!-- /one -->\nafter\n"
    assert document.filled(once, {"one": "| new |"}) == once
    with pytest.raises(KeyError, match="no place for two"):
        document.filled(text, {"two": ""})


def test_every_part_has_its_place_in_the_document() -> None:
    text = document.DOCUMENT.read_text(encoding="utf-8")
    for name in ("machine", "beside-splink", "simulated-100k", "simulated-1m", "labelled", "labelled-bcubed",
                 "growth-machine", "growth", "growth-stages", "growth-billion"):  # fmt: skip
        document.filled(text, {name: "x"})


def test_a_result_says_on_what_and_when_it_was_measured(results: Results) -> None:
    found = results.find("simulated-1m", "ours")
    assert found is not None
    assert found["machine"]["cores"] >= 1
    assert "duckdb" in found["machine"]["packages"]
    assert f"Measured on {found['when'][:10]}" in document.machine_line([found])
    assert results.find("simulated-1m", "dedupe") is None


SUMMARY = {
    "durations": {"ingest": 1.0, "block": 2.0, "publish": 3.0}, "seconds": 6.5, "records": 1000,
    "peak_memory_bytes": 2 * 1024**3, "resolution": {"candidate_pairs": 2500},
}  # fmt: skip


def runs(tmp_path: Path) -> list[dict[str, Any]]:
    kept = Results(tmp_path / "results")
    small = told(SUMMARY)
    large = small | {"records": 10_000, "seconds": {"ingest": 10.0, "block": 200.0, "publish": 30.0}}
    kept.keep("growth-a", "ours", small)
    kept.keep("growth-b", "ours", large)
    return kept.all(["growth-a", "growth-b"], ["ours"])


def test_growth_is_told_as_a_power_of_the_records(tmp_path: Path) -> None:
    stages = document.stages_table(runs(tmp_path)).splitlines()
    assert stages[2] == "| ingest | 1.00 | 10.00 | n^1.00 |"
    assert stages[3] == "| block | 2.00 | 200.00 | n^2.00 |"
    assert document.growth_table(runs(tmp_path)).splitlines()[2] == (
        "| 1,000 | 6.5 | 2.0 | – | 2.00 | 2.50 | – | – | – |"
    )


def test_a_billion_is_carried_on_from_the_last_two_sizes(tmp_path: Path) -> None:
    small, large = runs(tmp_path)
    small = small | {"records": 100_000, "candidate_pairs": 250_000}
    large = large | {"records": 1_000_000, "whole_seconds": 65.0, "peak_gb": 4.7, "candidate_pairs": 3_000_000}
    said = document.billion([small, large | {"machine": {"memory_gb": 24}}])
    assert "grew as n^1.00, candidate pairs from 2.5 to 3.0 a record, memory by 3.0 GB a million" in said
    assert "A billion is 1,000 times the last size: 18 processor hours in proportion, 18 by that power" in said
    assert "3,000 GB of memory; the 24 GB of this machine would be full at 7 million" in said


def test_a_billion_is_not_carried_on_from_small_sizes(tmp_path: Path) -> None:
    assert document.billion(runs(tmp_path)) == "Not measured here yet."


def test_plots_are_small_labelled_and_follow_light_and_dark(results: Results, tmp_path: Path) -> None:
    found = results.all(["simulated-1m"], WHO)
    plots.accuracy(found, tmp_path / "accuracy.svg")
    plots.cost(found, tmp_path / "cost.svg")
    plots.growth(runs(tmp_path), tmp_path / "growth.svg")
    for path in tmp_path.glob("*.svg"):
        text = path.read_text(encoding="utf-8")
        root = ElementTree.fromstring(text)
        assert root.attrib["role"] == "img"
        assert root.attrib["aria-label"]
        assert "prefers-color-scheme:dark" in text
        assert "#010203" not in text
        assert "over 8 GB" in text or path.name != "cost.svg"
        assert len(text) < 150_000
