"""Connections that end with the thread they were made for, whoever made the thread."""

from __future__ import annotations

import os
from contextlib import suppress
from typing import Generic, Protocol, TypeVar


class Closing(Protocol):
    """Something that can be closed, several times too."""

    def close(self) -> None:
        """Close it."""


C = TypeVar("C", bound=Closing)


class Held(Generic[C]):
    """A connection for a thread's own keeping; it is closed when nobody holds this any more.

    A server's threads come and go without Python's knowledge: ``Thread.is_alive`` says of each of them for ever that
    it lives, but what it kept in a ``threading.local`` goes with it.
    """

    def __init__(self, connection: C) -> None:
        self.connection = connection
        self._pid = os.getpid()

    def __del__(self) -> None:
        # one that was inherited over a fork is the parent's to close
        if self._pid == os.getpid():
            with suppress(Exception):
                self.connection.close()
