"""The switch on shared values over HTTP: listed, ruled on, taken back, and told to nobody who may not read it."""

from __future__ import annotations

import json

import pytest

from profile_service.audit import Audit
from profile_service.store.ledger import Ledger
from tests.service_app import ServiceApp

PATH = "/v1/generic-values"
EMAIL = "andrea.solomon@hotmail.com"
SAID = {"field": "email", "value": "Andrea.Solomon@Hotmail.com", "verdict": "generic", "reason": "the shop's own"}


def test_a_value_is_ruled_on_listed_and_given_back(service: ServiceApp) -> None:
    key = service.key("reviews", name="ada")
    given = service.client.post(f"{PATH}/rulings", json=SAID, headers=key)
    assert given.status_code == 200
    assert EMAIL not in given.text, "answers are kept for repeated requests, and an erasure does not read them"
    [item] = service.client.get(PATH, headers=key).json["data"]
    assert (item["value"], item["ruling"]["by"], item["ruling"]["waits"]) == (EMAIL, "ada", True)
    path = f"{PATH}/rulings/{given.json['ruling_id']}/undo"
    assert service.client.post(path, json={"reason": "the wrong one"}, headers=key).json["verdict"] == "counted"
    again = service.client.post(path, json={"reason": "once more"}, headers=key)
    assert again.status_code == 409


def test_the_same_request_twice_rules_once(service: ServiceApp) -> None:
    key = service.key("reviews") | {"Idempotency-Key": "ruling-1"}
    body = SAID | {"field": "phone", "value": "(850) 602-3040"}
    first, second = (service.client.post(f"{PATH}/rulings", json=body, headers=key) for _ in range(2))
    assert first.data == second.data
    assert second.headers["Idempotency-Replayed"] == "true"


def test_the_audit_trail_names_who_ruled_and_no_value(service: ServiceApp) -> None:
    key = service.key("reviews", name="grace")
    body = SAID | {"field": "phone", "value": "(305) 222-5608"}
    assert service.client.post(f"{PATH}/rulings", json=body, headers=key).status_code == 200
    ledger = Ledger.open(service.settings.ledger)
    rows = Audit(ledger, service.settings.server_secret()).rows(limit=10_000)
    ledger.close()
    [row] = [each for each in rows if each.actor == "grace" and each.action == "generic.rule"]
    assert json.loads(row.details)["reason"] == "the shop's own"
    assert "2225608" not in row.details


@pytest.mark.parametrize("mask", [("email",), ("email", "phone")])
def test_who_may_not_read_a_field_neither_sees_nor_rules_on_its_values(
    service: ServiceApp, mask: tuple[str, ...]
) -> None:
    service.client.post(f"{PATH}/rulings", json=SAID, headers=service.key("reviews"))
    key = service.key("reviews", mask=mask)
    listed = service.client.get(PATH, headers=key)
    assert EMAIL not in listed.text
    assert {"masked": True, "hint": "a…@h….com"} in [item["value"] for item in listed.json["data"]]
    assert service.client.post(f"{PATH}/rulings", json=SAID, headers=key).status_code == 403
    unknown = SAID | {"value": "not.there@example.org"}
    assert service.client.post(f"{PATH}/rulings", json=unknown, headers=key).status_code == 403, "no oracle"


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"value": "not.there@example.org"}, 409),
        ({"value": "<script>alert(1)</script>"}, 422),
        ({"value": "x" * 501}, 422),
        ({"value": "a\0b"}, 422),
        ({"value": ""}, 422),
        ({"field": "shoe_size"}, 422),
        ({"verdict": "maybe"}, 422),
        ({"reason": ""}, 422),
        ({"seen": "rul_000000000001"}, 409),
    ],
)
def test_what_cannot_be_ruled_is_refused_and_nothing_is_written(
    service: ServiceApp, change: dict[str, str], status: int
) -> None:
    ledger = Ledger.open(service.settings.ledger)
    before = ledger.log().last_seq()
    body = SAID | {"field": "email", "value": "adrianmclean@protonmail.com"} | change
    answer = service.client.post(f"{PATH}/rulings", json=body, headers=service.key("reviews"))
    assert answer.status_code == status, answer.text
    assert ledger.log().last_seq() == before
    ledger.close()
