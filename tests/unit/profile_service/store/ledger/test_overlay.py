"""The overlay answers what was put into it, for its generation alone."""

from __future__ import annotations

import pytest

from profile_service.identity.records import STANDARD_COLUMNS
from profile_service.store.ledger import Ledger, LiveConsent, LiveEvent, Overlay, OverlayWriter, StandingCustomer
from profile_service.store.stored import StoredRecord

NOTHING_STANDARD = dict.fromkeys(STANDARD_COLUMNS)
ANN = StandingCustomer(
    "cus_1",
    b'{"customer_id":"cus_1"}',
    [("email", "ann@example.com"), ("phone", "+61400000001")],
    [("names", "ann"), ("names", "anna"), ("contacts", "p_100")],
)


def record(ref: int, customer_id: str = "cus_1", name: str = "Ann") -> StoredRecord:
    return StoredRecord(ref, "web", f"W{abs(ref)}", customer_id, {"given_name": name}, NOTHING_STANDARD)


@pytest.fixture
def overlay(ledger: Ledger) -> Overlay:
    return Overlay(ledger.read, "run_1", 0)


def test_a_standing_customer_is_found_by_all_it_has(ledger: Ledger, overlay: Overlay) -> None:
    with ledger.write() as tx:
        OverlayWriter(tx, "run_1", 0).put_customer(ANN, 7)
    assert overlay.document("cus_1") == ANN.document
    assert overlay.retired("cus_1") is None
    assert overlay.holders("email", "ann@example.com") == ["cus_1"]
    assert [term for term, _, _ in overlay.terms_like("an")] == ["ann", "anna"]
    assert overlay.covered(["cus_1", "cus_2"]) == {"cus_1": "standing"}
    assert overlay.last_seq() == 7
    assert [customer.customer_id for customer in overlay.customers_after("", 10)] == ["cus_1"]


def test_a_customer_put_again_is_not_found_by_what_it_was(ledger: Ledger, overlay: Overlay) -> None:
    with ledger.write() as tx:
        writer = OverlayWriter(tx, "run_1", 0)
        writer.put_customer(ANN, 1)
        writer.put_customer(StandingCustomer("cus_1", b"{}", [("email", "new@example.com")], [("names", "zoe")]), 2)
    assert overlay.holders("email", "ann@example.com") == []
    assert overlay.holders("email", "new@example.com") == ["cus_1"]
    assert overlay.terms_like("an") == []


def test_a_retired_id_names_who_stands_for_it(ledger: Ledger, overlay: Overlay) -> None:
    with ledger.write() as tx:
        writer = OverlayWriter(tx, "run_1", 0)
        writer.put_customer(ANN, 1)
        writer.retire_customer("cus_1", "merged", "cus_0", 2)
    assert overlay.document("cus_1") is None
    assert overlay.retired("cus_1") == ("merged", "cus_0")
    assert overlay.holders("email", "ann@example.com") == []


def test_an_erased_customer_leaves_its_state_alone(ledger: Ledger, overlay: Overlay) -> None:
    with ledger.write() as tx:
        writer = OverlayWriter(tx, "run_1", 0)
        writer.put_customer(ANN, 1)
        writer.put_record(record(-1), [5])
        writer.put_pairs([(-1, 8, 3.0)])
        writer.erase_customer("cus_1", 2)
    assert overlay.retired("cus_1") == ("erased", None)
    assert overlay.record("web", "W1") is None
    assert overlay.key_members([5]) == {}
    assert overlay.pairs_of(8) == []
    assert overlay.terms_like("") == []


KEYS = [0, 1, 2**63 - 1, 2**63, 2**64 - 1]


def test_blocking_keys_are_unsigned_whatever_the_database_keeps(ledger: Ledger, overlay: Overlay) -> None:
    with ledger.write() as tx:
        writer = OverlayWriter(tx, "run_1", 0)
        writer.put_record(record(-1), KEYS)
        writer.put_record(record(-2), KEYS[:2])
    assert {key: sorted(refs) for key, refs in overlay.key_members([*KEYS, 77]).items()} == {
        0: [-2, -1],
        1: [-2, -1],
        2**63 - 1: [-1],
        2**63: [-1],
        2**64 - 1: [-1],
    }


