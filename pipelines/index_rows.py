"""The rows that the service reads, made for all customers at once: the same as ``assemble`` and ``to_json`` make."""

from __future__ import annotations

from dataclasses import dataclass

import duckdb

from pipelines.merge import RECORDS, columns_of
from profile_service import profile
from profile_service.identity.records import STANDARD_COLUMNS
from profile_service.identity.survivorship import quoted
from profile_service.search_terms import SEARCHED_COLUMNS
from profile_service.store.stored import SENT_COLUMNS, moment_sql

MOST_REVIEWS = 20_000
# What a pair that the clustering cut is worth beside one that the model is wholly unsure of.
_CUT_IS_WORTH = 0.5


@dataclass(frozen=True)
class Rows:
    """Which columns the work store has: ``standard`` those of ``standardised``, ``sent`` those of ``records``."""

    standard: frozenset[str]
    sent: frozenset[str]

    @classmethod
    def of(cls, work: duckdb.DuckDBPyConnection) -> Rows:
        """What ``work`` has."""
        return cls(frozenset(columns_of(work, "standardised")), frozenset(columns_of(work, "records")))

    def standard_value(self, column: str) -> str:
        """A standard column of row ``s``, or NULL where the store has none of that name."""
        return f"s.{column}" if column in self.standard else "NULL::VARCHAR"


def documents_sql(rows: Rows) -> str:
    """Rows (number, customer_id, refs, document) of the customers in ``index_customers``."""
    golden = ", ".join(f"'{name}': c.{name}" for name in profile.GOLDEN_FIELDS)
    address = ", ".join(f"'{name}': c.{name}" for name in profile.ADDRESS_FIELDS)
    head = f"""to_json({{'customer_id': i.customer_id, 'full_name': c.full_name, {golden},
        'birth_date': c.birth_date::VARCHAR, 'address': {{{address}}}, 'marketing_consent': c.marketing_consent,
        'channels': c.channels, 'channel_count': c.channel_count, 'record_count': c.record_count,
        'event_count': c.event_count, 'first_seen': {moment_sql("c.first_seen")},
        'last_seen': {moment_sql("c.last_seen")}, 'last_event_at': {moment_sql("c.last_event_at")},
        'weakest_link_bits': c.weakest_link_bits::DOUBLE, 'customer_since': {moment_sql("c.customer_since")},
        'run_id': c.run_id, 'records': r.records, 'identifiers': coalesce(d.identifiers, []),
        'consents': coalesce(o.consents, []), 'sureness': {_sureness_sql()}}})::VARCHAR"""
    return f"""
        WITH f AS (SELECT m.cno, string_agg(to_json(v.field)::VARCHAR || ':' || to_json({{'value': v.value,
                   'channel': m.channel, 'source_record_id': m.source_record_id,
                   'updated_at': {moment_sql("m.updated_at")}, 'decided_by': v.decided_by, 'records': v.records,
                   'distinct_values': v.distinct_values, 'runners_up': coalesce(v.runners_up, [])}})::VARCHAR, ',')
                   AS fields
              FROM generation.main.customer_field_values v JOIN {RECORDS} m ON m.rid = v.record_number GROUP BY m.cno),
        r AS (SELECT cno, string_agg(rid::VARCHAR, ' ' ORDER BY rid) AS refs,
                     list({{'channel': channel, 'source_record_id': source_record_id,
                            'updated_at': {moment_sql("updated_at")}}} ORDER BY position) AS records
              FROM {RECORDS} GROUP BY cno),
        d AS (SELECT i.cno, list({{'type': identifier_type, 'value': value, 'channels': channels, 'records': records,
                     'first_seen': {moment_sql("first_seen")}, 'last_seen': {moment_sql("last_seen")},
                     'shared': shared}} ORDER BY identifier_type, value) AS identifiers
              FROM generation.main.customer_identifiers JOIN index_customers i USING (customer_id) GROUP BY i.cno),
        o AS (SELECT i.cno, list({{'purpose': purpose, 'channel': channel, 'consent': consent,
                     'customer_consent': customer_consent, 'stated_at': {moment_sql("stated_at")},
                     'source_record_id': source_record_id, 'statements': statements}} ORDER BY purpose, channel)
                     AS consents
              FROM generation.main.customer_consents JOIN index_customers i USING (customer_id) GROUP BY i.cno)
        SELECT i.number, i.customer_id, i.refs, left(head, -1) || ',"fields":{{' || coalesce(fields, '')
               || '}},"amount_by_currency":{{' || amounts || '}}}}'
        FROM (SELECT i.number, i.customer_id, r.refs, f.fields, {head} AS head, {_amounts_sql("c.amount_by_currency")}
                     AS amounts
              FROM index_customers i JOIN generation.main.customers c USING (customer_id)
              JOIN r ON r.cno = i.cno LEFT JOIN f ON f.cno = i.cno LEFT JOIN d ON d.cno = i.cno
              LEFT JOIN o ON o.cno = i.cno) i
        ORDER BY number"""


