"""How long the request that a thread is answering may still take; a thread that answers none may take for ever."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from time import monotonic
from typing import Protocol

from profile_service.errors import Refused


class Interruptible(Protocol):
    """A connection whose query can be broken off by another thread."""

    def interrupt(self) -> None:
        """Break off the query under way, if there is one."""


class _Mine(threading.local):
    until: float | None = None


_mine = _Mine()


def begin(seconds: float) -> None:
    """A request begins in this thread, and is to be answered within ``seconds``."""
    _mine.until = monotonic() + seconds


def end() -> None:
    """It is answered."""
    _mine.until = None


def too_slow() -> Refused:
    """The refusal of a request that takes too long."""
    return Refused("too-slow", "this took longer than a request may: ask for less, or again later")


def check() -> None:
    """To be called in whatever may take long. Raises Refused (too-slow) once the request's time is over."""
    if _mine.until is not None and monotonic() >= _mine.until:
        raise too_slow()


@contextmanager
def interrupting(connection: Interruptible) -> Iterator[None]:
    """Break off what ``connection`` does in the block when the request's time is over: it raises its own error then.

    Raises Refused (too-slow) where it is over already.
    """
    if _mine.until is None:
        yield
        return
    check()
    timer = threading.Timer(_mine.until - monotonic(), connection.interrupt)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
