"""Around every request: its id, the headers that all answers carry, its place in the metrics and its line in the log.

It stands outside Flask, as WSGI: this happens to every request, and Flask's own hooks would cost as much as a look-up.
"""

from __future__ import annotations

import binascii
import os
import re
from collections.abc import Callable, Iterable
from time import perf_counter
from typing import Any

from profile_service.api.calls import FRAME, KEY, RATE, REQUEST_ID, Frame

_GIVEN_ID = re.compile(r"[A-Za-z0-9._-]{8,64}")
_UNMATCHED = "unmatched"
_METHODS = frozenset(("GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE", "CONNECT"))
_OTHER = "other"
_UNHEARD = frozenset(("/healthz", "/readyz", "/metrics"))  # asked every few seconds: counted, not logged
_NOSNIFF = ("X-Content-Type-Options", "nosniff")

Headers = list[tuple[str, str]]
Wsgi = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


def framed(app: Wsgi, frame: Frame) -> Wsgi:
    """``app`` with every request framed."""
    observe = frame.metrics.observe
    log = frame.log

    def answer(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        started = perf_counter()
        given = environ.get("HTTP_REQUEST_ID")
        named = given if given is not None and _GIVEN_ID.fullmatch(given) else None
        request_id = named or binascii.hexlify(os.urandom(12)).decode()
        environ[FRAME] = frame
        environ[REQUEST_ID] = request_id

        def start(status: str, headers: Headers, error: Any = None) -> Any:
            headers.append(("Request-Id", request_id))
            headers.append(_NOSNIFF)
            rate = environ.get(RATE)
            if rate is not None:
                headers.append(("RateLimit-Limit", str(rate.limit)))
                headers.append(("RateLimit-Remaining", str(rate.remaining)))
                headers.append(("RateLimit-Reset", str(rate.reset)))
            request = environ.get("werkzeug.request")
            rule = request.url_rule if request is not None else None
            route = rule.rule if rule is not None else _UNMATCHED
            seconds = perf_counter() - started
            method = environ["REQUEST_METHOD"]
            if method not in _METHODS:
                # anyone can make up as many as they like, and put what they like into them
                method = _OTHER
            code = int(status[:3])
            observe(method, route, code, seconds)
            if log.requests and route not in _UNHEARD:
                key = environ.get(KEY)
                log.request(
                    {
                        "request_id": request_id,
                        "method": method,
                        "route": route,
                        "status": code,
                        "milliseconds": round(seconds * 1000, 2),
                        "key": None if key is None else key.name,
                    }
                )
            return start_response(status, headers, error) if error else start_response(status, headers)

        return app(environ, start)

    return answer
