"""A steward's desk over HTTP: preview, decide, take back; once, and audited with the reason."""

from __future__ import annotations

import time
from typing import Any

import pytest

from profile_service.audit import Audit
from profile_service.store.ledger import Ledger
from tests.service_app import ServiceApp

WHY = {"reason": "the customer says so"}


def pair(service: ServiceApp, offset: int) -> tuple[str, str]:
    """Two customers of two records each, that no other test uses."""
    rows = service.sql(
        f"""SELECT customer_id FROM customers WHERE record_count = 2 AND full_name IS NOT NULL
        ORDER BY customer_id LIMIT 2 OFFSET {2 * offset}"""
    )
    return rows[0][0], rows[1][0]


def acts(service: ServiceApp, customer_id: str) -> list[tuple[str, str]]:
    """(action, reason and so on) of the audit trail about a customer."""
    ledger = Ledger.open(service.settings.ledger)
    rows = Audit(ledger, service.settings.server_secret()).rows(customer_id)
    ledger.close()
    return [(row.action, row.details) for row in rows]


def test_a_preview_tells_and_changes_nothing(service: ServiceApp) -> None:
    key = service.key("reviews", "profiles:read")
    one, other = pair(service, 0)
    path = f"/v1/profiles/{one}/merge"
    told = service.client.post(path, json={"customer_ids": [other], "preview": True, **WHY}, headers=key)
    assert told.status_code == 200
    assert told.json is not None
    assert (told.json["decision_id"], told.json["preview"]) == (None, True)
    assert [each["record_count"] for each in told.json["after"]] == [4]
    assert service.client.get(f"/v1/profiles/{other}", headers=key).status_code == 200
    assert service.client.get(f"/v1/profiles/{one}", headers=key).status_code == 200


def test_a_merge_happens_once_and_is_taken_back(service: ServiceApp) -> None:
    key = service.key("reviews", "profiles:read")
    one, other = pair(service, 1)
    path, body = f"/v1/profiles/{one}/merge", {"customer_ids": [other], **WHY}
    first = service.client.post(path, json=body, headers=key | {"Idempotency-Key": "once"})
    again = service.client.post(path, json=body, headers=key | {"Idempotency-Key": "once"})
    assert first.json == again.json
    assert again.headers["Idempotency-Replayed"] == "true"
    assert first.json is not None
    [(retired, standing)] = [(each["customer_id"], each["stands_as"]) for each in first.json["retired"]]
    moved = service.client.get(f"/v1/profiles/{retired}", headers=key)
    assert (moved.status_code, moved.headers["Location"].endswith(standing)) == (308, True)
    assert any(action == "customer.merge" and WHY["reason"] in said for action, said in acts(service, standing))
    decision_id = first.json["decision_id"]
    listed = service.client.get("/v1/judgements", headers=key).json
    assert listed is not None
    assert [each["undone"] for each in listed["data"] if each["decision_id"] == decision_id] == [False]
    back = service.client.post(f"/v1/judgements/{decision_id}/undo", json=WHY, headers=key)
    assert back.status_code == 200
    assert back.json is not None
    assert sorted(each["record_count"] for each in back.json["after"]) == [2, 2]
    assert service.client.post(f"/v1/judgements/{decision_id}/undo", json=WHY, headers=key).status_code == 409


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"customer_ids": ["cus_none"]}, 422),
        ({"reason": "x"}, 422),
        ({"customer_ids": [], "reason": "x"}, 422),
        ({"customer_ids": ["cus_none"], "reason": ""}, 422),
        ({"customer_ids": ["cus_none"], "reason": "x" * 501}, 422),
        ({"customer_ids": ["cus_none"], "reason": "x", "why": 1}, 422),
        ({"customer_ids": ["cus_none"], "reason": "x"}, 404),
        ({"customer_ids": ["ITSELF"], "reason": "x"}, 409),
    ],
)
def test_a_wrong_decision_is_refused(service: ServiceApp, body: dict[str, Any], status: int) -> None:
    one, _ = pair(service, 2)
    if body.get("customer_ids") == ["ITSELF"]:
        body = {**body, "customer_ids": [one]}
    answer = service.client.post(f"/v1/profiles/{one}/merge", json=body, headers=service.key("reviews"))
    assert answer.status_code == status


def test_a_split_parts_and_a_mask_hides(service: ServiceApp) -> None:
    one, _ = pair(service, 3)
    key = service.key("reviews", mask=("full_name",))
    told = service.client.post(f"/v1/profiles/{one}/split", json={"records": ["web:no-such"], **WHY}, headers=key)
    assert told.status_code == 409
    record = service.sql(f"SELECT channel || ':' || source_record_id FROM customer_records WHERE customer_id = '{one}'")
    answer = service.client.post(f"/v1/profiles/{one}/split", json={"records": [record[0][0]], **WHY}, headers=key)
    assert answer.json is not None
    assert [each["record_count"] for each in answer.json["after"]] == [1, 1]
    assert all(each["full_name"] in (None, {"masked": True, "hint": None}) for each in answer.json["after"])


def test_the_queue_pages_and_a_decision_takes_an_item_off(service: ServiceApp) -> None:
    key = service.key("reviews")
    page = service.client.get("/v1/reviews?limit=3", headers=key).json
    assert page is not None
    assert len(page["data"]) == 3
    following = service.client.get(f"/v1/reviews?limit=3&cursor={page['page']['next_cursor']}", headers=key).json
    assert following is not None
    assert not {each["review_id"] for each in page["data"]} & {each["review_id"] for each in following["data"]}
    review_id = page["data"][2]["review_id"]
    detail = service.client.get(f"/v1/reviews/{review_id}", headers=key).json
    assert detail is not None
    assert len(detail["records"]) == 2
    decided = service.client.post(
        f"/v1/reviews/{review_id}/decision", json={"verdict": "different", **WHY}, headers=key
    )
    assert decided.status_code == 200
    assert service.client.get(f"/v1/reviews/{review_id}", headers=key).status_code == 404
    assert service.client.get("/v1/reviews?kind=customer&limit=2", headers=key).status_code == 200
    assert service.client.get("/v1/reviews?cursor=nonsense", headers=key).status_code == 400
    assert service.client.get("/v1/reviews?kind=other", headers=key).status_code == 422


def test_what_is_told_of_decisions_a_second_time_is_audited_too(service: ServiceApp) -> None:
    key = service.key("reviews", name="desk-twice")
    one, other = pair(service, 6)
    once = key | {"Idempotency-Key": "twice"}
    for _ in range(2):
        answer = service.client.post(f"/v1/profiles/{one}/merge", json={"customer_ids": [other], **WHY}, headers=once)
        assert answer.status_code == 200
    assert service.client.get("/v1/judgements", headers=key).status_code == 200
    audited: list[str] = []
    until = time.monotonic() + 5
    while len(audited) < 2 and time.monotonic() < until:
        time.sleep(0.05)
        ledger = Ledger.open(service.settings.ledger)
        rows = Audit(ledger, service.settings.server_secret()).newest(1000)
        ledger.close()
        audited = [row.action for row in rows if row.actor == "desk-twice" and not row.action.startswith("customer.")]
    assert sorted(audited) == ["judgements.read", "write.replay"]
