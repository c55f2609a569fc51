"""What the console shows and changes of a customer, and what it hides until the caller is verified."""

from __future__ import annotations

import re
from typing import Any

import pytest

from profile_service.audit import Audit
from profile_service.store.ledger import Ledger
from tests.console_app import Person, signed_in
from tests.service_app import ServiceApp

HOSTILE = "<script>alert('x')</script>\"'><img src=x onerror=alert(1)>{{7*7}}"


@pytest.fixture(scope="module")
def known(service: ServiceApp) -> dict[str, Any]:
    """A customer with everything."""
    [row] = service.sql(
        """SELECT customer_id, full_name, email, phone, street, birth_date::VARCHAR FROM customers
        WHERE record_count BETWEEN 3 AND 5 AND event_count > 3 AND email IS NOT NULL AND phone IS NOT NULL
            AND street IS NOT NULL AND birth_date IS NOT NULL
            AND phone IN (SELECT value FROM customer_identifiers WHERE NOT shared)
            -- who has bought something can be asked what it cost
            AND customer_id IN (SELECT customer_id FROM customer_events GROUP BY ALL HAVING min(amount) >= 5)
        ORDER BY customer_id LIMIT 1"""
    )
    return dict(zip(("customer_id", "full_name", "email", "phone", "street", "birth_date"), row, strict=True))


def page_of(person: Person, customer_id: str) -> str:
    answer = person.get(f"/console/customers/{customer_id}")
    assert answer.status_code == 200, answer.text
    return answer.text


def reveal(person: Person, customer_id: str) -> None:
    sent = {"action": "reason", "reason": "the customer stands before me"}
    assert person.send(f"/console/customers/{customer_id}/verify", **sent).status_code == 303


def private(known: dict[str, Any]) -> list[str]:
    return [known[name] for name in ("email", "phone", "street", "birth_date")]


def test_personal_data_is_veiled_until_the_caller_is_verified(service: ServiceApp, known: dict[str, Any]) -> None:
    person = signed_in(service, "agent")
    for path in ("", "/why", "/correct", "/timeline"):
        text = person.get(f"/console/customers/{known['customer_id']}{path}").text
        assert not [value for value in private(known) if value in text], path
    found = person.send("/console/find", q=known["full_name"]).text
    assert known["customer_id"] in found
    assert not [value for value in private(known) if value in found]


def test_a_reason_reveals_and_is_in_the_audit_trail(service: ServiceApp, known: dict[str, Any]) -> None:
    lead = signed_in(service, "lead", "revealing")
    reveal(lead, known["customer_id"])
    text = page_of(lead, known["customer_id"])
    assert [value for value in private(known) if value not in text] == []
    ledger = Ledger.open(service.settings.ledger)
    acts = Audit(ledger, service.settings.server_secret()).newest(500, known["customer_id"])
    assert ("user:revealing", "profile.reveal", "the customer stands before me") in {
        (act.actor, act.action, act.purpose) for act in acts
    }


def test_one_agents_verification_unveils_nothing_for_another(service: ServiceApp, known: dict[str, Any]) -> None:
    reveal(signed_in(service, "lead"), known["customer_id"])
    assert known["email"] not in page_of(signed_in(service, "lead"), known["customer_id"])


def test_an_agent_may_not_look_for_a_reason(service: ServiceApp, known: dict[str, Any]) -> None:
    person = signed_in(service, "agent")
    sent = {"action": "reason", "reason": "I am curious"}
    assert person.send(f"/console/customers/{known['customer_id']}/verify", **sent).status_code == 403


def test_questions_on_recent_dealings_verify_who_knows_them(service: ServiceApp, known: dict[str, Any]) -> None:
    person = signed_in(service, "agent")
    path = f"/console/customers/{known['customer_id']}/verify"
    shown = person.send(path, action="dealings")
    assert shown.status_code == 200, shown.text
    verification = re.search(r'name="verification_id" value="(\w+)"', shown.text)
    count = shown.text.count("<fieldset")
    assert verification and count >= 2
    sent = {"action": "answer", "verification_id": verification[1], "questions": count}
    answer = person.send(path, **sent, **{f"answer-{number}": "-" for number in range(count)})
    assert answer.status_code == 422 and "stays veiled" in answer.text


