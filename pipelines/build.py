"""A generation's tables are filled: all of them anew, or, in a copy, those of the customers that changed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Protocol

import duckdb

from pipelines.clear import LOST, clear_changed
from pipelines.held_back import generic_rulings_sql, generic_values_sql
from pipelines.judged import match_judgements_sql
from pipelines.links import fill_links
from pipelines.merge import PLACED, RECORDS, columns_of, field_rows_sql, gather_records, survive
from pipelines.placeholders import placeholder_values_sql
from pipelines.relations import (
    CHANGED,
    IDENTIFIERS,
    STALE_EVENTS,
    WEAKEST,
    Scope,
    fills,
    rejected_rows_sql,
    runs_sql,
    temp_tables_sql,
)
from pipelines.weakest import Weakest
from pipelines.work import afterwards
from profile_service.identity.model import Model
from profile_service.identity.survivorship import SurvivorshipRule
from profile_service.store.schema import CUSTOMER_HOUSEHOLDS, IDENTIFIER_FIELDS, dictionary_rows, relations
from profile_service.traits import Traits

_SHARED_TABLES = (
    PLACED,
    RECORDS,
    CHANGED,
    STALE_EVENTS,
    "publish_events",
    "publish_statements",
    "publish_carried",
    IDENTIFIERS,
    "publish_consents",
    "publish_history",
    "publish_traits",
    WEAKEST,
)


class Advance(Protocol):
    """Called with the number of steps done."""

    def __call__(self, amount: int = 1) -> None:
        """``amount`` more steps are done."""


@dataclass(frozen=True)
class Work:
    """What a build does: everything (``since`` is None) or what changed after run ``since``, up to run ``until``."""

    since: int | None
    until: int

    @property
    def whole(self) -> bool:
        """A generation from nothing."""
        return self.since is None


@contextmanager
def changed_customers(work: duckdb.DuckDBPyConnection, job: Work) -> Iterator[int]:
    """The temp table ``publish_customers`` while the block lasts; yields its length.

    Its columns: cno (a whole number that stands for the customer during the build), customer_id, standing, stands_as,
    changed_seq.
    Changed are customers whose records, values or statements changed, whose events did, and ids given or retired.
    """
    since = job.since
    some = f"""
        WHERE changed_seq > {since} OR customer_id IN (
            SELECT m.customer_id FROM membership m SEMI JOIN (
                SELECT rid FROM records SEMI JOIN (
                    SELECT channel, source_record_id FROM events WHERE changed_seq > {since}
                ) USING (channel, source_record_id)
                UNION ALL SELECT rid FROM record_history WHERE superseded_seq > {since} OR changed_seq > {since}
            ) USING (rid))"""
    work.execute(f"""
        CREATE OR REPLACE TEMP TABLE {CHANGED} AS
        SELECT row_number() OVER ()::INTEGER AS cno, customer_id, standing, stands_as, changed_seq FROM customer_ids
        {"" if job.whole else some}""")
    with afterwards(lambda: _drop_shared(work)):
        yield int(work.execute(f"SELECT count(*) FROM {CHANGED}").fetchall()[0][0])


def _drop_shared(work: duckdb.DuckDBPyConnection) -> None:
    golden = work.execute("SELECT table_name FROM duckdb_tables() WHERE temporary AND table_name LIKE 'golden_%'")
    for table in (*_SHARED_TABLES, *(name for (name,) in golden.fetchall())):
        work.execute(f"DROP TABLE IF EXISTS temp.{table}")


@contextmanager
def one_transaction(work: duckdb.DuckDBPyConnection) -> Iterator[None]:
    """What the block does to ``work`` happens as a whole or not at all."""
    work.execute("BEGIN")
    try:
        yield
    except BaseException:
        # the error on its way out matters, not that a transaction it has ended itself cannot be rolled back
        with suppress(duckdb.Error):
            work.execute("ROLLBACK")
        raise
    work.execute("COMMIT")


def create_relations(work: duckdb.DuckDBPyConnection, traits: Traits) -> None:
    """Make every relation, with its comments, in the attached database ``generation``."""
    # one transaction: two hundred small statements would each be written through to the disk
    with one_transaction(work):
        for relation in relations(traits):
            for statement in relation.create_statements("generation"):
                work.execute(statement)
        # by column: row by row took longer than all tables
        columns = [list(column) for column in zip(*dictionary_rows(traits), strict=True)]
        values = ", ".join("unnest(?)" for _ in columns)
        work.execute(f"INSERT INTO generation.main.data_dictionary SELECT {values}", columns)


@dataclass(frozen=True)
class Golden:
    """The rules that had a value to choose among, and by field the temp table with what each customer keeps."""

    rules: Mapping[str, SurvivorshipRule]
    tables: dict[str, str]


def golden_records(work: duckdb.DuckDBPyConnection, model: Model, advance: Advance) -> Golden:
    """Make ``merge_records`` of ``placed_records``, and the golden tables; ``generation`` is not looked into."""
    rules = gather_records(work, model.survivorship, also=(*IDENTIFIER_FIELDS, "marketing_consent"))
    advance()
    golden: dict[str, str] = {}
    for rule in rules.values():
        table = survive(work, rule)
        golden |= dict.fromkeys(rule.fields, table)
        advance()
    return Golden(rules, golden)


def link_changed(work: duckdb.DuckDBPyConnection, job: Work, model: Model) -> Weakest:
    """Fill what tells of pairs, see ``fill_links``, with the model version of the last run that has one."""
    versions = work.execute(
        f"SELECT model_version FROM runs WHERE run_seq <= {job.until} AND model_version IS NOT NULL "
        "ORDER BY run_seq DESC LIMIT 1"
    ).fetchall()
    version = str(versions[0][0]) if versions else None
    return fill_links(work, model.clustering.borderline_bits, version, whole=job.whole)


def refresh_links(work: duckdb.DuckDBPyConnection, job: Work, model: Model) -> Weakest:
    """In a copy, let go of all that changed customers had, and fill what tells of pairs anew."""
    assert job.since is not None
    with one_transaction(work):
        clear_changed(work, job.since)
        return link_changed(work, job, model)


def fill_relations(work: duckdb.DuckDBPyConnection, job: Work, model: Model, golden: Golden, advance: Advance) -> None:
    """Bring what remains of the attached database ``generation`` to the state of run ``job.until``.

    To be called when pairs are filled, and ``publish_weakest`` is there.
    """
    if golden.rules:
        # in one statement: each insert leaves half-filled row groups, which the checkpoint would have to write again
        rows = " UNION ALL ".join(field_rows_sql(rule, golden.tables[rule.fields[0]]) for rule in golden.rules.values())
        work.execute(f"INSERT INTO generation.main.customer_field_values {rows}")
    scope = _scope(work, job, golden.tables)
    for name, query in temp_tables_sql(scope).items():
        work.execute(f"CREATE OR REPLACE TEMP TABLE {name} AS {query}")
    for name, query in fills(scope).items():
        work.execute(f"INSERT INTO generation.main.{name} {query}")
        advance()
    if not job.whole:
        _count_holders(work)
    _tell_households(work)
    since = job.since if job.since is not None else -1
    work.execute(f"INSERT INTO generation.main.rejected_rows {rejected_rows_sql(since)}")
    small = {
        "generic_values": generic_values_sql(model),
        "generic_rulings": generic_rulings_sql(model),
        "placeholder_values": placeholder_values_sql(),
        "match_judgements": match_judgements_sql(),
    }
    for name, query in small.items():
        work.execute(f"DELETE FROM generation.main.{name}")
        work.execute(f"INSERT INTO generation.main.{name} {query}")
    work.execute("DELETE FROM generation.main.runs")
    work.execute(f"INSERT INTO generation.main.runs {runs_sql(job.until)}")


def _scope(work: duckdb.DuckDBPyConnection, job: Work, golden: dict[str, str]) -> Scope:
    channels = work.execute(f"SELECT DISTINCT channel FROM {RECORDS} ORDER BY channel").fetchall()
    return Scope(
        whole=job.whole,
        golden=golden,
        standard=frozenset(columns_of(work, "standardised")),
        gathered=frozenset(columns_of(work, RECORDS)),
        channels=tuple(str(name) for (name,) in channels),
    )


def _tell_households(work: duckdb.DuckDBPyConnection) -> None:
    """Rows that are others than those told before, whoever has changed: a household grows by somebody else's record."""
    columns = ", ".join(CUSTOMER_HOUSEHOLDS.column_names)
    told, now = f"SELECT {columns} FROM generation.main.customer_households", f"SELECT {columns} FROM households"
    work.execute(
        f"""DELETE FROM generation.main.customer_households
        WHERE customer_id IN (SELECT customer_id FROM ({told} EXCEPT {now}))"""
    )
    work.execute(f"INSERT INTO generation.main.customer_households ({now} EXCEPT {told})")


def _count_holders(work: duckdb.DuckDBPyConnection) -> None:
    """Identifiers that changed customers have or had: how many customers hold them now, changed or not."""
    work.execute(f"""
        CREATE OR REPLACE TEMP TABLE holders AS
        SELECT identifier_type, value, count(DISTINCT customer_id)::INTEGER AS held_by
        FROM generation.main.customer_identifiers SEMI JOIN (
            FROM {LOST} UNION
            SELECT identifier_type, value FROM generation.main.customer_identifiers
            WHERE customer_id IN (SELECT customer_id FROM {CHANGED})
        ) USING (identifier_type, value) GROUP BY ALL""")
    for told in ("generation.main.customer_identifiers", IDENTIFIERS):
        work.execute(f"""
            UPDATE {told} AS i SET held_by = h.held_by, shared = h.held_by > 1
            FROM holders h
            WHERE i.identifier_type = h.identifier_type AND i.value = h.value AND i.held_by <> h.held_by""")
    for table in ("holders", LOST):
        work.execute(f"DROP TABLE temp.{table}")
