"""Signing in at the retailer's own OpenID Connect provider."""

from __future__ import annotations

from flask import Response, request
from itsdangerous import BadSignature, URLSafeTimedSerializer

from profile_service.api.calls import FRAME, Frame
from profile_service.audit import Act
from profile_service.console.guard import (
    SESSION,
    desks_of,
    first_place,
    leading_to,
    open_to_all,
    own_place,
    set_cookie,
)
from profile_service.console.pages import console
from profile_service.errors import Refused

_BEGUN = "profiles_openid"
_SECONDS = 600


@console.get("/openid")
@open_to_all
def to_provider() -> Response:
    """Off to the provider; a cookie remembers what its answer must fit."""
    desks = desks_of(request.environ)
    if desks.openid is None:
        raise Refused("not-found", "no provider is set up")
    begun = desks.openid.begin()
    answer = leading_to(begun.address)
    kept = {**begun.kept, "next": own_place(request.args.get("next"))}
    set_cookie(answer, desks, _BEGUN, _sealed().dumps(kept), _SECONDS)
    return answer


@console.get("/openid/back")
@open_to_all
def back_from_provider() -> Response:
    """Back from the provider: a new session for whom it signed in, if an administrator has added them."""
    frame: Frame = request.environ[FRAME]
    desks = desks_of(request.environ)
    if desks.openid is None:
        raise Refused("not-found", "no provider is set up")
    try:
        kept = _sealed().loads(request.cookies.get(_BEGUN, ""), max_age=_SECONDS)
    except BadSignature:
        raise Refused("unauthorised", "the sign-in took too long, or was begun in another browser") from None
    subject = desks.openid.end(kept, request.args)
    token = desks.users.sign_in_subject(subject)
    signed_in = desks.users.session(token, frame.clock())
    assert signed_in is not None
    with frame.ledger.write() as tx:
        frame.audit.change(tx, Act(f"user:{signed_in.user.name}", "user.sign-in", details={"by": "openid"}))
    where = kept["next"] if kept["next"] != own_place(None) else first_place(signed_in.user)
    if SESSION in request.cookies:
        desks.users.sign_out(request.cookies[SESSION])
    answer = leading_to(where)
    set_cookie(answer, desks, SESSION, token)
    answer.delete_cookie(_BEGUN, path="/console")
    return answer


def _sealed() -> URLSafeTimedSerializer:
    frame: Frame = request.environ[FRAME]
    return URLSafeTimedSerializer(frame.settings.server_secret(), salt="openid")