@pytest.mark.parametrize("action", ["split", "merge", "contact", "consent"])
def test_on_a_strangers_word_nothing_is_corrected(service: ServiceApp, known: dict[str, Any], action: str) -> None:
    person = signed_in(service, "agent")
    sent = {"action": action, "reason": "says so", "phone": "+15055550123", "consent": "yes", "other": "x"}
    assert person.send(f"/console/customers/{known['customer_id']}/correct", **sent).status_code == 403


def test_records_are_parted_after_a_preview_and_come_back(service: ServiceApp) -> None:
    [(customer_id, record)] = service.sql(
        """SELECT customer_id, min(channel || ':' || source_record_id) FROM customer_records
        GROUP BY customer_id HAVING count(*) = 4 ORDER BY customer_id LIMIT 1"""
    )
    lead = signed_in(service, "lead")
    reveal(lead, customer_id)
    path = f"/console/customers/{customer_id}/correct"
    sent = {"action": "split", "record": record, "reason": "the caller's sister"}
    preview = lead.send(path, **sent)
    assert "This would be" in preview.text and "new id" in preview.text
    assert "4 records" in page_of(lead, customer_id), "a preview changes nothing"
    done = lead.send(path, **sent, sure="yes")
    assert "two customers now" in done.text
    assert "3 records" in page_of(lead, customer_id)
    decision = re.search(r'name="decision_id" value="(\w+)"', done.text)
    assert decision
    lead.send(path, action="undo", decision_id=decision[1])
    assert "4 records" in page_of(lead, customer_id)


def test_two_customers_become_one(service: ServiceApp) -> None:
    rows = service.sql("SELECT customer_id FROM customers WHERE record_count = 1 ORDER BY customer_id LIMIT 2")
    (one,), (other,) = rows
    lead = signed_in(service, "lead")
    reveal(lead, one)
    sent = {"action": "merge", "other": other, "reason": "said so and knew both orders"}
    refused = lead.send(f"/console/customers/{one}/correct", **sent, sure="yes")
    assert refused.status_code == 403 and "as the other customer too" in refused.text, "or any data could be joined"
    reveal(lead, other)
    assert "This would be" in lead.send(f"/console/customers/{one}/correct", **sent).text
    assert "one customer now" in lead.send(f"/console/customers/{one}/correct", **sent, sure="yes").text
    assert "2 records" in page_of(lead, other), "the id that was merged away leads to the one that stands"


def test_what_the_caller_says_is_new_is_the_call_centers_own_record(service: ServiceApp) -> None:
    [(customer_id,)] = service.sql(
        "SELECT customer_id FROM customers WHERE record_count = 2 ORDER BY customer_id DESC LIMIT 1"
    )
    lead = signed_in(service, "lead")
    reveal(lead, customer_id)
    path = f"/console/customers/{customer_id}/correct"
    for phone in ("+1 505 555 0142", "+1 505 555 0143"):
        assert lead.send(path, action="contact", phone=phone, street="1 New Street").status_code == 303
    key = service.key("profiles:read")
    profile = service.client.get("/v1/profiles/by/phone/+15055550143", headers=key).json
    assert profile["customer_id"] == customer_id
    desk = [each for each in profile["records"] if each["source_record_id"].startswith("desk-")]
    assert profile["phone"] == "+15055550143", "what the verified caller said last is how to reach them"
    assert len(desk) == 1 and desk[0]["channel"] == "call_center", "the same record says both"
    assert lead.send(path, action="consent", consent="no").status_code == 303
    consents = service.client.get(f"/v1/profiles/{customer_id}", headers=key).json["consents"]
    assert ("call_center", "no") in {(each["channel"], each["consent"]) for each in consents}


