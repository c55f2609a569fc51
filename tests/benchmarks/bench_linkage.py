"""Accuracy and speed of the linkage, side by side with Splink 5 on the same invented records, and on labelled data.

``python -m tests.benchmarks.bench_linkage [--million] [--datasets FOLDER] [--skip-splink]``; needs the ``bench`` extra.
Each command runs in a process of its own. Splink is given its best threshold, found with the truth; ours is not.
"""

from __future__ import annotations

import argparse
import os
import tempfile
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from pipelines.simulate import SimulationOptions, simulate
from tests.benchmarks import labelled
from tests.benchmarks.batches import split
from tests.benchmarks.commands import Measured, profiles, splink, summed

LINKING = ("standardise", "block", "compare", "train", "score", "cluster")
NEW_RECORDS = 10_000
SIZES = {100_000: 1, 1_000_000: 2}  # records to seed
Rows = list[tuple[str, str, str]]


def retailer(records: int, seed: int, folder: Path, beside_splink: bool) -> Rows:
    """Simulate, run, evaluate, run again, add ten thousand records; rows of figure, ours, Splink's."""
    whole, first, later = folder / "whole", folder / "first", folder / "later"
    simulate(whole, SimulationOptions(records=records + NEW_RECORDS, seed=seed))
    split(whole, first, later, one_in=(records + NEW_RECORDS) // NEW_RECORDS)
    truth, data_dir = whole / "truth.csv", folder / "data"
    ours = profiles("run", first, data_dir=data_dir)
    judged = profiles("evaluate", "--truth", truth, data_dir=data_dir).answer
    again = profiles("run", first, data_dir=data_dir)
    added = profiles("run", later, data_dir=data_dir)
    both = profiles("evaluate", "--truth", truth, data_dir=data_dir).answer
    peer = splink(first, truth) if beside_splink else None
    return [*_accuracy(judged, both, peer), *_speed(ours, again, added, peer)]


def _accuracy(judged: dict[str, Any], both: dict[str, Any], peer: Measured | None) -> Rows:
    best = peer.answer["best"] if peer else {}
    rows = [
        (name, f"{judged['pairwise'][key]:.4f}", f"{best[key]:.4f}" if best else "")
        for name, key in (("F1 over pairs", "f1"), ("precision", "precision"), ("recall", "recall"))
    ]
    largest = f"{best['largest_cluster']} (truth {peer.answer['true_largest_cluster']})" if peer else ""
    rows.append(("largest customer, records", str(judged["largest_cluster"]), largest))
    rows.append((f"F1 with {NEW_RECORDS:,} records added", f"{both['pairwise']['f1']:.4f}", ""))
    return rows


def _speed(ours: Measured, again: Measured, added: Measured, peer: Measured | None) -> Rows:
    linking = summed(ours.answer["durations"], LINKING)
    theirs = float(peer.answer["total_seconds"]) if peer else 0.0

    def beside(seconds: float) -> str:
        return f"{seconds:.1f} s" + (f", {seconds / theirs:.2f} of Splink's" if theirs else "")

    stages = ", ".join(f"{name} {seconds:.1f}" for name, seconds in ours.answer["durations"].items())
    phases = ", ".join(f"{name} {seconds:.1f}" for name, seconds in peer.answer["seconds"].items()) if peer else ""
    share = added.seconds / ours.seconds
    return [
        ("linking (standardise to cluster)", beside(linking), f"{theirs:.1f} s" if peer else ""),
        ("whole run, ingest to publish", beside(ours.seconds), ""),
        ("by stage, s", stages, phases),
        ("processor seconds", f"{ours.processor_seconds:.0f}", f"{peer.processor_seconds:.0f}" if peer else ""),
        ("peak memory", f"{ours.peak_gb:.2f} GB", f"{peer.answer['peak_gb']:.2f} GB" if peer else ""),
        (f"{NEW_RECORDS:,} records added", f"{added.seconds:.1f} s, {share:.2f} of the whole run", ""),
        ("same landing again", f"{again.seconds:.1f} s, {again.answer['ids']['churn']} ids changed", ""),
    ]


def labelled_rows(datasets: Path, folder: Path) -> Rows:
    """Each labelled data set with its F1 and the figure to beat."""
    rows = []
    for name in labelled.found(datasets):
        data = labelled.as_landing(datasets, name, folder / "landings")
        data_dir = folder / name
        run = profiles("run", data.landing, "--channels", data.channels, "--accept", data_dir=data_dir)
        judged = profiles("evaluate", "--truth", data.truth, data_dir=data_dir).answer
        mark, whose = labelled.TO_BEAT[name]
        figures = f"{judged['pairwise']['f1']:.4f} ({judged['records']:,} records, {run.seconds:.1f} s)"
        rows.append((name, figures, f"{mark} {whose}"))
    return rows


def show(title: str, beside: str, rows: Rows) -> None:
    """One table on standard output."""
    table = Table(title=title, title_justify="left", box=None, pad_edge=False, header_style="dim")
    for column in ("", "ours", beside):
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*row)
    console = Console(width=120)
    console.print(table)
    console.print()


def main() -> None:
    """Run what was asked for and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--million", action="store_true", help="a million records too: some minutes")
    parser.add_argument("--skip-splink", action="store_true", help="ours alone")
    parser.add_argument(
        "--datasets",
        type=Path,
        default=os.environ.get("PROFILES_DATASETS"),
        help="folder of labelled data, NAME/records.parquet; also by the environment variable PROFILES_DATASETS",
    )
    asked = parser.parse_args()
    for records, seed in list(SIZES.items())[: 1 + asked.million]:
        with tempfile.TemporaryDirectory() as folder:
            rows = retailer(records, seed, Path(folder), not asked.skip_splink)
        show(f"an invented retailer of {records:,} records, as many events", "Splink 5, best threshold", rows)
    if asked.datasets:
        with tempfile.TemporaryDirectory() as folder:
            rows = labelled_rows(asked.datasets, Path(folder))
        show("labelled data, F1 over pairs", "to beat", rows)


if __name__ == "__main__":
    main()