def record_bodies_sql(rows: Rows) -> str:
    """Rows (ref, channel, source_record_id, body) of the records in ``merge_records``."""
    sent = ", ".join(f"r.{name}" for name in SENT_COLUMNS)
    standard = ", ".join(rows.standard_value(name) for name in STANDARD_COLUMNS)
    authenticated = "coalesce(r.authenticated, true)" if "authenticated" in rows.sent else "true"
    return f"""
        WITH spent AS (
            SELECT rid, currency, count(*) AS events, min(occurred_at) AS first_at, max(occurred_at) AS last_at,
                   sum(amount) AS amount
            FROM publish_events WHERE rid IS NOT NULL GROUP BY rid, currency),
        e AS (
            SELECT rid, {_events_sql()} AS events
            FROM spent GROUP BY rid),
        h AS (SELECT rid, min(updated_at) AS first_seen FROM record_history GROUP BY rid)
        SELECT m.rid, m.channel, m.source_record_id, to_json({{'ref': m.rid, 'channel': m.channel,
               'id': m.source_record_id, 'customer': i.customer_id, 'sent': [{sent}], 'standard': [{standard}],
               'updated_at': {moment_sql("m.updated_at")},
               'first_seen': {moment_sql("least(m.updated_at, h.first_seen)")},
               'consent': CASE WHEN p.said IS NOT NULL THEN json_array(p.said, {moment_sql("p.stated_at")},
                   p.statements) END,
               'events': e.events, 'authenticated': {authenticated}, 'statements': []}})::VARCHAR
        FROM {RECORDS} m JOIN index_customers i ON i.cno = m.cno JOIN records r ON r.rid = m.rid
        LEFT JOIN standardised s ON s.rid = m.rid LEFT JOIN h ON h.rid = m.rid LEFT JOIN e ON e.rid = m.rid
        LEFT JOIN publish_statements p ON p.rid = m.rid
        ORDER BY m.rid"""


def searched_sql(rows: Rows) -> str:
    """The records of the customers in ``index_customers`` as ``search_words_sql`` reads them."""
    standard = ", ".join(f"{rows.standard_value(name)} AS {name}" for name in SEARCHED_COLUMNS)
    return f"""
        SELECT i.number, m.source_record_id, {standard}
        FROM {RECORDS} m JOIN index_customers i ON i.cno = m.cno LEFT JOIN standardised s ON s.rid = m.rid"""


def judgements_sql() -> str:
    """Rows (left_ref, right_ref, verdict, decision_id) of what binds records that are there."""
    return """
        SELECT DISTINCT a.rid, b.rid, c.verdict, coalesce(c.decision_id, '') FROM constraints c
        JOIN records a ON a.channel = c.left_channel AND a.source_record_id = c.left_id
        JOIN records b ON b.channel = c.right_channel AND b.source_record_id = c.right_id
        WHERE a.rid <> b.rid"""


