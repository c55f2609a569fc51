from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from profile_service.correct import Wish
from profile_service.erase import erase
from profile_service.search import Hit, search
from profile_service.search_query import parts_of
from profile_service.state import State
from tests.served_world import opened_world, take_record


@dataclass(frozen=True)
class Known:
    """A customer of the sample of whom much is known."""

    customer_id: str
    given_name: str
    family_name: str
    email: str
    phone: str
    postcode: str
    loyalty_id: str
    birth_date: str
    record: str


@pytest.fixture(scope="module")
def people(sample_state: State) -> list[Known]:
    rows = sample_state.generation.warehouse().execute(
        """SELECT customer_id, given_name, family_name, email, phone, postcode, loyalty_id, birth_date::VARCHAR,
        (SELECT min(r.source_record_id) FROM customer_records r WHERE r.customer_id = c.customer_id)
        FROM customers c WHERE length(family_name) > 5 AND length(given_name) > 4 AND email IS NOT NULL
        AND phone IS NOT NULL AND postcode IS NOT NULL AND loyalty_id IS NOT NULL AND birth_date IS NOT NULL
        AND regexp_full_match(given_name || family_name, '[A-Za-z]+') ORDER BY customer_id LIMIT 25"""
    )
    return [Known(*row) for row in rows.fetchall()]


# What an agent who knows of a customer may type, in words of what is known.
TYPED = {
    "both names": lambda p: f"{p.given_name} {p.family_name}",
    "both names the other way round, with a comma": lambda p: f"{p.family_name.upper()}, {p.given_name}",
    "a title before them": lambda p: f"Mrs. {p.given_name} {p.family_name}",
    "the beginnings of both": lambda p: f"{p.given_name[:3]} {p.family_name[:4]}",
    "an initial": lambda p: f"{p.given_name[0]}. {p.family_name}",
    "a letter twice": lambda p: f"{p.given_name} {p.family_name[:3]}{p.family_name[2:]}",
    "a letter left out": lambda p: f"{p.given_name} {p.family_name[:2]}{p.family_name[3:]}",
    "two letters changed over": lambda p: (
        f"{p.given_name[:2]}{p.given_name[3]}{p.given_name[2]}{p.given_name[4:]} {p.family_name}"
    ),
    "the whole e-mail": lambda p: p.email.upper(),
    "an e-mail's mailbox": lambda p: p.email.split("@")[0],
    "a mailbox with a tag": lambda p: p.email.split("@")[0] + "+orders",
    "a fragment of it": lambda p: p.email.split("@")[0][2:],
    "its end and the domain's beginning": lambda p: p.email.split("@")[0][-4:] + "@" + p.email.split("@")[1][:3],
    "the phone": lambda p: p.phone,
    "the phone in national spelling": lambda p: f"({p.phone[2:5]}) {p.phone[5:8]}-{p.phone[8:]}",
    "the phone's beginning, dialled inside the country": lambda p: f"{p.phone[2:9]} {p.family_name}",
    "its last digits and a name": lambda p: f"{p.phone[-4:]} {p.family_name}",
    "postcode and given name": lambda p: f"{p.postcode} {p.given_name} {p.family_name[:2]}",
    "the loyalty number": lambda p: p.loyalty_id.lower(),
    "a card's last digits and a name": lambda p: f"{p.loyalty_id[-4:]} {p.given_name}",
    "a record's number": lambda p: p.record,
    "birth date and name": lambda p: f"{p.birth_date} {p.family_name}",
    "birth date, day first": lambda p: f"{p.birth_date[8:]}/{p.birth_date[5:7]}/{p.birth_date[:4]} {p.given_name}",
}


def found(state: State, text: str) -> list[str]:
    return [hit.customer_id for hit in search(state, text).hits]


@pytest.mark.parametrize("how", TYPED)
def test_a_customer_is_found_by(sample_state: State, people: list[Known], how: str) -> None:
    missed = [person for person in people if person.customer_id not in found(sample_state, TYPED[how](person))]
    assert not missed


