"""Odd phone numbers are read in pages, beside what needs none of them."""

from __future__ import annotations

import duckdb
import pytest

from pipelines import asked
from pipelines.asked import asking
from profile_service.identity.model import packaged_model
from profile_service.identity.phones import phone

NUMBERS = [
    ("2125550123", "GB"),
    ("(212) 555-0123 x12", "US"),
    ("+44 (0)20 7946 0000", "US"),
    ("020 7946 0000", "GB"),
    ("030 1234567", "DE"),
    ("555-0123", None),
    ("call me", None),
    ("1111111111", "US"),
    ("2125550123", "US"),
    ("2125550123", None),
]


@pytest.mark.parametrize("at_once", [1, 3, len(NUMBERS), 1000])
def test_every_number_is_read_as_the_rule_reads_it_however_many_at_once(
    at_once: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(asked, "_NUMBERS_AT_ONCE", at_once)
    with duckdb.connect() as work:
        columns = {"phone": [number for number, _ in NUMBERS], "country": [country for _, country in NUMBERS]}
        work.execute("CREATE TEMP TABLE fresh AS SELECT unnest($phone) AS phone, unnest($country) AS country", columns)
        work.execute(
            """CREATE TEMP TABLE dict_country AS
            SELECT country AS raw, country AS value, count(*) AS n FROM fresh WHERE country IS NOT NULL GROUP BY 1"""
        )
        with asking() as reading:
            reading.ask_phones(work, "fresh", packaged_model())
            reading.enter_phones(work)
        read = work.execute("SELECT raw, country, value FROM dict_phone").fetchall()
    assert len(read) == len(NUMBERS)
    assert [row for row in read if row[2] != phone(row[0], row[1])] == []


def test_without_any_number_nothing_is_read() -> None:
    with duckdb.connect() as work:
        work.execute("CREATE TEMP TABLE fresh (phone VARCHAR, country VARCHAR)")
        work.execute("CREATE TEMP TABLE dict_country (raw VARCHAR, value VARCHAR, n BIGINT)")
        with asking() as reading:
            reading.ask_phones(work, "fresh", packaged_model())
            reading.enter_phones(work)
        assert work.execute("SELECT count(*) FROM dict_phone").fetchall() == [(0,)]