@pytest.mark.parametrize("wrong", [{"birth_date": "yesterday"}, {"given_name": "a\0b"}, {}])
def test_what_no_channel_may_send_no_agent_may_type(service: ServiceApp, known: dict[str, Any], wrong: Any) -> None:
    lead = signed_in(service, "lead")
    reveal(lead, known["customer_id"])
    path = f"/console/customers/{known['customer_id']}/correct"
    assert lead.send(path, action="contact", **wrong).status_code == 422


def test_notes_are_written_changed_pinned_and_removed(service: ServiceApp, known: dict[str, Any]) -> None:
    person = signed_in(service, "agent", "scribe")
    path = f"/console/customers/{known['customer_id']}/notes"
    person.send(path, action="write", text="calls in the evening")
    text = page_of(person, known["customer_id"])
    note = re.search(r'name="note_id" value="(\w+)"', text)
    assert "calls in the evening" in text and note
    person.send(path, action="edit", note_id=note[1], text="calls in the morning")
    person.send(path, action="pin", note_id=note[1])
    text = page_of(person, known["customer_id"])
    assert "calls in the morning" in text and "changed by scribe" in text and "pinned" in text
    person.send(path, action="remove", note_id=note[1])
    assert "calls in the morning" not in page_of(person, known["customer_id"])
    assert person.send(path, action="edit", note_id=note[1], text="again").status_code == 404
    assert person.send(path, action="write", text="x" * 2001).status_code == 422


def test_a_note_is_its_authors_to_change_and_a_leads(service: ServiceApp, known: dict[str, Any]) -> None:
    author, other = signed_in(service, "agent", "own.author"), signed_in(service, "agent", "own.other")
    lead, steward = signed_in(service, "lead", "own.lead"), signed_in(service, "steward", "own.steward")
    path = f"/console/customers/{known['customer_id']}/notes"
    author.send(path, action="write", text="prefers to be written to")
    note = re.search(r'name="note_id" value="(\w+)"', page_of(author, known["customer_id"]))
    assert note
    for action in ("edit", "remove"):
        refused = other.send(path, action=action, note_id=note[1], text="prefers nothing")
        assert refused.status_code == 403 and "own.author wrote this" in refused.text
    offered = page_of(other, known["customer_id"])
    assert "prefers to be written to" in offered and 'value="edit"' not in offered
    assert other.send(path, action="pin", note_id=note[1]).status_code == 303
    assert author.send(path, action="edit", note_id=note[1], text="prefers letters").status_code == 303
    assert lead.send(path, action="edit", note_id=note[1], text="prefers letters, says own.lead").status_code == 303
    assert "changed by own.lead" in page_of(other, known["customer_id"])
    assert steward.send(path, action="remove", note_id=note[1]).status_code == 303
    ledger = Ledger.open(service.settings.ledger).read().connection  # type: ignore[attr-defined]
    acts = ledger.execute("SELECT actor, action, details FROM audit WHERE action IN ('note.edit', 'note.remove')")
    told = [(actor, action) for actor, action, details in acts if note[1] in details and "own.author" in details]
    assert told == [
        ("user:own.author", "note.edit"),
        ("user:own.lead", "note.edit"),
        ("user:own.steward", "note.remove"),
    ]


def test_a_note_on_one_customer_is_not_reached_by_another(service: ServiceApp, known: dict[str, Any]) -> None:
    person = signed_in(service, "agent")
    person.send(f"/console/customers/{known['customer_id']}/notes", action="write", text="hers alone")
    note = re.search(r'name="note_id" value="(\w+)"', page_of(person, known["customer_id"]))
    [(other,)] = service.sql(
        f"SELECT customer_id FROM customers WHERE customer_id <> '{known['customer_id']}' ORDER BY 1 DESC LIMIT 1"
    )
    assert note
    answer = person.send(f"/console/customers/{other}/notes", action="remove", note_id=note[1])
    assert answer.status_code == 404
    assert "hers alone" in page_of(person, known["customer_id"])


