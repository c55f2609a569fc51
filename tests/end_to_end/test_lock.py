"""Two runs at once: one works, the other says who does."""

import subprocess
from pathlib import Path

from tests.end_to_end import worlds


def test_of_two_runs_at_once_one_publishes_and_the_other_names_it(halves: tuple[Path, Path], tmp_path: Path) -> None:
    started = [
        subprocess.Popen(
            [worlds.PROFILES, "run", str(halves[0])],
            env=worlds.environment(tmp_path / "data"),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(2)
    ]
    errors = [process.communicate(timeout=120)[1] for process in started]
    ended = {process.returncode: error for process, error in zip(started, errors, strict=True)}
    assert set(ended) == {0, 2}, errors
    refused = ended[2].strip().splitlines()
    winner = next(process for process in started if process.returncode == 0)
    assert len(refused) == 1
    assert "is at work" in refused[0]
    assert f"process {winner.pid}" in refused[0]
    assert worlds.customers(tmp_path / "data")
