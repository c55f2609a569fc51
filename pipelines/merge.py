"""Every changed customer's golden record: the rules of ``profile_service.identity.merge`` as SQL over all of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

import duckdb

from profile_service.identity.merge import RUNNERS_UP
from profile_service.identity.survivorship import (
    MOST,
    POSITION_BITS,
    SHOW,
    STRATEGIES,
    SurvivorshipRule,
    tidy_sql,
)
from profile_service.store.schema import RECORD_FIELDS
from profile_service.store.stored import GATHERED

RECORDS = "merge_records"
PLACED = "placed_records"
_LOSING_PLACES = range(2, RUNNERS_UP + 2)


def place_records(work: duckdb.DuckDBPyConnection, customers: str) -> None:
    """Make the temp table ``placed_records`` (cno, rid, position, recent) of ``customers``.

    ``customers``: a temp table (cno, customer_id, standing); ``position``: a record's place in its customer by channel
    and id, ``recent``: by time.
    """
    # in two steps, and what is told of each record in a third: as one query the planner joins the windows' wide rows,
    # which takes three times as long
    work.execute(f"""
        CREATE OR REPLACE TEMP TABLE members AS
        SELECT c.cno, m.rid FROM {customers} c JOIN membership m USING (customer_id) WHERE c.standing""")
    work.execute(f"""
        CREATE OR REPLACE TEMP TABLE {PLACED} AS
        SELECT m.cno, m.rid, row_number() OVER by_key - 1 AS position, dense_rank() OVER by_time - 1 AS recent
        FROM members m JOIN records r USING (rid)
        WINDOW by_key AS (PARTITION BY m.cno ORDER BY r.channel, r.source_record_id),
               by_time AS (PARTITION BY m.cno ORDER BY r.updated_at DESC NULLS LAST)""")
    work.execute("DROP TABLE members")


def gather_records(
    work: duckdb.DuckDBPyConnection, rules: Mapping[str, SurvivorshipRule], also: Sequence[str] = ()
) -> dict[str, SurvivorshipRule]:
    """Make the temp table ``merge_records`` of ``placed_records``, which goes.

    A row is a record with its place in the customer (``position``, ``recent``), and for every field of a rule, and
    those in ``also``, the value as sent and ``standard_<field>``; of other fields what there is of either. Answers the
    rules that have a value to choose among.
    """
    known = columns_of(work, "standardised")
    sent = filled(work, "records", [*_fields(rules.values()), *RECORD_FIELDS])
    read = filled(work, "standardised", [name for name in GATHERED if name in known])
    rules = {
        name: replace(rule, readable=tuple(field for field in rule.readable if field in known))
        for name, rule in rules.items()
        if sent & set(rule.fields)
    }
    needed = dict.fromkeys([*_fields(rules.values()), *also])
    same = sorted({rule.same for rule in rules.values() if rule.same})
    columns = [f"r.{name}" for name in dict.fromkeys([*needed, *sorted(sent)])]
    columns += [_standard_column(name, known) for name in dict.fromkeys([*needed, *same, *sorted(read)])]
    work.execute(f"""
        CREATE OR REPLACE TEMP TABLE {RECORDS} AS
        SELECT p.*, r.channel, r.source_record_id, r.updated_at, r.extra, r.file_id, r.changed_seq, {", ".join(columns)}
        FROM {PLACED} p JOIN records r USING (rid) LEFT JOIN standardised s USING (rid)""")
    work.execute(f"DROP TABLE {PLACED}")
    return rules


def survive(work: duckdb.DuckDBPyConnection, rule: SurvivorshipRule) -> str:
    """Make and name a temp table with the value each customer keeps by ``rule``.

    Columns: cno, rid (the record that gave it), decided_by, records, distinct_values; for each field of the rule its
    value as written for people, and ``losing_<field>``: the list of its runners-up or null.
    """
    table = f"golden_{rule.name}"
    work.execute(f"CREATE OR REPLACE TEMP TABLE offers AS {_offers_sql(rule)}")
    # most customers have one value to offer: only the others need ranking
    work.execute(f"""
        CREATE OR REPLACE TEMP TABLE rivals AS
        SELECT *, row_number() OVER by_key AS place, lead(key) OVER by_key AS next_key,
               count(*) OVER by_customer AS distinct_values, sum(times) OVER by_customer AS records
        FROM offers SEMI JOIN (SELECT cno FROM offers GROUP BY cno HAVING count(*) > 1) USING (cno)
        WINDOW by_key AS (PARTITION BY cno ORDER BY key), by_customer AS (PARTITION BY cno)
        QUALIFY place <= {RUNNERS_UP + 1}""")
    shown = ", ".join(f"{_shown_sql(rule, name)} AS {name}" for name in rule.fields)
    # written for people before the ranks are joined: inside that join the same expressions take three times as long
    work.execute(f"""
        CREATE OR REPLACE TEMP TABLE shown AS
        SELECT o.*, r.channel, r.source_record_id, {shown} FROM rivals o JOIN {RECORDS} r USING (rid)""")
    joins = " ".join(
        f"LEFT JOIN (FROM shown WHERE place = {place}) l{place} ON l{place}.cno = o.cno" for place in _LOSING_PLACES
    )
    losing = ", ".join(f"{_losing_sql(name)} AS losing_{name}" for name in rule.fields)
    work.execute(f"""
        CREATE OR REPLACE TEMP TABLE {table} AS
        SELECT o.cno, o.rid, {_decided_sql(rule)} AS decided_by, o.records::INTEGER AS records,
               o.distinct_values::INTEGER AS distinct_values, {", ".join(f"o.{name}" for name in rule.fields)}, {losing}
        FROM shown o {joins} WHERE o.place = 1""")
    work.execute(f"""
        INSERT INTO {table} BY NAME
        SELECT o.cno, o.rid, CASE WHEN o.times = 1 THEN 'only_value' ELSE 'agreed' END AS decided_by,
               o.times AS records, 1 AS distinct_values, {shown}
        FROM (FROM offers ANTI JOIN rivals USING (cno)) o JOIN {RECORDS} r USING (rid)""")
    for made in ("offers", "rivals", "shown"):
        work.execute(f"DROP TABLE {made}")
    return table


def field_rows_sql(rule: SurvivorshipRule, table: str) -> str:
    """A query with one row for each customer and field of ``rule``: the relation ``customer_field_values``."""
    return " UNION ALL ".join(
        f"""SELECT rid AS record_number, '{name}' AS field, {name} AS value, decided_by, records, distinct_values,
                losing_{name} AS runners_up FROM {table} WHERE {name} IS NOT NULL"""
        for name in rule.fields
    )


def columns_of(work: duckdb.DuckDBPyConnection, table: str) -> set[str]:
    """The columns of a table of the work store, permanent or not."""
    rows = work.execute("SELECT column_name FROM duckdb_columns() WHERE table_name = ?", [table]).fetchall()
    return {str(name) for (name,) in rows}


def _losing_sql(name: str) -> str:
    places = ", ".join(
        f"""CASE WHEN l{place}.{name} IS NOT NULL THEN {{'value': l{place}.{name}, 'channel': l{place}.channel,
            'source_record_id': l{place}.source_record_id, 'records': l{place}.times}} END"""
        for place in _LOSING_PLACES
    )
    return f"nullif(list_filter([{places}], lambda loser: loser IS NOT NULL), [])"


def _offers_sql(rule: SurvivorshipRule) -> str:
    """Distinct values of each customer (cno, rid of the record that speaks best for it, times, key: smaller wins)."""
    masked = {name: _masked(rule, name) for name in rule.fields}
    first = rule.fields[0]
    lacking = [f"({masked[need]}) IS NULL" for need in rule.needs]
    same = f"standard_{rule.same}" if rule.same else "NULL::VARCHAR"
    parts = [
        f"CASE WHEN {value} IS NOT NULL{_counts(rule, name, lacking)}"
        f" THEN coalesce(standard_{name}, lower({tidy_sql(name)})) END"
        for name, value in masked.items()
    ]
    identity = f"hash(coalesce({same}, {parts[0]}))" if len(parts) == 1 else f"hash({', '.join(parts)})"
    shifts = _shifts(rule)
    packed = [f"(({STRATEGIES[name].sql(rule)})::UBIGINT << {shift})" for name, shift in shifts.items()]
    # alike within an offer, so it can be added to the best of the offer's keys
    times = f"+ (({MOST} - least(count(*), {MOST}))::UBIGINT << {shifts.get('most_frequent')})"
    return f"""
        WITH spoken AS (
            SELECT cno, rid, position, recent, channel, source_record_id,
                   standard_{first} AS standard, {same} AS same_value,
                   coalesce(standard_{first}, {masked[first]}, '') AS text,
                   ({" OR ".join(lacking) or "false"}) AS lacks, {identity} AS identity
            FROM {RECORDS} WHERE coalesce({", ".join(masked.values())}) IS NOT NULL),
        keyed AS (
            SELECT cno, rid, identity,
                   {" + ".join([*packed, f"least(position, {MOST})::UBIGINT"])} AS key
            FROM spoken)
        SELECT cno, arg_min(rid, key) AS rid, count(*)::INTEGER AS times,
               min(key) {times if "most_frequent" in shifts else ""} AS key
        FROM keyed GROUP BY cno, identity"""


def _counts(rule: SurvivorshipRule, name: str, lacking: list[str]) -> str:
    """Beside the fields that a rule needs, others tell two offers apart only where one of the needed is lacking."""
    return f" AND ({' OR '.join(lacking)})" if lacking and name not in rule.needs else ""


def _shifts(rule: SurvivorshipRule) -> dict[str, int]:
    """How far left each strategy's number stands in the packed key; the first strategy stands highest."""
    shift = POSITION_BITS
    shifts = {}
    for name in reversed(rule.order):
        shifts[name] = shift
        shift += STRATEGIES[name].bits
    return dict(reversed(shifts.items()))


