"""Each promise, broken on purpose, is missed by no audit; kept, it is objected to by none."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from pipelines.audits import (
    DELIVERY,
    GENERATION,
    WORK,
    Audit,
    Keys,
    audit_delivery,
    audit_generation,
    audit_work,
    check,
)
from pipelines.audits import keys as audited_keys
from pipelines.publish import Policy, publish
from profile_service.errors import PromiseBroken
from profile_service.identity.model import packaged_model
from tests.work_world import WorkWorld


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Iterator[duckdb.DuckDBPyConnection]:
    """A work store that keeps every promise, its generation attached; each test rolls back what it breaks."""
    world = WorkWorld(tmp_path_factory.mktemp("audits"))
    first = world.begin()
    world.record("store:1", 1, given_name="Ann", email="ann@x.example", street="1 High St", city="Leeds", postcode="N1")
    world.record("web:1", 2, given_name="Ann", email="ann@x.example", marketing_consent="yes")
    world.record("web:2", 3, given_name="Bob", email="ann@x.example", phone="+441", marketing_consent="no")
    world.record("web:3", 3, given_name="Cy", street="2 High St", city="York", postcode="N2")
    world.link("store:1", "web:1", 9.0)
    world.link("web:1", "web:2", 1.0)
    world.event("web:1", "e1", 4, amount=3)
    world.record("web:4", 3, given_name="Dee", email="ann@x.example")
    world.identify(first, ["store:1 web:1", "web:2", "web:3"])
    second = world.begin()
    world.identify(second, ["web:2 web:3"])
    world.household("web:1 web:4", ["email"])
    report = publish(world.work, world.data_dir, second, packaged_model(), Policy(keep=1))
    copy = Path(world.data_dir) / "copy.duckdb"
    copy.write_bytes(report.generation.warehouse.read_bytes())
    world.work.execute(f"ATTACH '{copy}' AS generation")
    yield world.work
    world.work.close()


def test_a_store_and_a_generation_that_keep_their_promises_pass(kept: duckdb.DuckDBPyConnection) -> None:
    audit_work(kept)
    audit_generation(kept)
    audit_delivery(kept)


WORK_BROKEN = {
    "every current record belongs to exactly one customer": [
        "DELETE FROM membership WHERE rid = 0",
        "INSERT INTO membership SELECT 0, customer_id FROM membership WHERE rid = 2",
    ],
    "every member of a customer is a current record": ["DELETE FROM records WHERE rid = 0"],
    "there are as many members of customers as current records": ["DELETE FROM records WHERE rid = 0"],
    "a record is kept once: one row for a channel and an id": [
        "INSERT INTO membership SELECT 9, customer_id FROM membership WHERE rid = 0;"
        "INSERT INTO records SELECT * REPLACE (9 AS rid) FROM records WHERE rid = 0"
    ],
    "every customer of a record is an id that stands": [
        "UPDATE customer_ids SET standing = false WHERE customer_id = (SELECT customer_id FROM membership LIMIT 1)"
    ],
    "every id that stands has a record": ["INSERT INTO customer_ids VALUES ('cus_new', true, 'cus_new', 1, 1)"],
    "every id ever given still answers: as itself, as the id it was merged into, or as erased": [
        "UPDATE customer_ids SET stands_as = NULL WHERE NOT standing",
        "UPDATE customer_ids SET stands_as = 'cus_nobody' WHERE NOT standing",
        "UPDATE customer_ids SET stands_as = NULL WHERE standing",
    ],
    "a customer came about by one merge less than it has records": ["DELETE FROM merges"],
    "an id is given once": ["INSERT INTO customer_ids SELECT * FROM customer_ids WHERE NOT standing"],
    "every id has exactly one open line of history": [
        "DELETE FROM id_history WHERE event = 'merged_into'",
        "UPDATE id_history SET valid_to = NULL",
    ],
    "blocking promises each pair once, smaller record on the left": [
        "INSERT INTO scored_pairs SELECT * FROM scored_pairs",
        "UPDATE scored_pairs SET l = r, r = l",
    ],
    "both records of a scored pair are current": ["UPDATE scored_pairs SET r = 99"],
    "cannot-link: two records judged different are never in one customer": [
        "INSERT INTO constraints VALUES ('store', '1', 'web', '1', 'different', 'me', 'twins', now(), 'jdg_1')"
    ],
    "must-link: two records judged the same are always in one customer": [
        "INSERT INTO obeyed SELECT a.rid, b.rid, 'same' FROM records a, records b "
        "WHERE a.source_record_id = '1' AND a.channel = 'store' AND b.source_record_id = '2'"
    ],
    "an event is kept once: one row for a channel and an id": ["INSERT INTO events SELECT * FROM events"],
}

GENERATION_BROKEN = {
    "customers has one row for each customer_id": ["INSERT INTO {customers} FROM {customers}"],
    "customer_records has one row for each channel and source_record_id": [
        "UPDATE {customers} SET record_count = record_count * 2; INSERT INTO {customer_records} FROM {customer_records}"
    ],
    "customer_identifiers has one row for each identifier_type and value and customer_id": [
        "INSERT INTO {customer_identifiers} FROM {customer_identifiers}"
    ],
    "customer_fields has one row for each customer_id and field": [
        "INSERT INTO {customer_field_values} FROM {customer_field_values}"
    ],
    "customer_events has one row for each channel and event_id": [
        "INSERT INTO {customer_events} FROM {customer_events}"
    ],
    "customer_consents has one row for each customer_id and purpose and channel": [
        "INSERT INTO {customer_consents} FROM {customer_consents}"
    ],
    "customer_id_history has one row for each customer_id and valid_from": [
        "INSERT INTO {customer_id_history} FROM {customer_id_history}"
    ],
    "match_pairs has one row for each left_number and right_number": ["INSERT INTO {match_pairs} FROM {match_pairs}"],
    "match_merges has one row for each left_number and right_number": [
        "INSERT INTO {match_merges} FROM {match_merges}"
    ],
    "match_near_misses has one row for each left_number and right_number": [
        "INSERT INTO {match_near_misses} VALUES (0, 2, 1, 1, false, false), (0, 2, 1, 1, false, false)"
    ],
    "match_patterns has one row for each pattern": ["INSERT INTO {match_patterns} FROM {match_patterns}"],
    "every pair of match_pairs has its levels in match_patterns": ["DELETE FROM {match_patterns}"],
    "generic_rulings has one row for each field and value": [
        "INSERT INTO {generic_rulings} BY NAME SELECT 'phone' AS field, '+441' AS value FROM range(2)"
    ],
    "generic_values has one row for each field and value": [
        "INSERT INTO {generic_values} BY NAME SELECT 'phone' AS field, '+441' AS value FROM range(2)"
    ],
    "runs has one row for each run_id": ["INSERT INTO {runs} FROM {runs}"],
    "data_dictionary has one row for each relation and column_name": [
        "INSERT INTO {data_dictionary} FROM {data_dictionary}"
    ],
    "every relation and every column is commented": [
        "COMMENT ON COLUMN {customers}.email IS NULL",
        "COMMENT ON TABLE {customers} IS NULL",
        "COMMENT ON VIEW {match_links} IS NULL",
    ],
    "the data dictionary names every column there is, and no other": [
        "DELETE FROM {data_dictionary} WHERE column_name = 'email'",
        "UPDATE {data_dictionary} SET column_name = 'electronic_mail' WHERE column_name = 'email'",
    ],
    "customers and their records are the same customers, and the counts agree": [
        "UPDATE {customer_records} SET customer_id = (SELECT min(customer_id) FROM {customers} WHERE record_count = 1) "
        "WHERE channel = 'store'",
        "INSERT INTO {customers} BY NAME SELECT 'cus_nobody' AS customer_id, 0 AS record_count, 0 AS event_count",
        "UPDATE {customers} SET record_count = 9",
        "DELETE FROM {customer_records} WHERE channel = 'store'",
    ],
    "every golden value comes from a record of its own customer": [
        "UPDATE {customer_field_values} SET record_number = 99 WHERE field = 'given_name' AND value = 'Ann'"
    ],
    "every value of a customer is the one that customer_fields explains": [
        "UPDATE {customer_field_values} SET value = CASE value WHEN 'Ann' THEN 'Bob' ELSE 'Ann' END "
        "WHERE field = 'given_name' AND value IN ('Ann', 'Bob')",
        "UPDATE {customer_field_values} SET record_number = 3 WHERE field = 'given_name' AND value = 'Ann'",
        "UPDATE {customer_field_values} SET value = 'Anna' WHERE field = 'given_name' AND value = 'Ann'",
        "UPDATE {customers} SET family_name = 'Lee' WHERE given_name = 'Ann'",
        "DELETE FROM {customer_field_values}",
    ],
    "both records of a pair are published": ["UPDATE {match_pairs} SET right_number = 99"],
    "an address comes whole from one record": [
        "UPDATE {customer_field_values} SET record_number = 1 WHERE field = 'city' AND value = 'Leeds'"
    ],
    "events are counted with their customer": [
        "UPDATE {customer_events} SET customer_id = (SELECT min(customer_id) FROM {customers} WHERE event_count = 0)",
        "UPDATE {customers} SET event_count = 7",
    ],
    "every customer that customer_record_versions names stands": [
        "INSERT INTO {customer_record_versions} (channel, source_record_id, customer_id) "
        "VALUES ('web', '1', 'cus_nobody')"
    ],
    "every customer that customer_identifiers names stands": [
        "UPDATE {customer_identifiers} SET customer_id = 'cus_nobody' WHERE identifier_type = 'phone'"
    ],
    "every customer that customer_fields names stands": [
        "UPDATE {customer_records} SET customer_id = 'cus_nobody' WHERE channel = 'store'"
    ],
    "every customer that customer_events names stands": [
        "INSERT INTO {customer_events} SELECT * REPLACE ('cus_nobody' AS customer_id, 'e2' AS event_id) "
        "FROM {customer_events}"
    ],
    "every customer that customer_consents names stands": [
        "INSERT INTO {customer_consents} SELECT * REPLACE ('cus_nobody' AS customer_id) FROM {customer_consents}"
    ],
    "customer_trait_values has one row for each customer_id": [
        "INSERT INTO {customer_trait_values} (customer_id) VALUES ('cus_nobody'), ('cus_nobody')"
    ],
    "trait_definitions has one row for each kind and name": [
        "INSERT INTO {trait_definitions} FROM {trait_definitions}"
    ],
    "customer_households has one row for each customer_id": [
        "INSERT INTO {customer_households} SELECT * REPLACE ('hou_other' AS household_id) FROM {customer_households}"
    ],
    "every customer that customer_households names stands": [
        "UPDATE {customer_households} SET customer_id = 'cus_nobody'"
    ],
    "a household has as many customers as it says, two at least, who share something": [
        "DELETE FROM {customer_households} WHERE customer_id = (SELECT min(customer_id) FROM {customer_households})",
        "UPDATE {customer_households} SET members = 3",
        "UPDATE {customer_households} SET shares = []",
        "UPDATE {customer_households} SET shares = ['family name']",
        "UPDATE {customer_households} SET household_id = customer_id, members = 1",
    ],
    "every id in the history answers: stands_as is a customer, or null after an erasure": [
        "UPDATE {customer_id_history} SET stands_as = 'cus_nobody'",
        "UPDATE {customer_id_history} SET stands_as = NULL",
    ],
    "every customer has a line of history": ["DELETE FROM {customer_id_history}"],
    "a consent of yes never outlives a newer no": ["UPDATE {customers} SET marketing_consent = 'yes'"],
    "an identifier is marked as shared exactly when more than one customer holds it": [
        "UPDATE {customer_identifiers} SET shared = true, held_by = 2 WHERE identifier_type = 'phone'",
        "UPDATE {customer_identifiers} SET shared = false, held_by = 1 "
        "WHERE customer_id = (SELECT min(customer_id) FROM {customer_identifiers} WHERE shared)",
        "UPDATE {customer_identifiers} SET shared = false",
        "UPDATE {customer_identifiers} SET held_by = 1",
    ],
}

DELIVERY_BROKEN = {
    "as many records, events and refused rows come out as are kept": [
        "DELETE FROM {customer_records} WHERE channel = 'store'",
        "DELETE FROM {customer_events}",
        "DELETE FROM {customers}",
        "DELETE FROM {customer_households}",
        "INSERT INTO {rejected_rows} BY NAME SELECT 'run_0001' AS run_id",
    ],
    "every record arrives with its customer": [
        "UPDATE {customer_records} r SET customer_id = o.customer_id FROM {customer_records} o "
        "WHERE r.source_record_id IN ('2', '4') AND r.source_record_id <> o.source_record_id AND r.channel = o.channel "
        "AND o.source_record_id IN ('2', '4')",
        "UPDATE {customer_records} SET record_number = record_number + 100",
        "UPDATE {customer_records} SET customer_id = 'cus_other' WHERE channel = 'store'",
    ],
    "every event arrives": ["UPDATE {customer_events} SET event_id = 'other'"],
    "every id ever given is in the history": ["DELETE FROM {customer_id_history}"],
    "what a steward ruled on a value is obeyed": [
        "INSERT INTO generic_rulings BY NAME SELECT 'phone' AS field, '+442' AS value, 'generic' AS verdict; "
        "INSERT INTO ruled_values VALUES ('phone', '+442', 2, 2, false)",
        "INSERT INTO generic_rulings BY NAME SELECT 'phone' AS field, '+449' AS value, 'ordinary' AS verdict; "
        "INSERT INTO generic_values VALUES ('phone', '+449', 99, 50)",
    ],
    "no generic value makes a household": ["INSERT INTO generic_values VALUES ('email', 'ann@x.example', 99, 50)"],
    "no generic value stands in a golden record": ["INSERT INTO generic_values VALUES ('phone', '+441', 99, 50)"],
    "every scored pair inside one customer is told in match_links": ["DELETE FROM {match_pairs}"],
    "the generation knows the run that made it": ["DELETE FROM {runs} WHERE run_seq = 2"],
}


def breaks(table: dict[str, list[str]]) -> list[tuple[str, str]]:
    return [(promise, statement) for promise, statements in table.items() for statement in statements]


def break_promise(kept: duckdb.DuckDBPyConnection, statements: str) -> None:
    names = {row[0]: f"generation.main.{row[0]}" for row in kept.execute("SHOW TABLES FROM generation").fetchall()}
    kept.execute("BEGIN")
    for statement in statements.format_map(names).split(";"):
        kept.execute(statement)


def told_alone(kept: duckdb.DuckDBPyConnection, audit: Audit) -> bool:
    """Whether a look at everything tells of this promise, whatever others might tell of."""
    try:
        check(kept, [audit])
    except PromiseBroken as told:
        return audit.promise in str(told)
    return False


@pytest.fixture(params=["at once", "in parts"], autouse=True)
def portion(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Long relations are looked at a part at a time: what breaks a promise may stand in two of them."""
    if request.param == "in parts":
        monkeypatch.setattr(audited_keys, "AT_ONCE", 2)


