"""Every page × every role, from the route table itself; and what a browser is told never to do."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from werkzeug.routing import Rule

from profile_service.console.guard import BEFORE, CONSOLE, SESSION, own_place
from profile_service.users import ROLES
from tests.console_app import PASSWORD, browser, cheap_users, signed_in
from tests.service_app import ServiceApp


def pages(service: ServiceApp) -> Iterator[tuple[str, Rule, str | None]]:
    """Each method of each page with the permission it asks for."""
    for rule in service.app.url_map.iter_rules():
        view = service.app.view_functions[rule.endpoint]
        if getattr(view, "scope", None) == CONSOLE:
            for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"}):
                yield method, rule, getattr(view, "permission", None)


def path_of(rule: Rule) -> str:
    path = re.sub(r"<path:\w+>", "console.css", rule.rule)
    return re.sub(r"<[^>]+>", "cus_none", path)


@pytest.mark.parametrize("role", ROLES)
def test_a_role_opens_the_pages_that_its_permissions_name_and_no_others(service: ServiceApp, role: str) -> None:
    person = signed_in(service, role)
    wrong = []
    for method, rule, permission in pages(service):
        if permission is None or rule.rule == "/console/sign-out":
            continue
        answer = person.get(path_of(rule)) if method == "GET" else person.send(path_of(rule))
        allowed = permission == "" or permission in ROLES[role]
        if (answer.status_code == 403) == allowed or answer.status_code >= 500:
            wrong.append((method, rule.rule, permission, answer.status_code))
    assert not wrong


def test_no_page_but_the_sign_in_opens_without_a_session(service: ServiceApp) -> None:
    client = browser(service.app)
    for method, rule, permission in pages(service):
        if permission is not None:
            answer = client.open(path_of(rule), method=method)
            assert answer.status_code == 303, rule.rule
            assert answer.headers["Location"].startswith("/console/sign-in"), rule.rule


def test_an_api_key_opens_no_page_and_a_session_no_call(service: ServiceApp) -> None:
    key = service.key("profiles:read", "profiles:search")
    assert browser(service.app).get("/console/find", headers=key).status_code == 303
    assert signed_in(service, "lead").get("/v1/profiles/cus_none").status_code == 401


def test_a_form_without_the_sessions_own_token_changes_nothing(service: ServiceApp) -> None:
    person, other = signed_in(service, "steward"), signed_in(service, "steward")
    for method, rule, permission in pages(service):
        if method == "POST" and permission is not None:
            for token in ("", "x" * 64, other.form_token):
                answer = person.client.post(path_of(rule), data={"form_token": token})
                assert answer.status_code == 403, rule.rule


@pytest.mark.parametrize("headers", [{"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"}])
def test_a_form_from_another_site_changes_nothing(service: ServiceApp, headers: dict[str, str]) -> None:
    person = signed_in(service, "agent")
    sent = {"form_token": person.form_token, "q": "allen"}
    assert person.client.post("/console/find", data=sent, headers=headers).status_code == 403


def test_every_answer_forbids_what_pages_never_do(service: ServiceApp) -> None:
    person = signed_in(service, "lead")
    for path in ("/console/find", "/console/nothing-here", "/console/customers/cus_none", "/console/sign-in"):
        headers = person.get(path).headers
        policy = headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy and "unsafe" not in policy
        assert "frame-ancestors 'none'" in policy and headers["X-Frame-Options"] == "DENY"
        assert headers["Cache-Control"] == "no-store" and headers["Referrer-Policy"] == "no-referrer"


def test_signing_in_begins_a_new_session_whatever_cookie_came_with_it(service: ServiceApp) -> None:
    signed_in(service, "agent", "fixed")
    client = browser(service.app)
    client.set_cookie(SESSION, "a-cookie-that-somebody-planted", path="/console")
    form = re.search(r'name="form_token" value="(\w+)"', client.get("/console/sign-in").text)
    assert form
    sent = {"form_token": form[1], "name": "Fixed", "password": PASSWORD}
    # passwords of the application's own users cost what Argon2 asks for; the hash says what it cost
    answer = client.post("/console/sign-in", data=sent)
    assert answer.status_code == 303
    cookies = answer.headers.getlist("Set-Cookie")
    (session,) = [each for each in cookies if each.startswith(f"{SESSION}=")]
    assert "planted" not in session and "HttpOnly" in session and "SameSite=Lax" in session


def test_a_sign_in_form_is_good_for_the_browser_that_asked_for_it(service: ServiceApp) -> None:
    asked, other = browser(service.app), browser(service.app)
    form = re.search(r'name="form_token" value="(\w+)"', asked.get("/console/sign-in").text)
    assert form
    other.set_cookie(BEFORE, "another", path="/console")
    sent = {"form_token": form[1], "name": "anna", "password": PASSWORD}
    assert other.post("/console/sign-in", data=sent).status_code == 403


def test_after_signing_out_the_cookie_opens_nothing(service: ServiceApp) -> None:
    person = signed_in(service, "agent")
    assert person.send("/console/sign-out").status_code == 303
    assert person.get("/console/find").status_code == 303


def test_who_is_disabled_is_out_at_the_next_click(service: ServiceApp) -> None:
    person = signed_in(service, "agent", "leaving")
    cheap_users(service).change("leaving", {"disabled": True})
    assert person.get("/console/find").status_code == 303


@pytest.mark.parametrize(
    "said",
    [
        "https://evil.example/console/",
        "//evil.example/console/",
        "/\\evil.example",
        "/console/\\evil",
        "javascript:alert(1)",
        "/v1/profiles",
        "",
        None,
        "/console/x\r\nSet-Cookie: a=b",
    ],
)
def test_signing_in_leads_to_pages_of_the_console_alone(said: str | None) -> None:
    assert own_place(said) == "/console/"


def test_what_was_asked_for_is_where_signing_in_leads(service: ServiceApp) -> None:
    answer = browser(service.app).get("/console/pop?phone=%2B15056178879")
    assert answer.headers["Location"] == "/console/sign-in?next=/console/pop", "the number goes nowhere"
