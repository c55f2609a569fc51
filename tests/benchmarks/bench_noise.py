"""Accuracy on invented retailers whose troubles the model was not tuned on: F1 over pairs by profile and seed.

``python -m tests.benchmarks.bench_noise [--records N] [--profile NAME …] [--seed S …] [--splink]``; needs the ``bench``
extra. Each command runs in a process of its own. Splink is given its best threshold, found with the truth; ours is not.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from pipelines.simulate import SimulationOptions, simulate
from tests.benchmarks.commands import Budget, profiles
from tests.benchmarks.contenders import contend
from tests.benchmarks.inputs import Input
from tests.benchmarks.noise import PROFILES, factor, write_troubles

# none of them the seed of any data that a rule was chosen on
SEEDS = (102, 103, 104)
_BUDGET = Budget(minutes=30, gb=16)


@dataclass(frozen=True)
class Row:
    """One retailer: pairwise measures of ours, and F1 of Splink's where it was asked."""

    profile: str
    seed: int
    records: int
    f1: float
    precision: float
    recall: float
    largest: int
    warnings: int
    splink_f1: float | None = None


def measured(profile: str, seed: int, records: int, beside_splink: bool) -> Row:
    """Simulate, run and evaluate one retailer."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        asked = write_troubles(profile, seed, folder / "troubles.toml")
        landing, data_dir = folder / "landing", folder / "data"
        simulate(landing, SimulationOptions(records, seed, events=0, noise=factor(profile), troubles=asked))
        run = profiles("run", landing, data_dir=data_dir)
        judged = profiles("evaluate", "--truth", landing / "truth.csv", data_dir=data_dir).answer
        given = Input(profile, landing, landing / "truth.csv")
        peer = contend("splink", given, folder / "splink", _BUDGET)["pairwise"]["f1"] if beside_splink else None
    pairwise = judged["pairwise"]
    return Row(
        profile=profile,
        seed=seed,
        records=records,
        f1=pairwise["f1"],
        precision=pairwise["precision"],
        recall=pairwise["recall"],
        largest=judged["largest_cluster"],
        warnings=len(run.answer["warnings"]),
        splink_f1=peer,
    )


def show(rows: Sequence[Row]) -> None:
    """A line a profile: F1 of every seed, the spread, and what it is made of."""
    table = Table(box=None, pad_edge=False, header_style="dim")
    columns = ("profile", "records", "F1 by seed", "spread", "precision", "recall", "largest", "Splink 5")
    for column in columns:
        table.add_column(column, justify="left" if column == "profile" else "right", overflow="fold")
    for profile, records in dict.fromkeys((row.profile, row.records) for row in rows):
        mine = [row for row in rows if (row.profile, row.records) == (profile, records)]
        f1 = [row.f1 for row in mine]
        peer = [f"{row.splink_f1:.3f}" for row in mine if row.splink_f1 is not None]
        table.add_row(
            profile,
            f"{records:,}",
            " ".join(f"{value:.4f}" for value in f1),
            f"{max(f1) - min(f1):.4f}",
            f"{min(row.precision for row in mine):.3f} .. {max(row.precision for row in mine):.3f}",
            f"{min(row.recall for row in mine):.3f} .. {max(row.recall for row in mine):.3f}",
            str(max(row.largest for row in mine)),
            " ".join(peer),
        )
    Console(width=130).print(table)


def main() -> None:
    """Measure what was asked for and print it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--records", type=int, default=100_000)
    parser.add_argument("--profile", action="append", choices=tuple(PROFILES), help="may be given again; default: all")
    parser.add_argument("--seed", action="append", type=int, help=f"may be given again; default: {SEEDS}")
    parser.add_argument("--splink", action="store_true", help="Splink 5 at its best threshold beside it")
    parser.add_argument("--json", action="store_true", help="a line of JSON a retailer, as soon as it is measured")
    asked = parser.parse_args()
    rows = []
    for profile in asked.profile or PROFILES:
        for seed in asked.seed or SEEDS:
            rows.append(measured(profile, seed, asked.records, asked.splink))
            if asked.json:
                print(json.dumps(asdict(rows[-1])), flush=True)
            else:
                print(f"{profile}, seed {seed}: F1 {rows[-1].f1:.4f}", file=sys.stderr, flush=True)
    if not asked.json:
        show(rows)


if __name__ == "__main__":
    main()
