"""The rows that the service reads, made for all customers at once: the same as ``assemble`` and ``to_json`` make."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import duckdb

from pipelines.index_lines import line_sql
from pipelines.merge import RECORDS, columns_of
from profile_service import profile
from profile_service.identity.model import Model
from profile_service.identity.records import STANDARD_COLUMNS
from profile_service.identity.survivorship import SurvivorshipRule, quoted
from profile_service.search_terms import SEARCHED_COLUMNS
from profile_service.store.stored import SENT_COLUMNS, moment_sql

MOST_REVIEWS = 20_000
# So many of the most doubtful pairs are looked at for what hangs on them: that decides less than the doubt.
MOST_DOUBTFUL = 100_000
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


def golden_rules(work: duckdb.DuckDBPyConnection, model: Model) -> list[SurvivorshipRule]:
    """The rules whose golden values this build has made, in the order of the model."""
    made = work.execute("SELECT table_name FROM duckdb_tables() WHERE temporary").fetchall()
    return [rule for name, rule in model.survivorship.items() if (f"golden_{name}",) in made]


def documents_sql(golden: Sequence[SurvivorshipRule]) -> str:
    """Lines of the customers in ``index_customers``, headed by the numbers of their records.

    ``golden``: the rules whose temp table ``golden_<name>`` stands. Lists are put in order as texts: an ordered
    aggregate takes four times as long.
    """
    values = ", ".join(f"'{name}': c.{name}" for name in profile.GOLDEN_FIELDS)
    address = ", ".join(f"'{name}': c.{name}" for name in profile.ADDRESS_FIELDS)
    head = f"""to_json({{'customer_id': i.customer_id, 'full_name': c.full_name, {values},
        'birth_date': c.birth_date::VARCHAR, 'address': {{{address}}}, 'marketing_consent': c.marketing_consent,
        'channels': c.channels, 'channel_count': c.channel_count, 'record_count': c.record_count,
        'event_count': c.event_count, 'first_seen': {moment_sql("c.first_seen")},
        'last_seen': {moment_sql("c.last_seen")}, 'last_event_at': {moment_sql("c.last_event_at")},
        'weakest_link_bits': c.weakest_link_bits::DOUBLE, 'customer_since': {moment_sql("c.customer_since")},
        'run_id': c.run_id, 'sureness': {_sureness_sql()}}})::VARCHAR"""
    fields = ", ".join(f"g_{rule.name}.text" for rule in golden)
    joins = " ".join(f"LEFT JOIN ({_fields_sql(rule)}) g_{rule.name} ON g_{rule.name}.cno = i.cno" for rule in golden)
    text = f"""concat('{{"fields":{{', ltrim(concat({fields or "''"}), ','), '}},"identifiers":[', d.identifiers,
        '],"consents":[', o.consents, '],"records":[', r.records, '],"amount_by_currency":{{',
        {_amounts_sql("c.amount_by_currency")}, '}},', substr({head}, 2))"""
    record = f"""concat('{{"channel":', to_json(channel), ',"source_record_id":', to_json(source_record_id),
        ',"updated_at":', {_moment("updated_at")}, '}}')"""
    identifier = f"""concat('{{"type":"', identifier_type, '","value":', to_json(value), ',"channels":',
        to_json(channels), ',"records":', records, ',"first_seen":', {_moment("first_seen")}, ',"last_seen":',
        {_moment("last_seen")}, ',"shared":', shared, '}}')"""
    consent = f"""to_json({{'purpose': purpose, 'channel': channel, 'consent': consent,
        'customer_consent': customer_consent, 'stated_at': {moment_sql("stated_at")},
        'source_record_id': source_record_id, 'statements': statements}})::VARCHAR"""
    return f"""
        WITH r AS (SELECT cno, array_to_string(list_sort(list(rid)), ' ') AS refs, {_in_order(record)} AS records
              FROM {RECORDS} GROUP BY cno),
        d AS (SELECT i.cno, {_in_order(identifier)} AS identifiers
              FROM generation.main.customer_identifiers JOIN index_customers i USING (customer_id) GROUP BY i.cno),
        o AS (SELECT i.cno, {_in_order(consent)} AS consents
              FROM generation.main.customer_consents JOIN index_customers i USING (customer_id) GROUP BY i.cno)
        SELECT {line_sql("i.number", "r.refs", text)}
        FROM index_customers i JOIN generation.main.customers c USING (customer_id) JOIN r ON r.cno = i.cno {joins}
        LEFT JOIN d ON d.cno = i.cno LEFT JOIN o ON o.cno = i.cno"""


def _fields_sql(rule: SurvivorshipRule) -> str:
    """Rows (cno, text): the golden values of a rule as members of a JSON object, a comma before each."""
    source = f"""',"channel":', to_json(r.channel), ',"source_record_id":', to_json(r.source_record_id),
        ',"updated_at":', {_moment("r.updated_at")}, ',"decided_by":"', g.decided_by, '","records":', g.records,
        ',"distinct_values":', g.distinct_values"""
    members = ", ".join(
        f"""CASE WHEN g.{name} IS NOT NULL THEN concat(',"{name}":{{"value":', to_json(g.{name}), source,
            ',"runners_up":', coalesce(to_json(g.losing_{name})::VARCHAR, '[]'), '}}') END"""
        for name in rule.fields
    )
    return f"""SELECT cno, concat({members}) AS text FROM (
        SELECT g.*, concat({source}) AS source FROM golden_{rule.name} g JOIN {RECORDS} r USING (rid)) g"""


def _in_order(text: str) -> str:
    """An aggregate: texts, in order, with commas between."""
    return f"array_to_string(list_sort(list({text})), ',')"


def _moment(column: str) -> str:
    return f"""coalesce('"' || {moment_sql(column)} || '"', 'null')"""


def record_bodies_sql(rows: Rows) -> str:
    """Lines of the records in ``merge_records``."""
    sent = ", ".join(f"r.{name}" for name in SENT_COLUMNS)
    standard = ", ".join(rows.standard_value(name) for name in STANDARD_COLUMNS)
    authenticated = "coalesce(r.authenticated, true)" if "authenticated" in rows.sent else "true"
    text = f"""to_json({{'ref': m.rid, 'channel': m.channel,
               'id': m.source_record_id, 'customer': i.customer_id, 'sent': [{sent}], 'standard': [{standard}],
               'updated_at': {moment_sql("m.updated_at")},
               'first_seen': {moment_sql("least(m.updated_at, h.first_seen)")},
               'consent': CASE WHEN p.said IS NOT NULL THEN json_array(p.said, {moment_sql("p.stated_at")},
                   p.statements) END,
               'events': e.events, 'authenticated': {authenticated}, 'statements': coalesce(k.statements, [])}})"""
    return f"""
        WITH spent AS (
            SELECT rid, currency, count(*) AS events, min(occurred_at) AS first_at, max(occurred_at) AS last_at,
                   sum(amount) AS amount
            FROM publish_events WHERE rid IS NOT NULL GROUP BY rid, currency),
        e AS (SELECT rid, {_events_sql()} AS events FROM spent GROUP BY rid),
        h AS (SELECT rid, min(v.updated_at) AS first_seen FROM record_history v JOIN records r USING (rid)
              WHERE v.authenticated IS NOT FALSE OR r.authenticated IS FALSE GROUP BY rid),
        k AS (
            SELECT rid, list(json_array(purpose, channel, said, {moment_sql("stated_at")}, statements)
                             ORDER BY purpose, channel) AS statements
            FROM publish_carried GROUP BY rid)
        SELECT {line_sql("m.rid", "''", text)}
        FROM {RECORDS} m JOIN index_customers i ON i.cno = m.cno JOIN records r ON r.rid = m.rid
        LEFT JOIN standardised s ON s.rid = m.rid LEFT JOIN h ON h.rid = m.rid LEFT JOIN e ON e.rid = m.rid
        LEFT JOIN publish_statements p ON p.rid = m.rid LEFT JOIN k ON k.rid = m.rid"""


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
                   'last_at': {moment_sql("max(last_at)")}, 'amounts': ('{{' || coalesce(array_to_string(list_sort(
                       list(to_json(currency)::VARCHAR || ':"' || amount::VARCHAR || '"') FILTER (
                       amount IS NOT NULL AND currency IS NOT NULL)), ','), '') || '}}')::JSON}}"""


def reviews_sql() -> str:
    """Rows of ``reviews``: of each two customers the pair of records that says most, the most valuable first.

    A pair is worth the more, the less sure the model is and the more records and events hang on the answer.
    """
    doubt = f"CASE status WHEN 'cut' THEN {_CUT_IS_WORTH} ELSE 4 * p.probability * (1 - p.probability) END"
    return f"""
        WITH doubtful AS (
            SELECT left_number, right_number, status, bits, {doubt} AS doubt
            FROM generation.main.match_pairs JOIN generation.main.match_patterns p USING (pattern)
            WHERE status <> 'accepted' ORDER BY doubt DESC LIMIT {MOST_DOUBTFUL}),
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
