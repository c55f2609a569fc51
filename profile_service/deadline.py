"""How long the request that a thread is answering may still take; a thread that answers none may take for ever."""

from __future__ import annotations

import sqlite3
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


# SQLite's own steps between two looks at the clock: some milliseconds of work, and thousands of look-ups by key
_STEPS = 100_000


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
    if over():
        raise too_slow()


def over() -> bool:
    """Whether this thread answers a request whose time is over."""
    return _mine.until is not None and monotonic() >= _mine.until


@contextmanager
def lifted() -> Iterator[None]:
    """What has begun must come to its end: in the block this thread's request may take as long as it needs."""
    until, _mine.until = _mine.until, None
    try:
        yield
    finally:
        _mine.until = until


def watch(connection: sqlite3.Connection) -> None:
    """Have each of its statements broken off when the time of the request that its thread answers is over.

    The statement raises SQLite's own error then, which ``broken_off`` tells from others.
    """
    connection.set_progress_handler(over, _STEPS)


def broken_off(error: sqlite3.OperationalError) -> bool:
    """Whether a statement was broken off for its request's time, or by whoever interrupts a connection."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_INTERRUPT


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
