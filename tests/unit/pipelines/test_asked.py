"""Odd phone numbers are read in pages, beside what needs none of them, and no further once nobody wants them."""

from __future__ import annotations

import time
from types import SimpleNamespace
from typing import Any, cast

import duckdb
import pytest

from pipelines import asked
from pipelines.asked import asking
from profile_service.identity.model import Model, packaged_model
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


@pytest.mark.parametrize("begun", ["BEGIN", "SELECT 'no transaction'"])
@pytest.mark.parametrize("at_once", [1, 3, len(NUMBERS), 1000])
def test_every_number_is_read_as_the_rule_reads_it_however_many_at_once(
    at_once: int, begun: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(asked, "_NUMBERS_AT_ONCE", at_once)
    with duckdb.connect() as work:
        work.execute(begun)
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


class _Slow:
    """A spelling that takes a millisecond a name, and counts them."""

    def __init__(self) -> None:
        self.asked = 0

    def correct(self, name: str) -> str:
        self.asked += 1
        time.sleep(0.001)
        return name


@pytest.mark.parametrize("ended_by", [KeyboardInterrupt, RuntimeError])
def test_who_interrupts_a_run_does_not_wait_for_what_was_asked(ended_by: type[BaseException]) -> None:
    slow = _Slow()
    model: Any = SimpleNamespace(spellings={"given_name": slow, "family_name": slow})
    with duckdb.connect() as work:
        work.execute(f"CREATE TABLE dict_given_name AS SELECT 'name ' || range AS first FROM range({5000})")
        work.execute("CREATE TABLE dict_family_name AS SELECT first AS last FROM dict_given_name")
        with pytest.raises(ended_by), asking() as asked:
            asked.ask_names(work, cast(Model, model))
            raise ended_by
    assert slow.asked < 5000