def test_hostile_values_are_text_on_every_page(service: ServiceApp) -> None:
    fields = dict.fromkeys(("given_name", "family_name", "street", "city", "region", "postcode"), HOSTILE)
    fields |= {"email": f"{HOSTILE.replace(' ', '')}@example.org", "loyalty_id": HOSTILE}
    key = service.key("records:write", trusted=True)
    sent = {"channel": "web", "source_record_id": HOSTILE, **fields}
    taken = service.client.post("/v1/records", json=sent, headers=key)
    assert taken.status_code == 201, taken.text
    customer_id = taken.json["customer_id"]
    lead = signed_in(service, "lead")
    reveal(lead, customer_id)
    lead.send(f"/console/customers/{customer_id}/notes", action="write", text=HOSTILE)
    for path in ("", "/why", "/correct", "/verify", "/timeline"):
        text = lead.get(f"/console/customers/{customer_id}{path}").text
        assert "<script>alert" not in text and "<img src=x" not in text, path
        assert "49" not in re.sub(r"[0-9a-f]{12,}|cus_\w+|\d{4}-\d\d-\d\d", "", text) or "{{7*7}}" in text, path
    found = lead.send("/console/find", q=HOSTILE[:100]).text
    assert "<script>alert" not in found and "<img src=x" not in found


@pytest.mark.parametrize("typed", ["", " ", "\0", "%", "'; DROP TABLE customers --", "a" * 200, "👩‍👩‍👧", "\u202e"])
def test_whatever_is_typed_is_answered(service: ServiceApp, typed: str) -> None:
    assert signed_in(service, "agent").send("/console/find", q=typed).status_code in (200, 422)


def test_a_pasted_id_is_found_by_itself(service: ServiceApp, known: dict[str, Any]) -> None:
    found = signed_in(service, "agent").send("/console/find", q=known["customer_id"]).text
    assert found.count("<li><a") == 1 and known["full_name"] in found


def test_one_exact_number_opens_several_are_listed_and_none_makes_nobody_up(
    service: ServiceApp, known: dict[str, Any]
) -> None:
    person = signed_in(service, "agent")
    answer = person.get("/console/pop", query_string={"phone": known["phone"]})
    assert answer.headers["Location"] == f"/console/customers/{known['customer_id']}?by=phone"
    shared = service.sql(
        "SELECT value FROM customer_identifiers WHERE identifier_type = 'phone' AND held_by BETWEEN 2 AND 4 LIMIT 1"
    )
    listed = person.get("/console/pop", query_string={"phone": shared[0][0]}).text
    assert "share this number" in listed and listed.count("<li><a") >= 2
    nobody = person.get("/console/pop", query_string={"phone": "+15055559999"}).text
    assert "Nobody is known" in nobody and "<input" in nobody


def test_a_call_without_its_country_names_all_whom_it_may_be(service: ServiceApp) -> None:
    key = service.key("records:write", trusted=True)
    for country, name in (("US", "Amelia"), ("FR", "Baptiste")):
        body = {"channel": "web", "source_record_id": f"w-{country}", "given_name": name, "country": country}
        said = body | {"family_name": f"Of-{country}", "phone": "2025550187"}
        assert service.client.post("/v1/records", json=said, headers=key).status_code == 201
    listed = signed_in(service, "agent", "countries").get("/console/pop", query_string={"phone": "2025550187"}).text
    assert "came without its country, and may be that of 2 customers" in listed
    assert "share this number" not in listed
    assert "Amelia Of-US" in listed
    assert "Baptiste Of-FR" in listed


def test_a_call_shows_at_the_telephone_it_rings_at_and_at_no_other(service: ServiceApp, known: dict[str, Any]) -> None:
    anna, ben = signed_in(service, "agent", "anna.phone"), signed_in(service, "agent", "ben.phone")
    key = service.key("calls:write")
    sent = {"event": "newCall", "from": known["phone"], "to": "100", "direction": "in", "callId": "c1"}
    sent["user"] = "anna.phone"
    told = service.client.post("/v1/calls", json=sent, headers=key)
    assert told.json == {"call_id": "c1", "state": "ringing", "customers": 1}
    assert known["full_name"] in anna.get("/console/ringing").text
    assert known["full_name"] not in ben.get("/console/ringing").text
    as_form = {**sent, "event": "hangup"}
    assert service.client.post("/v1/calls", data=as_form, headers=key).json["state"] == "over"
    assert known["full_name"] not in anna.get("/console/ringing").text


