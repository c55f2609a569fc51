"""The warehouse's definition: the contract's relations, all of them commented."""

from __future__ import annotations

import duckdb
import pytest

from pipelines.work import RECORD_FIELDS as KEPT_FIELDS
from profile_service.store.relation import Relation
from profile_service.store.schema import RECORD_FIELDS, RELATIONS, dictionary_rows, schema_version

KEYS = {
    "customers": ("customer_id",),
    "customer_records": ("channel", "source_record_id"),
    "customer_record_versions": (),
    "customer_identifiers": ("identifier_type", "value", "customer_id"),
    "customer_field_values": ("record_number", "field"),
    "customer_fields": ("customer_id", "field"),
    "customer_events": ("channel", "event_id"),
    "customer_consents": ("customer_id", "purpose", "channel"),
    "customer_id_history": ("customer_id", "valid_from"),
    "customer_households": ("customer_id",),
    "customer_trait_values": ("customer_id",),
    "customer_traits": ("customer_id", "name"),
    "customer_segments": ("customer_id", "name"),
    "trait_definitions": ("kind", "name"),
    "match_pairs": ("left_number", "right_number"),
    "match_patterns": ("pattern",),
    "match_links": ("left_record", "right_record"),
    "match_merges": ("left_number", "right_number"),
    "customer_merges": ("customer_id", "step"),
    "match_near_misses": ("left_number", "right_number"),
    "customer_near_misses": ("left_customer_id", "right_customer_id"),
    "customer_changes": (),
    "match_judgements": (),
    "generic_values": ("field", "value"),
    "generic_rulings": ("field", "value"),
    "placeholder_values": (),
    "rejected_rows": (),
    "runs": ("run_id",),
    "data_dictionary": ("relation", "column_name"),
}


def test_every_relation_is_there_with_its_key() -> None:
    assert {relation.name: relation.key for relation in RELATIONS} == KEYS


@pytest.mark.parametrize("relation", RELATIONS, ids=lambda relation: relation.name)
def test_every_column_has_a_type_and_a_meaning_and_stands_once(relation: Relation) -> None:
    assert len(set(relation.column_names)) == len(relation.columns)
    assert set(relation.key) <= set(relation.column_names)
    for column in relation.columns:
        assert column.type, column.name
        assert column.comment.endswith("."), column.name


def test_whatever_a_record_can_say_is_published() -> None:
    assert set(RECORD_FIELDS) == set(KEPT_FIELDS)


def test_the_statements_make_the_relations_with_their_comments() -> None:
    with duckdb.connect() as connection:
        connection.execute("ATTACH ':memory:' AS generation")
        for relation in RELATIONS:
            for statement in relation.create_statements("generation"):
                connection.execute(statement)
        found = connection.execute(
            "SELECT table_name, column_name, comment FROM duckdb_columns() WHERE database_name = 'generation'"
        ).fetchall()
    meant = [(relation, column, meaning) for relation, column, _, _, _, meaning in dictionary_rows() if column]
    assert sorted(found) == sorted(meant)


def test_the_version_is_a_short_hash_that_stays() -> None:
    assert schema_version() == schema_version()
    assert len(schema_version()) == 12
