"""A measured command tells what it took, and is stopped when that is more than it was given."""

import sys

import pytest

from tests.benchmarks.commands import Budget, CommandFailed, OverBudget, measure

needs_proc = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="budgets are watched in /proc")


def test_a_command_is_measured_by_what_it_prints_and_takes() -> None:
    run = measure(sys.executable, "-c", "held = bytearray(50_000_000); print('[1, 2]')")
    assert run.answer == [1, 2]
    assert 0.05 < run.peak_gb < 1
    assert run.processor_seconds > 0


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
