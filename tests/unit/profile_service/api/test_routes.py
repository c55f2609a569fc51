"""Every route × every scope, from the route table itself: a new route is tested by being there."""

from __future__ import annotations

import re
from collections.abc import Iterator

import click
import pytest
from flask import Flask
from werkzeug.routing import Rule

from pipelines.cli_service import keys_group
from profile_service.api.application import BLUEPRINTS
from profile_service.api.routes import PUBLIC
from profile_service.console.guard import CONSOLE
from profile_service.keys import AUDIENCES, SCOPES
from tests.service_app import ServiceApp

# CONTRACT section 4, as far as it is built: no route of it may get lost.
CONTRACT = {
    ("GET", "/v1/profiles/<customer_id>"): "profiles:read",
    ("GET", "/v1/profiles/by/<identifier_type>/<path:value>"): "profiles:read",
    ("POST", "/v1/profiles/lookup"): "profiles:read",
    ("POST", "/v1/profiles/search"): "profiles:search",
    ("GET", "/v1/profiles/<customer_id>/timeline"): "profiles:read",
    ("GET", "/v1/profiles/<customer_id>/explain"): "profiles:explain",
    ("POST", "/v1/records"): "records:write",
    ("POST", "/v1/events"): "events:write",
    ("PUT", "/v1/profiles/<customer_id>/consents"): "consents:write",
    ("GET", "/v1/reviews"): "reviews",
    ("POST", "/v1/reviews/<review_id>/decision"): "reviews",
    ("POST", "/v1/profiles/<customer_id>/merge"): "reviews",
    ("POST", "/v1/profiles/<customer_id>/split"): "reviews",
    ("GET", "/v1/profiles/<customer_id>/export"): "privacy",
    ("DELETE", "/v1/profiles/<customer_id>"): "privacy",
    ("POST", "/v1/calls"): "calls:write",
    ("GET", "/healthz"): PUBLIC,
    ("GET", "/readyz"): PUBLIC,
    ("GET", "/metrics"): PUBLIC,
    ("GET", "/openapi.json"): PUBLIC,
    ("GET", "/docs"): PUBLIC,
}


def calls(app: Flask) -> Iterator[tuple[str, Rule]]:
    """Each method of each route; pages of the console have tests of their own, by role."""
    for rule in app.url_map.iter_rules():
        if scope_of(app, rule) == CONSOLE:
            continue
        for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"}):
            yield method, rule


def scope_of(app: Flask, rule: Rule) -> str | None:
    return getattr(app.view_functions[rule.endpoint], "scope", None)


def path_of(rule: Rule) -> str:
    values = {"identifier_type": "email", "value": "nobody@example.org", "name": "start.js", "kind": "erased"}
    path = rule.rule
    for name in rule.arguments:
        for written in (f"<{name}>", f"<path:{name}>", f"<int:{name}>"):
            path = path.replace(written, values.get(name, "1" if written.startswith("<int") else "cus_none"))
    return path


def test_every_route_says_who_may_call_it(service: ServiceApp) -> None:
    silent = [f"{method} {rule.rule}" for method, rule in calls(service.app) if scope_of(service.app, rule) is None]
    assert not silent


def test_every_scope_that_a_route_asks_for_can_be_granted(service: ServiceApp) -> None:
    asked = {scope_of(service.app, rule) for _, rule in calls(service.app)}
    assert asked <= {PUBLIC, *SCOPES}
    (option,) = [each for each in keys_group.commands["create"].params if each.name == "scopes"]
    assert isinstance(option, click.Option) and option.help is not None
    assert {str(scope) for scope in asked} - {PUBLIC} <= set(re.findall(r"[a-z:]+", option.help))


def test_every_route_of_the_contract_is_there_with_its_scope(service: ServiceApp) -> None:
    there = {(method, rule.rule): scope_of(service.app, rule) for method, rule in calls(service.app)}
    assert {call: there.get(call) for call in CONTRACT} == CONTRACT


def test_only_what_tells_nothing_of_anyone_is_open_to_all(service: ServiceApp) -> None:
    public = {rule.rule for _, rule in calls(service.app) if scope_of(service.app, rule) == PUBLIC}
    assert not {rule for rule in public if rule.startswith("/v1")}


def test_a_key_opens_what_its_scopes_name_and_nothing_else(service: ServiceApp) -> None:
    headers = {scope: service.key(scope) for scope in SCOPES}
    wrong = []
    for method, rule in calls(service.app):
        needed = scope_of(service.app, rule)
        if needed == PUBLIC:
            continue
        for scope, key in headers.items():
            status = service.client.open(path_of(rule), method=method, headers=key).status_code
            refused = status in (401, 403)
            if refused == (scope == needed) or status >= 500:
                wrong.append((method, rule.rule, scope, status))
    assert not wrong


@pytest.mark.parametrize(
    "said",
    [
        None,
        "",
        "Bearer",
        "Bearer ",
        "Bearer nonsense",
        "Basic cGs6eA==",
        "Bearer pk_x_" + "a" * 52,
        "Bearer \N{SNOWMAN}".encode().decode("latin1"),
        "Bearer ' OR 1=1 --",
    ],
)
def test_nothing_is_open_without_a_valid_key(service: ServiceApp, said: str | None) -> None:
    headers = {} if said is None else {"Authorization": said}
    for method, rule in calls(service.app):
        if scope_of(service.app, rule) != PUBLIC:
            answer = service.client.open(path_of(rule), method=method, headers=headers)
            assert answer.status_code == 401, rule.rule
            assert answer.headers["WWW-Authenticate"] == "Bearer"
            assert answer.content_type == "application/problem+json"


def test_a_revoked_key_opens_nothing_from_the_next_request_on(service: ServiceApp) -> None:
    key = service.key("profiles:read", name="short-lived")
    assert service.client.get("/v1/profiles/cus_none", headers=key).status_code == 404
    service.keys.revoke("short-lived")
    assert service.client.get("/v1/profiles/cus_none", headers=key).status_code == 401


@pytest.mark.parametrize("audience", AUDIENCES)
def test_no_route_fails_for_any_audience(service: ServiceApp, audience: str) -> None:
    key = service.key(*SCOPES, audience=audience, mask=("email", "address"))
    [(customer_id, email)] = service.sql(
        "SELECT customer_id, email FROM customers WHERE record_count > 2 AND email IS NOT NULL ORDER BY 1 LIMIT 1"
    )
    for method, rule in calls(service.app):
        path = path_of(rule).replace("cus_none", customer_id).replace("nobody@example.org", email)
        if method == "GET":
            answer = service.client.get(path, headers=key)
            assert answer.status_code < 500, (path, answer.json)
            assert email not in answer.text


def test_every_blueprint_is_described(service: ServiceApp) -> None:
    described = service.client.get("/openapi.json").json
    paths = {
        rule.rule.replace("<path:", "{").replace("<", "{").replace(">", "}")
        for _, rule in calls(service.app)
        if rule.rule.startswith("/v1")
    }
    assert paths == set(described["paths"])
    assert {tag["name"] for tag in described["tags"]} == {blueprint.name for blueprint in BLUEPRINTS}
