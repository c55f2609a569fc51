"""This project beside Splink, dedupe, recordlinkage and plain match keys on the same inputs, into docs/benchmarks.md.

``python -m tests.benchmarks.bench_peers [--only WHO] [--input NAME] [--again] [--results FOLDER]``; needs the extras
``bench`` and ``peers``. What was measured stands in the results folder and is not measured again without ``--again``.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from tests.benchmarks import document, inputs, plots
from tests.benchmarks.commands import Budget
from tests.benchmarks.contenders import NAMES, OURS, contend, installed
from tests.benchmarks.results import Result, Results, standard_folder

MADE_UP = ("simulated-100k", "simulated-1m")


def measure_all(results: Results, whos: Sequence[str], names: Sequence[str], asked: argparse.Namespace) -> None:
    """Measure what is not there yet, this project and Splink one after the other on each input."""
    for name in names:
        for who in whos:
            if results.find(name, who) and not asked.again:
                continue
            if not installed(who):
                _say(f"{name:24} {who:14} is not installed: make bench-peers does so")
                continue
            given = inputs.prepare(name, results.folder / "inputs")
            begun = time.perf_counter()
            with tempfile.TemporaryDirectory(dir=results.folder) as folder:
                result = contend(who, given, Path(folder), Budget(asked.minutes, asked.gb))
            results.keep(name, who, result)
            told = result.get("over") or f"F1 {result['pairwise']['f1']:.4f} in {result['to_clusters_seconds']:.1f} s"
            _say(f"{name:24} {who:14} {told} ({time.perf_counter() - begun:.0f} s with judging)")


def write_document(results: Results) -> None:
    """The tables and plots from all results there are."""
    found = results.all([*inputs.RETAILERS, *inputs.FEBRL, *inputs.LABELLED], list(NAMES))
    if not found:
        return
    parts = {"machine": document.machine_line(found)}
    for name in MADE_UP:
        parts[name] = document.contenders_table([result for result in found if result["of"] == name])
    labelled = [result for result in found if result["of"] not in inputs.RETAILERS]
    parts["labelled"] = document.f1_table(labelled, "pairwise")
    parts["labelled-bcubed"] = document.f1_table(labelled, "bcubed")
    parts["beside-splink"] = "\n".join(_beside_splink(results))
    document.write(parts)
    plots.accuracy(found, document.DOCUMENT.with_name("peers-accuracy.svg"))
    plots.cost([result for result in found if result["of"] in MADE_UP], document.DOCUMENT.with_name("peers-cost.svg"))
    _say(f"written: {document.DOCUMENT.relative_to(document.ROOT)}")


def _beside_splink(results: Results) -> list[str]:
    pairs: list[tuple[Result | None, Result | None]] = [
        (results.find(name, OURS), results.find(name, "splink")) for name in MADE_UP
    ]
    return [
        document.beside_splink(ours, splink)
        for ours, splink in pairs
        if ours and splink and not (ours.get("over") or splink.get("over"))
    ]


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def main() -> None:
    """Measure what was asked for and write the document."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", action="append", choices=list(NAMES), metavar="WHO", help=f"of {', '.join(NAMES)}")
    parser.add_argument("--input", action="append", metavar="NAME", help=f"of {', '.join(inputs.known())}")
    parser.add_argument("--again", action="store_true", help="measure anew what was measured before")
    parser.add_argument("--results", type=Path, default=standard_folder(), help="folder of results and inputs")
    parser.add_argument("--minutes", type=float, default=10.0, help="processor minutes that each may take")
    parser.add_argument("--gb", type=float, default=6.0, help="memory that each may take")
    parser.add_argument("--write-only", action="store_true", help="measure nothing, write the document")
    asked = parser.parse_args()
    names = asked.input or [name for name in inputs.known() if name != "simulated-10k"]
    if unknown := set(names) - set(inputs.known()) - {"simulated-10m"}:
        parser.error(f"no input is called {', '.join(sorted(unknown))}: choose of {', '.join(inputs.known())}")
    results = Results(asked.results)
    results.folder.mkdir(parents=True, exist_ok=True)
    if not asked.write_only:
        measure_all(results, asked.only or list(NAMES), names, asked)
    write_document(results)


if __name__ == "__main__":
    main()
