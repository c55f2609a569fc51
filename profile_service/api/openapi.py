"""The OpenAPI 3.1 description of every route, and the pages that show it without any network."""

from __future__ import annotations

import html
from collections.abc import Iterable
from functools import cache
from http import HTTPStatus
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path
from typing import Any

import orjson
from flask import Blueprint, Flask, Response, abort, current_app, request, send_from_directory
from flask_smorest import Api  # type: ignore[import-untyped]

from profile_service.api.answers import tagged
from profile_service.api.problems import KINDS, MIMETYPE
from profile_service.api.routes import Blueprint as RouteBlueprint
from profile_service.api.routes import public
from profile_service.contracts.described import described
from profile_service.contracts.problem import ProblemDocument
from profile_service.contracts.shown import Number, Text

VERSION = "1.0.0"
_DESCRIPTION = """One profile for every channel.

Send `Authorization: Bearer KEY`. What a key may call is named by its scopes, what it sees by its audience and its field
policy: a value it may not see is an object, `{"masked": true, "hint": …}`. Errors are `application/problem+json`
(RFC 9457). Writes take `Idempotency-Key`; lists page by `cursor`; every answer carries `Request-Id`.
"""
# Scopes whose calls change nothing, whatever their method.
_READING = ("profiles:read", "profiles:search", "profiles:explain")
_REQUEST_ID = {"description": "The request's id, also in the log.", "schema": {"type": "string"}}
_TEXT = {"type": "string", "minLength": 1, "maxLength": 200, "pattern": "^[\\x20-\\x7e]*$"}
_TAKEN: dict[str, Any] = {
    "Purpose": {
        "in": "header",
        "name": "Purpose",
        "description": "Why you ask, for the audit trail.",
        "schema": _TEXT,
    },
    "IfNoneMatch": {
        "in": "header",
        "name": "If-None-Match",
        "description": "The `ETag` of the answer you have: 304 while it still stands.",
        "schema": {"type": "string"},
    },
    "IdempotencyKey": {
        "in": "header",
        "name": "Idempotency-Key",
        "description": "Any text of your own: the same again is done once and answered the same.",
        "schema": _TEXT,
    },
}
_ANSWERED: dict[str, Any] = {
    "Request-Id": _REQUEST_ID,
    "ETag": {"description": "Strong: names exactly this answer.", "schema": {"type": "string"}},
    "RateLimit-Limit": {"description": "Requests a minute.", "schema": {"type": "string"}},
    "RateLimit-Remaining": {"description": "Requests left now.", "schema": {"type": "string"}},
    "RateLimit-Reset": {"description": "Seconds until all are there again.", "schema": {"type": "string"}},
}
# The pages run nothing but what this service serves itself.
_POLICY = "default-src 'self'; img-src 'self' data:; style-src 'self' 'unsafe-inline'"

# Only Swagger UI 5 and later shows OpenAPI 3.1.
_SWAGGER_UI = Path(str(files("flask_swagger_ui"))) / "dist"

pages = Blueprint("documentation", __name__)


class DescribedApi(Api):  # type: ignore[misc]
    """flask-smorest's API with this service's problems in place of its own errors, and no pages of its own."""

    ERROR_SCHEMA = ProblemDocument
    DEFAULT_ERROR_RESPONSE_NAME = None

    def _register_error_handlers(self) -> None:
        """Problems are answered for the whole application, not only for its API."""

    def _register_responses(self) -> None:
        for status in sorted({kind.status for kind in KINDS.values()}):
            kinds = {name: kind for name, kind in KINDS.items() if kind.status == status}
            meaning = "\n".join(f"- `{name}`: {kind.meaning}" for name, kind in kinds.items())
            headers: dict[str, Any] = {"Request-Id": _REQUEST_ID}
            if status in (429, 503):
                headers["Retry-After"] = {"description": "Seconds to wait.", "schema": {"type": "integer"}}
            described = {
                "description": meaning,
                "headers": headers,
                "content": {MIMETYPE: {"schema": self.ERROR_SCHEMA}},
            }
            self.spec.components.response(HTTPStatus(status).name, described, lazy=True)
        for status, meaning in ((304, "What `If-None-Match` names still stands."), (308, "The id that stands now.")):
            headers = {"Location": {"schema": {"type": "string"}}} if status == 308 else {}
            described = {"description": meaning, "headers": headers}
            self.spec.components.response(HTTPStatus(status).name, described, lazy=True)


