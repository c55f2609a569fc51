"""The console's blueprint: its pages, what they are drawn with, and how they tell that something went wrong."""

from __future__ import annotations

import hashlib
from functools import cache
from http import HTTPStatus
from pathlib import Path

from flask import Blueprint, Response, make_response, render_template, request, send_from_directory
from werkzeug.exceptions import HTTPException, NotFound

from profile_service.api.calls import FRAME, REQUEST_ID
from profile_service.api.problems import KINDS, RETRY_SECONDS, UNAVAILABLE
from profile_service.console.guard import guarded, open_to_all
from profile_service.errors import LedgerBusy, LedgerUnavailable, ProfileError, Refused

console = Blueprint("console", __name__, url_prefix="/console")

STATIC = Path(__file__).parents[1] / "static" / "console"


@console.get("/static/<path:name>")
@open_to_all
def drawn_with(name: str) -> Response:
    """The stylesheet, the scripts and the pictures of all pages."""
    answer = make_response(send_from_directory(STATIC, name))
    if request.args.get("v"):
        # its address names its very content
        answer.headers["Cache-Control"] = "public, max-age=31536000, immutable"
    return answer


@console.app_template_global()
def drawn(name: str) -> str:
    """The address of what pages are drawn with, such as ``console.css``."""
    return f"/console/static/{name}?v={_version(name)}"


@cache
def _version(name: str) -> str:
    return hashlib.sha256((STATIC / name).read_bytes()).hexdigest()[:12]


@console.errorhandler(ProfileError)
def tell_refusal(error: ProfileError) -> Response:
    """What was refused, and what to do about it, as a page or as the part of one."""
    if isinstance(error, Refused):
        kind = KINDS[error.kind]
        # people have no keys
        title = "Not signed in" if error.kind == "unauthorised" else kind.title
        return _told(kind.status, title, str(error))
    if isinstance(error, LedgerBusy):
        return _told(503, "Busy", "others are writing just now: do it again in a moment")
    if isinstance(error, LedgerUnavailable):
        frame = request.environ[FRAME]
        frame.log.warning("unavailable", request_id=request.environ[REQUEST_ID], reason=str(error))
        return _told(503, "Not available", UNAVAILABLE)
    return _told(422, "Not possible", str(error))


@console.errorhandler(HTTPException)
def tell_http(error: HTTPException) -> Response:
    """What Flask refused."""
    return _told(error.code or 500, error.name, error.description or "")


@console.errorhandler(Exception)
def tell_fault(error: Exception) -> Response:
    """What nobody foresaw: logged by kind and place, told by the request's id alone."""
    frame, request_id = request.environ[FRAME], request.environ[REQUEST_ID]
    frame.log.failed("failed", error, request_id=request_id, route=request.url_rule and request.url_rule.rule)
    return _told(500, "Something broke", f"it is in the service's log under {request_id}")


@console.route("/<path:rest>")
@open_to_all
def nothing_here(rest: str) -> Response:
    """There is no such page."""
    raise NotFound("there is no such page")


def _told(status: int, title: str, what: str) -> Response:
    part = "console/_problem.html" if request.headers.get("HX-Request") else "console/problem.html"
    answer = guarded(make_response(render_template(part, title=title, what=what, user=None), status))
    if status == HTTPStatus.SERVICE_UNAVAILABLE:
        answer.headers["Retry-After"] = str(RETRY_SECONDS)
    return answer