def _decided_sql(rule: SurvivorshipRule) -> str:
    whens = " ".join(
        f"WHEN (o.key >> {shift}) <> (o.next_key >> {shift}) THEN '{name}'" for name, shift in _shifts(rule).items()
    )
    return f"CASE {whens} ELSE 'record_order' END" if whens else "'record_order'"


def _masked(rule: SurvivorshipRule, name: str) -> str:
    return f"CASE WHEN standard_{name} IS NOT NULL THEN {name} END" if name in rule.readable else name


def _shown_sql(rule: SurvivorshipRule, name: str) -> str:
    _, way = SHOW[rule.show.get(name, "sent")]
    shown = way(f"r.{name}", f"r.standard_{name}")
    guard = f"r.{name} IS NOT NULL" + (f" AND r.standard_{name} IS NOT NULL" if name in rule.readable else "")
    return f"CASE WHEN {guard} THEN {shown} END"


def filled(work: duckdb.DuckDBPyConnection, table: str, columns: Iterable[str]) -> set[str]:
    """Those columns that have a value; a column without any is known by its statistics, so that none is counted."""
    some = [f"(SELECT '{name}' FROM {table} WHERE {name} IS NOT NULL LIMIT 1)" for name in dict.fromkeys(columns)]
    return {str(name) for (name,) in work.execute(" UNION ALL ".join(some)).fetchall()}


def _fields(rules: Iterable[SurvivorshipRule]) -> list[str]:
    return list(dict.fromkeys(name for rule in rules for name in rule.fields))


def _standard_column(name: str, known: set[str]) -> str:
    return f"s.{name} AS standard_{name}" if name in known else f"NULL::VARCHAR AS standard_{name}"
