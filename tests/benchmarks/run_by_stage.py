"""``profiles run`` as it is, with the processor seconds of each stage too: on a busy machine the clock says little.

``python -m tests.benchmarks.run_by_stage LANDING --data-dir DIR [--channels FILE]`` prints what ``profiles run --json``
does, and ``processor``.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pipelines.cli import uncollected
from pipelines.progress import SilentProgress, Stage
from pipelines.run import Places, RunOptions, run
from tests.benchmarks.commands import processor_seconds


class ProcessorByStage(SilentProgress):
    """Durations, and processor seconds of this process and its children by stage."""

    def __init__(self) -> None:
        super().__init__()
        self.processor: dict[str, float] = {}

    @contextmanager
    def stage(self, name: str, total: int | None = None) -> Iterator[Stage]:
        began = processor_seconds()
        try:
            with super().stage(name, total) as shown:
                yield shown
        finally:
            self.processor[name] = round(self.processor.get(name, 0.0) + processor_seconds() - began, 2)


def main() -> None:
    """Run and print the summary; a first run has nothing to lose, so the firewall is not asked."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("landing", type=Path)
    parser.add_argument("--data-dir", type=Path, required=True)
    parser.add_argument("--channels", type=Path)
    asked = parser.parse_args()
    progress = ProcessorByStage()
    with uncollected():
        summary = run(Places(asked.landing, asked.data_dir), RunOptions(channels=asked.channels, accept=True), progress)
    json.dump(summary.as_json() | {"processor": progress.processor}, sys.stdout)
    print()


if __name__ == "__main__":
    main()
