"""One connection a thread, closed when its thread is gone."""

from __future__ import annotations

import os
import threading
import weakref
from collections.abc import Callable
from typing import Generic, Protocol, TypeVar


class Closable(Protocol):
    """What can be closed."""

    def close(self) -> None:
        """Let go of what is held."""


T = TypeVar("T", bound=Closable)


class PerThread(Generic[T]):
    """Makes a connection for each thread that asks, and gives that thread the same one again.

    A process forked after a connection was made gets its own: SQLite and PostgreSQL connections do not survive a fork.
    """

    def __init__(self, connect: Callable[[], T]) -> None:
        self._connect = connect
        self._local = threading.local()
        self._lock = threading.Lock()
        self._made: list[tuple[weakref.ref[threading.Thread], T]] = []
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
        with self._lock:
            if self._pid != os.getpid():
                # the parent's connections are not this process's to close
                self._pid, self._made = os.getpid(), []
            living = []
            for thread, made in self._made:
                owner = thread()
                if owner is not None and owner.is_alive():
                    living.append((thread, made))
                else:
                    made.close()
            self._made = [*living, (weakref.ref(threading.current_thread()), connection)]
        return connection

    def drop(self) -> None:
        """Close this thread's connection; the next ``get`` makes another."""
        connection = self.get()
        del self._local.pid, self._local.connection
        with self._lock:
            self._made = [entry for entry in self._made if entry[1] is not connection]
        connection.close()

    def close(self) -> None:
        """Close the connections of every thread."""
        with self._lock:
            made, self._made = self._made, []
            self._local = threading.local()
        if self._pid == os.getpid():
            for _, connection in made:
                connection.close()

    def __len__(self) -> int:
        return len(self._made)
