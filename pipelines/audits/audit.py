"""One audit: a promise in a sentence and the query whose rows break it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from string import Formatter

import duckdb

from pipelines.audits.keys import ADDRESS_FIELDS, PLAIN_FIELDS, Keys
from pipelines.work import afterwards
from profile_service.errors import PromiseBroken
from profile_service.store.schema import RECORD_FIELDS, RELATIONS

SHOWN = 5
_NOTHING: Mapping[str, str] = {}


@dataclass(frozen=True)
class Audit:
    """``query`` answers the keys (never personal data) of rows that break ``promise``; none means it holds.

    A relation of the generation stands in the query as ``{name}``, as do ``scored_pairs``, ``holders_of_identifiers``,
    ``given_ids`` and what ``SURVEYS`` sums up, so that each can be narrowed to what was written. ``once``: asked only
    of a generation built as a whole. ``about``: a query without whose rows nothing could break the promise.
    ``settled``: where everything is looked at, whether keys as numbers show already that it holds; else the query is
    asked.
    """

    promise: str
    query: str
    once: bool = False
    about: str = ""
    settled: Callable[[Keys], bool] | None = None

    @property
    def sources(self) -> set[str]:
        """The names that stand in braces in the query."""
        return {name for _, name, _, _ in Formatter().parse(self.query) if name}

    def offending(self, connection: duckdb.DuckDBPyConnection, changed: str | None = None) -> list[str]:
        """Up to five keys of rows that break the promise; see ``check`` for ``changed``."""
        return self.offending_among(connection, {name: _source(name, changed) for name in self.sources})

    def offending_among(self, connection: duckdb.DuckDBPyConnection, sources: Mapping[str, str]) -> list[str]:
        """The same with the relation, table or query in parentheses, that is read for each name in braces."""
        if self.about and not connection.execute(f"SELECT * FROM ({self.about}) LIMIT 1").fetchall():
            return []
        rows = connection.execute(f"SELECT * FROM ({self.query.format_map(sources)}) LIMIT {SHOWN}").fetchall()
        return [" ".join(str(value) for value in row) for row in rows]


def more_than_once(source: str, key: Sequence[str]) -> str:
    """A query of the keys that several rows of ``source`` have.

    Hashes are grouped first: whole numbers as keys take a third of the time that strings do.
    """
    columns = ", ".join(key)
    return f"""SELECT {columns} FROM {source} WHERE hash({columns}) IN (
            SELECT code FROM (SELECT hash({columns}) AS code FROM {source}) GROUP BY code HAVING count(*) > 1)
        GROUP BY ALL HAVING count(*) > 1"""


def check(
    connection: duckdb.DuckDBPyConnection,
    audits: Iterable[Audit],
    changed: str | None = None,
    since: int = 0,
    keys: Keys | None = None,
) -> None:
    """Raises PromiseBroken naming the first promise that does not hold and some of the rows that break it.

    ``changed``: a table of customer ids (of record numbers for the work store) when only their rows were written, and
    the rest was audited when it was; None: look at all. ``since``: the run whose ids and events those are, beside them.
    ``keys``: of ``connection``, where they have been asked for before.
    """
    asked = [audit for audit in audits if changed is None or not audit.once]
    if changed is None:
        seen = keys or Keys(connection)
        asked = [audit for audit in asked if not (audit.settled and audit.settled(seen))]
    with _gathered(connection, asked, changed, since) as sources:
        for audit in asked:
            if broken_by := audit.offending_among(connection, sources):
                raise PromiseBroken(f"the promise “{audit.promise}” is broken, for instance by {'; '.join(broken_by)}")


_BY_CUSTOMER = (
    "customers",
    "customer_records",
    "customer_record_versions",
    "customer_identifiers",
    "customer_fields",
    "customer_events",
    "customer_consents",
    "customer_households",
    "customer_trait_values",
    "customer_id_history",
)
_BY_RECORDS = ("match_pairs", "match_merges", "match_near_misses")
_BIT_OF_FIELD = " ".join(f"WHEN '{name}' THEN {1 << place}" for place, name in enumerate(RECORD_FIELDS, start=1))
_PLAIN = f"field IN {PLAIN_FIELDS}"
_ADDRESS = f"field IN {ADDRESS_FIELDS}"

# Of relations with many columns, those that audits read: the rest need not be copied.
_NARROW = {
    "customers": ("customer_id", "record_count", "event_count", "marketing_consent", *PLAIN_FIELDS),
    "customer_records": ("customer_id", "channel", "source_record_id", "record_number"),
    "customer_identifiers": ("customer_id", "identifier_type", "value", "held_by", "shared"),
    "customer_events": ("customer_id", "channel", "event_id"),
    "customer_consents": ("customer_id", "purpose", "channel", "consent", "stated_at"),
    "customer_id_history": ("customer_id", "valid_from", "stands_as"),
    "customer_trait_values": ("customer_id",),
}

# What audits read of the work store: a table, and what of it a run may have changed. It has changed the records
# ``written``; ids and events that it changed carry its number.
_CHANGED_IDS = """FROM customer_ids WHERE customer_id IN (
    SELECT customer_id FROM customer_ids WHERE changed_seq >= {since}) OR stands_as IN (
    SELECT customer_id FROM customer_ids WHERE changed_seq >= {since})"""
WORK_TABLES = {
    "records": ("records", "SELECT rid, channel, source_record_id FROM records WHERE rid IN {written}"),
    "namesakes": (
        "records",
        """SELECT channel, source_record_id FROM records WHERE hash(channel, source_record_id) IN (
            SELECT hash(channel, source_record_id) FROM records WHERE rid IN {written})""",
    ),
    "membership": ("membership", "SELECT rid, customer_id FROM membership WHERE rid IN {written}"),
    "customer_ids": ("customer_ids", f"SELECT * {_CHANGED_IDS}"),
    "id_history": (
        "id_history",
        f"SELECT customer_id, valid_to FROM id_history WHERE customer_id IN (SELECT customer_id {_CHANGED_IDS})",
    ),
    "events": (
        "events",
        """SELECT channel, event_id FROM events WHERE hash(channel, event_id) IN (
            SELECT hash(channel, event_id) FROM events WHERE changed_seq >= {since})""",
    ),
    "scored_pairs": ("scored_pairs", "SELECT l, r FROM scored_pairs WHERE l IN {written} OR r IN {written}"),
}

# Long relations summed up once for several promises.
SURVEYS = {
    # a customer's golden values: how many, of how many fields, a sum of what they say, addresses of several records
    "fields_by_customer": f"""
        SELECT any_value(customer_id) AS customer_id, count(*) AS rows,
               bit_count(bit_or(CASE field {_BIT_OF_FIELD} ELSE 1 END)) AS fields,
               coalesce(bit_xor(hash(field, value)) FILTER ({_PLAIN}), 0) AS said,
               coalesce(min(source) FILTER ({_ADDRESS}) <> max(source) FILTER ({_ADDRESS}), false) AS mixed_address
        FROM (SELECT record_number AS source, field, value, customer_id, code
              FROM generation.main.customer_field_values
              JOIN (SELECT *, hash(customer_id) AS code FROM {{customer_records}}) USING (record_number))
        GROUP BY code""",
}


@contextmanager
def _gathered(
    connection: duckdb.DuckDBPyConnection, audits: Sequence[Audit], changed: str | None, since: int
) -> Iterator[dict[str, str]]:
    """What is read for each name in braces; what several audits would narrow or sum up again is a table meanwhile."""
    sources: dict[str, str] = {}
    made: dict[str, str] = {}
    # in this order what others are narrowed by comes before them
    for name in sorted(set().union(*(audit.sources for audit in audits))):
        sources[name] = _source(name, changed, since, made)
        if sources[name].startswith("("):
            connection.execute(f"CREATE OR REPLACE TEMP TABLE audit_{name} AS {sources[name]}")
            sources[name] = made[name] = f"audit_{name}"
    with afterwards(lambda: [connection.execute(f"DROP TABLE temp.{table}") for table in made.values()]):
        yield sources


def _source(name: str, changed: str | None, since: int = 0, made: Mapping[str, str] = _NOTHING) -> str:
    """What stands for ``name`` when only rows of ``changed`` are looked at; a query stands in parentheses.

    ``made``: tables that hold such queries' rows already.
    """
    if name in made:
        return made[name]
    if name in WORK_TABLES:
        table, narrowed = WORK_TABLES[name]
        written = f"(SELECT rid FROM {changed})"
        return table if changed is None else f"({narrowed.format(written=written, since=since)})"
    if name in SURVEYS:
        relations = {relation.name: _source(relation.name, changed, made=made) for relation in RELATIONS}
        return f"({SURVEYS[name].format_map(relations)})"
    if name == "holders_of_identifiers":
        return _holders(changed, made)
    table = f"generation.main.{name}"
    ids = f"(SELECT customer_id FROM {changed})"
    if changed is not None and name in _BY_CUSTOMER:
        columns = ", ".join(_NARROW.get(name, ("*",)))
        return f"(SELECT {columns} FROM {table} WHERE customer_id IN {ids})"
    if name == "given_ids":
        return (
            "customer_ids" if changed is None else f"(SELECT customer_id FROM customer_ids WHERE customer_id IN {ids})"
        )
    if changed is not None and name in _BY_RECORDS:
        numbers = f"(SELECT record_number FROM {_source('customer_records', changed, made=made)})"
        return f"(SELECT * FROM {table} WHERE left_number IN {numbers} OR right_number IN {numbers})"
    return table


def _holders(changed: str | None, made: Mapping[str, str]) -> str:
    """Everyone who holds an identifier that the changed customers hold."""
    if changed is None:
        return "generation.main.customer_identifiers"
    codes = f"SELECT hash(identifier_type, value) FROM {_source('customer_identifiers', changed, made=made)}"
    return f"(SELECT * FROM generation.main.customer_identifiers WHERE hash(identifier_type, value) IN ({codes}))"
