"""An answer whole in memory: its bytes and few headers go to the server as they are."""

from __future__ import annotations

import hashlib
from typing import Any

from flask import Response
from werkzeug.datastructures import Headers

# Bytes that hashlib takes in without letting go of the interpreter's lock, which costs more than the hashing: another
# thread is woken up, and this one waits until that one is through.
_HELD = 2047
_LINES = {200: "200 OK", 201: "201 CREATED", 202: "202 ACCEPTED"}


class Answer(Response):
    """What every view answers.

    Werkzeug examines, copies and wraps the headers and the body of any answer on its way out; one made by ``tagged``
    is known to need none of it.
    """

    default_mimetype = "application/json"
    _finished = False

    @classmethod
    def finished(cls, body: bytes, line: str, headers: list[tuple[str, str]]) -> Answer:
        """An answer that goes out as it is: ``line`` is its status, ``headers`` are complete."""
        answer = cls.__new__(cls)
        answer.headers = Headers()
        answer.headers._list = headers
        answer._status = line
        answer._status_code = int(line[:3])
        answer.response = [body] if body else []
        answer.direct_passthrough = False
        answer._on_close = []
        answer._finished = True
        return answer

    def __call__(self, environ: Any, start_response: Any) -> Any:
        """Answer the server."""
        if not self._finished:
            return super().__call__(environ, start_response)
        start_response(self._status, self.headers._list)
        return [] if environ["REQUEST_METHOD"] == "HEAD" else self.response


def tag_of(body: bytes) -> str:
    """The strong ETag of a body."""
    digest = hashlib.sha256(body[:_HELD])
    for start in range(_HELD, len(body), _HELD):
        digest.update(body[start : start + _HELD])
    return f'"{digest.hexdigest()[:32]}"'


def tagged(body: bytes, status: int = 200, known: str | None = None, tag: str = "") -> Answer:
    """JSON with a strong ETag; 304 without a body when ``known``, an ``If-None-Match``, names it.

    ``tag``: that of the body, where it is known already.
    """
    tag = tag or tag_of(body)
    headers = [("ETag", tag), ("Cache-Control", "private, no-store")]
    if known is not None and status == 200 and (tag in known or known.strip() == "*"):
        return Answer.finished(b"", "304 NOT MODIFIED", headers)
    headers.append(("Content-Type", "application/json"))
    headers.append(("Content-Length", str(len(body))))
    line = _LINES.get(status)
    if line is None:
        return Answer(body, status, headers)
    return Answer.finished(body, line, headers)
