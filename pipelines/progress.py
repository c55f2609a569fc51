"""How long work is shown: bars on a terminal, log lines elsewhere, or nothing; seconds per stage in all of them."""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from typing import TYPE_CHECKING, Protocol, TextIO

from pipelines.terminal import printable, terminal

if TYPE_CHECKING:
    from rich.progress import Progress as RichProgress

Clock = Callable[[], float]
log = logging.getLogger("profiles")

_SECONDS_BETWEEN_LINES = 10.0


class Stage(Protocol):
    """One stage at work; nothing personal may be said through it."""

    def advance(self, amount: int = 1) -> None:
        """``amount`` more units of the stage's total are done."""

    def note(self, text: str) -> None:
        """Something worth a line: a count, a choice made."""


class Progress(Protocol):
    """What a stage is given to say how far it is; ``durations`` holds seconds per stage, in order of first start."""

    durations: dict[str, float]

    def stage(self, name: str, total: int | None = None) -> AbstractContextManager[Stage]:
        """A stage while its ``with`` lasts; a name met again adds to its seconds."""


class _Timed:
    """The part that every progress shares: who is at work, and for how long."""

    def __init__(self, clock: Clock = time.perf_counter) -> None:
        self.durations: dict[str, float] = {}
        self._clock = clock

    @contextmanager
    def stage(self, name: str, total: int | None = None) -> Iterator[Stage]:
        """Time the ``with`` block, and show it as this progress shows things."""
        self.durations.setdefault(name, 0.0)
        began = self._clock()
        shown = self._open(name, total)
        finished = False
        try:
            yield shown
            finished = True
        finally:
            seconds = self._clock() - began
            self.durations[name] += seconds
            self._close(shown, seconds, finished)

    def _open(self, name: str, total: int | None) -> Stage:
        return _Unseen()

    def _close(self, shown: Stage, seconds: float, finished: bool) -> None:
        """Nothing to take away."""


class _Unseen:
    def advance(self, amount: int = 1) -> None:
        """Not shown."""

    def note(self, text: str) -> None:
        """Not shown."""


class SilentProgress(_Timed):
    """Durations only."""


class LogProgress(_Timed):
    """Plain log lines: a stage's end, its notes, and at most one line in ten seconds in between."""

    def _open(self, name: str, total: int | None) -> Stage:
        return _Logged(name, total, self._clock)

    def _close(self, shown: Stage, seconds: float, finished: bool) -> None:
        if isinstance(shown, _Logged) and finished:
            log.info("%s: done in %.2f s", shown.name, seconds)


class _Logged:
    def __init__(self, name: str, total: int | None, clock: Clock) -> None:
        self.name = name
        self._total = total
        self._done = 0
        self._clock = clock
        self._said = clock()

    def advance(self, amount: int = 1) -> None:
        self._done += amount
        if self._clock() - self._said >= _SECONDS_BETWEEN_LINES:
            self._said = self._clock()
            log.info("%s: %s", self.name, f"{self._done:,}" + (f" of {self._total:,}" if self._total else ""))

    def note(self, text: str) -> None:
        log.info("%s: %s", self.name, printable(text))


class BarProgress(_Timed):
    """A bar per stage on a terminal, through rich; use as a context manager so that the terminal is given back."""

    def __init__(self, stream: TextIO, clock: Clock = time.perf_counter) -> None:
        super().__init__(clock)
        from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
        from rich.progress import Progress as Bars

        self._bars = Bars(
            TextColumn("{task.description:<12}"),
            BarColumn(bar_width=32),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("{task.fields[note]}", style="dim", markup=False),
            console=terminal(stream),
        )

    def __enter__(self) -> BarProgress:
        self._bars.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bars.stop()

    def _open(self, name: str, total: int | None) -> Stage:
        return _Bar(self._bars, name, total)

    def _close(self, shown: Stage, seconds: float, finished: bool) -> None:
        if isinstance(shown, _Bar):
            shown.end(finished)


class _Bar:
    def __init__(self, bars: RichProgress, name: str, total: int | None) -> None:
        self._bars = bars
        self._task = bars.add_task(name, total=total, note="")

    def advance(self, amount: int = 1) -> None:
        self._bars.advance(self._task, amount)

    def note(self, text: str) -> None:
        self._bars.update(self._task, note=printable(text))

    def end(self, finished: bool) -> None:
        if finished:
            task = next(task for task in self._bars.tasks if task.id == self._task)
            total = task.total if task.total else max(1, int(task.completed))
            self._bars.update(self._task, total=total, completed=total)
        self._bars.stop_task(self._task)


@contextmanager
def shown_progress(stream: TextIO | None = None) -> Iterator[Progress]:
    """Bars when ``stream``, by default standard error, is a terminal; log lines when it is not."""
    stream = stream or sys.stderr
    if stream.isatty():
        with BarProgress(stream) as bars:
            yield bars
    else:
        yield LogProgress()


@contextmanager
def stage_by_stage(progress: Progress) -> Iterator[Callable[[str], None]]:
    """A function to call with the name of each step as it begins, for work that only names its steps."""
    with ExitStack() as at_work:

        def begin(name: str) -> None:
            at_work.close()
            at_work.enter_context(progress.stage(name))

        yield begin
