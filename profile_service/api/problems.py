"""Every refusal that a caller can get, as RFC 9457 ``application/problem+json``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

import orjson
from flask import Flask, Response
from flask import request as current_request
from werkzeug.exceptions import HTTPException

from profile_service.api.answers import Answer
from profile_service.api.calls import FRAME, REQUEST_ID, Frame, route_of
from profile_service.api.dispatch import path_of
from profile_service.errors import (
    IdempotencyConflict,
    KeyRefused,
    LedgerBusy,
    LedgerUnavailable,
    Moved,
    NotFound,
    ProfileError,
    Refused,
    RunLocked,
    UnusableInput,
    WrongUsage,
)

Environ = dict[str, Any]
MIMETYPE = "application/problem+json"
RETRY_SECONDS = 1  # when to ask again after a 503
UNAVAILABLE = "what the service keeps cannot be read or written just now: its log says why"


@dataclass(frozen=True)
class Kind:
    """A kind of problem: the status it is answered with, its title, and what it means for the caller."""

    status: int
    title: str
    meaning: str


KINDS: Mapping[str, Kind] = {
    "bad-request": Kind(400, "Bad request", "The request cannot be read: its URL, its headers or its framing."),
    "malformed-json": Kind(400, "Malformed JSON", "The body is not one JSON object in UTF-8."),
    "unauthorised": Kind(
        401, "No valid key", "Send `Authorization: Bearer KEY` with a key that is neither expired nor revoked."
    ),
    "forbidden": Kind(403, "Not allowed", "The key is valid but lacks the scope that this call asks for."),
    "unauthenticated-source": Kind(
        403, "Source is not authenticated", "This key may not write records as authenticated ones."
    ),
    "not-found": Kind(404, "Not found", "There is nothing at this path."),
    "unknown-customer": Kind(404, "Unknown customer", "No customer ever had this id."),
    "unknown-identifier": Kind(404, "Unknown identifier", "No customer carries this identifier."),
    "generic-value": Kind(
        404,
        "Generic value",
        "So many unrelated people share this value, or it is such a placeholder, that it identifies nobody.",
    ),
    "unknown-record": Kind(404, "Unknown record", "No such source record is known."),
    "unknown-review": Kind(404, "Unknown review", "No such pair waits for a review."),
    "unknown-judgement": Kind(404, "Unknown judgement", "No such decision was made."),
    "method-not-allowed": Kind(405, "Method not allowed", "See the `Allow` header for what this path understands."),
    "not-acceptable": Kind(406, "Not acceptable", "The answer exists in none of the asked forms."),
    "timeout": Kind(408, "Request timeout", "The request did not arrive in time."),
    "ambiguous-identifier": Kind(
        409,
        "Ambiguous identifier",
        "Several customers fit. `candidates` lists them; the service never guesses. Ask by another identifier, or id.",
    ),
    "conflict": Kind(409, "Conflict", "What was asked contradicts what stands."),
    "erased": Kind(410, "Erased", "This customer was erased; nothing is kept."),
    "length-required": Kind(411, "Length required", "Send a `Content-Length`."),
    "precondition-failed": Kind(412, "Precondition failed", "What the request was based on has changed."),
    "body-too-large": Kind(413, "Body too large", "The body is larger than this service reads; send it in parts."),
    "uri-too-long": Kind(414, "URI too long", "Send identifiers in a body instead: `POST /v1/profiles/lookup`."),
    "unsupported-media-type": Kind(415, "Unsupported media type", "Bodies are `application/json`."),
    "invalid-request": Kind(
        422, "Invalid request", "`errors` names each wrong value: by JSON pointer into the body, or by parameter."
    ),
    "idempotency-key-reused": Kind(
        422, "Idempotency key reused", "This `Idempotency-Key` came before with another request."
    ),
    "too-many-requests": Kind(429, "Too many requests", "The key's rate is used up: wait for `Retry-After` seconds."),
    "internal": Kind(500, "Internal error", "A fault of this service; it is logged under the request's id."),
    "not-ready": Kind(503, "Not ready", "Nothing is published yet, or a store cannot be reached. Try again."),
    "busy": Kind(503, "Busy", "Every thread that may is taking in a body that arrives slowly. Try again."),
    "too-slow": Kind(503, "Took too long", "The answer was not ready within the time limit. Ask for less."),
}

_OF_STATUS: Mapping[int, str] = {
    400: "bad-request",
    404: "not-found",
    405: "method-not-allowed",
    406: "not-acceptable",
    408: "timeout",
    411: "length-required",
    412: "precondition-failed",
    413: "body-too-large",
    414: "uri-too-long",
    415: "unsupported-media-type",
    422: "invalid-request",
    429: "too-many-requests",
    503: "not-ready",
}
# Errors that a verb raises without thinking of HTTP.
_OF_ERROR: tuple[tuple[type[ProfileError], str], ...] = (
    (KeyRefused, "unauthorised"),
    (IdempotencyConflict, "idempotency-key-reused"),
    (LedgerBusy, "not-ready"),
    (LedgerUnavailable, "not-ready"),
    (RunLocked, "not-ready"),
    (NotFound, "not-found"),
    (UnusableInput, "invalid-request"),
    (WrongUsage, "invalid-request"),
)


def problem(environ: Environ, kind: str, detail: str, **further: Any) -> Response:
    """The answer for a problem of ``kind``, a key of ``KINDS``; ``further`` members stand beside the standard ones."""
    declared = KINDS[kind]
    body = {
        "type": f"/problems/{kind}",
        "title": declared.title,
        "status": declared.status,
        "detail": detail,
        "request_id": environ.get(REQUEST_ID),
        **further,
    }
    answer = Response(orjson.dumps(body), declared.status, mimetype=MIMETYPE)
    answer.headers["Cache-Control"] = "no-store"
    if declared.status == HTTPStatus.UNAUTHORIZED:
        answer.headers["WWW-Authenticate"] = "Bearer"
    if declared.status == HTTPStatus.SERVICE_UNAVAILABLE:
        answer.headers["Retry-After"] = str(RETRY_SECONDS)
    if declared.status == HTTPStatus.TOO_MANY_REQUESTS:
        answer.headers["Retry-After"] = str(further.get("retry_after", RETRY_SECONDS))
    return answer


def answer_refusal(error: ProfileError, environ: Environ) -> Response:
    """The problem that an error of the project's own means to a caller."""
    if isinstance(error, Refused):
        return problem(environ, error.kind, str(error), **error.further)
    kind = next((kind for raised, kind in _OF_ERROR if isinstance(error, raised)), None)
    if kind is None:
        return answer_fault(error, environ)
    if isinstance(error, LedgerUnavailable):
        # it may say where the database is and who asks it: for the operator, not for the caller
        frame: Frame = environ[FRAME]
        frame.log.warning("unavailable", request_id=environ[REQUEST_ID], reason=str(error))
        return problem(environ, kind, UNAVAILABLE)
    return problem(environ, kind, str(error))


