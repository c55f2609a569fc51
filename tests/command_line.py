"""The command `profiles` in a process of its own, born from one that has loaded its modules, which takes a second."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from multiprocessing import get_context
from multiprocessing.context import ForkServerContext
from pathlib import Path
from typing import Any

LONGEST = 120.0  # seconds, of a command

# What the commands load only when they are asked; none of it opens a database or starts a thread of Python's.
_LOADED = [
    "pipelines.cli",
    "pipelines.evaluate",
    "pipelines.run",
    "pipelines.simulate",
    "pipelines.summary",
    "pipelines.train",
    "profile_service.world",
]


@dataclass(frozen=True)
class Ended:
    """How a command ended."""

    status: int
    out: str
    err: str

    @property
    def last_error(self) -> str:
        """The last line on standard error."""
        return self.err.strip().splitlines()[-1] if self.err.strip() else ""

    def json(self) -> Any:
        """Standard output, read as JSON."""
        return json.loads(self.out)


@cache
def _nursery() -> ForkServerContext:
    context = get_context("forkserver")
    context.set_forkserver_preload(_LOADED)
    return context


@contextmanager
def _born(arguments: Sequence[str], environment: Mapping[str, str], cwd: Path) -> Iterator[tuple[Any, Path, Path]]:
    """The command as a process that has just started, and the files of what it says; at the end it is no more."""
    with tempfile.TemporaryDirectory() as name:
        out, err = Path(name) / "out", Path(name) / "err"
        born = _nursery().Process(target=_live, args=(list(arguments), dict(environment), cwd, (out, err)))
        born.start()
        try:
            yield born, out, err
        finally:
            born.kill()
            born.join()


def profiles_command(arguments: Sequence[str], environment: Mapping[str, str], cwd: Path) -> Ended:
    """Run the command as a process of its own to its end; its arguments, environment and folder are as given."""
    with _born(arguments, environment, cwd) as (born, out, err):
        born.join(LONGEST)
        if born.exitcode is None:
            raise TimeoutError(f"{' '.join(arguments)}: not done after {LONGEST} s: {err.read_text()}")
        return Ended(born.exitcode, out.read_text(encoding="utf-8"), err.read_text(encoding="utf-8"))


def killed_command(arguments: Sequence[str], environment: Mapping[str, str], cwd: Path, *, after: float) -> bool:
    """Start the command and kill it ``after`` so many seconds; False when it had ended before."""
    with _born(arguments, environment, cwd) as (born, _, _):
        born.join(after)
        return born.exitcode is None


def _live(arguments: list[str], environment: dict[str, str], cwd: Path, said: tuple[Path, Path]) -> None:
    """The life of the new process: all that it has of its own is set before the command's own ``main``."""
    from pipelines.cli import main

    for number, path in ((1, said[0]), (2, said[1])):
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        os.dup2(file, number)
        os.close(file)
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(cwd)
    main(arguments)
