"""A customer is read by id and by identifiers, in the view of the key's audience, and every read is written down."""

from __future__ import annotations

import time
from typing import Any

import pytest

from profile_service.audit import Audit
from profile_service.store.ledger import Ledger
from tests.service_app import ServiceApp


@pytest.fixture(scope="module")
def someone(service: ServiceApp) -> dict[str, Any]:
    """A customer of several records with an e-mail and a phone that nobody else has."""
    columns = ("customer_id", "email", "phone", "full_name", "record_count", "event_count")
    [row] = service.sql(
        f"""SELECT {", ".join(columns)} FROM customers c WHERE record_count > 2 AND event_count > 3
        AND (SELECT count(*) FROM customer_identifiers i WHERE i.customer_id = c.customer_id AND NOT shared
             AND value IN (c.email, c.phone)) = 2 ORDER BY 1 LIMIT 1"""
    )
    return dict(zip(columns, row, strict=True))


def test_the_same_numbers_stand_in_sql_and_api(service: ServiceApp, someone: dict[str, Any]) -> None:
    key = service.key("profiles:read")
    said = service.client.get(f"/v1/profiles/{someone['customer_id']}", headers=key).json
    assert {name: said[name] for name in someone} == someone
    assert said["snapshot_id"].startswith("run_")
    assert said["as_of"].endswith("Z")


def test_where_values_come_from_is_told_on_demand(service: ServiceApp, someone: dict[str, Any]) -> None:
    path = f"/v1/profiles/{someone['customer_id']}"
    key = service.key("profiles:read")
    assert "fields" not in service.client.get(path, headers=key).json
    body = {"identifiers": [{"type": "email", "value": someone["email"]}]}
    for answer in (
        service.client.get(f"{path}?include=fields", headers=key),
        service.client.get(f"/v1/profiles/by/email/{someone['email']}?include=fields", headers=key),
        service.client.post("/v1/profiles/lookup?include=fields", json=body, headers=key),
    ):
        assert answer.json["fields"]["email"]["value"] == someone["email"]
        assert answer.json["fields"]["email"]["decided_by"]
    masked = service.client.get(f"{path}?include=fields", headers=service.key("profiles:read", mask=("email",)))
    assert masked.json["fields"]["email"]["value"]["masked"] is True
    page = service.client.get(f"{path}?include=fields", headers=service.key("profiles:read", audience="page"))
    assert "fields" not in page.json


def test_nothing_else_is_included(service: ServiceApp, someone: dict[str, Any]) -> None:
    answer = service.client.get(
        f"/v1/profiles/{someone['customer_id']}?include=secrets", headers=service.key("profiles:read")
    )
    assert (answer.status_code, answer.json["errors"][0]["parameter"]) == (422, "include")


def test_an_identifier_may_be_written_in_any_way_that_means_it(service: ServiceApp, someone: dict[str, Any]) -> None:
    key = service.key("profiles:read")
    local, _, domain = someone["email"].partition("@")
    phone = someone["phone"]
    for kind, value in (
        ("email", someone["email"].upper()),
        ("email", f"{local}+shop@{domain}".replace("+", "%2B")),
        ("email", f" {someone['email']} ".replace(" ", "%20")),
        ("phone", phone.replace("+", "%2B")),
        ("phone", phone),
        ("phone", f"00{phone[1:]}"),
        ("phone", f"{phone[:3]}%20({phone[3:6]})%20{phone[6:]}"),
    ):
        answer = service.client.get(f"/v1/profiles/by/{kind}/{value}", headers=key)
        assert (answer.status_code, answer.json["customer_id"]) == (200, someone["customer_id"]), value


def test_several_identifiers_stand_in_a_body_and_in_no_url(service: ServiceApp, someone: dict[str, Any]) -> None:
    asked = [{"type": kind, "value": someone[kind]} for kind in ("email", "phone")]
    answer = service.client.post(
        "/v1/profiles/lookup", json={"identifiers": asked}, headers=service.key("profiles:read")
    )
    assert answer.json["customer_id"] == someone["customer_id"]


def test_what_several_customers_carry_answers_the_candidates_and_never_one_of_them(service: ServiceApp) -> None:
    key = service.key("profiles:read")
    shared = service.sql(
        """SELECT identifier_type, value, list(customer_id ORDER BY customer_id) FROM customer_identifiers
        WHERE shared GROUP BY ALL ORDER BY 2 LIMIT 20"""
    )
    assert shared
    for kind, value, holders in shared:
        answer = service.client.get(f"/v1/profiles/by/{kind}/{value.replace('+', '%2B')}", headers=key)
        assert answer.status_code == 409
        assert [each["customer_id"] for each in answer.get_json(force=True)["candidates"]] == holders


