"""Whatever is refused is a problem document that says why, and holds nothing of anybody."""

from __future__ import annotations

from typing import Any

import pytest

from profile_service.api import operations
from profile_service.api.logs import Log
from profile_service.api.problems import KINDS, UNAVAILABLE
from profile_service.errors import LedgerUnavailable
from profile_service.world import World
from tests.service_app import ServiceApp

JSON = {"Content-Type": "application/json"}


@pytest.mark.parametrize(
    ("call", "status", "kind"),
    [
        ({"path": "/nowhere"}, 404, "not-found"),
        ({"path": "/v1/profiles/%00"}, 400, "bad-request"),
        ({"path": "/v1/profiles/%ff"}, 400, "bad-request"),
        ({"path": "/v1/profiles/lookup", "method": "PATCH"}, 405, "method-not-allowed"),
        ({"path": "/v1/profiles/cus_none"}, 404, "unknown-customer"),
        ({"path": "/v1/profiles/'%20OR%201=1--"}, 404, "unknown-customer"),
        ({"path": "/v1/profiles/..%2f..%2fsecret"}, 404, "not-found"),
        ({"path": "/v1/profiles/by/email/nobody@example.org"}, 404, "unknown-identifier"),
        ({"path": "/v1/profiles/by/shoe_size/44"}, 404, "not-found"),
        ({"path": "/v1/profiles/lookup", "method": "POST", "data": "{}"}, 415, "unsupported-media-type"),
        ({"path": "/v1/profiles/lookup", "method": "POST", "data": "{", "headers": JSON}, 400, "malformed-json"),
        ({"path": "/v1/profiles/lookup", "method": "POST", "data": "[]", "headers": JSON}, 400, "malformed-json"),
        ({"path": "/v1/profiles/lookup", "method": "POST", "data": b"\xff", "headers": JSON}, 400, "malformed-json"),
        (
            {"path": "/v1/profiles/lookup", "method": "POST", "data": "[" * 100_000, "headers": JSON},
            400,
            "malformed-json",
        ),
        (
            {"path": "/v1/profiles/lookup", "method": "POST", "data": b" " * 2_000_000, "headers": JSON},
            413,
            "body-too-large",
        ),
        ({"path": "/v1/profiles/lookup", "method": "POST", "json": {}}, 422, "invalid-request"),
        ({"path": "/docs/..%2fproblem.py"}, 404, "not-found"),
        ({"path": "/docs/%2fetc%2fpasswd"}, 404, "not-found"),
    ],
)
def test_each_refusal_is_a_problem(service: ServiceApp, call: dict[str, Any], status: int, kind: str) -> None:
    headers = {**service.key("profiles:read"), **call.pop("headers", {})}
    answer = service.client.open(headers=headers, **call)
    said = answer.get_json(force=True)
    assert (answer.status_code, answer.content_type) == (status, "application/problem+json")
    assert (said["type"], said["status"], said["title"]) == (f"/problems/{kind}", status, KINDS[kind].title)
    assert said["request_id"] == answer.headers["Request-Id"]
    assert answer.headers["Cache-Control"] == "no-store"


def test_what_is_too_large_or_no_text_is_told_with_what_may_be(service: ServiceApp) -> None:
    key = service.key("profiles:read", "profiles:search")
    large = service.client.post("/v1/profiles/lookup", data=b" " * 2_000_000, headers={**key, **JSON})
    assert large.get_json(force=True)["detail"] == "at most 1,048,576 bytes are read: send it in parts"
    nul = service.client.post("/v1/profiles/search", json={"query": "a\0b"}, headers=key).get_json(force=True)
    assert nul["errors"] == [{"pointer": "/query", "detail": "holds a NUL character, which no store takes"}]
    described = service.client.get("/openapi.json").json
    assert described is not None
    summaries = [each["summary"] for path in described["paths"].values() for each in path.values() if "summary" in each]
    assert not [summary for summary in summaries if "`" in summary]


