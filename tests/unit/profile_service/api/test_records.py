"""Writing over HTTP: once for each Idempotency-Key, only what the key may vouch for, wrong values named."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from profile_service import deadline
from profile_service.audit import Audit
from profile_service.keys import SCOPES
from profile_service.store.ledger import Ledger
from tests.service_app import ServiceApp

PERSON = {
    "given_name": "Ottoline",
    "family_name": "Quarrington-Vey",
    "email": "ottoline.vey@example.org",
    "phone": "+441632960333",
    "birth_date": "1971-07-17",
}
RECORDS, EVENTS, CONSENTS, READ = "records:write", "events:write", "consents:write", "profiles:read"


def record(name: str, channel: str = "web", **fields: Any) -> dict[str, Any]:
    return {"channel": channel, "source_record_id": name, **PERSON, **fields}


def nested(deep: int) -> dict[str, Any]:
    """An object in an object, so many in all."""
    found: dict[str, Any] = {}
    for _ in range(deep - 1):
        found = {"in": found}
    return found


def test_a_record_is_on_the_next_read_and_audited(service: ServiceApp) -> None:
    key = service.key(RECORDS, READ, trusted=True, name="till")
    written = service.client.post("/v1/records", json=record("r-1"), headers=key)
    assert written.status_code == 201
    assert written.json is not None
    assert (written.json["outcome"], written.json["customer"]) == ("accepted", "created")
    found = service.client.get("/v1/profiles/by/email/OTTOLINE.VEY@example.org", headers=key)
    assert found.status_code == 200
    assert found.json is not None
    assert found.json["customer_id"] == written.json["customer_id"]
    extended = service.client.post("/v1/records", json=record("r-2", "store"), headers=key)
    assert (extended.status_code, extended.json["customer"]) == (200, "extended")  # type: ignore[index]
    ledger = Ledger.open(service.settings.ledger)
    rows = Audit(ledger, service.settings.server_secret()).rows(written.json["customer_id"])
    ledger.close()
    assert [row.action for row in rows if row.actor == "till"][:1] == ["record.write"]
    assert PERSON["email"] not in str(rows)


def test_a_request_repeated_under_its_key_happens_once(service: ServiceApp) -> None:
    key = service.key(RECORDS, trusted=True) | {"Idempotency-Key": "again"}
    body = record("r-again", given_name="Wilhelmina", family_name="Attenborough", email="w.att@example.org")
    first = service.client.post("/v1/records", json=body, headers=key)
    second = service.client.post("/v1/records", json=body, headers=key)
    assert (first.status_code, second.status_code) == (201, 201)
    assert first.data == second.data
    assert second.headers["Idempotency-Replayed"] == "true"
    other = service.client.post("/v1/records", json=body | {"city": "Leeds"}, headers=key)
    assert other.status_code == 422


WRITING = ("post", "put", "delete")


@pytest.mark.parametrize("said", ["", "b\u00e9b\u00e9", "x" * 201, "a\x7f"])
def test_every_write_refuses_an_idempotency_key_that_is_none(service: ServiceApp, said: str) -> None:
    key = service.key(*SCOPES) | {"Idempotency-Key": said}
    described = service.client.get("/openapi.json").json
    assert described is not None
    writes = [(method, path) for path, each in described["paths"].items() for method in each if method in WRITING]
    assert len(writes) > 8
    for method, path in writes:
        answer = service.client.open(path.replace("{", "").replace("}", ""), method=method, headers=key)
        assert (answer.status_code, "Idempotency-Key" in answer.text) == (400, True), (method, path, answer.text)


def test_a_key_that_is_not_trusted_vouches_for_nobody(service: ServiceApp) -> None:
    trusted, page = service.key(RECORDS, trusted=True), service.key(RECORDS)
    known = service.client.post("/v1/records", json=record("r-known"), headers=trusted)
    claim = service.client.post("/v1/records", json=record("r-claim"), headers=page)
    assert claim.status_code == 201
    assert claim.json is not None
    assert claim.json["authenticated"] is False
    assert claim.json["customer_id"] != known.json["customer_id"]  # type: ignore[index]
    refused = service.client.post("/v1/records", json=record("r-claim", authenticated=True), headers=page)
    assert (refused.status_code, refused.json["type"]) == (403, "/problems/unauthenticated-source")  # type: ignore[index]


def test_a_key_of_one_channel_writes_for_no_other(service: ServiceApp) -> None:
    key = service.key(RECORDS, EVENTS, channel="store", trusted=True)
    assert service.client.post("/v1/records", json=record("r-web"), headers=key).status_code == 403
    event = {"channel": "web", "event_id": "e-web", "source_record_id": "r-web"}
    assert service.client.post("/v1/events", json=event, headers=key).status_code == 403


@pytest.mark.parametrize(
    ("wrong", "pointer"),
    [
        ({"birth_date": "17.7.1971"}, "/birth_date"),
        ({"updated_at": "yesterday"}, "/updated_at"),
        ({"email": 7}, "/email"),
        ({"marketing_consent": "maybe"}, "/marketing_consent"),
        ({"channel": "../web"}, "/channel"),
        ({"given_name": "O\0"}, "/given_name"),
        ({"extra": "shoe size 38"}, "/extra"),
        ({"extra": nested(33)}, "/extra"),
        ({"family": nested(300)}, "/extra"),
    ],
)
def test_a_wrong_value_is_named_and_nothing_is_written(
    service: ServiceApp, wrong: dict[str, Any], pointer: str
) -> None:
    key = service.key(RECORDS, READ, trusted=True)
    answer = service.client.post("/v1/records", json=record("r-wrong") | wrong, headers=key)
    assert answer.status_code == 422
    assert answer.json is not None
    assert [error["pointer"] for error in answer.json["errors"]] == [pointer]
    assert service.client.get("/v1/profiles/by/record/web:r-wrong", headers=key).status_code == 404


@pytest.fixture
def one_event_a_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("profile_service.api.records._TURN", 0.0)


@pytest.mark.usefixtures("one_event_a_turn")
def test_others_write_between_the_turns_of_a_batch_of_events(
    service: ServiceApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = service.key(RECORDS, EVENTS, trusted=True, name="turns")
    between: list[int] = []

    def write_meanwhile(_: float) -> None:
        body = record(f"r-between-{len(between)}", given_name="Nyx", family_name="Zabriskie", email="", phone="")
        between.append(service.client.post("/v1/records", json=body, headers=key).status_code)

    monkeypatch.setattr("profile_service.api.writing.time", SimpleNamespace(sleep=write_meanwhile))
    events = [{"channel": "web", "event_id": f"e-turn-{n}", "source_record_id": "r-turns"} for n in range(4)]
    sent = {"events": [*events, events[0]]}
    headers = key | {"Idempotency-Key": "in-turns"}
    answer = service.client.post("/v1/events", json=sent, headers=headers)
    assert answer.status_code == 200
    assert len(between) == 4
    assert set(between) <= {200, 201}
    assert answer.json is not None
    assert [each["status"] for each in answer.json["events"]] == ["accepted"] * 4 + ["known"]
    assert service.client.post("/v1/events", json=sent, headers=headers).data == answer.data


@pytest.mark.usefixtures("one_event_a_turn")
def test_a_batch_whose_time_is_over_stands_as_far_as_it_came_and_is_sent_again(
    service: ServiceApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = service.key(EVENTS, name="hurry") | {"Idempotency-Key": "hurry"}
    sent = {"events": [{"channel": "web", "event_id": f"e-hurry-{n}", "source_record_id": "r-h"} for n in range(3)]}
    with monkeypatch.context() as hurried:
        # over while the second turn works
        over = SimpleNamespace(sleep=lambda _: deadline.begin(0.0))
        hurried.setattr("profile_service.api.writing.time", over)
        answer = service.client.post("/v1/events", json=sent, headers=key)
    assert (answer.status_code, answer.json["type"]) == (503, "/problems/too-slow")  # type: ignore[index]
    again = service.client.post("/v1/events", json=sent, headers=key)
    assert (again.status_code, again.json["accepted"], again.json["known"]) == (200, 1, 2)  # type: ignore[index]


def test_events_count_once_alone_and_in_batches(service: ServiceApp) -> None:
    key = service.key(RECORDS, EVENTS, READ, trusted=True)
    body = record("r-events", given_name="Peregrine", family_name="Oduya", email="p.oduya@example.org")
    customer_id = service.client.post("/v1/records", json=body, headers=key).json["customer_id"]  # type: ignore[index]
    event = {"channel": "web", "event_id": "e-1", "source_record_id": "r-events", "amount": 9.5, "currency": "EUR"}
    alone = service.client.post("/v1/events", json=event, headers=key)
    assert (alone.status_code, alone.json["accepted"]) == (200, 1)  # type: ignore[index]
    several = [event, event | {"event_id": "e-2", "occurred_at": "2026-11-01T10:00:00Z"}, event | {"event_id": "e-2"}]
    batch = service.client.post("/v1/events", json={"events": several}, headers=key)
    assert batch.json is not None
    assert [each["status"] for each in batch.json["events"]] == ["known", "accepted", "known"]
    read = service.client.get(f"/v1/profiles/{customer_id}", headers=key).json
    assert read is not None
    assert (read["event_count"], read["amount_by_currency"]) == (2, {"EUR": "19.0000"})


def test_consents_are_put_by_purpose_and_channel(service: ServiceApp) -> None:
    key = service.key(RECORDS, CONSENTS, READ, trusted=True)
    body = record("r-consents", given_name="Isadora", family_name="Mbeki", email="i.mbeki@example.org")
    customer_id = service.client.post("/v1/records", json=body, headers=key).json["customer_id"]  # type: ignore[index]
    path = f"/v1/profiles/{customer_id}/consents"
    yes = service.client.put(path, json={"channel": "web", "consent": "yes"}, headers=key)
    assert yes.status_code == 200
    assert yes.json is not None
    assert [(each["purpose"], each["consent"]) for each in yes.json["consents"]] == [("marketing", "yes")]
    no = {"consents": [{"purpose": "marketing", "channel": "email", "consent": "no"}]}
    assert service.client.put(path, json=no, headers=key).status_code == 200
    read = service.client.get(f"/v1/profiles/{customer_id}", headers=key).json
    assert read is not None
    assert read["marketing_consent"] == "no"
    assert service.client.put(path, json={"channel": "web"}, headers=key).status_code == 422
    nobody = service.client.put("/v1/profiles/cus_nobody/consents", json=no, headers=key)
    assert nobody.status_code == 404


def test_what_no_field_knows_is_kept_as_a_feed_keeps_it(service: ServiceApp) -> None:
    key = service.key(RECORDS, EVENTS, READ, "privacy", trusted=True)
    person = {"Given_Name": "Ermengarde", "family_name": "Zwicky", "profession": "baker"}
    beside = {"shoe_size": 38, "nickname": "", "family": nested(31), "extra": {"newsletter": ["shoes"]}}
    body = {"channel": "store", "source_record_id": "r-further", **person, **beside}
    written = service.client.post("/v1/records", json=body, headers=key)
    assert written.status_code == 201
    event = {"channel": "store", "event_id": "e-further", "source_record_id": "r-further", "basket": nested(31)}
    assert service.client.post("/v1/events", json=event, headers=key).status_code == 200
    customer_id = written.json["customer_id"]  # type: ignore[index]
    told = service.client.get(f"/v1/profiles/{customer_id}/export", headers=key).json
    assert told is not None
    (record_told,) = told["records"]
    assert record_told["as_sent"] == {"given_name": "Ermengarde", "family_name": "Zwicky", "occupation": "baker"}
    assert record_told["further"] == {"shoe_size": 38, "family": nested(31), "newsletter": ["shoes"]}
    (event_told,) = service.client.get(f"/v1/profiles/{customer_id}/timeline", headers=key).json["data"]  # type: ignore[index]
    assert event_told["extra"] == {"basket": nested(31)}


def test_nobody_says_today_what_stands_tomorrow(service: ServiceApp) -> None:
    key = service.key(RECORDS, CONSENTS, trusted=True)
    body = record("r-tomorrow", given_name="Kunigunde", family_name="Abernathy", email="k.abernathy@example.org")
    customer_id = service.client.post("/v1/records", json=body, headers=key).json["customer_id"]  # type: ignore[index]
    path = f"/v1/profiles/{customer_id}/consents"
    yes = {"channel": "web", "consent": "yes", "stated_at": "9000-01-01T00:00:00Z"}
    refused = service.client.put(path, json=yes, headers=key)
    assert refused.status_code == 422
    assert [each["pointer"] for each in refused.json["errors"]] == ["/consents/0/stated_at"]  # type: ignore[index]
    answer = service.client.put(path, json={"channel": "web", "consent": "no"}, headers=key)
    assert [each["consent"] for each in answer.json["consents"]] == ["no"]  # type: ignore[index]
    later = service.client.post("/v1/records", json={**body, "updated_at": "9000-01-01T00:00:00Z"}, headers=key)
    assert later.status_code == 422
    assert [each["pointer"] for each in later.json["errors"]] == ["/updated_at"]  # type: ignore[index]


def test_a_profile_that_was_just_shown_is_shown_as_it_stands_after_a_write_and_to_each_as_it_may_be_seen(
    service: ServiceApp,
) -> None:
    key = service.key(RECORDS, READ, "profiles:search", "privacy", trusted=True)
    (hit, *_) = service.client.post("/v1/profiles/search", json={"query": "smith"}, headers=key).json["data"]  # type: ignore[index]
    place = f"/v1/profiles/{hit['customer_id']}"
    page = service.key(READ, audience="page")
    shown = [service.client.get(place, headers=each) for each in (key, page, key, page)]
    assert shown[0].data == shown[2].data != shown[1].data == shown[3].data
    assert shown[0].headers["ETag"] == shown[2].headers["ETag"] != shown[1].headers["ETag"]
    before = shown[0].json or {}
    same = {name: before[name] for name in ("given_name", "family_name", "email", "phone", "birth_date")}
    sent = {name: value for name, value in same.items() if value}
    written = service.client.post("/v1/records", json=record("r-shown") | sent, headers=key)
    assert written.json["customer_id"] == hit["customer_id"]  # type: ignore[index]
    assert service.client.get(place, headers=key).json["record_count"] == before["record_count"] + 1  # type: ignore[index]
    assert service.client.delete(place, headers=key, query_string={"reason": "asked for"}).status_code == 202
    assert [service.client.get(place, headers=each).status_code for each in (key, page)] == [410, 410]
