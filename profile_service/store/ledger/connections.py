"""Connections by whom they serve: one for each thread, or one for all of a process."""

from __future__ import annotations

import os
import threading
import weakref
from collections.abc import Callable
from typing import Generic, TypeVar

from profile_service.store.held import Closing, Held

T = TypeVar("T", bound=Closing)


class PerThread(Generic[T]):
    """Makes a connection for each thread that asks, gives that thread the same one again, closes it with the thread.

    A process forked after a connection was made gets its own: SQLite and PostgreSQL connections do not survive a fork.
    """

    def __init__(self, connect: Callable[[], T]) -> None:
        self._connect = connect
        self._local = threading.local()
        self._lock = threading.Lock()
        self._made: weakref.WeakSet[Held[T]] = weakref.WeakSet()
        self._pid = os.getpid()

    def get(self) -> T:
        """This thread's connection."""
        local = self._local
        if getattr(local, "pid", None) == os.getpid():
            held: T = local.connection
            return held
        return self._make()

    def _make(self) -> T:
        connection = self._connect()
        self._local.connection, self._local.pid = connection, os.getpid()
        held = Held(connection)
        self._local.held = held
        with self._lock:
            if self._pid != os.getpid():
                # the parent's connections are not this process's to close
                self._pid, self._made = os.getpid(), weakref.WeakSet()
            self._made.add(held)
        return connection

    def close(self) -> None:
        """Close the connections of every thread."""
        with self._lock:
            made, self._made = list(self._made), weakref.WeakSet()
            self._local = threading.local()
        if self._pid == os.getpid():
            for held in made:
                held.connection.close()


class SharedByThreads(Generic[T]):
    """Makes one connection for all threads, who take turns; a forked process gets its own."""

    def __init__(self, connect: Callable[[], T]) -> None:
        self._connect = connect
        self._held: T | None = None
        self._pid = 0

    def get(self) -> T:
        """This process's connection."""
        if self._held is None or self._pid != os.getpid():
            self._held, self._pid = self._connect(), os.getpid()
        return self._held

    def close(self) -> None:
        """Close it, if it is this process's."""
        if self._held is not None and self._pid == os.getpid():
            self._held.close()
            self._held = None
