"""The linkage's figures beside Splink 5's on the same records: how right at 100,000 of them, how fast at a million.

``python -m tests.benchmarks.bench_linkage [--records N] [--results FOLDER]`` prints them; needs the extra ``bench``.
Each is measured anew, one after the other, in a process of its own; invented records are made once. Splink is given its
best threshold, found with the truth; ours is not. Labelled data is FEBRL and what the folder PROFILES_DATASETS holds.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from tests.benchmarks import inputs
from tests.benchmarks.commands import Budget, Measured
from tests.benchmarks.contenders import LINKING, OURS, again_and_later, contend
from tests.benchmarks.results import Result, standard_folder
from tests.benchmarks.tables import Rows, show

HOW_RIGHT, HOW_FAST = "simulated-100k", "simulated-1m"
FEBRL = ("febrl3", "febrl4")
_LEAST = 1_000
_BUDGET = Budget(minutes=30, gb=16)
_BESIDE = "Splink 5, best threshold"


def both(given: inputs.Input, folder: Path) -> tuple[Result, Result]:
    """This project, then Splink, on one input."""
    ours, splink = (_contended(who, given, folder / who) for who in (OURS, "splink"))
    return ours, splink


def _contended(who: str, given: inputs.Input, folder: Path) -> Result:
    print(f"{given.name}: {who}", file=sys.stderr, flush=True)
    result = contend(who, given, folder, _BUDGET)
    if over := result.get("over"):
        raise SystemExit(f"{given.name}: {who} was stopped, {over}")
    return result


def accuracy_rows(ours: Result, splink: Result) -> Rows:
    """Measures over pairs, and the largest cluster with the truth's beside it."""
    rows = [
        (name, *(f"{each['pairwise'][key]:.4f}" for each in (ours, splink)))
        for name, key in (("F1 over pairs", "f1"), ("precision", "precision"), ("recall", "recall"))
    ]
    largest = f"largest cluster, of {ours['true_largest_cluster']} records in truth"
    return [*rows, (largest, *(str(each["largest_cluster"]) for each in (ours, splink)))]


def labelled_rows(measured: Sequence[tuple[str, Result, Result]]) -> Rows:
    """F1 over pairs, a row a data set."""
    return [
        (f"{name}, {ours['records']:,} records", *(f"{each['pairwise']['f1']:.4f}" for each in (ours, splink)))
        for name, ours, splink in measured
    ]


def speed_rows(ours: Result, splink: Result, again: Measured, later: Measured) -> Rows:
    """Seconds as runs tell them (a command's start, half a second, comes on top), and their shares of Splink's.

    Splink's seconds are those to load, clean, train, predict and cluster.
    """
    theirs, whole, added = splink["to_clusters_seconds"], ours["whole_seconds"], later.answer["seconds"]
    more = later.answer["records"] - ours["records"]
    stages = ", ".join(f"{stage} {ours['seconds'].get(stage, 0.0):.1f}" for stage in LINKING)
    phases = ", ".join(f"{phase} {seconds:.1f}" for phase, seconds in splink["seconds"].items())

    def beside(seconds: float) -> str:
        return f"{seconds:.1f} s, {seconds / theirs:.2f} of Splink's"

    return [
        ("linking: standardise to cluster, training too", beside(ours["linking_seconds"]), f"{theirs:.1f} s"),
        ("of it, s", stages, phases),
        ("whole run: ingest to published, events too", beside(whole), ""),
        (
            "processor seconds: linking, whole run",
            f"{ours['linking_processor']:.1f}, {ours['whole_processor']:.1f}",
            f"{splink['to_clusters_processor']:.1f}",
        ),
        ("peak memory", f"{ours['peak_gb']:.2f} GB", f"{splink['peak_gb']:.2f} GB"),
        (f"{more:,} records more", f"{added:.1f} s, {added / whole:.3f} of the whole run", ""),
        ("the same landing again", f"{again.answer['ids']['churn']} ids changed, {again.answer['seconds']:.1f} s", ""),
    ]


def main() -> None:
    """Measure and print, table by table as they come."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--records", type=int, help="an invented retailer of this size instead of both, no labelled data"
    )
    parser.add_argument("--results", type=Path, default=standard_folder(), help="folder in which inputs are kept")
    asked = parser.parse_args()
    if asked.records is not None and asked.records < _LEAST:
        parser.error(f"Splink learns nothing from so few: at least {_LEAST:,} records")
    made = asked.results / "inputs"
    made.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=asked.results) as name:
        folder = Path(name)
        if asked.records:
            given = inputs.of_size(asked.records, made)
            ours, splink = both(given, folder)
            _show_accuracy(ours, splink)
            _show_speed(given, ours, splink, folder)
            return
        _show_accuracy(*both(inputs.prepare(HOW_RIGHT, made), folder / HOW_RIGHT))
        there = [*FEBRL, *(name for name in inputs.LABELLED if name in inputs.known())]
        labelled = [(name, *both(inputs.prepare(name, made), folder / name)) for name in there]
        show("labelled data, F1 over pairs", _BESIDE, labelled_rows(labelled))
        given = inputs.prepare(HOW_FAST, made)
        _show_speed(given, *both(given, folder), folder)


def _show_accuracy(ours: Result, splink: Result) -> None:
    show(f"an invented retailer of {ours['records']:,} records", _BESIDE, accuracy_rows(ours, splink))


def _show_speed(given: inputs.Input, ours: Result, splink: Result, folder: Path) -> None:
    again, later = again_and_later(given, folder / OURS / "data")
    title = f"an invented retailer of {ours['records']:,} records, as many events"
    show(title, "Splink 5", speed_rows(ours, splink, again, later))


if __name__ == "__main__":
    main()