def test_each_wrong_value_is_named_by_pointer_or_parameter(service: ServiceApp) -> None:
    key = service.key("profiles:read")
    body = {"identifiers": [{"type": "shoe_size", "value": "44"}, {"type": "email"}], "more": 1}
    said = service.client.post("/v1/profiles/lookup", json=body, headers=key).get_json(force=True)
    assert {each["pointer"] for each in said["errors"]} == {"/identifiers/0/type", "/identifiers/1/value", "/more"}
    [(customer_id,)] = service.sql("SELECT min(customer_id) FROM customers")
    answer = service.client.get(f"/v1/profiles/{customer_id}/timeline?limit=0&since=yesterday", headers=key)
    said = answer.get_json(force=True)
    assert {each["parameter"] for each in said["errors"]} == {"limit", "since"}
    answer = service.client.get(f"/v1/profiles/{customer_id}/timeline?limit=501", headers=key)
    assert answer.get_json(force=True)["errors"] == [{"parameter": "limit", "detail": "is more than 500"}]


def test_a_method_that_is_not_allowed_names_those_that_are(service: ServiceApp) -> None:
    assert "POST" in service.client.delete("/v1/profiles/search").headers["Allow"]


def test_every_kind_of_problem_has_a_page_that_explains_it(service: ServiceApp) -> None:
    for kind, declared in KINDS.items():
        page = service.client.get(f"/problems/{kind}")
        assert page.status_code == 200
        assert declared.title in page.text


def test_a_fault_tells_nobody_what_it_was(
    service: ServiceApp, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("jane@example.com is in here")

    monkeypatch.setattr("profile_service.api.reading.search", fail)
    answer = service.client.post("/v1/profiles/search", json={"query": "jane"}, headers=service.key("profiles:search"))
    assert answer.status_code == 500
    assert "jane" not in answer.text
    logged = capfd.readouterr().err
    assert "jane" not in logged
    assert answer.headers["Request-Id"] in logged
    assert "RuntimeError" in logged


def test_a_rate_that_is_used_up_says_when_to_come_again(service: ServiceApp) -> None:
    key = service.key("profiles:read", rate_limit=2)
    first = service.client.get("/v1/profiles/cus_none", headers=key)
    assert (first.headers["RateLimit-Limit"], first.headers["RateLimit-Remaining"]) == ("2", "1")
    service.client.get("/v1/profiles/cus_none", headers=key)
    refused = service.client.get("/v1/profiles/cus_none", headers=key)
    assert refused.status_code == 429
    assert refused.headers["Retry-After"] == "30"
    assert refused.get_json(force=True)["retry_after"] == 30


def test_a_request_keeps_the_id_that_it_brings_if_it_is_one(service: ServiceApp) -> None:
    kept = service.client.get("/healthz", headers={"Request-Id": "trace-0123456789"})
    assert kept.headers["Request-Id"] == "trace-0123456789"
    other = service.client.get("/healthz", headers={"Request-Id": "short"})
    assert len(other.headers["Request-Id"]) == 24


@pytest.mark.parametrize("path", ["/readyz", "/v1/profiles/by/email/nobody@example.org"])
def test_where_the_database_is_stands_in_the_log_and_in_no_answer(
    service: ServiceApp, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    key = service.key("profiles:read")
    logged: list[str] = []
    monkeypatch.setattr(Log, "warning", lambda _, event, **facts: logged.append(facts["reason"]))

    def gone(*_: object) -> None:
        raise LedgerUnavailable('connection to server at "10.0.0.7" failed for user "ledgers"')

    monkeypatch.setattr(World, "state", gone)
    answer = service.client.get(path, headers=key)
    assert answer.status_code == 503 and answer.headers["Retry-After"]
    assert answer.get_json(force=True)["detail"] == UNAVAILABLE
    assert "10.0.0.7" in logged[0]


def test_a_full_disk_sends_requests_elsewhere(service: ServiceApp, monkeypatch: pytest.MonkeyPatch) -> None:
    assert service.client.get("/readyz").status_code == 200
    monkeypatch.setattr(operations, "_LEAST_FREE", 1 << 62)
    answer = service.client.get("/readyz")
    assert answer.status_code == 503 and "the disk is full" in answer.get_json(force=True)["detail"]
