"""What the console does not let anybody do who tries: by another's decision, a joined stranger, an odd form, a race."""

from __future__ import annotations

import csv
import io
import re
import threading
import time
from datetime import UTC, datetime, timedelta

import pytest

from profile_service.audit import Audit
from profile_service.console.facts import veiled_event
from profile_service.console.guard import SESSION
from profile_service.console.overview import _csv
from profile_service.console.pages import tell_refusal
from profile_service.console.ringing import forget_old_calls
from profile_service.errors import Refused
from profile_service.openid import OpenId, Provider
from profile_service.store.ledger import Ledger
from profile_service.store.ledger.call_rows import CallRow, find_call, put_call
from profile_service.store.ledger.times import as_text
from profile_service.store.ledger.vote_rows import erasure_requests
from tests.console_app import PASSWORD, Person, browser, cheap_users, now, signed_in
from tests.service_app import ServiceApp


def reveal(person: Person, customer_id: str) -> None:
    sent = {"action": "reason", "reason": "the customer stands before me"}
    assert person.send(f"/console/customers/{customer_id}/verify", **sent).status_code == 303


def written(service: ServiceApp, name: str, **fields: str) -> str:
    """A new customer of one record; answers its id."""
    key = service.key("records:write", trusted=True)
    sent = {"channel": "web", "source_record_id": name, **fields}
    return str(service.client.post("/v1/records", json=sent, headers=key).json["customer_id"])


def decision_in(text: str) -> str:
    found = re.search(r'name="decision_id" value="(\w+)"', text)
    assert found, text
    return found[1]


def test_nobody_takes_back_at_the_desk_what_another_decided(service: ServiceApp) -> None:
    [(customer_id, record)] = service.sql(
        """SELECT customer_id, min(channel || ':' || source_record_id) FROM customer_records
        GROUP BY customer_id HAVING count(*) = 3 ORDER BY customer_id LIMIT 1"""
    )
    decides, other = signed_in(service, "lead"), signed_in(service, "lead")
    path = f"/console/customers/{customer_id}/correct"
    for lead in (decides, other):
        reveal(lead, customer_id)
    done = decides.send(path, action="split", record=record, reason="a sister", sure="yes").text
    back = re.search(r'action="/console/customers/(\w+)/correct"', done)
    assert back and back[1] == customer_id, "taken back from where the caller is verified"
    sent = {"action": "undo", "decision_id": decision_in(done)}
    assert other.send(path, **sent).status_code == 403
    stranger = written(service, "stranger-1", given_name="Sturla", phone="+15055550160")
    reveal(decides, stranger)
    assert decides.send(f"/console/customers/{stranger}/correct", **sent).status_code == 403, "it is not about them"
    assert decides.send(path, **sent).status_code == 200


def test_new_contact_data_that_are_anothers_join_nobody(service: ServiceApp) -> None:
    one = {"given_name": "Ragnhild", "family_name": "Oskarsdottir", "email": "ragnhild@oskar.example"}
    other = {"given_name": "Theophilus", "family_name": "Quenneville", "email": "theo@quenneville.example"}
    other |= {"phone": "+15055550161", "birth_date": "1961-05-04"}
    mine, theirs = written(service, "ragnhild-1", **one), written(service, "theo-1", **other)
    lead = signed_in(service, "lead")
    reveal(lead, mine)
    answer = lead.send(f"/console/customers/{mine}/correct", action="contact", **other)
    assert answer.status_code == 409 and "another customer has these" in answer.text
    assert other["email"] not in lead.get(f"/console/customers/{mine}").text
    key = service.key("profiles:read")
    assert service.client.get(f"/v1/profiles/{theirs}", headers=key).json["record_count"] == 1


def test_a_page_that_asks_by_itself_keeps_no_session_alive(service: ServiceApp) -> None:
    person = signed_in(service, "agent", "gone-for-lunch")
    ledger = Ledger.open(service.settings.ledger)
    session = ledger.read().connection  # type: ignore[attr-defined]

    def seen() -> str:
        [(at,)] = session.execute("SELECT seen_at FROM sessions WHERE user_name = 'gone-for-lunch'")
        return str(at)

    earlier = as_text(now() - timedelta(minutes=10))
    session.execute("UPDATE sessions SET seen_at = ? WHERE user_name = 'gone-for-lunch'", (earlier,))
    person.get("/console/ringing")
    assert seen() == earlier
    person.get("/console/find")
    assert seen() > earlier
    ledger.close()