def test_who_fits_exactly_comes_before_who_fits_by_a_slip(sample_state: State, people: list[Known]) -> None:
    for person in people:
        hits = search(sample_state, f"{person.given_name} {person.family_name}").hits
        scores = [hit.score for hit in hits]
        assert scores == sorted(scores, reverse=True)
        assert 0 < min(scores) <= max(scores) <= 1
        first = next(hit for hit in hits if hit.customer_id == person.customer_id)
        assert first.score == scores[0]


def marked(hit: Hit) -> list[str]:
    """The letters that are highlighted in each match."""
    texts = []
    for match in hit.matches:
        value: Any = hit.document
        for step in match.pointer.split("/")[1:]:
            value = value[int(step)] if isinstance(value, list) else value[step]
        texts.append("…".join(value[first:last] for first, last in match.spans))
    return texts


@pytest.mark.parametrize(
    ("typed", "marked_letters"),
    [
        (lambda p: f"{p.family_name.lower()} {p.given_name[:3]}", lambda p: [p.family_name, p.given_name[:3]]),
        (lambda p: p.phone[-5:], lambda p: [p.phone[-5:]]),
        (lambda p: p.postcode, lambda p: [p.postcode]),
        (lambda p: p.loyalty_id, lambda p: [p.loyalty_id]),
    ],
)
def test_what_fits_is_marked_in_the_profile(
    sample_state: State, people: list[Known], typed: Any, marked_letters: Any
) -> None:
    for person in people:
        hits = search(sample_state, typed(person), limit=60).hits
        hit = next(hit for hit in hits if hit.customer_id == person.customer_id)
        if hit.matches[0].pointer.startswith("/identifiers") or not hit.matches[0].pointer:
            continue  # another of the customer's values says it
        assert marked(hit) == marked_letters(person)


def test_a_nickname_finds_who_is_called_so(sample_state: State) -> None:
    roberts = sample_state.generation.warehouse().execute(
        "SELECT customer_id, family_name FROM customers WHERE given_name = 'Robert' LIMIT 5"
    ).fetchall()  # fmt: skip
    assert roberts
    for customer_id, family_name in roberts:
        assert customer_id in found(sample_state, f"Bob {family_name}")


@pytest.mark.parametrize("beside", ["postcode", "city"])
def test_a_street_with_its_postcode_or_city_finds_who_lives_there(sample_state: State, beside: str) -> None:
    rows = sample_state.generation.ask(
        f"""SELECT customer_id, regexp_extract(street, '^[0-9]+ ([A-Za-z]{{4,}}) (Street|Road|Lane)$', 1) AS name,
            {beside} FROM customers WHERE name <> '' AND {beside} IS NOT NULL ORDER BY customer_id LIMIT 25"""
    )
    assert len(rows) > 10
    for customer_id, name, place in rows:
        hits = {hit.customer_id: hit for hit in search(sample_state, f"{name.lower()} {place}").hits}
        assert customer_id in hits, (name, place)
        assert name.lower() in [match.typed for match in hits[customer_id].matches]


def test_letters_of_a_street_are_marked(sample_state: State) -> None:
    ((customer_id, street, postcode),) = sample_state.generation.ask(
        """SELECT customer_id, street, postcode FROM customers WHERE regexp_matches(street, '^[0-9]+ Cottage Street$')
        AND postcode IS NOT NULL ORDER BY customer_id LIMIT 1"""
    )
    hits = [hit for hit in search(sample_state, f"cottag {postcode}").hits if hit.customer_id == customer_id]
    (match,) = (match for match in hits[0].matches if match.typed == "cottag")
    assert (match.how, match.pointer) == ("start", "/address/street")
    assert [street[start:end] for start, end in match.spans] == ["Cottag"]