@pytest.mark.parametrize(("promise", "statements"), breaks(WORK_BROKEN))
def test_a_broken_promise_of_the_work_store_is_found(
    kept: duckdb.DuckDBPyConnection, promise: str, statements: str
) -> None:
    (audit,) = [audit for audit in WORK if audit.promise == promise]
    break_promise(kept, statements)
    try:
        assert audit.offending(kept)
        assert told_alone(kept, audit)
        assert audit.offending(kept, "(SELECT unnest(range(100))::INTEGER AS rid)")
        with pytest.raises(PromiseBroken, match="is broken, for instance by"):
            audit_work(kept)
    finally:
        kept.execute("ROLLBACK")


@pytest.mark.parametrize(("promise", "statements"), breaks(GENERATION_BROKEN))
def test_a_broken_promise_of_a_generation_is_found(
    kept: duckdb.DuckDBPyConnection, promise: str, statements: str
) -> None:
    (audit,) = [audit for audit in GENERATION if audit.promise == promise]
    break_promise(kept, statements)
    try:
        assert audit.offending(kept)
        assert told_alone(kept, audit)
        assert audit.offending(
            kept, "(SELECT unnest(['cus_nobody']) AS customer_id UNION ALL SELECT customer_id FROM customer_ids)"
        )
        with pytest.raises(PromiseBroken):
            audit_generation(kept)
    finally:
        kept.execute("ROLLBACK")


