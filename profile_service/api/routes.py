"""A route: the scope it needs, the body it takes, the statuses it answers; the rest of a view is load, do, dump.

A view stands under flask-smorest's own decorators, with ``needs`` right below ``route``::

    @blueprint.route("/profiles/<customer_id>/merge", methods=["POST"])
    @needs("reviews", refuses=(404, 409, 410))
    @blueprint.arguments(MergeRequest)
    @blueprint.response(200, Merged)
    def merge(call: Call, wanted: dict[str, Any], customer_id: str) -> Response:
        ...
        return call.answer(document)
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from copy import deepcopy
from functools import wraps
from http import HTTPStatus
from typing import Any, TypeVar

import orjson
from flask import Request, request
from flask_smorest import Blueprint as SmorestBlueprint  # type: ignore[import-untyped]
from webargs.flaskparser import FlaskParser

from profile_service.api.calls import FRAME, Call, Frame
from profile_service.contracts.examples import EXAMPLES
from profile_service.errors import Refused

PUBLIC = "public"
View = TypeVar("View", bound=Callable[..., Any])

# What any route with a key may answer besides its own statuses; those of a body come on top.
_WITH_KEY = (400, 401, 403, 404, 429, 500, 503)
_WITH_BODY = (408, 413, 415, 422)


class JsonParser(FlaskParser):
    """Bodies are one JSON object in UTF-8, said to be JSON; whatever else is refused by name."""

    def load_json(self, req: Request, schema: Any) -> Any:
        """The body; Refused when it is not said to be JSON, or is not."""
        if req.mimetype != "application/json" and not req.mimetype.endswith("+json"):
            raise Refused("unsupported-media-type", "send Content-Type: application/json")
        try:
            content = req.get_data(cache=False)
            most = req.max_content_length
            if most is not None and len(content) >= most:
                # one that did not say its length was read no further than this
                raise Refused("body-too-large", f"at most {most:,} bytes are read: send it in parts")
            body = orjson.loads(content)
        except orjson.JSONDecodeError as error:
            # the reason may quote the body, its place does not
            raise Refused("malformed-json", f"not JSON at line {error.lineno}, column {error.colno}") from None
        if not isinstance(body, dict):
            raise Refused("malformed-json", "the body is to be one JSON object")
        return body


class Blueprint(SmorestBlueprint):  # type: ignore[misc]
    """flask-smorest's blueprint with this service's reading of bodies, and with types."""

    ARGUMENTS_PARSER = JsonParser()

    def route(self, rule: str, **options: Any) -> Callable[[View], View]:
        """Put a view at ``rule``; ``methods`` are GET unless said."""
        decorate: Callable[[View], View] = super().route(rule, **options)
        return decorate

    def arguments(self, schema: type[Any], **options: Any) -> Callable[[View], View]:
        """Hand the view the body, or with ``location="query"`` the parameters, as ``schema`` loads them."""
        location = options.get("location", "json")
        shown = {"example": EXAMPLES[schema.__name__]} if location == "json" and schema.__name__ in EXAMPLES else {}
        describe = super().arguments(schema, **shown, **options)
        loads = schema()

        def decorate(view: View) -> View:
            @wraps(view)
            def handed(call: Call, **named: Any) -> Any:
                return view(call, self.ARGUMENTS_PARSER.parse(loads, call.read(), location=location), **named)

            # its own way to hand them over begins at Flask's request
            handed._apidoc = describe(view)._apidoc  # type: ignore[attr-defined]
            return handed  # type: ignore[return-value]

        return decorate

    def response(self, status: int, schema: type[Any] | None = None, **options: Any) -> Callable[[View], View]:
        """Document what the view answers when all is well."""
        return _only_described(super().response(status, schema, **options))

    def doc(self, **facts: Any) -> Callable[[View], View]:
        """Add ``facts`` to what OpenAPI says of the view."""
        return _only_described(super().doc(**facts))

    def alt_response(self, status: int, *options: Any, **named: Any) -> Callable[[View], View]:
        """Document what the view answers otherwise."""
        return _only_described(super().alt_response(status, *options, **named))


def _only_described(describe: Callable[[View], Any]) -> Callable[[View], View]:
    """What flask-smorest says of a view, without what it puts around it: every view answers a Response as it is."""

    def decorate(view: View) -> View:
        view._apidoc = describe(view)._apidoc  # type: ignore[attr-defined]
        return view

    return decorate


def blueprint(name: str, description: str) -> Blueprint:
    """A part of the API under ``/v1``, with a tag of its own in the documentation."""
    return Blueprint(name, __name__, url_prefix="/v1", description=description)


def needs(scope: str, *, answers: Iterable[int] = (), refuses: Iterable[int] = ()) -> Callable[[View], View]:
    """Admit only keys with ``scope`` and hand the view a ``Call``.

    ``answers`` and ``refuses`` document statuses beyond the one of ``response`` and those that any route may have.
    """

    def decorate(view: View) -> View:
        def answer(environ: dict[str, Any], **named: str) -> Any:
            for value in named.values():
                # no store takes a NUL, and what is no UTF-8 is nobody's identifier
                if "\0" in value or "\ufffd" in value:
                    raise Refused("bad-request", "the URL holds a NUL character or is not UTF-8")
            frame: Frame = environ[FRAME]
            return view(frame.admit(environ, scope), **named)

        @wraps(view)
        def admitted(**named: str) -> Any:
            return answer(request.environ, **named)

        admitted.scope = scope  # type: ignore[attr-defined]
        admitted.answer = answer  # type: ignore[attr-defined]
        _document(admitted, {"security": [{"key": []}], "x-scope": scope}, (*_WITH_KEY, *answers, *refuses))
        return admitted  # type: ignore[return-value]

    return decorate


def public(view: View) -> View:
    """A route that anyone may call: it tells nothing of any customer."""
    view.scope = PUBLIC  # type: ignore[attr-defined]
    return view


def _document(view: Any, facts: Mapping[str, Any], statuses: Iterable[int]) -> None:
    view._apidoc = deepcopy(getattr(view, "_apidoc", {}))
    view._apidoc["manual_doc"] = {**view._apidoc.get("manual_doc", {}), **facts}
    takes_body = any(each.get("in") == "json" for each in view._apidoc.get("arguments", {}).get("parameters", ()))
    takes_any = "arguments" in view._apidoc
    documented = view._apidoc.setdefault("response", {}).setdefault("responses", {})
    if takes_any:
        # flask-smorest's own word for it names another schema
        view._apidoc["arguments"].pop("responses", None)
    good = HTTPStatus.MULTIPLE_CHOICES
    usual: list[dict[str, Any]] = next((each for status, each in documented.items() if int(status) < good), [])
    for status in {*statuses, *(_WITH_BODY if takes_body else ()), *((422,) if takes_any else ())}:
        if status < good:
            # another success answers the same document
            same = [{**each, "description": HTTPStatus(status).phrase} for each in usual]
            documented.setdefault(status, same)
        else:
            documented.setdefault(status, [HTTPStatus(status).name])
