"""Around every page of the console: a session, the role it needs, the form's token, and what the browser may do."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, wraps
from hmac import compare_digest
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import quote, unquote, urlsplit

from flask import Request, Response, make_response, redirect, render_template, request

from profile_service.api.calls import FRAME, KEY, Call, Frame
from profile_service.errors import Refused
from profile_service.keys import Key
from profile_service.users import ROLES, SignedIn, User, Users
from profile_service.verify import Verifier

if TYPE_CHECKING:
    from profile_service.openid import OpenId

CONSOLE = "console"  # the scope of its routes: a session with the right role, no key
SESSION = "profiles_session"
BEFORE = "profiles_before"  # what ties a sign-in form to the browser that asked for it
LAST_PLACE = "/console/"
CHANNEL = "call_center"  # as which the console writes
# What hides personal data from who has not verified the caller: enough is left to tell people apart.
VEILED = ("email", "phone", "birth_date", "street", "street_2", "loyalty_id")
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)
_HEADERS = {
    "Content-Security-Policy": _POLICY,
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
    "Cache-Control": "no-store",
}
_SCOPES = ("profiles:read", "profiles:search", "profiles:explain", "records:write", "consents:write", "reviews")
View = TypeVar("View", bound=Callable[..., Any])


@dataclass(frozen=True)
class Desks:
    """What the console needs beyond what the API shares: its users, who verifies callers, and whether cookies go over
    TLS alone.
    """

    users: Users
    verifier: Verifier
    tls: bool = False
    openid: OpenId | None = None
    provider_name: str = ""


class Desk(Call):
    """One request of somebody who is signed in: a call like any other, whose key is made from the user's role."""

    def __init__(self, frame: Frame, desks: Desks, signed_in: SignedIn, environ: dict[str, Any]) -> None:
        key = Key(f"user:{signed_in.user.name}", _SCOPES, "agent", CHANNEL, trusted=True, mask=VEILED)
        environ[KEY] = key
        super().__init__(frame, key, environ)
        self.desks = desks
        self.signed_in = signed_in
        self.said_purpose = ""

    @property
    def user(self) -> User:
        """Who is signed in."""
        return self.signed_in.user

    @property
    def purpose(self) -> str:
        """Why, for the audit trail: as the user said, else the user's role."""
        return self.said_purpose or f"console: {self.user.role}"

    def unveil(self, reason: str) -> None:
        """Let this request see what is veiled, for a reason that its acts carry."""
        self.said_purpose = reason
        self.key = Key(self.key.name, _SCOPES, "agent", CHANNEL, trusted=True)

    def require(self, permission: str) -> None:
        """Raise Refused unless the user's role allows it."""
        if not self.user.may(permission):
            raise Refused("forbidden", f"your role, {self.user.role.replace('_', ' ')}, does not do this")

    @cached_property
    def form(self) -> dict[str, str]:
        """The fields of the form that was sent, trimmed; the first value of each."""
        return {name: value.strip() for name, value in request.form.items()}

    def said(self, name: str, most: int = 500, least: int = 1) -> str:
        """A field of the form. Raises Refused when it is missing, too long, or holds what no store takes."""
        value = self.form.get(name, "")
        if not least <= len(value) <= most or "\0" in value:
            wanted = f"{least} to {most:,} characters" if least else f"at most {most:,} characters"
            raise Refused("invalid-request", f"{name.replace('_', ' ')}: say it in {wanted}")
        return value

    def page(self, template: str, status: int = 200, **facts: Any) -> Response:
        """A page, or the part of one that the browser asked for."""
        everywhere = {"user": self.user, "form_token": self.signed_in.form_token, "may": self.user.may}
        body = render_template(f"console/{template}", **everywhere, **facts)
        return guarded(make_response(body, status))


def desks_of(environ: dict[str, Any]) -> Desks:
    """The console's own part of the frame."""
    desks: Desks = environ[FRAME].desks
    return desks


def guarded(answer: Response) -> Response:
    """An answer with what keeps a browser from doing anything that the console does not ask of it."""
    if answer.mimetype == "application/json":
        answer.mimetype = "text/html"
    for name, value in _HEADERS.items():
        answer.headers.setdefault(name, value)
    return answer


def leading_to(where: str) -> Response:
    """An answer that sends the browser on to another page, whatever it had sent."""
    return guarded(redirect(where, HTTPStatus.SEE_OTHER))  # type: ignore[arg-type]