def orphan_events_sql() -> str:
    """Rows (source_record_id, channel, body) of records that are not there but have events; body as in a record's."""
    return f"""
        WITH spent AS (
            SELECT source_record_id, channel, currency, count(*) AS events, min(occurred_at) AS first_at,
                   max(occurred_at) AS last_at, sum(amount) AS amount
            FROM generation.main.customer_events WHERE customer_id IS NULL GROUP BY ALL)
        SELECT source_record_id, channel, to_json({_events_sql()})::VARCHAR FROM spent GROUP BY ALL"""


def _events_sql() -> str:
    """The summary of events as a record's JSON has it, over rows summed by currency."""
    return f"""{{'count': sum(events)::BIGINT, 'first_at': {moment_sql("min(first_at)")},
                   'last_at': {moment_sql("max(last_at)")}, 'amounts': ('{{' || coalesce(string_agg(
                       to_json(currency)::VARCHAR || ':"' || amount::VARCHAR || '"', ',' ORDER BY currency) FILTER (
                       amount IS NOT NULL AND currency IS NOT NULL), '') || '}}')::JSON}}"""


def reviews_sql() -> str:
    """Rows of ``reviews``: of each two customers the pair of records that says most, the most valuable first.

    A pair is worth the more, the less sure the model is and the more records and events hang on the answer.
    """
    doubt = f"CASE status WHEN 'cut' THEN {_CUT_IS_WORTH} ELSE 4 * p.probability * (1 - p.probability) END"
    return f"""
        WITH doubtful AS (
            SELECT left_number, right_number, status, bits, {doubt} AS doubt
            FROM generation.main.match_pairs JOIN generation.main.match_patterns p USING (pattern)
            WHERE status <> 'accepted'),
        named AS (
            SELECT a.channel || ':' || a.source_record_id AS left, b.channel || ':' || b.source_record_id AS right,
                   a.customer_id AS left_customer_id, b.customer_id AS right_customer_id, d.status, d.bits::DOUBLE
                   AS bits, d.doubt * ln(1 + x.record_count + y.record_count + x.event_count + y.event_count) AS value
            FROM doubtful d JOIN generation.main.customer_records a ON a.record_number = d.left_number
            JOIN generation.main.customer_records b ON b.record_number = d.right_number
            JOIN generation.main.customers x ON x.customer_id = a.customer_id
            JOIN generation.main.customers y ON y.customer_id = b.customer_id)
        SELECT 'rev_' || left(md5(concat_ws(chr(10), named.left, named.right)), 20), named.* FROM named
        QUALIFY row_number() OVER (
            PARTITION BY least(left_customer_id, right_customer_id), greatest(left_customer_id, right_customer_id)
            ORDER BY bits DESC, named.left, named.right) = 1
        ORDER BY value DESC, named.left, named.right LIMIT {MOST_REVIEWS}"""


def _sureness_sql() -> str:
    bits = "c.weakest_link_bits::DOUBLE"
    whens = " ".join(f"WHEN {bits} >= {least} THEN {quoted(words)}" for least, words in profile.IN_WORDS)
    return f"""{{'weakest_link_bits': floor({bits} * 100 + 0.5) / 100,
        'probability': floor(1 / (1 + pow(2.0::DOUBLE, -{bits})) * 1000000 + 0.5) / 1000000,
        'records': c.record_count,
        'in_words': CASE WHEN {bits} IS NULL THEN CASE c.record_count WHEN 1 THEN {quoted(profile.SINGLE)}
            ELSE {quoted(profile.UNWEIGHED)} END {whens} WHEN {bits} >= 0 THEN {quoted(profile.SURE_ENOUGH)}
            ELSE {quoted(profile.DOUBTFUL)} END}}"""


def _amounts_sql(column: str) -> str:
    """A map of currencies as the inside of a JSON object; amounts as text, so that no cent is lost."""
    return f"""array_to_string(list_transform(map_entries({column}),
        lambda each: to_json(each.key)::VARCHAR || ':"' || each.value::VARCHAR || '"'), ',')"""