def test_who_has_the_answer_already_gets_none(service: ServiceApp, someone: dict[str, Any]) -> None:
    key = service.key("profiles:read")
    path = f"/v1/profiles/{someone['customer_id']}"
    first = service.client.get(path, headers=key)
    again = service.client.get(path, headers={**key, "If-None-Match": first.headers["ETag"]})
    assert (again.status_code, again.data) == (304, b"")
    assert again.headers["ETag"] == first.headers["ETag"]
    other = service.client.get(path, headers={**service.key("profiles:read", audience="page"), "If-None-Match": "x"})
    assert other.status_code == 200
    assert other.headers["ETag"] != first.headers["ETag"]


def test_head_answers_the_same_without_the_body(service: ServiceApp, someone: dict[str, Any]) -> None:
    key = service.key("profiles:read")
    path = f"/v1/profiles/{someone['customer_id']}"
    whole, head = service.client.get(path, headers=key), service.client.head(path, headers=key)
    assert head.data == b""
    assert head.headers["ETag"] == whole.headers["ETag"]


def test_pages_of_a_timeline_hold_every_event_once_and_newest_first(
    service: ServiceApp, someone: dict[str, Any]
) -> None:
    key = service.key("profiles:read")
    path = f"/v1/profiles/{someone['customer_id']}/timeline?limit=2"
    seen: list[dict[str, Any]] = []
    cursor = ""
    while True:
        answer = service.client.get(path + cursor, headers=key).json
        seen += answer["data"]
        if not answer["page"]["has_more"]:
            break
        cursor = f"&cursor={answer['page']['next_cursor']}"
    assert len({(event["channel"], event["event_id"]) for event in seen}) == len(seen) == someone["event_count"]
    moments = [event["occurred_at"] for event in seen if event["occurred_at"]]
    assert moments == sorted(moments, reverse=True)


def test_a_search_finds_by_part_of_a_name(service: ServiceApp, someone: dict[str, Any]) -> None:
    answer = service.client.post(
        "/v1/profiles/search", json={"query": someone["full_name"]}, headers=service.key("profiles:search")
    )
    assert someone["customer_id"] in [hit["customer_id"] for hit in answer.json["data"]]


def test_a_masked_value_is_neither_shown_nor_highlighted(service: ServiceApp, someone: dict[str, Any]) -> None:
    key = service.key("profiles:search", mask=("email",))
    answer = service.client.post("/v1/profiles/search", json={"query": someone["email"]}, headers=key)
    hit = next(hit for hit in answer.json["data"] if hit["customer_id"] == someone["customer_id"])
    assert hit["email"]["masked"] is True
    assert not [match for match in hit["matches"] if match["pointer"] == "/email" and match["spans"]]


def test_an_explanation_shows_masked_values_to_nobody_who_may_not_see_them(
    service: ServiceApp, someone: dict[str, Any]
) -> None:
    path = f"/v1/profiles/{someone['customer_id']}/explain"
    open_answer = service.client.get(path, headers=service.key("profiles:explain"))
    assert len(open_answer.json["records"]) == someone["record_count"]
    masked = service.client.get(path, headers=service.key("profiles:explain", audience="analyst"))
    sent = {
        value["value"]
        for record in open_answer.json["records"]
        for field, value in record["values"].items()
        if field in ("email", "phone", "birth_date", "street")
    } - {None}
    assert sent
    assert not [value for value in sent if value in masked.text]


def test_every_read_is_in_the_audit_trail_with_its_reason(service: ServiceApp, someone: dict[str, Any]) -> None:
    key = service.key("profiles:read", name="till-7")
    headers = {**key, "Purpose": "refund 4711", "Request-Id": "audit-test-1"}
    assert service.client.get(f"/v1/profiles/{someone['customer_id']}", headers=headers).status_code == 200
    ledger = Ledger.open(service.settings.ledger)
    try:
        audit = Audit(ledger, service.settings.server_secret())
        for _ in range(100):
            mine = [row for row in audit.newest(1000, someone["customer_id"]) if row.request_id == "audit-test-1"]
            if mine:
                break
            time.sleep(0.05)
        assert [(row.actor, row.action, row.purpose) for row in mine] == [("till-7", "profile.read", "refund 4711")]
    finally:
        ledger.close()
