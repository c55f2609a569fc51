"""The Flask application on a frame: routes, problems, description and what stands around every request."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from flask import Flask, Request
from flask.sessions import NullSession, SessionInterface
from werkzeug.routing import MapAdapter

from profile_service.api import openapi, problems, requests
from profile_service.api.answers import Answer
from profile_service.api.calls import ROUTE, Frame
from profile_service.api.dispatch import Name, RouteTable, path_of
from profile_service.api.generic_values import switch
from profile_service.api.operations import operations
from profile_service.api.privacy import privacy
from profile_service.api.profiles import profiles
from profile_service.api.reading import reading
from profile_service.api.records import records
from profile_service.api.reviews import desk
from profile_service.api.routes import Blueprint
from profile_service.console.all_pages import console, telephony

BLUEPRINTS: tuple[Blueprint, ...] = (profiles, records, reading, desk, switch, privacy, telephony)


class _NoSession(SessionInterface):
    """There is none: every request carries its key."""

    _none = NullSession()

    def open_session(self, app: Flask, request: Request) -> NullSession:
        """The one that holds nothing."""
        return self._none

    def is_null_session(self, obj: object) -> bool:
        """Always."""
        return True


class Service(Flask):
    """Flask without what this service never uses: sessions, asynchronous views, hosts, hooks around requests."""

    response_class = Answer
    session_interface = _NoSession()
    route_table: RouteTable | None = None

    def wsgi_app(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        """Answer one request: by its view where a route fits, else as Flask answers what it does not know."""
        found = None if self.route_table is None else self.route_table.find(environ["REQUEST_METHOD"], path_of(environ))
        if found is None:
            return super().wsgi_app(environ, start_response)
        environ[ROUTE] = found.route
        try:
            answer = found.view(environ, **found.named)
        except Exception as error:
            answer = problems.answer_error(error, environ)
        whole: Iterable[bytes] = answer(environ, start_response)
        return whole

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
        asked = environ.get("QUERY_STRING", "")
        return MapAdapter(self.url_map, "", "/", "", "http", path_of(environ), environ["REQUEST_METHOD"], asked)


def build(frame: Frame, blueprints: Sequence[Blueprint] = BLUEPRINTS) -> Flask:
    """The application on a frame that is already open."""
    app = Service("profile_service", static_folder=None)
    app.url_map.converters["default"] = Name
    app.url_map.strict_slashes = False
    app.url_map.merge_slashes = False
    app.config["MAX_CONTENT_LENGTH"] = frame.settings.max_body_bytes
    problems.install(app)
    openapi.describe(app, blueprints)
    app.register_blueprint(operations)
    app.register_blueprint(console)
    app.route_table = RouteTable(app)
    app.wsgi_app = requests.framed(app.wsgi_app, frame)  # type: ignore[assignment, method-assign]
    return app
