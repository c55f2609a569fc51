"""The console's users, for who administers them."""

from __future__ import annotations

import secrets
from http import HTTPStatus
from typing import Any

from flask import Response

from profile_service.console.guard import Desk, desk
from profile_service.console.pages import console
from profile_service.errors import Refused, WrongUsage
from profile_service.users import ROLES, User


@console.get("/users")
@desk("users")
def show_users(at: Desk) -> Response:
    """Every user with role and state."""
    return _page(at)


@console.post("/users")
@desk("users")
def change_users(at: Desk) -> Response:
    """Make a user, or change one: role, password, shut out, let in, unlocked."""
    action, name = at.said("action", 20), at.said("name", 64)
    act = at.act(f"user.{action}", None, {"user": name})
    password = ""
    users, audit = at.desks.users, at.frame.audit
    try:
        if action == "create":
            password = secrets.token_urlsafe(15)
            user = User(name, at.form.get("display_name") or name, at.said("role", 20))
            users.create(user, password, lambda tx: audit.change(tx, act))
        else:
            if name == at.user.name and action in ("disable", "role"):
                raise Refused("conflict", "somebody else is to change your own role or shut you out")
            change: dict[str, Any] = _changes(at, action)
            password = change.get("password", "")
            users.change(name, change, lambda tx: audit.change(tx, act))
    except WrongUsage as error:
        return _page(at, HTTPStatus.UNPROCESSABLE_ENTITY, wrong=str(error))
    return _page(at, shown_password=password, shown_for=name)


def _changes(at: Desk, action: str) -> dict[str, Any]:
    if action == "role":
        return {"role": at.said("role", 20)}
    changes: dict[str, dict[str, Any]] = {
        "disable": {"disabled": True},
        "enable": {"disabled": False},
        "unlock": {"locked": False},
        "password": {"password": secrets.token_urlsafe(15)},
    }
    if action not in changes:
        raise Refused("invalid-request", "a user is created, disabled, enabled, unlocked, or given a role or password")
    return changes[action]


def _page(at: Desk, status: int = 200, **more: Any) -> Response:
    return at.page(
        "users.html", status, users=at.desks.users.list(at.frame.clock()), roles=list(ROLES), typed="", **more
    )
