"""Stopped by a person or by a scheduler: one line, status 130, and the next run does it all."""

import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.end_to_end import worlds


@pytest.fixture(autouse=True)
def heard() -> Iterator[None]:
    """A shell starts what runs in its background deaf to SIGINT, and so would be all that a suite there starts."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_run_says_so_in_one_line_and_leaves_no_trace(
    sent: signal.Signals, halves: tuple[Path, Path], tmp_path: Path
) -> None:
    with subprocess.Popen(
        [worlds.PROFILES, "run", str(halves[0])],
        env=worlds.environment(tmp_path / "data"),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    ) as started:
        assert started.stderr is not None
        first = started.stderr.readline()  # a stage has ended, so the run is under way and far from its end
        assert "ingest" in first
        started.send_signal(sent)
        rest = started.stderr.read()
        started.wait(timeout=60)
    assert started.returncode == 130, rest
    assert "Traceback" not in rest
    assert rest.strip().splitlines()[-1] == "profiles: interrupted; what stood before still stands"
    assert not (tmp_path / "data" / "customers.duckdb").exists()
    assert worlds.run(halves[0], tmp_path / "data")["outcome"] == "published"
