"""The rules of survivorship and consent for one customer and for everyone give the same answer."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import duckdb
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipelines.merge import field_rows_sql, gather_records, place_records, survive
from pipelines.work import TABLES
from profile_service.identity import survivorship
from profile_service.identity.consent import (
    LAST_STATEMENTS_SQL,
    STANDING_CONSENT_SQL,
    Statement,
    last_statement,
    standing_consent,
)
from profile_service.identity.merge import Evidence, golden_record
from profile_service.identity.model import packaged_model
from profile_service.identity.records import RawRecord
from profile_service.identity.survivorship import SHOW, STRATEGIES, SurvivorshipRule, survivorship_from

CHANNELS = ("store", "web", "mobile", "kiosk")
FIELDS = ("given_name", "email", "street", "city", "postcode")
COLUMNS = (*FIELDS, "given_fixed")
START = datetime(2025, 1, 1, tzinfo=UTC)

values = st.sampled_from(
    ["J", "JOHN", "john", "McDonald", "o'neil", " Ann  Lee ", "élodie", "ÉLODIE\t2b", "st john's 1"]
)
# letters that have no one capital or small letter, or one that depends on where they stand; signs that have a case and
# are no letters; an accent of its own, and what ends a word or does not
odd_texts = st.text(st.sampled_from(list("ßẞŉǆǅǄİıΣσςᾀᾈῼﬁʼⓐⒶⅷⅧªſéÉaAsS1' _-.\u0301\u0345")), max_size=9)
cases = st.sampled_from([str, str.upper, str.lower, survivorship.upper, survivorship.lower])
optional = st.none() | values
moments = st.none() | st.integers(0, 3).map(lambda day: START + timedelta(days=day))


@st.composite
def evidence(draw: st.DrawFn) -> Evidence:
    sent = {name: draw(optional) for name in FIELDS}
    standard = {name: draw(st.none() | st.sampled_from(["a", "john", "jon", "lee"])) for name in COLUMNS}
    key = RawRecord(draw(st.sampled_from(CHANNELS)), str(draw(st.integers(0, 99))), sent, draw(moments))
    return Evidence(key, standard)


@st.composite
def rules(draw: st.DrawFn) -> dict[str, SurvivorshipRule]:
    def options() -> dict[str, Any]:
        return {
            "order": draw(st.lists(st.sampled_from(sorted(STRATEGIES)), unique=True, max_size=5)),
            "channels": draw(st.permutations(CHANNELS))[:2],
            "verified_by": draw(st.lists(st.sampled_from([*CHANNELS, f"{CHANNELS[0]}:1"]), unique=True, max_size=2)),
            "show": draw(st.sampled_from(sorted(SHOW))),
        }

    table = {
        "given_name": options() | {"same": draw(st.sampled_from(["", "given_fixed"]))},
        "email": options() | {"readable": ["email"]},
        "address": options()
        | {"fields": ["street", "city", "postcode"], "readable": ["street"], "needs": ["street", "postcode"]},
    }
    return survivorship_from(table)


def records_of(customers: list[list[Evidence]]) -> list[list[Evidence]]:
    """The same with each record key once over all customers."""
    return [
        list({(e.record.channel, e.record.source_record_id): e for e in customer}.values()) for customer in customers
    ]


def store_of(customers: list[list[Evidence]]) -> duckdb.DuckDBPyConnection:
    """A work store with these customers, numbered from 0, whose record ids are made unique by the number at their end.

    At the end, since a rule may ask how an id begins.
    """
    work = duckdb.connect()
    work.execute("SET TimeZone = 'UTC'")
    for name in ("records", "membership"):
        work.execute(f"CREATE TABLE {name} ({TABLES[name]})")
    work.execute(f"CREATE TABLE standardised (rid INTEGER, {', '.join(f'{name} VARCHAR' for name in COLUMNS)})")
    work.execute("CREATE TABLE customers (cno INTEGER, customer_id VARCHAR, standing BOOLEAN)")
    rid = 100
    for cno, customer in enumerate(customers):
        work.execute("INSERT INTO customers VALUES (?, ?, true)", [cno, f"cus_{cno}"])
        for one in customer:
            rid -= 1
            sent = [one.record.fields.get(name) for name in FIELDS]
            work.execute(
                f"INSERT INTO records BY NAME SELECT ? AS rid, ? AS channel, ? AS source_record_id, "
                f"?::TIMESTAMPTZ AS updated_at, {', '.join(f'? AS {name}' for name in FIELDS)}",
                [rid, one.record.channel, f"{one.record.source_record_id}-{cno}", one.record.updated_at, *sent],
            )
            standard = [one.standard[name] for name in COLUMNS]
            work.execute(f"INSERT INTO standardised VALUES (?{', ?' * len(COLUMNS)})", [rid, *standard])
            work.execute("INSERT INTO membership VALUES (?, ?)", [rid, f"cus_{cno}"])
    return work


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.lists(evidence(), min_size=1, max_size=6), min_size=1, max_size=3), rules())
def test_everyones_golden_records_are_each_ones(
    drawn: list[list[Evidence]], declared: dict[str, SurvivorshipRule]
) -> None:
    customers = records_of(drawn)
    with store_of(customers) as work:
        found: dict[str, dict[str, Any]] = {f"cus_{cno}": {} for cno in range(len(customers))}
        place_records(work, "customers")
        for rule in gather_records(work, declared).values():
            fields = field_rows_sql(rule, survive(work, rule))
            for row in work.execute(f"""
                SELECT cno, field, value, channel, source_record_id, updated_at, decided_by, records, distinct_values,
                       runners_up
                FROM ({fields}) v JOIN merge_records r ON r.rid = v.record_number""").fetchall():
                losers = [
                    (loser["value"], loser["channel"], loser["source_record_id"].split("-")[0], loser["records"])
                    for loser in row[9] or []
                ]
                found[f"cus_{row[0]}"][row[1]] = (row[2], row[3], row[4].split("-")[0], *row[5:9], losers)
    for cno, customer in enumerate(customers):
        expected = {
            name: (
                golden.value,
                golden.channel,
                golden.source_record_id,
                golden.updated_at,
                golden.decided_by,
                golden.records,
                golden.values,
                [(loser.value, loser.channel, loser.source_record_id, loser.records) for loser in golden.runners_up],
            )
            for name, golden in golden_record(customer, declared).items()
        }
        assert found[f"cus_{cno}"] == expected


@pytest.fixture(scope="module")
def desk() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as opened:
        yield opened


@settings(max_examples=30, deadline=None)
@given(drawn=st.lists(st.tuples(cases, odd_texts), min_size=10, max_size=30))
def test_a_value_is_written_for_people_as_the_rule_for_one_has_it(
    desk: duckdb.DuckDBPyConnection, drawn: list[tuple[Callable[[str], str], str]]
) -> None:
    texts = [case(text) for case, text in drawn]
    ways = ", ".join(sql("sent", "NULL") for _, sql in SHOW.values())
    with desk.cursor() as cursor:
        rows = cursor.execute(
            f"SELECT {ways} FROM (SELECT unnest($texts::VARCHAR[]) AS sent)", {"texts": texts}
        ).fetchall()
    for text, row in zip(texts, rows, strict=True):
        assert dict(zip(SHOW, row, strict=True)) == {name: way(text, None) for name, (way, _) in SHOW.items()}, text


@settings(max_examples=60, deadline=None)
@given(st.lists(evidence(), min_size=1, max_size=6), st.randoms())
def test_the_order_of_records_never_matters(drawn: list[Evidence], random: Any) -> None:
    (customer,) = records_of([drawn])
    shuffled = list(customer)
    random.shuffle(shuffled)
    declared = packaged_model().survivorship
    assert golden_record(customer, declared) == golden_record(shuffled, declared)


@dataclass(frozen=True)
class Version:
    """What one version of a record says and when."""

    said: str
    day: int | None


versions_of_records = st.lists(
    st.lists(st.builds(Version, st.sampled_from(["yes", "no"]), st.none() | st.integers(0, 4)), max_size=4), max_size=4
)


@settings(max_examples=60, deadline=None)
@given(versions_of_records)
def test_consent_over_everyone_is_consent_of_each(records: list[list[Version]]) -> None:
    rows = []
    statements = []
    for rid, versions in enumerate(records):
        aged = sorted(enumerate(versions), key=lambda entry: (-1 if entry[1].day is None else entry[1].day, entry[0]))
        rows += [(rid, version.said, version.day, place) for place, version in enumerate(versions)]
        moments_said = [
            Statement(version.said, None if version.day is None else START + timedelta(days=version.day))
            for _, version in aged
        ]
        if (last := last_statement(moments_said)) is not None:
            statements.append(last)
    with duckdb.connect() as work:
        work.execute("CREATE TABLE said (rid INTEGER, said VARCHAR, day INTEGER, place INTEGER)")
        if rows:
            work.executemany("INSERT INTO said VALUES (?, ?, ?, ?)", rows)
        found = work.execute(f"""
            SELECT {STANDING_CONSENT_SQL} FROM (
                WITH versions AS (
                    SELECT 1 AS cno, rid, 'web' AS channel, rid AS source_record_id, said, place,
                           TIMESTAMPTZ '2025-01-01' + to_days(day) AS updated_at FROM said)
                FROM ({LAST_STATEMENTS_SQL}))""").fetchall()
    assert found == [(standing_consent(statements),)]