def answer_moved(error: Moved, environ: Environ) -> Response:
    """308 to the same path with the id that stands."""
    body = {"customer_id": error.customer_id, "stands_as": error.stands_as, "event": error.event}
    answer = Answer(orjson.dumps(body), 308)
    path = "/".join(error.stands_as if part == error.customer_id else part for part in path_of(environ).split("/"))
    query = environ.get("QUERY_STRING", "")
    answer.headers["Location"] = quote(path) + (f"?{query}" if query else "")
    answer.headers["Cache-Control"] = "private, no-store"
    return answer


def answer_http(error: HTTPException, environ: Environ) -> Response:
    """The problem for what Flask, Werkzeug or the argument parser refused."""
    status = error.code or HTTPStatus.INTERNAL_SERVER_ERROR
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR and status != HTTPStatus.SERVICE_UNAVAILABLE:
        return problem(environ, "internal", KINDS["internal"].meaning)
    messages = (getattr(error, "data", None) or {}).get("messages")
    kind = _OF_STATUS.get(status, "bad-request")
    if isinstance(messages, Mapping):
        return problem(environ, kind, "see errors", errors=list(wrong_values(messages)))
    detail = KINDS[kind].meaning
    if status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
        frame: Frame = environ[FRAME]
        detail = f"at most {frame.settings.max_body_bytes:,} bytes are read: send it in parts"
    answer = problem(environ, kind, detail)
    for name, value in error.get_headers():
        if name == "Allow":
            answer.headers[name] = value
    return answer


def wrong_values(messages: Mapping[str, Any]) -> Iterator[dict[str, str]]:
    """marshmallow's messages by location, one by one: ``pointer`` into the body or ``parameter``, and ``detail``."""
    for location, said in messages.items():
        for path, detail in _flat(said, ()):
            if location == "json":
                escaped = [str(part).replace("~", "~0").replace("/", "~1") for part in path if part != "_schema"]
                yield {"pointer": "".join(f"/{part}" for part in escaped), "detail": detail}
            else:
                yield {"parameter": ".".join(str(part) for part in path), "detail": detail}


def _flat(said: Any, path: tuple[Any, ...]) -> Iterator[tuple[tuple[Any, ...], str]]:
    if isinstance(said, Mapping):
        for key, inner in said.items():
            yield from _flat(inner, (*path, key))
    elif isinstance(said, list):
        for each in said:
            yield path, str(each)
    else:
        yield path, str(said)


def answer_fault(error: Exception, environ: Environ) -> Response:
    """What nobody foresaw: logged by kind and place under the request's id, told without a word of it."""
    frame: Frame = environ[FRAME]
    frame.log.failed("failed", error, request_id=environ[REQUEST_ID], route=route_of(environ))
    return problem(environ, "internal", KINDS["internal"].meaning)


def answer_error(error: Exception, environ: Environ) -> Response:
    """The problem that any error means to the caller of the request that met it."""
    if isinstance(error, Moved):
        return answer_moved(error, environ)
    if isinstance(error, ProfileError):
        return answer_refusal(error, environ)
    if isinstance(error, HTTPException):
        return answer_http(error, environ)
    return answer_fault(error, environ)


def install(app: Flask) -> None:
    """Let every error that Flask meets be answered as a problem."""

    def answer(error: Exception) -> Response:
        return answer_error(error, current_request.environ)

    for kind in (HTTPException, Exception):
        app.register_error_handler(kind, answer)
