"""The rows of each relation of a generation, as SQL over the work store and the temp tables of a merge."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from pipelines.merge import RECORDS
from profile_service.identity.consent import LAST_STATEMENTS_SQL, STANDING_CONSENT_SQL
from profile_service.identity.survivorship import quoted
from profile_service.store.schema import (
    CUSTOMERS,
    IDENTIFIER_FIELDS,
    RECORD_FIELDS,
    STANDARD_FIELDS,
)

CHANGED = "publish_customers"
STALE_EVENTS = "stale_events"
WEAKEST = "publish_weakest"
# What is published as customer_identifiers, by cno: as keys of a join, the customers' ids take twice as long.
IDENTIFIERS = "publish_identifiers"
# Channels that are told by the bits of one number.
_BITS = 62


@dataclass(frozen=True)
class Scope:
    """What a fill may use: rules' golden tables by field, columns of ``standardised`` and ``merge_records``, and so on.

    ``whole``: every customer is in ``publish_customers`` (cno, customer_id, standing); otherwise the changed ones.
    """

    whole: bool
    golden: dict[str, str]
    standard: frozenset[str]
    gathered: frozenset[str]
    channels: tuple[str, ...]


def temp_tables_sql(scope: Scope) -> dict[str, str]:
    """Temp tables that several relations share, by name, in the order in which they can be made."""
    events = "events" if scope.whole else f"(FROM events SEMI JOIN {STALE_EVENTS} USING (channel, event_id))"
    return {
        "publish_events": f"""
            SELECT m.cno, m.rid, e.* EXCLUDE (row_hash, file_id)
            FROM {events} e LEFT JOIN {RECORDS} m USING (channel, source_record_id)""",
        "publish_history": f"""
            SELECT c.cno, h.*, c.stands_as FROM id_history h JOIN {CHANGED} c USING (customer_id)""",
        "publish_statements": f"""
            WITH now AS (
                SELECT cno, rid, channel, source_record_id, updated_at, lower(trim(marketing_consent)) AS said
                FROM {RECORDS} WHERE marketing_consent IS NOT NULL),
            old AS (
                SELECT m.cno, m.rid, m.channel, m.source_record_id, h.updated_at,
                       lower(trim(h.marketing_consent)) AS said, h.superseded_seq AS place
                FROM record_history h JOIN {RECORDS} m USING (rid) WHERE h.authenticated IS NOT FALSE),
            versions AS (
                SELECT * FROM (FROM old UNION ALL
                               SELECT *, 2147483647 FROM now WHERE rid IN (SELECT rid FROM record_history))
                WHERE said IN ('yes', 'no'))
            FROM ({LAST_STATEMENTS_SQL}) UNION ALL
            SELECT cno, rid, channel, source_record_id, said, updated_at, 1
            FROM now WHERE said IN ('yes', 'no') AND rid NOT IN (SELECT rid FROM record_history)""",
        # what customers said through the service, by the record that carries it
        "publish_carried": f"""
            SELECT m.cno, m.rid, k.purpose, k.consent_channel AS channel, k.said, k.stated_at, k.statements
            FROM consents k JOIN {RECORDS} m USING (channel, source_record_id)""",
        IDENTIFIERS: _identifiers(scope),
        "publish_consents": f"""
            SELECT cno, purpose, {STANDING_CONSENT_SQL} AS consent FROM (
                SELECT cno, 'marketing' AS purpose, said, stated_at FROM publish_statements
                UNION ALL SELECT cno, purpose, said, stated_at FROM publish_carried) GROUP BY cno, purpose""",
    }


def fills(scope: Scope) -> dict[str, str]:
    """For each relation filled from customers: its rows, in the order of its columns."""
    return {
        "customers": _customers(scope),
        "customer_records": _records(scope),
        "customer_record_versions": f"""
            SELECT v.channel, v.source_record_id, c.customer_id, {", ".join(f"v.{name}" for name in RECORD_FIELDS)},
                   v.extra, v.updated_at, f.path, u.run_id
            FROM record_history v JOIN {RECORDS} m USING (rid) JOIN {CHANGED} c USING (cno)
            LEFT JOIN files f ON f.file_id = v.file_id LEFT JOIN runs u ON u.run_seq = v.superseded_seq""",
        "customer_identifiers": f"""
            SELECT i.identifier_type, i.value, c.customer_id, i.channels, i.records, i.first_seen, i.last_seen,
                   i.held_by, i.shared
            FROM {IDENTIFIERS} i JOIN {CHANGED} c USING (cno)""",
        "customer_events": f"""
            SELECT e.channel, e.event_id, c.customer_id, e.source_record_id, e.event_type, e.occurred_at, e.amount,
                   e.currency, e.extra, u.run_id
            FROM publish_events e LEFT JOIN {CHANGED} c USING (cno) LEFT JOIN runs u ON u.run_seq = e.changed_seq""",
        "customer_consents": f"""
            WITH stated AS (
                SELECT cno, 'marketing' AS purpose, channel, said, stated_at, source_record_id, statements
                FROM publish_statements UNION ALL
                SELECT cno, purpose, channel, said, stated_at, NULL, statements FROM publish_carried),
            here AS (
                SELECT cno, purpose, channel, {STANDING_CONSENT_SQL} AS consent, sum(statements)::INTEGER AS statements,
                       count(*) = 1 AS single, any_value(stated_at) AS stated_at,
                       any_value(source_record_id) AS source_record_id
                FROM stated GROUP BY cno, purpose, channel),
            makers AS (
                SELECT h.cno, h.purpose, h.channel, h.consent, h.statements, s.stated_at, s.source_record_id
                FROM stated s JOIN here h ON h.cno = s.cno AND h.purpose = s.purpose AND h.channel = s.channel
                    AND h.consent = s.said
                WHERE NOT h.single
                QUALIFY row_number() OVER (
                    PARTITION BY s.cno, s.purpose, s.channel
                    ORDER BY s.stated_at DESC NULLS LAST, s.source_record_id NULLS FIRST) = 1)
            SELECT c.customer_id, m.purpose, m.channel, m.consent, o.consent, m.stated_at, m.source_record_id,
                   m.statements
            FROM (SELECT cno, purpose, channel, consent, statements, stated_at, source_record_id FROM here WHERE single
                  UNION ALL FROM makers) m
            JOIN publish_consents o ON o.cno = m.cno AND o.purpose = m.purpose JOIN {CHANGED} c ON c.cno = m.cno""",
        "customer_id_history": """
            SELECT h.customer_id, h.valid_from, h.valid_to, h.event, h.other_customer_id, h.stands_as, u.run_id
            FROM publish_history h LEFT JOIN runs u USING (run_seq)""",
        "customer_changes": f"""
            SELECT i.customer_id, u.run_id, i.event, i.other_customer_id, i.cause,
                   a.channel || ':' || a.source_record_id, b.channel || ':' || b.source_record_id, i.bits, i.field,
                   i.value
            FROM id_causes i SEMI JOIN {CHANGED} c USING (customer_id) LEFT JOIN runs u USING (run_seq)
            LEFT JOIN records a ON a.rid = i.record LEFT JOIN records b ON b.rid = i.other_record""",
    }


def rejected_rows_sql(since: int) -> str:
    """Rejected rows of the runs after ``since``."""
    return f"""SELECT u.run_id, j.channel, j.kind, j.file, j.line, j.row_as_sent, j.reasons, j.source_record_id
        FROM rejected_rows j LEFT JOIN runs u USING (run_seq) WHERE j.run_seq > {since}"""


def runs_sql(until: int) -> str:
    """Every run that this generation holds; what is resolved by now is published with it."""
    return f"""SELECT run_id, run_seq, CASE WHEN state = 'resolved' THEN 'published' ELSE state END, started_at,
        ended_at, model_version, counts, durations, inputs, warnings FROM runs WHERE run_seq <= {until}"""


def channel_list_sql(channels: Sequence[str]) -> str:
    """An aggregate: the channels met, in alphabetical order."""
    each = []
    for first in range(0, len(channels), _BITS):
        some = channels[first : first + _BITS]
        # one number for all of them: an aggregate a channel takes twice as long
        whens = " ".join(f"WHEN {quoted(name)} THEN {1 << bit}" for bit, name in enumerate(some))
        met = f"bit_or(CASE channel {whens} END)"
        each += [f"CASE WHEN {met} & {1 << bit} > 0 THEN {quoted(name)} END" for bit, name in enumerate(some)]
    return f"list_filter([{', '.join(each)}]::VARCHAR[], lambda name: name IS NOT NULL)"


def _customers(scope: Scope) -> str:
    golden = [name for name in CUSTOMERS.column_names if name in scope.golden]
    tables = dict.fromkeys(scope.golden.values())
    joins = " ".join(f"LEFT JOIN {table} ON {table}.cno = c.cno" for table in tables)
    values = {name: f"{scope.golden[name]}.{name}" for name in golden}
    if "birth_date" in values:
        values["birth_date"] = f"TRY_CAST({values['birth_date']} AS DATE)"
    names = ", ".join(values[name] for name in ("given_name", "middle_name", "family_name") if name in values)
    whole = f"{scope.golden['full_name']}.full_name" if "full_name" in scope.golden else "NULL"
    values |= {
        "customer_id": "c.customer_id",
        "full_name": f"coalesce(nullif(concat_ws(' ', {names or 'NULL'}), ''), {whole})",
        "marketing_consent": "o.consent",
        "channels": "n.channels",
        "channel_count": "len(n.channels)::INTEGER",
        "record_count": "n.records::INTEGER",
        "event_count": "coalesce(e.events, 0)",
        "amount_by_currency": """CASE WHEN e.currency IS NULL THEN MAP {} WHEN e.currency = e.other
            THEN MAP {e.currency: e.amount} ELSE s.amounts END""",
        "first_seen": "least(n.first_seen, h.first_seen, e.first_event_at)",
        "last_seen": "greatest(n.last_seen, e.last_event_at)",
        "last_event_at": "e.last_event_at",
        "weakest_link_bits": "w.bits",
        "customer_since": "b.valid_from",
        "run_id": "u.run_id",
    }
    columns = ", ".join(f"{values.get(name, 'NULL')} AS {name}" for name in CUSTOMERS.column_names)
    # hardly anyone spends in two currencies: only their amounts are summed once more, by currency
    return f"""
        WITH n AS (
            SELECT cno, count(*) AS records, {channel_list_sql(scope.channels)} AS channels,
                   min(updated_at) AS first_seen, max(updated_at) AS last_seen
            FROM {RECORDS} GROUP BY cno),
        h AS (SELECT m.cno, min(v.updated_at) AS first_seen
              FROM record_history v JOIN {RECORDS} m USING (rid) JOIN records r USING (rid)
              WHERE v.authenticated IS NOT FALSE OR r.authenticated IS FALSE GROUP BY m.cno),
        e AS (
            SELECT cno, count(*) AS events, min(occurred_at) AS first_event_at, max(occurred_at) AS last_event_at,
                   min(currency) FILTER (amount IS NOT NULL) AS currency,
                   max(currency) FILTER (amount IS NOT NULL) AS other,
                   sum(amount) FILTER (currency IS NOT NULL) AS amount
            FROM publish_events GROUP BY cno),
        spent AS (
            SELECT cno, currency, sum(amount) AS amount
            FROM publish_events SEMI JOIN (FROM e WHERE other <> currency) USING (cno)
            WHERE amount IS NOT NULL AND currency IS NOT NULL GROUP BY cno, currency),
        s AS (SELECT cno, map_from_entries(list_sort(list((currency, amount)))) AS amounts FROM spent GROUP BY cno),
        b AS (SELECT cno, valid_from FROM publish_history WHERE event IN ('created', 'split_from'))
        SELECT {columns}
        FROM {CHANGED} c JOIN n ON n.cno = c.cno {joins}
        LEFT JOIN h ON h.cno = c.cno LEFT JOIN e ON e.cno = c.cno LEFT JOIN s ON s.cno = c.cno
        LEFT JOIN {WEAKEST} w ON w.cno = c.cno LEFT JOIN publish_consents o ON o.cno = c.cno AND o.purpose = 'marketing'
        LEFT JOIN b ON b.cno = c.cno
        LEFT JOIN runs u ON u.run_seq = c.changed_seq"""


def _records(scope: Scope) -> str:
    columns = [*RECORD_FIELDS, "extra", "updated_at", *(f"standard_{name}" for name in STANDARD_FIELDS)]
    said = ", ".join(f"m.{name}" if name in scope.gathered else "NULL" for name in columns)
    return f"""
        SELECT m.channel, m.source_record_id, c.customer_id, {said}, f.path, u.run_id, m.rid
        FROM {RECORDS} m JOIN {CHANGED} c USING (cno) LEFT JOIN files f USING (file_id)
        LEFT JOIN runs u ON u.run_seq = m.changed_seq"""


def _identifiers(scope: Scope) -> str:
    # grouped and counted by the hash of a value: strings as keys take twice as long
    each = " UNION ALL ".join(
        f"""SELECT '{name}' AS identifier_type, any_value(value) AS value, hash('{name}', value) AS code, cno,
                {channel_list_sql(scope.channels)} AS channels, count(*)::INTEGER AS records,
                min(updated_at) AS first_seen, max(updated_at) AS last_seen
            FROM (SELECT {identifier_sql(name, scope.standard)} AS value, cno, channel, updated_at FROM {RECORDS})
            WHERE value IS NOT NULL GROUP BY hash('{name}', value), cno"""
        for name in IDENTIFIER_FIELDS
    )
    return f"""
        WITH held AS MATERIALIZED ({each}),
        many AS (SELECT code, count(*)::INTEGER AS held_by FROM held GROUP BY code HAVING count(*) > 1)
        SELECT i.* EXCLUDE (code), coalesce(m.held_by, 1) AS held_by, m.held_by IS NOT NULL AS shared
        FROM held i LEFT JOIN many m USING (code)"""


def identifier_sql(name: str, standard: Collection[str]) -> str:
    """An identifier of a row of ``merge_records``, where ``standardised`` has the columns ``standard``."""
    return f"standard_{name}" if name in standard else f"trim({name})"