def test_a_record_put_again_is_found_by_its_new_keys(ledger: Ledger, overlay: Overlay) -> None:
    with ledger.write() as tx:
        writer = OverlayWriter(tx, "run_1", 0)
        writer.put_record(record(-1), [1, 2])
        writer.put_record(record(-1, "cus_2", "Anna"), [2, 3])
    assert overlay.key_members([1, 2, 3]) == {2: [-1], 3: [-1]}
    assert overlay.record("web", "W1") == record(-1, "cus_2", "Anna")
    assert overlay.records([-1, 5]) == [record(-1, "cus_2", "Anna")]
    assert overlay.records_of("cus_2") == [record(-1, "cus_2", "Anna")]
    assert overlay.records_of("cus_1") == []
    assert overlay.owners([-1, 5]) == {-1: "cus_2"}


def test_a_pair_is_found_from_both_sides_and_forgotten_from_both(ledger: Ledger, overlay: Overlay) -> None:
    with ledger.write() as tx:
        OverlayWriter(tx, "run_1", 0).put_pairs([(-1, 8, 3.25), (-1, 9, -2.0)])
    assert sorted(overlay.pairs_of(-1)) == [(8, 3.25), (9, -2.0)]
    assert overlay.pairs_of(8) == [(-1, 3.25)]
    with ledger.write() as tx:
        OverlayWriter(tx, "run_1", 0).drop_pairs(8)
    assert overlay.pairs_of(-1) == [(9, -2.0)]
    assert overlay.pairs_of(8) == []


def test_an_event_id_counts_once_in_its_channel(ledger: Ledger, overlay: Overlay) -> None:
    event = LiveEvent(3, "web", "E1", "W1", "2026-01-01T00:00:00Z", b"{}")
    with ledger.write() as tx:
        writer = OverlayWriter(tx, "run_1", 0)
        assert writer.put_event(event)
        assert not writer.put_event(LiveEvent(4, "web", "E1", "W2", None, b"other"))
        assert writer.put_event(LiveEvent(5, "mobile", "E1", "W1", None, b"{}"))
    assert overlay.events_of([("web", "W1"), ("web", "W2")]) == [event]
    assert overlay.event("web", "E1") == event


def test_what_a_generation_has_folded_is_read_from_it_alone(ledger: Ledger) -> None:
    consent = LiveConsent(4, "cus_1", "marketing", "web", "W1", "no", "2026-01-01T00:00:00Z")
    with ledger.write() as tx:
        writer = OverlayWriter(tx, "run_1", 0)
        writer.put_event(LiveEvent(3, "web", "E1", "W1", None, b"{}"))
        writer.put_consent(consent)
    for folded, events, consents in ((2, 1, 1), (3, 0, 1), (4, 0, 0)):
        later = Overlay(ledger.read, "run_2", folded)
        assert len(later.events_of([("web", "W1")])) == events
        assert len(later.consents_of(["cus_1"])) == consents
        assert later.event("web", "E1") is not None, "still idempotent"


def test_generations_know_nothing_of_each_other_and_are_dropped_whole(ledger: Ledger, overlay: Overlay) -> None:
    with ledger.write() as tx:
        for run_id in ("run_1", "run_2"):
            writer = OverlayWriter(tx, run_id, 0)
            writer.put_customer(ANN, 1)
            writer.put_record(record(-1), [5])
            writer.put_pairs([(-1, 8, 3.0)])
        writer.drop_generation("run_2")
    gone = Overlay(ledger.read, "run_2", 0)
    assert gone.customer("cus_1") is None
    assert gone.key_members([5]) == {}
    assert gone.pairs_of(8) == gone.terms_like("") == gone.records([-1]) == []
    assert overlay.document("cus_1") is not None
    assert overlay.pairs_of(8) == [(-1, 3.0)]


@pytest.mark.parametrize("term", ["o'brien", 'x"; DROP TABLE entries', "100%", "a_b", "ß日本", "\U0001f600"])
def test_a_term_is_itself_and_no_pattern(ledger: Ledger, overlay: Overlay, term: str) -> None:
    with ledger.write() as tx:
        OverlayWriter(tx, "run_1", 0).put_customer(StandingCustomer("cus_1", b"{}", (), [("names", term)]), 1)
    assert overlay.terms_like(term[:2]) == [(term, "names", "cus_1")]
    assert overlay.terms_like("%") == overlay.terms_like("_") == []


def test_asking_for_nobody_answers_nothing(overlay: Overlay) -> None:
    assert overlay.covered([]) == overlay.owners([]) == overlay.key_members([]) == {}
    assert overlay.records([]) == overlay.consents_of([]) == overlay.events_of([]) == []