def describe(app: Flask, blueprints: Iterable[RouteBlueprint]) -> None:
    """Register ``blueprints`` and describe them; serve the description and the pages that show it."""
    app.config.update(API_TITLE="Unified customer profile", API_VERSION=VERSION, OPENAPI_VERSION="3.1.0")
    api = DescribedApi(
        app,
        spec_kwargs={
            "info": {"description": _DESCRIPTION, "license": {"name": "MIT", "identifier": "MIT"}},
            "servers": [{"url": "/"}],
        },
    )
    api.spec.components.security_scheme("key", {"type": "http", "scheme": "bearer", "description": "An API key."})
    converter = api.ma_plugin.converter
    converter.add_attribute_function(_described)
    api.ma_plugin.map_to_openapi_type(Text, "string", None)
    api.ma_plugin.map_to_openapi_type(Number, "number", None)
    for each in blueprints:
        api.register_blueprint(each)
    description = api.spec.to_dict()
    _add_headers(description)
    app.extensions["description"] = orjson.dumps(description)
    app.register_blueprint(pages)


def _add_headers(description: dict[str, Any]) -> None:
    """Say of every call which headers it takes and answers, for they are the same for all of them."""
    components = description["components"]
    components["parameters"] = {**components.get("parameters", {}), **_TAKEN}
    components["headers"] = {**components.get("headers", {}), **_ANSWERED}
    for operations in description["paths"].values():
        for method, operation in operations.items():
            if method not in ("get", "put", "post", "delete", "patch"):
                continue
            # unlike a description, a summary is no Markdown
            operation["summary"] = operation.get("summary", "").replace("`", "")
            writes = operation.get("x-scope") not in _READING
            taken = ["Purpose", *(["IdempotencyKey"] if writes and method != "get" else [])]
            taken += ["IfNoneMatch"] if method == "get" else []
            references = [{"$ref": f"#/components/parameters/{name}"} for name in taken]
            operation["parameters"] = [*operation.get("parameters", ()), *references]
            if method != "get":
                # an Idempotency-Key may have come before with another request
                name = HTTPStatus(422).name
                operation["responses"].setdefault("422", {"$ref": f"#/components/responses/{name}"})
            for status, answer in operation["responses"].items():
                if status.startswith("2"):
                    answer["headers"] = {name: {"$ref": f"#/components/headers/{name}"} for name in _ANSWERED}


def _described(converter: Any, field: Any, ret: dict[str, Any], **_: Any) -> dict[str, Any]:
    return described(field, ret, converter.resolve_nested_schema)


@pages.get("/openapi.json")
@public
def read_description() -> Response:
    """The description itself."""
    return tagged(current_app.extensions["description"], known=request.environ.get("HTTP_IF_NONE_MATCH"))


@pages.get("/docs")
@public
def show_description() -> Response:
    """A page to read the description and to try calls."""
    return _page(
        '<link rel="stylesheet" href="/docs/swagger-ui.css"><div id="swagger-ui"></div>'
        '<script src="/docs/swagger-ui-bundle.js"></script><script src="/docs/start.js"></script>'
    )


@pages.get("/docs/start.js")
@public
def start_page() -> Response:
    """What starts the page: a file of its own, so that the page runs no inline script."""
    # validatorUrl: by itself the page shows a badge from a server of its makers
    script = (
        "SwaggerUIBundle({url: '/openapi.json', dom_id: '#swagger-ui', deepLinking: true, "
        "persistAuthorization: false, displayRequestDuration: true, validatorUrl: null})"
    )
    return Response(script, mimetype="text/javascript")


@pages.get("/docs/<path:name>")
@public
def read_asset(name: str) -> Response:
    """A file of the packaged Swagger UI."""
    if name not in _assets():
        abort(404)
    answer = send_from_directory(_SWAGGER_UI, name)
    answer.headers["Cache-Control"] = "public, max-age=86400"
    return answer


@cache
def _assets() -> frozenset[str]:
    return frozenset(file.name for file in _SWAGGER_UI.iterdir() if file.suffix in (".js", ".css", ".png"))


@pages.get("/problems/<kind>")
@public
def explain_problem(kind: str) -> Response:
    """What a problem's ``type`` points to: its meaning."""
    known = KINDS.get(kind)
    if known is None:
        abort(404)
    body = f"<h1>{html.escape(known.title)}</h1><p>Status {known.status}</p><p>{html.escape(known.meaning)}</p>"
    return _page(body)


def _page(body: str) -> Response:
    page = f'<!doctype html><html lang="en"><meta charset="utf-8"><title>Unified customer profile</title>{body}</html>'
    answer = Response(page, mimetype="text/html")
    answer.headers["Content-Security-Policy"] = _POLICY
    return answer


def program_version() -> str:
    """The version of the installed program."""
    return version("unified-customer-profile")
