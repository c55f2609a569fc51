"""A measured command tells what it took, and is stopped when that is more than it was given."""

import json
import subprocess
import sys

import pytest

from tests.benchmarks.commands import ROOT, Budget, CommandFailed, OverBudget, measure

needs_proc = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="budgets are watched in /proc")


# Run by a small process: what one holds before it becomes another program counts as that one's own, and a worker that
# has run tests holds a gigabyte.
MEASURED = """
import json, sys
from tests.benchmarks.commands import measure
run = measure(sys.executable, "-c", "held = bytearray(50_000_000); print('[1, 2]')")
print(json.dumps([run.answer, run.peak_gb, run.processor_seconds]))
"""


def test_a_command_is_measured_by_what_it_prints_and_takes() -> None:
    ran = subprocess.run([sys.executable, "-c", MEASURED], cwd=ROOT, capture_output=True, text=True, check=True)
    answer, peak_gb, processor_seconds = json.loads(ran.stdout)
    assert answer == [1, 2]
    assert 0.05 < peak_gb < 1
    assert processor_seconds > 0


def test_a_command_that_fails_is_told_with_its_last_words() -> None:
    with pytest.raises(CommandFailed, match="ended with 3: so it goes"):
        measure(sys.executable, "-c", "import sys; print('so it goes', file=sys.stderr); sys.exit(3)")


@needs_proc
@pytest.mark.parametrize(
    ("budget", "script", "said"),
    [
        (Budget(minutes=10, gb=0.1), "held = bytearray(300_000_000)\nfor n in held: pass", "over 0.1 GB"),
        (Budget(minutes=0.01, gb=8), "while True: pass", "over 0.01 processor minutes"),
    ],
)
def test_a_command_over_its_budget_is_stopped(budget: Budget, script: str, said: str) -> None:
    with pytest.raises(OverBudget, match=said):
        measure(sys.executable, "-c", script, budget=budget)
