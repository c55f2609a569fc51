"""A path finds the view that Werkzeug's own map would find, or is left to it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask
from hypothesis import given
from hypothesis import strategies as st
from werkzeug.exceptions import HTTPException
from werkzeug.routing import RequestRedirect

from profile_service.api.application import Service
from profile_service.api.dispatch import Found
from tests.service_app import service_app

METHODS = ("GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH")
WORDS = ("v1", "profiles", "by", "lookup", "search", "email", "records", "events", "reviews", "judgements", "explain")
PARTS = st.one_of(
    st.sampled_from((*WORDS, "timeline", "merge", "split", "export", "erasure", "consents", "decision", "undo", "")),
    st.sampled_from(("cus_1", "a@b.example", "lookup\n", "bye", "by ", "%2F", "é", "\ufffd", "a\nb", "<customer_id>")),
    st.text(max_size=4),
)
PATHS = st.lists(PARTS, max_size=7).map(lambda parts: "/" + "/".join(parts))


@pytest.fixture(scope="module")
def app(published: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with service_app(published, tmp_path_factory.mktemp("dispatch") / "data") as service:
        assert isinstance(service.app, Service)
        yield service.app


def by_werkzeug(app: Flask, method: str, path: str) -> tuple[str, dict[str, str]] | None:
    """The rule and what the path says in it; None where there is another answer than a view's."""
    try:
        rule, named = app.url_map.bind("").match(path, method, return_rule=True)
    except (HTTPException, RequestRedirect):
        return None
    return rule.rule, dict(named)


def by_table(app: Service, method: str, path: str) -> Found | None:
    assert app.route_table is not None
    return app.route_table.find(method, path)


@given(method=st.sampled_from(METHODS), path=PATHS)
def test_a_path_finds_the_route_that_werkzeug_finds_or_none(app: Service, method: str, path: str) -> None:
    found = by_table(app, method, path)
    if found is not None:
        assert (found.route, found.named) == by_werkzeug(app, method, path), f"{method} {path!r}"


def test_every_route_of_the_api_is_found_plainly(app: Service) -> None:
    missed = []
    for rule in app.url_map.iter_rules():
        if not rule.rule.startswith("/v1/"):
            continue
        path = rule.rule.replace("<path:value>", "a/b").replace("<", "x").replace(">", "x")
        for method in sorted((rule.methods or set()) - {"OPTIONS"}):
            found = by_table(app, method, path)
            if found is None or found.route != rule.rule:
                missed.append(f"{method} {rule.rule}")
    assert not missed