@pytest.mark.parametrize(("promise", "statements"), breaks(DELIVERY_BROKEN))
def test_a_broken_promise_of_delivery_is_found(kept: duckdb.DuckDBPyConnection, promise: str, statements: str) -> None:
    (audit,) = [audit for audit in DELIVERY if audit.promise == promise]
    break_promise(kept, statements)
    try:
        assert audit.offending(kept)
        assert told_alone(kept, audit)
        with pytest.raises(PromiseBroken):
            audit_delivery(kept)
    finally:
        kept.execute("ROLLBACK")


def test_where_all_promises_are_kept_keys_as_numbers_settle_them(kept: duckdb.DuckDBPyConnection) -> None:
    """Otherwise the queries are asked all the same, and nothing but time would show it."""
    keys = Keys(kept)
    audits = (*WORK, *GENERATION, *DELIVERY)
    assert not [audit.promise for audit in audits if audit.settled and not audit.settled(keys)]


def test_every_audit_is_seen_to_fail() -> None:
    broken = set(WORK_BROKEN) | set(GENERATION_BROKEN) | set(DELIVERY_BROKEN)
    assert {audit.promise for audit in (*WORK, *GENERATION, *DELIVERY)} == broken


def test_an_audit_names_keys_and_never_what_a_person_is_called(kept: duckdb.DuckDBPyConnection) -> None:
    break_promise(kept, "DELETE FROM membership WHERE rid = 0")
    try:
        with pytest.raises(PromiseBroken, match="store 1") as caught:
            audit_work(kept)
    finally:
        kept.execute("ROLLBACK")
    assert "Ann" not in str(caught.value)
    assert "example" not in str(caught.value)
