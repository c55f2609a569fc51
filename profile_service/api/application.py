"""The Flask application on a frame: routes, problems, description and what stands around every request."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from flask import Flask, Request
from flask.sessions import NullSession, SessionInterface
from werkzeug.routing import Map, MapAdapter, UnicodeConverter

from profile_service.api import openapi, problems, requests
from profile_service.api.answers import Answer
from profile_service.api.calls import Frame
from profile_service.api.operations import operations
from profile_service.api.privacy import privacy
from profile_service.api.profiles import profiles
from profile_service.api.reading import reading
from profile_service.api.records import records
from profile_service.api.reviews import desk
from profile_service.api.routes import Blueprint
from profile_service.console.all_pages import console, telephony

BLUEPRINTS: tuple[Blueprint, ...] = (profiles, records, reading, desk, privacy, telephony)


class _NoSession(SessionInterface):
    """There is none: every request carries its key."""

    _none = NullSession()

    def open_session(self, app: Flask, request: Request) -> NullSession:
        """The one that holds nothing."""
        return self._none

    def is_null_session(self, obj: object) -> bool:
        """Always."""
        return True


class _Name(UnicodeConverter):
    """A part of a path that names something: none of the words that stand in its place in other routes."""

    def __init__(self, map: Map) -> None:
        super().__init__(map)
        self.regex = r"(?!(?:lookup|search|by)(?:/|$))[^/]{1,}"


class Service(Flask):
    """Flask without what this service never uses: sessions, asynchronous views, hosts, hooks around requests."""

    response_class = Answer
    session_interface = _NoSession()

    def ensure_sync(self, func: Any) -> Any:
        """Every view is a plain function."""
        return func

    def preprocess_request(self) -> None:
        """Nothing comes before a view but what the view's own decorators say."""

    def do_teardown_request(self, exc: BaseException | None = None) -> None:
        """Nothing is left to be torn down."""

    def log_exception(self, exc_info: Any) -> None:
        """Nothing: the log names faults without their messages."""

    def create_url_adapter(self, request: Request | None) -> MapAdapter | None:
        """Routes are the same whatever host is asked."""
        if request is None:
            return None
        environ = request.environ
        path = environ.get("PATH_INFO", "").encode("latin1").decode("utf-8", "replace")
        return MapAdapter(
            self.url_map, "", "/", "", "http", path, environ["REQUEST_METHOD"], environ.get("QUERY_STRING", "")
        )


def build(frame: Frame, blueprints: Sequence[Blueprint] = BLUEPRINTS) -> Flask:
    """The application on a frame that is already open."""
    app = Service("profile_service", static_folder=None)
    app.url_map.converters["default"] = _Name
    app.url_map.strict_slashes = False
    app.url_map.merge_slashes = False
    app.config["MAX_CONTENT_LENGTH"] = frame.settings.max_body_bytes
    problems.install(app)
    openapi.describe(app, blueprints)
    app.register_blueprint(operations)
    app.register_blueprint(console)
    app.wsgi_app = requests.framed(app.wsgi_app, frame)  # type: ignore[assignment, method-assign]
    return app
