"""Access and erasure over HTTP: whole or not at all, and gone at once."""

from __future__ import annotations

import pytest

from tests.service_app import ServiceApp


def somebody(service: ServiceApp, offset: int) -> tuple[str, str, str]:
    """A customer, an e-mail that only it has, and one of its records."""
    return service.sql(
        f"""SELECT customer_id, any_value(i.value), any_value(r.channel || ':' || r.source_record_id)
        FROM customers c JOIN customer_identifiers i USING (customer_id) JOIN customer_records r USING (customer_id)
        WHERE i.identifier_type = 'email' AND i.held_by = 1 AND c.record_count = 2 AND c.event_count > 0
        GROUP BY customer_id ORDER BY customer_id LIMIT 1 OFFSET {offset}"""
    )[0]  # type: ignore[return-value]


def test_an_export_tells_all_as_json_and_as_a_page(service: ServiceApp) -> None:
    customer_id, email, record = somebody(service, 0)
    key = service.key("privacy")
    told = service.client.get(f"/v1/profiles/{customer_id}/export", headers=key)
    assert told.status_code == 200
    assert told.json is not None
    assert record in {f"{each['channel']}:{each['source_record_id']}" for each in told.json["records"]}
    page = service.client.get(f"/v1/profiles/{customer_id}/export?format=html", headers=key)
    assert page.mimetype == "text/html"
    assert email in page.text
    assert "default-src 'none'" in page.headers["Content-Security-Policy"]


@pytest.mark.parametrize("grant", [{"mask": ("email",)}, {"audience": "page"}, {"audience": "analyst"}])
def test_whoever_does_not_see_everything_cannot_export(service: ServiceApp, grant: dict[str, object]) -> None:
    customer_id, *_ = somebody(service, 0)
    key = service.key("privacy", **grant)
    assert service.client.get(f"/v1/profiles/{customer_id}/export", headers=key).status_code == 403


def test_an_erased_customer_is_gone_from_every_route(service: ServiceApp) -> None:
    customer_id, email, record = somebody(service, 1)
    key = service.key("privacy", "profiles:read", "profiles:explain", "profiles:search", "records:write", trusted=True)
    client = service.client
    assert client.get(f"/v1/profiles/by/email/{email}", headers=key).status_code == 200
    once = key | {"Idempotency-Key": "forget", "Purpose": "article 17"}
    gone = client.delete(f"/v1/profiles/{customer_id}", headers=once)
    assert gone.status_code == 202
    assert gone.json is not None
    assert gone.json["state"] == "invisible"
    assert client.delete(f"/v1/profiles/{customer_id}", headers=once).json == gone.json
    assert client.delete(f"/v1/profiles/{customer_id}", headers=key).status_code == 410
    for path in ("", "/timeline", "/explain", "/export"):
        assert client.get(f"/v1/profiles/{customer_id}{path}", headers=key).status_code == 410, path
    assert client.get(f"/v1/profiles/by/email/{email}", headers=key).status_code == 404
    assert client.get(f"/v1/profiles/by/record/{record}", headers=key).status_code in (404, 410)
    found = client.post("/v1/profiles/search", json={"query": email}, headers=key).json
    assert found is not None
    assert customer_id not in {each["customer_id"] for each in found["data"]}
    channel, _, name = record.partition(":")
    back = client.post("/v1/records", json={"channel": channel, "source_record_id": name, "email": email}, headers=key)
    assert back.status_code == 410
    told = client.get(f"/v1/profiles/{customer_id}/erasure", headers=key).json
    assert told is not None
    assert told["erasure_id"] == gone.json["erasure_id"]


def test_nobody_unknown_is_erased(service: ServiceApp) -> None:
    key = service.key("privacy")
    assert service.client.delete("/v1/profiles/cus_none", headers=key).status_code == 404
    assert service.client.get("/v1/profiles/cus_none/erasure", headers=key).status_code == 404
