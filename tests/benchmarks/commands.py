"""Run a command in a process of its own and measure it: seconds, peak memory, and the JSON it prints."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
# the benchmark's own variables are no settings of the program
ENVIRONMENT = {name: value for name, value in os.environ.items() if not name.startswith("PROFILES_")}
PROFILES = str(Path(sys.executable).with_name("profiles"))
_BETWEEN_LOOKS = 0.5  # seconds


class CommandFailed(Exception):
    """A measured command that did not end well: its arguments and its last words."""


class OverBudget(Exception):
    """A command that was stopped because it took more than it was given; says what of and how much."""


@dataclass(frozen=True)
class Measured:
    """One command: wall and processor seconds, peak resident memory in GB, and what it printed as JSON."""

    seconds: float
    processor_seconds: float
    peak_gb: float
    answer: dict[str, Any]


@dataclass(frozen=True)
class Budget:
    """What a command may take: minutes of processor time and GB of resident memory, its children's included."""

    minutes: float
    gb: float


def measure(*arguments: str | Path, budget: Budget | None = None) -> Measured:
    """Run to the end; raises CommandFailed, and OverBudget after killing what took more than ``budget``."""
    command = [str(argument) for argument in arguments]
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        # ended from outside, it ends what it measures too; only the main thread may say so
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
        begun = time.perf_counter()
        child = subprocess.Popen(command, cwd=ROOT, env=ENVIRONMENT, stdout=out, stderr=err, start_new_session=True)
        watcher = _Watcher(child.pid, budget)
        watcher.start()
        try:
            _, status, used = os.wait4(child.pid, 0)
        except BaseException:
            os.killpg(child.pid, signal.SIGKILL)
            raise
        finally:
            watcher.over.set()
            watcher.join()
        seconds = time.perf_counter() - begun
        child.returncode = os.waitstatus_to_exitcode(status)
        if watcher.exceeded:
            raise OverBudget(watcher.exceeded)
        out.seek(0)
        err.seek(0)
        if child.returncode:
            words = err.read().decode(errors="replace").strip().splitlines()[-5:]
            raise CommandFailed(f"{' '.join(command)} ended with {child.returncode}: {' | '.join(words)}")
        answer = json.loads(out.read())
    # kilobytes on Linux, bytes on macOS; of one process, so children that work at the same time are watched
    alone = used.ru_maxrss / (1024**3 if sys.platform == "darwin" else 1024**2)
    return Measured(seconds, used.ru_utime + used.ru_stime, max(alone, watcher.peak_gb), answer)


class _Watcher(threading.Thread):
    """Looks at all processes of a group twice a second, where there is ``/proc``, and ends those over budget."""

    def __init__(self, group: int, budget: Budget | None) -> None:
        super().__init__(daemon=True)
        self.group = group
        self.budget = budget
        self.over = threading.Event()
        self.peak_gb = 0.0
        self.exceeded = ""

    def run(self) -> None:
        while not self.over.wait(_BETWEEN_LOOKS):
            processes = _of_group(self.group)
            resident = sum(each.resident for each in processes)
            if len(processes) > 1:
                # what forked processes share is counted once
                resident = sum(_proportional(each.pid) or each.resident for each in processes)
                self.peak_gb = max(self.peak_gb, resident / 1024**3)
            seconds = sum(each.seconds for each in processes)
            if self.budget and (resident > self.budget.gb * 1024**3 or seconds > self.budget.minutes * 60):
                memory = resident > self.budget.gb * 1024**3
                self.exceeded = (
                    f"over {self.budget.gb:g} GB" if memory else f"over {self.budget.minutes:g} processor minutes"
                )
                os.killpg(self.group, signal.SIGKILL)
                return


@dataclass(frozen=True)
class _Process:
    """One process: its resident bytes, and processor seconds with those of its ended children."""

    pid: int
    resident: int
    seconds: float


def _of_group(group: int) -> list[_Process]:
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            # after the name in brackets, which may hold anything: state, parent, group …
            fields = (entry / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[2]) == group:
            ticks = sum(int(fields[at]) for at in (11, 12, 13, 14))
            found.append(
                _Process(
                    int(entry.name),
                    int(fields[21]) * os.sysconf("SC_PAGE_SIZE"),
                    ticks / os.sysconf("SC_CLK_TCK"),
                )
            )
    return found


def processor_seconds() -> float:
    """What this process and those it started took so far, those that still work or wait among them."""
    together = sum(each.seconds for each in _of_group(os.getpgid(0)))
    return round(together or sum(os.times()[:4]), 2)


def _proportional(pid: int) -> int:
    """Bytes of a process, each shared page divided by those who share it; 0 where that cannot be read."""
    try:
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) * 1024
    except OSError:
        pass
    return 0


def profiles(command: str, *arguments: str | Path, data_dir: Path) -> Measured:
    """One of the project's own commands, with ``--json``."""
    return measure(PROFILES, command, *arguments, "--data-dir", data_dir, "--json")


def run_by_stage(arguments: Sequence[str | Path], data_dir: Path, budget: Budget | None = None) -> Measured:
    """``profiles run`` of a landing, with the processor seconds of each stage."""
    script = [sys.executable, "-m", "tests.benchmarks.run_by_stage"]
    return measure(*script, *arguments, "--data-dir", data_dir, budget=budget)


def summed(durations: dict[str, float], stages: Sequence[str]) -> float:
    """Seconds of some stages together."""
    return sum(durations.get(stage, 0.0) for stage in stages)
