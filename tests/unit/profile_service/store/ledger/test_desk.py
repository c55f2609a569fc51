"""What the console keeps, in each of the ledger's databases: users, notes, calls, votes, erasures asked for."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from profile_service.errors import Refused
from profile_service.store.ledger import Ledger
from profile_service.store.ledger.call_rows import (
    CallRow,
    any_call_before,
    find_call,
    forget_calls_before,
    forget_calls_of,
    put_call,
    recent_calls,
)
from profile_service.store.ledger.desk_rows import NoteRow, add_note, change_note, drop_note, notes_of
from profile_service.store.ledger.times import now_utc
from profile_service.store.ledger.vote_rows import (
    ErasureRequestRow,
    VoteRow,
    add_erasure_request,
    all_votes,
    decide_erasure_request,
    drop_votes_of_decision,
    erasure_requests,
    put_vote,
)
from profile_service.users import User, Users
from profile_service.verify import FAILED, PASSED, Verifier, history, verified
from tests.console_app import CHEAP, PASSWORD

AT = "2026-11-26T08:00:00.000000Z"


def test_users_sign_in_are_locked_unlocked_and_shut_out(ledger: Ledger) -> None:
    users = Users(ledger, b"k" * 32, hasher=CHEAP)
    users.create(User("anna", "Anna", "agent"), PASSWORD)
    users.create(User("by.provider", "By", "lead", subject="https://id.example/7"), None)
    token = users.sign_in("anna", PASSWORD)
    later = now_utc() + timedelta(minutes=5)
    assert users.session(token, later) and users.session(users.sign_in_subject("https://id.example/7"), later)
    for wrong in ("anna", "a\0b", "nobody", "x" * 9_000):
        for _ in range(5):
            with pytest.raises(Refused):
                users.sign_in(wrong, "wrong wrong wrong")
    with pytest.raises(Refused):
        users.sign_in("anna", PASSWORD)
    assert [user.locked for user in users.list(now_utc())] == [True, False]
    users.change("anna", {"locked": False})
    users.sign_in("anna", PASSWORD)
    users.change("anna", {"disabled": True})
    assert users.session(token, later) is None


def test_notes_are_added_changed_and_dropped(ledger: Ledger) -> None:
    note = NoteRow("n1", "web", "1", "anna", AT, "rings in the evening")
    with ledger.write() as tx:
        add_note(tx.session, note)
        add_note(tx.session, replace(note, note_id="n2", text="another"))
        change_note(tx.session, replace(note, text="rings at noon", pinned=1, edited_by="ben", edited_at=AT))
        drop_note(tx.session, "n2")
    assert [(each.text, each.pinned) for each in notes_of(ledger.read(), [("web", "1")])] == [("rings at noon", 1)]


def test_callers_are_verified_and_fail(ledger: Ledger) -> None:
    verifier = Verifier(b"k" * 32)
    with ledger.write() as tx:
        row, code = verifier.ask_code(tx, "cus_1", "anna")
        assert verifier.judge(tx, row.verification_id, "anna", code).state == PASSED
        row = verifier.ask_dealings(tx, "cus_1", "anna", [1, 1])
        assert verifier.judge(tx, row.verification_id, "anna", "1,0").state == FAILED
    assert verified(ledger.read(), "cus_1", "anna", now_utc())
    assert len(history(ledger.read(), "cus_1", now_utc())) == 2


@pytest.mark.parametrize("number", ["+15055550123", "5055550123", "(505) 555-0123"])
def test_calls_of_a_number_are_forgotten_however_it_was_told(ledger: Ledger, number: str) -> None:
    with ledger.write() as tx:
        put_call(tx.session, CallRow("c1", "+15055550123", None, "sales", "ringing", AT, AT))
        put_call(tx.session, CallRow("c2", "5055550123", None, "sales", "ringing", AT, AT))
        put_call(tx.session, CallRow("c3", "+15055550199", None, "sales", "ringing", AT, AT))
        forget_calls_of(tx.session, number)
    assert [find_call(ledger.read(), name) is None for name in ("c1", "c2", "c3")] == [True, True, False]


def test_calls_votes_and_erasures_asked_for_are_kept_as_told(ledger: Ledger) -> None:
    call = CallRow("c1", "+15055550123", None, "sales", "ringing", AT, AT)
    vote = VoteRow("web:1", "web:2", "anna", "same", 120, AT, "jdg_1")
    asked = ErasureRequestRow("ask_1", "cus_1", "anna", AT, "asked by letter")
    with ledger.write() as tx:
        put_call(tx.session, call)
        put_call(tx.session, replace(call, state="answered", user_name="anna"))
        for said in (vote, replace(vote, verdict="different"), replace(vote, user_name="ben", decision_id=None)):
            put_vote(tx.session, said)
        add_erasure_request(tx.session, asked)
        decided = replace(
            asked, customer_id="cus_2", reason="", decision="carried out", decided_by="ben", decided_at=AT
        )
        decide_erasure_request(tx.session, decided)
    session = ledger.read()
    assert [each.state for each in recent_calls(session, "anna", AT)] == ["answered"]
    assert recent_calls(session, "ben", AT) == []
    assert {(each.user_name, each.verdict) for each in all_votes(session)} == {("anna", "different"), ("ben", "same")}
    assert erasure_requests(session) == [decided]
    assert any_call_before(session, "2026-11-26T09") and not any_call_before(session, AT)
    with ledger.write() as tx:
        forget_calls_before(tx.session, "2026-11-26T09")
        drop_votes_of_decision(tx.session, "jdg_1")
        tx.purge("cus_2", [("web", "1")])
    assert recent_calls(ledger.read(), "anna", AT) == [] and all_votes(ledger.read()) == []
