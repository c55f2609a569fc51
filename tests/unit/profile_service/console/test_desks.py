"""The review desk, the privacy desk, the overview and the users' page, as those who work there use them."""

from __future__ import annotations

import csv
import io
import re
import time

import pytest

from profile_service.audit import Audit
from profile_service.store.ledger import Ledger
from profile_service.votes import asked_twice, pair_of
from tests.console_app import Person, browser, signed_in
from tests.service_app import ServiceApp


def waiting(person: Person, kind: str = "pair") -> list[str]:
    """The ids of the reviews that wait for somebody, in order."""
    return re.findall(r'href="/console/reviews/(\w+)"', person.get(f"/console/reviews?kind={kind}").text)


def record_names(person: Person, review: str) -> tuple[str, str]:
    text = person.get(f"/console/reviews/{review}").text
    found = re.search(r"<figcaption><strong>([^<]+)</strong> and <strong>([^<]+)</strong>", text)
    assert found, text
    return found[1], found[2]


def test_a_verdict_leads_to_the_next_pair_and_binds_every_channel(service: ServiceApp) -> None:
    steward = signed_in(service, "steward")
    first, second, *_ = waiting(steward)
    left, right = record_names(steward, first)
    answer = steward.send(f"/console/reviews/{first}", verdict="same")
    assert answer.headers["Location"].startswith(f"/console/reviews/{second}?decided=jdg_")
    key = service.key("profiles:read")
    owners = {
        service.client.get(f"/v1/profiles/by/record/{name}", headers=key).json["customer_id"] for name in (left, right)
    }
    assert len(owners) == 1
    assert first not in waiting(steward)


def test_a_verdict_is_taken_back_with_its_vote(service: ServiceApp) -> None:
    steward = signed_in(service, "steward")
    review, *_ = waiting(steward)
    left, right = record_names(steward, review)
    decision = steward.send(f"/console/reviews/{review}", verdict="same").headers["Location"].partition("decided=")[2]
    steward.send(f"/console/reviews/decisions/{decision}/undo")
    key = service.key("profiles:read")
    owners = {
        service.client.get(f"/v1/profiles/by/record/{name}", headers=key).json["customer_id"] for name in (left, right)
    }
    assert len(owners) == 2
    assert review in waiting(steward)


def test_a_steward_takes_back_only_what_they_decided_themselves(service: ServiceApp) -> None:
    mine, theirs = signed_in(service, "steward"), signed_in(service, "steward")
    review, *_ = waiting(mine)
    decision = mine.send(f"/console/reviews/{review}", verdict="different").headers["Location"].partition("decided=")[2]
    undo = f"/console/reviews/decisions/{decision}/undo"
    assert undo in mine.get(f"/console/reviews?decided={decision}").text
    for address in (f"/console/reviews?decided={decision}", "/console/reviews?decided=jdg_999999", "/console/reviews"):
        assert "/undo" not in theirs.get(address).text
    refused = theirs.send(undo)
    assert refused.status_code == 403 and "a colleague decided this" in refused.text
    assert mine.send(undo).status_code == 303
    assert undo not in mine.get(f"/console/reviews?decided={decision}").text


def test_who_is_unsure_is_not_asked_again_and_another_steward_is(service: ServiceApp) -> None:
    unsure, other = signed_in(service, "steward"), signed_in(service, "steward")
    review, *_ = waiting(unsure)
    assert "decided" not in unsure.send(f"/console/reviews/{review}", verdict="unsure").headers["Location"]
    assert review not in waiting(unsure)
    assert review in waiting(other)


def test_a_second_opinion_counts_for_agreement_and_binds_nobody(service: ServiceApp) -> None:
    first, second = signed_in(service, "steward"), signed_in(service, "steward")
    for review in waiting(first):
        pair = pair_of(*record_names(first, review))
        first.send(f"/console/reviews/{review}", verdict="different")
        if asked_twice(pair):
            break
    else:
        pytest.fail("one pair in five is asked twice")
    assert first.get("/console/reviews/second").status_code == 303, "one's own verdict is no second opinion"
    asked = second.get("/console/reviews/second")
    assert asked.status_code == 200 and pair[0] in asked.text
    second.send("/console/reviews/second", verdict="different", left=pair[0], right=pair[1])
    again = second.send("/console/reviews/second", verdict="same", left=pair[0], right=pair[1])
    assert again.status_code == 409
    assert "100% of 1 pairs" in second.get("/console/reviews").text


def test_a_customer_in_doubt_is_parted_by_naming_records(service: ServiceApp) -> None:
    steward = signed_in(service, "steward")
    review, *_ = waiting(steward, "customer")
    names = re.findall(r'name="record" value="([^"]+)"', steward.get(f"/console/reviews/{review}").text)
    assert steward.send(f"/console/reviews/{review}", verdict="different").status_code == 409, "which records?"
    answer = steward.send(f"/console/reviews/{review}", verdict="different", record=names[0])
    assert answer.status_code == 303
    key = service.key("profiles:read")
    owners = {service.client.get(f"/v1/profiles/by/record/{name}", headers=key).json["customer_id"] for name in names}
    assert len(owners) == 2


