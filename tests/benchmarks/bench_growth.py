"""How a run grows with the records, stage by stage, into docs/benchmarks.md: from ten thousand to a million, or ten.

``python -m tests.benchmarks.bench_growth [--ten-million] [--again] [--results FOLDER]``. At each size: a whole run, the
same landing again, and ten thousand records added. What was measured is not measured again without ``--again``. A run
made elsewhere is taken over from what ``profiles run --json`` printed: ``--taken simulated-10m FILE``.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

from tests.benchmarks import document, inputs, plots
from tests.benchmarks.commands import run_by_stage, summed
from tests.benchmarks.contenders import LINKING, OURS, again_and_later
from tests.benchmarks.results import Result, Results, standard_folder

SIZES = ("simulated-10k", "simulated-100k", "simulated-1m")
LARGEST = "simulated-10m"


def grown(given: inputs.Input, folder: Path) -> Result:
    """One size: a whole run, the same landing again, ten thousand records more."""
    data_dir = folder / "data"
    run = run_by_stage([given.landing], data_dir)
    again, added = again_and_later(given, data_dir)
    return {
        **told(run.answer),
        "whole_processor": round(run.processor_seconds, 2),
        "peak_gb": run.peak_gb,
        "again_seconds": again.seconds,
        "added_seconds": added.seconds,
        "added_linking_seconds": summed(added.answer["durations"], LINKING),
    }


def told(answer: dict[str, Any]) -> Result:
    """What a run says of itself, as a result."""
    return {
        "seconds": answer["durations"],
        "processor": answer.get("processor"),
        "linking_seconds": summed(answer["durations"], LINKING),
        "whole_seconds": answer["seconds"],
        "peak_gb": answer["peak_memory_bytes"] / 1024**3,
        "records": answer["records"],
        "candidate_pairs": answer["resolution"]["candidate_pairs"],
    }


def write_document(results: Results) -> None:
    """The tables and the plot from all sizes there are."""
    runs = results.all([f"growth-{size}" for size in (*SIZES, LARGEST)], [OURS])
    if not runs:
        return
    document.write(
        {
            "growth-machine": document.machine_line(runs),
            "growth": document.growth_table(runs),
            "growth-stages": document.stages_table(runs),
            "growth-billion": document.billion(runs),
        }
    )
    plots.growth(runs, document.DOCUMENT.with_name("growth.svg"))
    print(f"written: {document.DOCUMENT.relative_to(document.ROOT)}", file=sys.stderr)


def main() -> None:
    """Measure what is not there yet and write the document."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ten-million", action="store_true", help="ten million too: twenty minutes and 20 GB of disk")
    parser.add_argument("--size", action="append", choices=[*SIZES, LARGEST], help="only this size")
    parser.add_argument("--again", action="store_true", help="measure anew what was measured before")
    parser.add_argument("--results", type=Path, default=standard_folder(), help="folder of results and inputs")
    parser.add_argument("--taken", nargs=2, metavar=("SIZE", "FILE"), help="take a run over from its --json")
    parser.add_argument("--write-only", action="store_true", help="measure nothing, write the document")
    asked = parser.parse_args()
    results = Results(asked.results)
    if asked.taken:
        size, path = asked.taken
        results.keep(f"growth-{size}", OURS, told(json.loads(Path(path).read_text(encoding="utf-8"))))
    sizes = asked.size or [*SIZES, *((LARGEST,) if asked.ten_million else ())]
    for size in [] if asked.write_only or asked.taken else sizes:
        if results.find(f"growth-{size}", OURS) and not asked.again:
            continue
        given = inputs.prepare(size, results.folder / "inputs")
        with tempfile.TemporaryDirectory(dir=results.folder) as folder:
            result = grown(given, Path(folder))
        results.keep(f"growth-{size}", OURS, result)
        print(f"{size}: whole run {result['whole_seconds']:.1f} s", file=sys.stderr, flush=True)
    write_document(results)


if __name__ == "__main__":
    main()
