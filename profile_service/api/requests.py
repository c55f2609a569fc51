"""Around every request: its id, the headers that all answers carry, and the note that it was answered.

It stands outside Flask, as WSGI: this happens to every request, and Flask's own hooks would cost as much as a look-up.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable
from itertools import count
from time import perf_counter, time
from typing import Any

from profile_service import deadline
from profile_service.api.bodies import Bodies
from profile_service.api.calls import FRAME, KEY, RATE, REQUEST_ID, Frame, route_of
from profile_service.api.tally import Answered

_GIVEN_ID = re.compile(r"[A-Za-z0-9._-]{8,64}")
_ID_BYTES = 12
_UNMATCHED = "unmatched"
_METHODS = frozenset(("GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE", "CONNECT"))
_OTHER = "other"
_BODILESS = ("GET", "HEAD")  # nothing here reads a body of theirs
_NOSNIFF = ("X-Content-Type-Options", "nosniff")

Headers = list[tuple[str, str]]
Wsgi = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


def framed(app: Wsgi, frame: Frame) -> Wsgi:
    """``app`` with every request framed."""
    note = frame.tally.note
    next_id = request_ids()
    guard_body = Bodies(frame.settings.threads).guard
    seconds = frame.settings.request_timeout_seconds

    def answer(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        started = perf_counter()
        given = environ.get("HTTP_REQUEST_ID")
        named = given if given is not None and _GIVEN_ID.fullmatch(given) else None
        request_id = named or next_id()
        environ[FRAME] = frame
        environ[REQUEST_ID] = request_id
        if environ["REQUEST_METHOD"] not in _BODILESS:
            guard_body(environ)

        def start(status: str, headers: Headers, error: Any = None) -> Any:
            headers.append(("Request-Id", request_id))
            headers.append(_NOSNIFF)
            rate = environ.get(RATE)
            if rate is not None:
                headers.append(("RateLimit-Limit", str(rate.limit)))
                headers.append(("RateLimit-Remaining", str(rate.remaining)))
                headers.append(("RateLimit-Reset", str(rate.reset)))
            method = environ["REQUEST_METHOD"]
            if method not in _METHODS:
                # anyone can make up as many as they like, and put what they like into them
                method = _OTHER
            key = environ.get(KEY)
            name = None if key is None else key.name
            route = route_of(environ) or _UNMATCHED
            note(Answered(time(), request_id, method, route, int(status[:3]), perf_counter() - started, name))
            return start_response(status, headers, error) if error else start_response(status, headers)

        deadline.begin(seconds)
        try:
            return app(environ, start)
        finally:
            deadline.end()

    return answer


def request_ids() -> Callable[[], str]:
    """Ids that nobody else gives, and that do not tell how many were given before: to be made once in a process.

    An odd number multiplies the count without ever meeting the same twice; asking the system each time costs a request
    a call in which others take its turn.
    """
    room = 1 << 8 * _ID_BYTES
    counted = count(int.from_bytes(os.urandom(_ID_BYTES)))
    odd = int.from_bytes(os.urandom(_ID_BYTES)) | 1
    return lambda: f"{next(counted) * odd % room:0{2 * _ID_BYTES}x}"