def test_a_call_rings_at_all_its_telephones_until_one_takes_it(service: ServiceApp, known: dict[str, Any]) -> None:
    people = {name: signed_in(service, "agent", name) for name in ("ring.anna", "ring.ben", "ring.cleo")}
    key = service.key("calls:write")
    sent = {"event": "newCall", "from": known["phone"], "to": "100", "direction": "in", "callId": "several"}

    def ringing() -> list[str]:
        return [name for name, person in people.items() if known["full_name"] in person.get("/console/ringing").text]

    service.client.post("/v1/calls", json={**sent, "user": ["ring.anna", "ring.ben"]}, headers=key)
    assert ringing() == ["ring.anna", "ring.ben"]
    service.client.post("/v1/calls", json={**sent, "event": "answer", "user": "ring.ben"}, headers=key)
    assert ringing() == ["ring.ben"]
    service.client.post("/v1/calls", json={**sent, "event": "hangup"}, headers=key)
    assert ringing() == []


def test_value_is_told_in_words_on_the_first_screen(service: ServiceApp) -> None:
    [(customer_id, orders)] = service.sql(
        """SELECT customer_id, orders FROM customer_trait_values
        WHERE orders > 1 AND list_contains(segments, 'lapsed') ORDER BY orders DESC, 1 LIMIT 1"""
    )
    text = page_of(signed_in(service, "agent"), customer_id)
    told = re.search(r'Value and segments</h2>\s*<p class="big">([^<]+)</p>', text)
    assert told and told[1].startswith("Lapsed, ") and told[1].endswith(f"{orders} orders")
    [(nobody,)] = service.sql("SELECT customer_id FROM customers WHERE event_count = 0 ORDER BY 1 LIMIT 1")
    assert "Nothing bought yet" in page_of(signed_in(service, "agent"), nobody)


def test_an_unknown_and_a_merged_and_an_erased_customer_are_told_as_what_they_are(service: ServiceApp) -> None:
    person = signed_in(service, "agent")
    assert person.get("/console/customers/cus_none").status_code == 404
    key = service.key("privacy", "records:write", trusted=True)
    sent = {"channel": "web", "source_record_id": "gone-1", "given_name": "Gone", "phone": "+15055557777"}
    customer_id = service.client.post("/v1/records", json=sent, headers=key).json["customer_id"]
    person.send(f"/console/customers/{customer_id}/notes", action="write", text="Gone Girl rang")
    call = {"event": "newCall", "from": "+15055557777", "direction": "in", "callId": "c9"}
    service.client.post("/v1/calls", json=call, headers=service.key("calls:write"))
    assert service.client.delete(f"/v1/profiles/{customer_id}", headers=key).status_code == 202
    assert person.get(f"/console/customers/{customer_id}").status_code == 410
    rows = Ledger.open(service.settings.ledger).read().connection  # type: ignore[attr-defined]
    for table, column in (("notes", "text"), ("calls", "number"), ("verifications", "customer_id")):
        left = [value for (value,) in rows.execute(f"SELECT {column} FROM {table}") if value]
        assert not [value for value in left if "Gone" in value or "5557777" in value or value == customer_id], table


def test_who_lives_with_a_customer_is_named_and_stays_somebody_else(service: ServiceApp) -> None:
    [(customer_id, other)] = service.sql(
        """SELECT m.customer_id, o.customer_id
        FROM customer_households m JOIN customer_households o USING (household_id)
        WHERE m.customer_id < o.customer_id ORDER BY 1, 2 LIMIT 1"""
    )
    text = page_of(signed_in(service, "agent"), customer_id)
    assert "Household" in text and f'href="/console/customers/{other}"' in text
