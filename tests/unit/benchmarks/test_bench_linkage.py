"""What the linkage's benchmark prints is measured on one input by both, and each share is of like with like."""

import sys
from pathlib import Path
from typing import Any

import pytest

from tests.benchmarks import bench_linkage
from tests.benchmarks.bench_linkage import accuracy_rows, labelled_rows, speed_rows
from tests.benchmarks.commands import Measured


def measured(f1: float, linking: float, largest: int) -> dict[str, Any]:
    return {
        "pairwise": {"f1": f1, "precision": f1 + 0.01, "recall": f1 - 0.01}, "records": 1_000_000,
        "largest_cluster": largest, "true_largest_cluster": 8, "peak_gb": 3.25,
        "seconds": {"standardise": linking - 1, "train": 1.0, "publish": 9.0},
        "linking_seconds": linking, "to_clusters_seconds": linking + 2, "whole_seconds": 30.0,
        "linking_processor": 2 * linking, "to_clusters_processor": 40.0, "whole_processor": 50.0,
    }  # fmt: skip


def run(seconds: float, records: int, churn: int) -> Measured:
    # a command's own clock also holds its start, which no figure here may count
    return Measured(seconds + 9, 1.0, 1.0, {"seconds": seconds, "records": records, "ids": {"churn": churn}})


OURS, SPLINK = measured(0.96, 10.0, 13), measured(0.82, 18.0, 28)


def test_the_largest_cluster_stands_beside_that_of_the_truth() -> None:
    assert accuracy_rows(OURS, SPLINK) == [
        ("F1 over pairs", "0.9600", "0.8200"),
        ("precision", "0.9700", "0.8300"),
        ("recall", "0.9500", "0.8100"),
        ("largest cluster, of 8 records in truth", "13", "28"),
    ]
    assert labelled_rows([("febrl3", OURS, SPLINK)]) == [("febrl3, 1,000,000 records", "0.9600", "0.8200")]


def test_shares_are_of_all_that_splink_needs_and_of_the_whole_run() -> None:
    rows = {name: (ours, peer) for name, ours, peer in speed_rows(OURS, SPLINK, run(0.3, 0, 0), run(6, 1_010_179, 7))}
    assert rows["linking: standardise to cluster, training too"] == ("10.0 s, 0.50 of Splink's", "20.0 s")
    assert rows["whole run: ingest to published, events too"] == ("30.0 s, 1.50 of Splink's", "")
    assert rows["10,179 records more"] == ("6.0 s, 0.200 of the whole run", "")
    assert rows["the same landing again"] == ("0 ids changed, 0.3 s", "")
    assert "publish" not in rows["of it, s"][0]


@pytest.mark.slow
def test_both_are_measured_on_a_small_retailer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["bench_linkage", "--records", "3000", "--results", str(tmp_path)])
    bench_linkage.main()
    said = capsys.readouterr().out
    assert "of Splink's" in said
    assert "0 ids changed" in said
    assert [path.name for path in tmp_path.iterdir()] == ["inputs"]