def open_to_all(view: View) -> View:
    """A page that anyone may ask for: the one to sign in at, and what pages are drawn with."""
    view.scope = CONSOLE  # type: ignore[attr-defined]
    view.permission = None  # type: ignore[attr-defined]
    return view


def desk(permission: str, *, by_itself: bool = False) -> Callable[[View], View]:
    """A page for who is signed in with a role that has ``permission`` (empty: any); the view is handed a ``Desk``.

    What changes anything comes with the token of the session's own forms. ``by_itself``: pages ask for it without
    anybody's doing, which keeps no session alive.
    """

    def decorate(view: View) -> View:
        @wraps(view)
        def admitted(*args: Any, **kwargs: Any) -> Any:
            environ = request.environ
            frame: Frame = environ[FRAME]
            desks = desks_of(environ)
            signed_in = desks.users.session(request.cookies.get(SESSION, ""), frame.clock(), in_use=not by_itself)
            if signed_in is None:
                return _to_sign_in()
            # before the form is read: whoever is signed in is no stranger
            at_desk = Desk(frame, desks, signed_in, environ)
            if request.method not in ("GET", "HEAD"):
                check_form(request, signed_in.form_token)
            check_text(request)
            if permission:
                at_desk.require(permission)
            return view(at_desk, *args, **kwargs)

        admitted.scope = CONSOLE  # type: ignore[attr-defined]
        admitted.permission = permission  # type: ignore[attr-defined]
        return admitted  # type: ignore[return-value]

    return decorate


def check_form(sent: Request, token: str) -> None:
    """Raise Refused for a form that another site sent, or that was not made for this session."""
    origin = sent.headers.get("Origin")
    if origin is not None and origin != "null" and origin.rpartition("//")[2] != sent.host:
        raise Refused("forbidden", "this form came from another site")
    if sent.headers.get("Sec-Fetch-Site", "same-origin") not in ("same-origin", "none"):
        raise Refused("forbidden", "this form came from another site")
    carried = sent.form.get("form_token") or sent.headers.get("X-Form-Token", "")
    if not compare_digest(carried.encode(), token.encode()):
        raise Refused("forbidden", "this form is no longer good: load the page again and repeat what you did")


def check_text(sent: Request) -> None:
    """Raise Refused where an address or a form holds the one character that no store takes."""
    said = (*sent.args.items(multi=True), *sent.form.items(multi=True), tuple((sent.view_args or {}).values()))
    if any("\0" in text for texts in said for text in texts):
        raise Refused("invalid-request", "text holds a NUL character")


def set_cookie(answer: Response, desks: Desks, name: str, value: str, seconds: int | None = None) -> None:
    """A cookie that no script reads and no other site sends with a form."""
    answer.set_cookie(name, value, max_age=seconds, path="/console", secure=desks.tls, httponly=True, samesite="Lax")


def new_before() -> str:
    """What ties a sign-in form to a browser."""
    return secrets.token_urlsafe(18)


def own_place(said: str | None) -> str:
    """Where to go after signing in: a page of the console, whatever an address says."""
    path = unquote((said or "").partition("?")[0])
    # a browser goes up by dots, and takes the other slash for a slash
    here = path.startswith(LAST_PLACE) and path.isprintable() and "\\" not in path and ".." not in path.split("/")
    return said if here and said and said.isprintable() else LAST_PLACE


def first_place(user: User) -> str:
    """Where a user's work begins."""
    permissions = ROLES[user.role]
    return next(
        place
        for permission, place in (
            ("verify", "/console/find"),
            ("review", "/console/reviews"),
            ("privacy", "/console/privacy"),
            ("users", "/console/users"),
            ("overview", "/console/overview"),
        )
        if permission in permissions
    )


def _to_sign_in() -> Response:
    part = bool(request.headers.get("HX-Request"))
    asked = request.path if request.method == "GET" else LAST_PLACE
    # what a caller's number or a search stands in goes nowhere else, not even back into an address
    where = f"/console/sign-in?next={quote(own_place(_page_of_part() if part else asked))}"
    if part:
        answer = make_response("", HTTPStatus.UNAUTHORIZED)
        answer.headers["HX-Redirect"] = where
        return guarded(answer)
    return leading_to(where)


def _page_of_part() -> str:
    """The page that asked for a part of itself: a part alone is no place to begin at."""
    try:
        return urlsplit(request.headers.get("HX-Current-URL", "")).path
    except ValueError:
        return LAST_PLACE
