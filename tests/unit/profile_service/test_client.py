from __future__ import annotations

import json
from collections.abc import Callable, Iterable

import httpx
import pytest

from profile_service.client import Patience, ProfileClient
from profile_service.errors import ServiceProblem

Answer = httpx.Response | Exception


class Desk:
    """A service that gives prepared answers and remembers what it was asked, and how long it was waited for."""

    def __init__(self, answers: Iterable[Answer]) -> None:
        self.answers = list(answers)
        self.asked: list[httpx.Request] = []
        self.waits: list[float] = []

    def client(self, retries: int = 3) -> ProfileClient:
        return ProfileClient(
            "http://service",
            "pk_key",
            Patience(retries=retries, sleep=self.waits.append),
            httpx.MockTransport(self._answer),
        )

    def _answer(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request)
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


def problem(status: int, kind: str, **headers: str) -> httpx.Response:
    table = {"type": f"https://service/problems/{kind}", "title": kind.title(), "detail": "so it is", "status": status}
    return httpx.Response(status, json=table, headers=headers)


OK = httpx.Response(200, json={"customer_id": "cus_1"})

# The call, and what is to go over the wire: method, path, body.
CALLS: dict[str, tuple[Callable[[ProfileClient], object], tuple[str, str, object]]] = {
    "profile": (lambda c: c.profile("cus_1/../x"), ("GET", "/v1/profiles/cus_1%2F..%2Fx", None)),
    "lookup": (
        lambda c: c.lookup(("email", "a@b.example"), ("phone", "+1")),
        (
            "POST",
            "/v1/profiles/lookup",
            {"identifiers": [{"type": "email", "value": "a@b.example"}, {"type": "phone", "value": "+1"}]},
        ),
    ),
    "search": (lambda c: c.search("bob", 5), ("POST", "/v1/profiles/search", {"query": "bob", "limit": 5})),
    "explain": (lambda c: c.explain("cus_1"), ("GET", "/v1/profiles/cus_1/explain", None)),
    "record": (lambda c: c.put_record({"channel": "web"}), ("POST", "/v1/records", {"channel": "web"})),
    "events": (lambda c: c.put_events([{"event_id": "1"}]), ("POST", "/v1/events", {"events": [{"event_id": "1"}]})),
    "consents": (
        lambda c: c.put_consents("cus_1", [{"purpose": "marketing"}]),
        ("PUT", "/v1/profiles/cus_1/consents", {"consents": [{"purpose": "marketing"}]}),
    ),
    "decide": (
        lambda c: c.decide("rev_1", "same", "she said so"),
        ("POST", "/v1/reviews/rev_1/decision", {"verdict": "same", "reason": "she said so"}),
    ),
    "merge": (
        lambda c: c.merge("cus_1", ["cus_2"], "she said so", preview=True),
        ("POST", "/v1/profiles/cus_1/merge", {"customer_ids": ["cus_2"], "reason": "she said so", "preview": True}),
    ),
    "split": (
        lambda c: c.split("cus_1", ["web:7"], "she said so"),
        ("POST", "/v1/profiles/cus_1/split", {"records": ["web:7"], "reason": "she said so", "preview": False}),
    ),
    "undo": (lambda c: c.undo("dec/1", "no"), ("POST", "/v1/judgements/dec%2F1/undo", {"reason": "no"})),
    "export": (lambda c: c.export("cus_1"), ("GET", "/v1/profiles/cus_1/export", None)),
    "erase": (lambda c: c.erase("cus_1"), ("DELETE", "/v1/profiles/cus_1", None)),
}


@pytest.mark.parametrize("name", CALLS)
def test_a_method_is_one_call(name: str) -> None:
    call, (method, path, body) = CALLS[name]
    desk = Desk([OK])
    with desk.client() as client:
        assert call(client) == {"customer_id": "cus_1"}
    (asked,) = desk.asked
    assert (asked.method, asked.url.raw_path.decode()) == (method, path)
    assert (json.loads(asked.content) if asked.content else None) == body
    assert asked.headers["Authorization"] == "Bearer pk_key"
    assert ("Idempotency-Key" in asked.headers) == (method != "GET")


def test_a_busy_service_is_asked_again_when_it_says() -> None:
    desk = Desk([problem(429, "too-many-requests", **{"Retry-After": "2"}), problem(503, "not-ready"), OK])
    with desk.client() as client:
        assert client.put_record({}) == {"customer_id": "cus_1"}
    assert desk.waits == [2.0, 0.2]
    # the same write: it happens once
    assert len({asked.headers["Idempotency-Key"] for asked in desk.asked}) == 1


@pytest.mark.parametrize("said", ["99999", "never", "-1"])
def test_no_service_makes_a_client_wait_for_ever(said: str) -> None:
    desk = Desk([problem(503, "not-ready", **{"Retry-After": said}), OK])
    with desk.client() as client:
        client.profile("cus_1")
    assert 0 <= desk.waits[0] <= 30


def test_a_connection_that_breaks_is_made_again_and_given_up_in_the_end() -> None:
    desk = Desk([httpx.ConnectError("refused"), OK])
    with desk.client() as client:
        assert client.profile("cus_1")
    desk = Desk([httpx.ReadTimeout("slow")] * 3)
    with desk.client(retries=2) as client, pytest.raises(httpx.ReadTimeout):
        client.profile("cus_1")
    assert len(desk.asked) == 3


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 410, 422, 500])
def test_a_problem_is_told_at_once(status: int) -> None:
    desk = Desk([problem(status, "unknown-customer")])
    with desk.client() as client, pytest.raises(ServiceProblem, match="so it is") as raised:
        client.profile("cus_1")
    assert (raised.value.status, raised.value.kind) == (status, "unknown-customer")
    assert raised.value.problem["detail"] == "so it is"


def test_patience_ends_with_the_problem_itself() -> None:
    desk = Desk([problem(503, "not-ready")] * 2)
    with desk.client(retries=1) as client, pytest.raises(ServiceProblem) as raised:
        client.profile("cus_1")
    assert raised.value.status == 503


@pytest.mark.parametrize("body", [b"", b"<html>", b"[1]"])
def test_an_answer_that_is_no_problem_document_is_still_a_problem(body: bytes) -> None:
    desk = Desk([httpx.Response(502, content=body)])
    with desk.client() as client, pytest.raises(ServiceProblem) as raised:
        client.profile("cus_1")
    assert (raised.value.status, raised.value.kind, raised.value.problem) == (502, "", {})


def test_an_old_id_leads_to_the_one_that_stands() -> None:
    desk = Desk([httpx.Response(308, headers={"Location": "/v1/profiles/cus_1"}), OK])
    with desk.client() as client:
        assert client.profile("cus_0") == {"customer_id": "cus_1"}
    assert [asked.url.path for asked in desk.asked] == ["/v1/profiles/cus_0", "/v1/profiles/cus_1"]
    assert {asked.headers["Authorization"] for asked in desk.asked} == {"Bearer pk_key"}


def test_a_list_is_read_page_by_page() -> None:
    first = {"data": [{"event_id": "2"}], "page": {"next_cursor": "abc", "has_more": True}}
    last = {"data": [{"event_id": "1"}], "page": {"next_cursor": None, "has_more": False}}
    desk = Desk([httpx.Response(200, json=first), httpx.Response(200, json=last)])
    with desk.client() as client:
        events = list(client.timeline("cus_1", channel="web"))
    assert [event["event_id"] for event in events] == ["2", "1"]
    assert [dict(asked.url.params) for asked in desk.asked] == [{"channel": "web"}, {"channel": "web", "cursor": "abc"}]
