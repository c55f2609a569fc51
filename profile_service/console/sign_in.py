"""Signing in and out."""

from __future__ import annotations

from http import HTTPStatus
from zlib import crc32

from flask import Response, make_response, render_template, request

from profile_service.api.calls import FRAME, Frame
from profile_service.audit import Act
from profile_service.console.guard import (
    BEFORE,
    SESSION,
    Desk,
    check_form,
    desk,
    desks_of,
    first_place,
    guarded,
    leading_to,
    new_before,
    open_to_all,
    own_place,
    set_cookie,
)
from profile_service.console.pages import console
from profile_service.errors import Refused

_ATTEMPTS_A_MINUTE = 20  # from one address, whatever names are tried


@console.get("/sign-in")
@open_to_all
def ask_name() -> Response:
    """The form to sign in with."""
    return _form(own_place(request.args.get("next")))


@console.post("/sign-in")
@open_to_all
def sign_in() -> Response:
    """Begin a session: always a new one, so that no cookie from before is worth anything."""
    frame: Frame = request.environ[FRAME]
    desks = desks_of(request.environ)
    next_place = own_place(request.form.get("next"))
    check_form(request, desks.users.form_token(request.cookies.get(BEFORE, "")))
    # some addresses share a count, so that there are never more counts than this
    rate = frame.rates.take(f"sign-in {crc32((request.remote_addr or '').encode()) % 1024}", _ATTEMPTS_A_MINUTE)
    if rate.retry_after:
        return _form(next_place, f"too many attempts from here: wait {rate.retry_after} seconds", 429)
    name = request.form.get("name", "").strip().lower()
    try:
        token = desks.users.sign_in(name, request.form.get("password", ""))
    except Refused as error:
        # who is not known may have typed a password where the name belongs
        who = f"user:{name}" if desks.users.knows(name) else "console"
        _audit(frame, Act(who, "user.refused"))
        return _form(next_place, str(error), HTTPStatus.UNAUTHORIZED, name)
    signed_in = desks.users.session(token, frame.clock())
    assert signed_in is not None
    _audit(frame, Act(f"user:{signed_in.user.name}", "user.sign-in"))
    where = next_place if next_place != own_place(None) else first_place(signed_in.user)
    if SESSION in request.cookies:
        desks.users.sign_out(request.cookies[SESSION])
    answer = leading_to(where)
    set_cookie(answer, desks, SESSION, token)
    answer.delete_cookie(BEFORE, path="/console")
    return answer


@console.post("/sign-out")
@desk("")
def sign_out(at: Desk) -> Response:
    """End the session."""
    at.desks.users.sign_out(request.cookies.get(SESSION, ""))
    _audit(at.frame, at.act("user.sign-out", None))
    answer = leading_to("/console/sign-in")
    answer.delete_cookie(SESSION, path="/console")
    answer.headers["Clear-Site-Data"] = '"cache"'
    return answer


@console.get("/")
@desk("")
def begin(at: Desk) -> Response:
    """Where the user's work begins."""
    return leading_to(first_place(at.user))


def _form(next_place: str, wrong: str = "", status: int = 200, name: str = "") -> Response:
    desks = desks_of(request.environ)
    before = request.cookies.get(BEFORE) or new_before()
    facts = {"next_place": next_place, "wrong": wrong, "name": name, "user": None, "provider": desks.provider_name}
    body = render_template("console/sign_in.html", form_token=desks.users.form_token(before), **facts)
    answer = guarded(make_response(body, status))
    set_cookie(answer, desks, BEFORE, before)
    return answer


def _audit(frame: Frame, act: Act) -> None:
    with frame.ledger.write() as tx:
        frame.audit.change(tx, act)