def test_a_part_of_a_page_leads_back_to_the_page_after_signing_in(service: ServiceApp) -> None:
    headers = {"HX-Request": "true", "HX-Current-URL": "http://localhost/console/customers/cus_1?by=phone"}
    answer = browser(service.app).get("/console/ringing", headers=headers)
    assert answer.headers["HX-Redirect"] == "/console/sign-in?next=/console/customers/cus_1"
    answer = browser(service.app).get("/console/ringing", headers={**headers, "HX-Current-URL": "http://[x"})
    assert answer.headers["HX-Redirect"] == "/console/sign-in?next=/console/"


def test_a_page_is_read_while_others_hold_the_ledger(service: ServiceApp) -> None:
    person = signed_in(service, "agent", "patient")
    ledger = Ledger.open(service.settings.ledger)
    with ledger.write() as tx:
        tx.session.connection.execute(  # type: ignore[attr-defined]
            "UPDATE sessions SET seen_at = ? WHERE user_name = 'patient'", (as_text(now() - timedelta(minutes=5)),)
        )
    with ledger.write():
        assert person.get("/console/find").status_code == 200


def test_a_new_sign_in_ends_the_session_that_the_browser_had(service: ServiceApp) -> None:
    person = signed_in(service, "agent", "twice")
    before = person.client.get_cookie(SESSION, path="/console")
    assert before
    form = re.search(r'name="form_token" value="(\w+)"', person.get("/console/sign-in").text)
    assert form
    person.client.post("/console/sign-in", data={"form_token": form[1], "name": "twice", "password": PASSWORD})
    with_old = browser(service.app)
    with_old.set_cookie(SESSION, before.value, path="/console")
    assert with_old.get("/console/find").status_code == 303


