"""Every peer is given the same people, and blocking on them counts each pair once."""

from pathlib import Path

import duckdb
import pytest

from profile_service.errors import UnusableInput
from tests.benchmarks.inputs import prepare
from tests.benchmarks.people import People, candidates, clean, live, read

STORE = """source_record_id,given_name,family_name,email,phone,postcode
S1, Anna ,SMITH,a@x.org,+1 (212) 555-0100,10001-1234
S2,anna,smith,,212 555 0100,10001
S3,N/A,Jones,a@x.org,12,
"""


@pytest.fixture
def people(tmp_path: Path) -> People:
    (tmp_path / "store").mkdir()
    (tmp_path / "store" / "customers.csv").write_text(STORE, encoding="utf-8")
    (tmp_path / "mobile").mkdir()
    (tmp_path / "mobile" / "customers.jsonl").write_text('{"source_record_id": "M1", "email": "A@X.org"}\n')
    connection = duckdb.connect()
    read(connection, tmp_path, None)
    return clean(connection)


def test_values_are_cleaned_and_blanks_are_missing(people: People) -> None:
    asked = "SELECT given_name, email, phone, postcode FROM people ORDER BY unique_id"
    assert people.connection.execute(asked).fetchall() == [
        (None, "a@x.org", None, None),
        ("anna", "a@x.org", "2125550100", "10001"),
        ("anna", None, "2125550100", "10001"),
        (None, "a@x.org", None, None),
    ]
    assert people.fields == ("given_name", "family_name", "email", "phone", "postcode")
    assert not people.duplicate_free


def test_a_pair_that_two_rules_find_is_one_candidate_and_missing_is_no_key(people: People) -> None:
    left, right = candidates(people, live((("email",), ("phone",), ("given_name", "family_name")), people.fields))
    assert sorted(zip(left, right, strict=True)) == [(0, 1), (0, 3), (1, 2), (1, 3)]


def test_a_rule_on_a_field_that_nobody_fills_takes_no_part(people: People) -> None:
    assert live((("email", "birth_date"), ("email",)), people.fields) == [("email",)]


def test_a_landing_without_customers_is_said_to_be_one(tmp_path: Path) -> None:
    with pytest.raises(UnusableInput, match="holds no customers"):
        read(duckdb.connect(), tmp_path, None)


def test_febrl_links_two_duplicate_free_sources_without_what_would_give_it_away(tmp_path: Path) -> None:
    given = prepare("febrl4", tmp_path)
    connection = duckdb.connect()
    read(connection, given.landing, given.channels)
    people = clean(connection)
    assert (people.count, people.duplicate_free) == (10_000, True)
    left, right = candidates(people, (("family_name", "birth_date"),))
    assert len(left) > 2_500
    assert (left < 5_000).all()
    assert (right >= 5_000).all()
    assert "soc_sec_id" not in (given.landing / "febrl4_a" / "customers.csv").read_text(encoding="utf-8")


def test_an_unknown_input_is_told_with_those_there_are(tmp_path: Path) -> None:
    with pytest.raises(KeyError, match="simulated-100k"):
        prepare("nobody", tmp_path)
