"""Run a command in a process of its own and measure it: seconds, peak memory, and the JSON it prints."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
# the benchmark's own variables are no settings of the program
ENVIRONMENT = {name: value for name, value in os.environ.items() if not name.startswith("PROFILES_")}
PROFILES = str(Path(sys.executable).with_name("profiles"))


class CommandFailed(Exception):
    """A measured command that did not end well: its arguments and its last words."""


@dataclass(frozen=True)
class Measured:
    """One command: wall and processor seconds, peak resident memory in GB, and what it printed as JSON."""

    seconds: float
    processor_seconds: float
    peak_gb: float
    answer: dict[str, Any]


def measure(*arguments: str | Path) -> Measured:
    """Run to the end; raises CommandFailed."""
    command = [str(argument) for argument in arguments]
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        begun = time.perf_counter()
        child = subprocess.Popen(command, cwd=ROOT, env=ENVIRONMENT, stdout=out, stderr=err)
        _, status, used = os.wait4(child.pid, 0)
        seconds = time.perf_counter() - begun
        child.returncode = os.waitstatus_to_exitcode(status)
        out.seek(0)
        err.seek(0)
        if child.returncode:
            words = err.read().decode(errors="replace").strip().splitlines()[-5:]
            raise CommandFailed(f"{' '.join(command)} ended with {child.returncode}: {' | '.join(words)}")
        answer = json.loads(out.read())
    # kilobytes on Linux, bytes on macOS
    peak = used.ru_maxrss / (1024**3 if sys.platform == "darwin" else 1024**2)
    return Measured(seconds, used.ru_utime + used.ru_stime, peak, answer)


def profiles(command: str, *arguments: str | Path, data_dir: Path) -> Measured:
    """One of the project's own commands, with ``--json``."""
    return measure(PROFILES, command, *arguments, "--data-dir", data_dir, "--json")


def splink(landing: Path, truth: Path) -> Measured:
    """The peer on the same files."""
    return measure(sys.executable, Path(__file__).with_name("splink_peer.py"), landing, "--truth", truth, "--json")


def summed(durations: dict[str, float], stages: Sequence[str]) -> float:
    """Seconds of some stages together."""
    return sum(durations.get(stage, 0.0) for stage in stages)
