"""The console in this process: somebody signed in, and a browser that keeps cookies and sends forms."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from argon2 import PasswordHasher
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from profile_service.console.guard import SESSION
from profile_service.store.ledger import Ledger
from profile_service.users import User, Users
from tests.service_app import ServiceApp

PASSWORD = "seven ducks on a pond"
# passwords cost as little here as they may: what they cost in earnest is Argon2's own default
CHEAP = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)


@dataclass
class Person:
    """Somebody at the console."""

    client: FlaskClient
    form_token: str

    def get(self, path: str, **options: Any) -> TestResponse:
        return self.client.get(path, **options)

    def send(self, path: str, **form: Any) -> TestResponse:
        """Send a form of this session."""
        return self.client.post(path, data={"form_token": self.form_token, **form})


def cheap_users(service: ServiceApp) -> Users:
    """The users of a service's ledger."""
    return Users(Ledger.open(service.settings.ledger), service.settings.server_secret(), hasher=CHEAP)


def signed_in(service: ServiceApp, role: str, name: str = "") -> Person:
    """A new user of that role, with a session."""
    users = cheap_users(service)
    name = name or f"{role.replace('_', '-')}-{len(users.list(now()))}"
    users.create(User(name, name.title(), role), PASSWORD)
    client = browser(service.app)
    token = users.sign_in(name, PASSWORD)
    client.set_cookie(SESSION, token, path="/console")
    page = client.get("/console/", follow_redirects=True).text
    found = re.search(r'data-form-token="(\w+)"', page)
    assert found, page[:300]
    return Person(client, found[1])


def browser(app: Flask) -> FlaskClient:
    """A client of its own, with no cookies yet."""
    return app.test_client()


def now() -> Any:
    from datetime import UTC, datetime

    return datetime.now(UTC)