def test_wrong_passwords_tried_all_at_once_lock_like_those_one_by_one(service: ServiceApp) -> None:
    signed_in(service, "agent", "rushed")
    users = cheap_users(service)
    opened: list[str] = []

    def guess(password: str) -> None:
        try:
            opened.append(users.sign_in("rushed", password))
        except Exception:
            return

    threads = [threading.Thread(target=guess, args=(f"wrong wrong {n}",)) for n in range(8)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    guess(PASSWORD)
    assert not opened and [user.locked for user in users.list(now()) if user.name == "rushed"] == [True]


@pytest.mark.parametrize(
    "path",
    [
        "/console/sign-in?next=//[",
        "/console/sign-in?next=/console/..//evil.example",
        "/console/sign-in?next=/console/%2e%2e/v1",
        "/console/%ff%fe",
        "/console/%00",
    ],
)
def test_odd_addresses_are_told_and_break_nothing(service: ServiceApp, path: str) -> None:
    answer = browser(service.app).get(path)
    assert answer.status_code < 500
    assert "evil" not in answer.text and "/v1" not in answer.text


@pytest.mark.parametrize("origin", ["http://[x", "http://localhost.evil.example", "\xe9", ""])
def test_an_odd_origin_is_another_site(service: ServiceApp, origin: str) -> None:
    person = signed_in(service, "agent")
    sent = {"form_token": person.form_token, "q": "allen"}
    assert person.client.post("/console/find", data=sent, headers={"Origin": origin}).status_code == 403


@pytest.mark.parametrize(
    ("path", "form", "status"),
    [
        ("/console/find", {"q": "x" * 1_000_000}, 422),
        ("/console/find", {f"field-{n}": "x" for n in range(10_000)}, 200),
        ("/console/find", {"q": "a\0b"}, 422),
        ("/console/find", {"odd\0name": "x"}, 422),
        ("/console/customers/cus_1%00/notes", {"action": "write", "text": "x"}, 422),
    ],
    ids=["a megabyte", "many fields", "NUL in text", "NUL in a name", "NUL in an address"],
)
def test_an_odd_form_is_refused_without_a_fault(
    service: ServiceApp, path: str, form: dict[str, str], status: int
) -> None:
    assert signed_in(service, "agent").send(path, **form).status_code == status


def test_no_text_stands_for_a_user_who_cannot_be(service: ServiceApp) -> None:
    client = browser(service.app)
    form = re.search(r'name="form_token" value="(\w+)"', client.get("/console/sign-in").text)
    assert form
    for name in ("a\0b", "x" * 10_000, "\udcff", ""):
        sent = {"form_token": form[1], "name": name.encode("utf-8", "surrogatepass"), "password": PASSWORD}
        assert client.post("/console/sign-in", data=sent).status_code == 401


@pytest.mark.parametrize(
    ("odd", "status"),
    [
        ({"user": ["anna.list", "ben.list"]}, 200),
        ({"user": []}, 200),
        ({"user": {"name": "x"}}, 422),
        ({"user": ["a\0"]}, 422),
        ({"user": 7}, 422),
        ({"queue": "a\0"}, 422),
        ({"callId": ["c"]}, 422),
        ({"from": None}, 422),
        ({"from": "anonymous"}, 200),
        ({"event": "x"}, 422),
    ],
    ids=str,
)
def test_a_call_is_of_one_shape(service: ServiceApp, odd: dict[str, object], status: int) -> None:
    sent = {"event": "newCall", "from": "+15055550170", "to": "1", "direction": "in", "callId": "odd", **odd}
    assert service.client.post("/v1/calls", json=sent, headers=service.key("calls:write")).status_code == status


def test_a_call_that_is_shown_already_is_not_read_again(service: ServiceApp) -> None:
    person = signed_in(service, "agent", "ringing.once")
    assert person.get("/console/ringing").status_code == 204
    sent = {"event": "newCall", "from": "+15055550171", "to": "1", "direction": "in", "callId": "once"}
    service.client.post("/v1/calls", json={**sent, "user": "ringing.once"}, headers=service.key("calls:write"))
    again = re.search(r'hx-get="([^"]+known=\w+)"', person.get("/console/ringing").text)
    assert again and person.get(again[1]).status_code == 204
    service.client.post("/v1/calls", json={**sent, "event": "answer"}, headers=service.key("calls:write"))
    assert "On the line" in person.get(again[1]).text


def test_calls_are_forgotten_after_a_shift_though_no_other_comes(service: ServiceApp) -> None:
    ledger = Ledger.open(service.settings.ledger)
    at = datetime(2026, 11, 26, 8, tzinfo=UTC)
    with ledger.write() as tx:
        put_call(tx.session, CallRow("old", "+15055550172", None, None, "over", as_text(at), as_text(at)))
    forget_old_calls(ledger, at + timedelta(hours=7))
    assert find_call(ledger.read(), "old")
    forget_old_calls(ledger, at + timedelta(hours=8, minutes=1))
    assert find_call(ledger.read(), "old") is None


def test_what_an_event_tells_of_reaching_somebody_is_veiled_however_a_channel_names_it() -> None:
    extra = {
        "RecipientPhone": "505 555 0180", "ship_to": {"Street": "1 Elm"}, "remark": "write to ann@example.com",
        "callback": "+1 (505) 555-0181", "date_of_birth": "1980-02-03", "order": "10023456", "items": 3, "tel": "55",
        "title": "Telescope",
    }  # fmt: skip
    shown = veiled_event({"event_id": "e", "extra": extra})["extra"]
    assert {name for name, value in shown.items() if value == extra[name]} == {"order", "items", "title"}


def test_an_erasure_asked_before_a_merge_keeps_neither_reason_nor_loses_its_receipt(service: ServiceApp) -> None:
    asks, carries_out = signed_in(service, "privacy_officer"), signed_in(service, "privacy_officer")
    ids = [written(service, f"hedda-{n}", given_name="Hedda", phone=f"+1505555019{n}") for n in range(2)]
    for customer_id in ids:
        asks.send(f"/console/privacy/customers/{customer_id}/erase", reason=f"Hedda of {customer_id} wrote")
    lead = signed_in(service, "lead")
    for customer_id in ids:
        reveal(lead, customer_id)
    merged = lead.send(
        f"/console/customers/{ids[0]}/correct", action="merge", other=ids[1], reason="Hedda said so", sure="yes"
    )
    assert "one customer now" in merged.text
    for name in set(re.findall(r"/console/privacy/requests/(\w+)", asks.get("/console/privacy").text)):
        carries_out.send(f"/console/privacy/requests/{name}", action="carry-out")
    desk = carries_out.get("/console/privacy").text
    assert "carried out" in desk and "invisible, files follow" in desk
    kept = [each for each in erasure_requests(Ledger.open(service.settings.ledger).read()) if "Hedda" in each.reason]
    assert not kept


def test_what_comes_back_from_no_sign_in_of_this_browser_is_told_as_that(service: ServiceApp) -> None:
    provider = OpenId(Provider("https://id.example", "console", "secret"))
    with pytest.raises(Refused) as error:
        provider.end({"state": "begun here"}, {"code": "c", "state": "\xe9"})
    with service.app.test_request_context("/console/openid/back"):
        told = tell_refusal(error.value)
    assert told.status_code == 401 and "Not signed in" in told.get_data(as_text=True)


def test_a_page_that_cannot_come_just_now_tells_when_to_ask_again(service: ServiceApp) -> None:
    with service.app.test_request_context("/console/sign-in", method="POST"):
        busy = tell_refusal(Refused("busy", "other bodies come in too slowly just now"))
    assert (busy.status_code, busy.headers["Retry-After"]) == (503, "1")


def test_an_address_writes_nothing_of_its_own_into_the_audit_trail(service: ServiceApp) -> None:
    person = signed_in(service, "agent", "linked")
    [(customer_id,)] = service.sql("SELECT min(customer_id) FROM customers")
    assert person.get(f"/console/customers/{customer_id}?by=his+boss+said+so").status_code == 200
    ledger = Ledger.open(service.settings.ledger)
    told: list[str] = []
    until = time.monotonic() + 20  # reads are folded into the trail by the batch
    while not told and time.monotonic() < until:
        acts = Audit(ledger, service.settings.server_secret()).newest(200, customer_id)
        told = [str(act.details) for act in acts if act.actor == "user:linked" and act.action == "profile.read"]
        time.sleep(0.05)
    assert told and "boss" not in told[0]


@pytest.mark.parametrize("method", ["HEAD", "OPTIONS", "PUT", "DELETE", "TRACE"])
def test_no_method_goes_round_a_role(service: ServiceApp, method: str) -> None:
    person = signed_in(service, "marketer")
    for path in ("/console/find", "/console/privacy", "/console/users", "/console/overview/rejected.csv"):
        answer = person.client.open(path, method=method, data={"form_token": person.form_token})
        assert answer.status_code in ((403,) if method == "HEAD" else (200, 405))
        assert not answer.data or method != "OPTIONS"


@pytest.mark.parametrize("headers", [{"Content-Length": ""}, {"Transfer-Encoding": "chunked"}, {"Content-Length": "x"}])
def test_a_form_of_no_length_changes_nothing(service: ServiceApp, headers: dict[str, str]) -> None:
    person = signed_in(service, "agent")
    kind = {"Content-Type": "application/x-www-form-urlencoded"}
    answer = person.client.post("/console/find", data=b"q=allen", headers={**kind, **headers})
    assert answer.status_code in (400, 403, 411)


@pytest.mark.parametrize("cell", ["=1+1", "+1", "-1", "@x", "\t=1", "\r=1", "\n=1", "a\r=1"])
def test_no_cell_begins_as_a_formula(cell: str) -> None:
    assert list(csv.reader(io.StringIO("".join(_csv([[cell]])), newline="")))[1] == [
        cell if cell[0] == "a" else f"'{cell}"
    ]


def test_an_erasure_asked_twice_at_once_waits_once(service: ServiceApp) -> None:
    customer_id = written(service, "twice-1", given_name="Tveir", phone="+15055550188")
    officers = [signed_in(service, "privacy_officer") for _ in range(2)]
    path = f"/console/privacy/customers/{customer_id}/erase"
    told: list[int] = []
    threads = [
        threading.Thread(target=lambda who=who: told.append(who.send(path, reason="by letter").status_code))
        for who in officers
    ]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert sorted(told) == [303, 409]
