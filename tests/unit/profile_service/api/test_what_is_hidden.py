"""What a key may not read it learns in no roundabout way: at the desk, from candidates, by searching, in metrics."""

from __future__ import annotations

from typing import Any

import pytest

from tests.service_app import ServiceApp

VALUES = "email, phone, birth_date, family_name, street"


def told(answer: Any) -> str:
    """All that an answer says, in lower case."""
    assert answer.status_code in (200, 409)
    return str(answer.get_data(as_text=True)).casefold()


@pytest.mark.parametrize("audience", ["page", "analyst", "subject"])
def test_the_desk_tells_no_audience_more_than_it_reads(service: ServiceApp, audience: str) -> None:
    key = service.key("reviews", audience=audience)
    waiting = service.client.get("/v1/reviews?limit=5", headers=key)
    assert '"full_name":null' in told(waiting) or '"masked":true' in told(waiting)
    for review in waiting.get_json()["data"]:
        answer = service.client.get(f"/v1/reviews/{review['review_id']}", headers=key)
        owners = ", ".join(f"'{each['customer_id']}'" for each in review["customers"])
        rows = service.sql(f"SELECT {VALUES} FROM customer_records WHERE customer_id IN ({owners})")
        for value in {str(value).casefold() for row in rows for value in row if value and len(str(value)) > 5}:
            assert f'"{value}"' not in told(answer)


def test_a_subject_is_told_nothing_of_whom_else_an_identifier_fits(service: ServiceApp) -> None:
    key = service.key("profiles:read", audience="subject")
    ((value,),) = service.sql(
        "SELECT value FROM customer_identifiers WHERE shared AND identifier_type = 'phone' ORDER BY 1 LIMIT 1"
    )
    asked = {"identifiers": [{"type": "phone", "value": value}]}
    answer = service.client.post("/v1/profiles/lookup", json=asked, headers=key)
    assert answer.status_code == 409
    assert {name for each in answer.get_json(force=True)["candidates"] for name in each} == {"customer_id"}


@pytest.mark.parametrize(
    ("field", "query"),
    [
        ("birth_date", "birth_date"),
        ("family_name", "full_name"),
        ("phone", "right(phone, 7)"),
        ("email", "split_part(email, '@', 1)"),
        ("address", "postcode"),
    ],
)
def test_nobody_is_found_by_some_of_a_value_that_the_key_may_not_read(
    service: ServiceApp, field: str, query: str
) -> None:
    ((typed,),) = service.sql(
        f"""SELECT {query} FROM customers WHERE full_name IS NOT NULL AND email IS NOT NULL AND phone IS NOT NULL
        AND birth_date IS NOT NULL AND postcode IS NOT NULL AND split_part(email, '@', 1) SIMILAR TO '.*[0-9]{{3}}'
        ORDER BY customer_id LIMIT 1"""
    )
    seen = service.client.post(
        "/v1/profiles/search", json={"query": str(typed)}, headers=service.key("profiles:search")
    )
    assert seen.get_json()["data"]
    every = ("birth_date", "email", "family_name", "phone", "address", "loyalty_id")
    for mask in ((field,), every):
        key = service.key("profiles:search", mask=mask)
        answer = service.client.post("/v1/profiles/search", json={"query": str(typed)}, headers=key)
        for hit in answer.get_json()["data"]:
            assert mask != every
            assert not any(match["pointer"].startswith(f"/{field}") for match in hit["matches"])


def test_methods_that_a_caller_makes_up_are_counted_as_one(service: ServiceApp) -> None:
    for name in ("ALICE_SMITH", "BOB_SMITH"):
        assert service.client.open("/v1/reviews", method=name).status_code == 405
    measured = told(service.client.get("/metrics"))
    assert "smith" not in measured
    assert 'method="other"' in measured