@pytest.mark.parametrize("text", ["", "   ", "?", "zzqxv", "'\"*%_ ()", "\x00", "qzé@", "@", "0", "a" * 5000, "🙂 🙃"])
def test_a_search_for_nothing_finds_nobody(sample_state: State, text: str) -> None:
    assert found(sample_state, text) == []


def test_where_nobody_fits_everything_those_who_fit_most_are_found(sample_state: State, people: list[Known]) -> None:
    person = people[0]
    results = search(sample_state, f"{person.given_name} {person.family_name} zzqxv")
    assert person.customer_id in [hit.customer_id for hit in results.hits]
    assert results.parts == (person.given_name, person.family_name, "zzqxv")


def test_no_more_are_answered_than_asked_for_but_all_are_counted(sample_state: State) -> None:
    results = search(sample_state, "denver", limit=3)
    assert len(results.hits) == 3
    assert results.found > 3


def test_a_live_record_is_found_at_once_and_an_erased_customer_never_again(published: Path, tmp_path: Path) -> None:
    with opened_world(published, tmp_path / "ledger.sqlite") as world:
        fields = {
            "given_name": "Zebedee",
            "family_name": "Quillfeather",
            "email": "zq.quill77@fresh.example",
            "phone": "+13035550187",
            "postcode": "80299",
        }
        new = take_record(world, "web", "live-1", **fields)
        typed = ("zebedee", "quillf", "QUILLFEATHER Zeb", "5550187", "uill77", "zq.quill77@fresh.example", "80299 zeb")
        for text in typed:
            assert new in found(world.state(), text), text
        renamed = take_record(world, "web", "live-1", **(fields | {"family_name": "Featherquill"}))
        assert renamed == new
        with world.write() as hand:
            erase(hand, new, Wish("test", "asked for"))
        assert not any(new in found(world.state(), text) for text in typed)


def test_a_published_customer_who_was_erased_is_not_found(published: Path, tmp_path: Path, people: list[Known]) -> None:
    person = people[3]
    with opened_world(published, tmp_path / "ledger.sqlite") as world:
        with world.write() as hand:
            erase(hand, person.customer_id, Wish("test", "asked for"))
        for how in TYPED.values():
            assert person.customer_id not in found(world.state(), how(person))


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("020 7946 0018", ["020 7946 0018"]),
        ("+44 (0)20 7946-0018 Smith", ["+44 (0)20 7946-0018", "Smith"]),
        ("020 79460018", ["020 79460018"]),
        ("2480 0412345678", ["2480", "0412345678"]),
        ("Anna-Maria O'Brien", ["Anna", "Maria", "O'Brien"]),
        ("dr smith", ["smith"]),
        ("dr", ["dr"]),
        ("sw1a 1aa", ["sw1a 1aa"]),
        ("jane@", ["jane@"]),
        ("1980-02-29", ["1980-02-29"]),
        ("a b c d e f g h i j", ["a", "b", "c", "d", "e", "f", "g", "h"]),
    ],
)
def test_what_is_typed_falls_into_parts(sample_state: State, text: str, parts: list[str]) -> None:
    read = parts_of(text, sample_state.generation.model, lambda word: word in ("z_sw1a1aa", "z_2480"))
    assert [part.typed for part in read] == parts
    for part in read:
        worths = [reading.worth for reading in part.readings]
        assert worths == sorted(worths, reverse=True)


@pytest.mark.parametrize("how", [str, str.lower, lambda customer_id: f"  {customer_id}\n"])
def test_a_pasted_customer_id_finds_that_customer_alone(sample_state: State, people: list[Known], how: Any) -> None:
    asked = people[0].customer_id
    results = search(sample_state, how(asked))
    assert [hit.customer_id for hit in results.hits] == [asked]
    assert results.hits[0].matches[0].spans == ((0, len(asked)),)


def test_an_id_that_nobody_has_finds_nobody(sample_state: State) -> None:
    assert search(sample_state, "cus_" + "0" * 26).hits == ()