def subject(service: ServiceApp, place: int) -> str:
    rows = service.sql("SELECT customer_id FROM customers WHERE record_count = 2 ORDER BY customer_id")
    return str(rows[place][0])


def test_two_people_erase_and_one_cannot(service: ServiceApp) -> None:
    asks, carries_out = signed_in(service, "privacy_officer"), signed_in(service, "privacy_officer")
    customer_id = subject(service, 0)
    shown = asks.get(f"/console/privacy/customers/{customer_id}").text
    assert "2 records" in shown or shown.count("1 record<") == 2
    path = f"/console/privacy/customers/{customer_id}/erase"
    assert asks.send(path, reason="asked by letter").status_code == 303
    assert asks.send(path, reason="asked again").status_code == 409
    request = re.search(r"/console/privacy/requests/(\w+)", asks.get("/console/privacy").text)
    assert request
    decide = f"/console/privacy/requests/{request[1]}"
    assert asks.send(decide, action="carry-out").status_code == 403
    key = service.key("profiles:read")
    assert service.client.get(f"/v1/profiles/{customer_id}", headers=key).status_code == 200
    assert carries_out.send(decide, action="carry-out").status_code == 303
    assert service.client.get(f"/v1/profiles/{customer_id}", headers=key).status_code == 410
    desk = carries_out.get("/console/privacy").text
    assert "carried out" in desk and "era_" in desk
    assert carries_out.send(decide, action="carry-out").status_code == 409


def test_who_asked_may_withdraw(service: ServiceApp) -> None:
    asks = signed_in(service, "privacy_officer")
    customer_id = subject(service, 1)
    asks.send(f"/console/privacy/customers/{customer_id}/erase", reason="a mistake")
    request = re.search(r"/console/privacy/requests/(\w+)", asks.get("/console/privacy").text)
    assert request
    assert asks.send(f"/console/privacy/requests/{request[1]}", action="refuse").status_code == 303
    assert service.client.get(f"/v1/profiles/{customer_id}", headers=service.key("profiles:read")).status_code == 200


def test_an_export_is_taken_with_its_reason_in_the_audit_trail(service: ServiceApp) -> None:
    officer = signed_in(service, "privacy_officer", "exporting")
    customer_id = subject(service, 2)
    path = f"/console/privacy/customers/{customer_id}/export"
    whole = officer.send(path, format="json", reason="asked at the counter with a passport")
    assert whole.get_json(force=True)["profile"]["customer_id"] == customer_id
    page = officer.send(path, format="html", reason="asked at the counter with a passport")
    assert page.mimetype == "text/html" and "attachment" in page.headers["Content-Disposition"]
    assert officer.send(path, format="json", reason="").status_code == 422
    ledger = Ledger.open(service.settings.ledger)
    reasons: set[str | None] = set()
    until = time.monotonic() + 20  # reads are folded into the trail by the batch
    while "asked at the counter with a passport" not in reasons and time.monotonic() < until:
        acts = Audit(ledger, service.settings.server_secret()).newest(200, customer_id)
        reasons = {act.purpose for act in acts if act.actor == "user:exporting"}
        time.sleep(0.05)
    assert "asked at the counter with a passport" in reasons


def test_the_overview_tells_the_warehouses_numbers(service: ServiceApp) -> None:
    text = signed_in(service, "marketer").get("/console/overview").text
    [(customers,)] = service.sql("SELECT count(*) FROM customers")
    assert f"{customers:,}" in text
    assert "rejected.csv" not in text, "refused rows hold personal data"


def test_refused_rows_are_downloaded_and_no_cell_is_a_formula(service: ServiceApp) -> None:
    answer = signed_in(service, "steward").get("/console/overview/rejected.csv")
    rows = list(csv.reader(io.StringIO(answer.text)))
    [(count,)] = service.sql("SELECT count(*) FROM rejected_rows")
    assert len(rows) == count + 1
    assert not [cell for row in rows for cell in row if cell[:1] in ("=", "+", "-", "@")]


def test_an_administrator_makes_users_who_can_sign_in(service: ServiceApp) -> None:
    admin = signed_in(service, "admin", "boss")
    made = admin.send("/console/users", action="create", name="new.agent", role="agent", display_name="New Agent").text
    password = re.search(r"shown this once: <code>([^<]+)</code>", made)
    assert password
    client = browser(service.app)
    form = re.search(r'name="form_token" value="(\w+)"', client.get("/console/sign-in").text)
    assert form
    sent = {"form_token": form[1], "name": "new.agent", "password": password[1]}
    assert client.post("/console/sign-in", data=sent).status_code == 303
    admin.send("/console/users", action="disable", name="new.agent")
    assert client.get("/console/find").status_code == 303, "shut out at the next click"
    assert admin.send("/console/users", action="create", name="new.agent", role="agent").status_code == 422
    assert admin.send("/console/users", action="disable", name="boss").status_code == 409
