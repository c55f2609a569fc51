"""A body is read by the thread that answers it; those that come in slowly never hold all threads of a worker."""

from __future__ import annotations

from threading import BoundedSemaphore
from typing import Any, Protocol

from profile_service import deadline
from profile_service.api.calls import KEY
from profile_service.errors import Refused

_INPUT = "wsgi.input"
_WAIT = 0.25  # seconds for which a body may wait to be read: those that are there already take none of them


class _Source(Protocol):
    def read(self, size: int = -1, /) -> bytes:
        """So many bytes, once they are there."""


class Bodies:
    """Where the bodies of one worker's requests wait for each other.

    The server cannot break off reading: where the sender stalls, the thread does. So one thread always stays free for
    what has no body, and of those who have shown neither key nor session only every other thread is held.
    """

    def __init__(self, threads: int) -> None:
        self._all = BoundedSemaphore(max(1, threads - 1))
        self._strangers = BoundedSemaphore(max(1, threads // 2))

    def guard(self, environ: dict[str, Any]) -> None:
        """See to it that the body of this request, where it has one, is read in its turn."""
        if environ.get("CONTENT_LENGTH", "0") != "0" or "HTTP_TRANSFER_ENCODING" in environ:
            environ[_INPUT] = _Body(environ[_INPUT], self, environ)

    def read(self, source: _Source, environ: dict[str, Any], size: int) -> bytes:
        """Read in turn. Raises Refused: busy when others stall, timeout when this one took the request's time."""
        stranger = KEY not in environ
        if stranger and not self._strangers.acquire(timeout=_WAIT):
            raise _busy()
        try:
            if not self._all.acquire(timeout=_WAIT):
                raise _busy()
            try:
                content = source.read(size)
            finally:
                self._all.release()
        finally:
            if stranger:
                self._strangers.release()
        if deadline.over():
            raise Refused("timeout", "the body took longer to arrive than a request may take: send it again")
        return content


class _Body:
    """A request's body as WSGI hands it on."""

    def __init__(self, source: _Source, bodies: Bodies, environ: dict[str, Any]) -> None:
        self._source = source
        self._bodies = bodies
        self._environ = environ

    def read(self, size: int = -1, /) -> bytes:
        return self._bodies.read(self._source, self._environ, size)


def _busy() -> Refused:
    return Refused("busy", "other bodies come in too slowly just now: send this again in a moment")
