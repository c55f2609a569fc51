"""The rows that the service reads, made for all customers at once: the same as ``assemble`` and ``to_json`` make."""

from __future__ import annotations

from dataclasses import dataclass

import duckdb

from pipelines.index_lines import line_sql
from pipelines.merge import RECORDS, columns_of, filled
from pipelines.relations import IDENTIFIERS, identifier_sql
from profile_service.identity.records import STANDARD_COLUMNS
from profile_service.search_terms import SEARCHED_COLUMNS
from profile_service.store import documents
from profile_service.store.schema import IDENTIFIER_FIELDS
from profile_service.store.stored import PART, SAME, SAME_MOMENT, SENT, STANDARD, VALUES, moment_sql

MOST_REVIEWS = 20_000
# So many of the most doubtful pairs are looked at for what hangs on them: that decides less than the doubt.
MOST_DOUBTFUL = 100_000
# Amounts by currency as JSON over rows summed by currency; as text, so that no cent is lost.
_AMOUNTS_SQL = """('{' || coalesce(string_agg(to_json(currency)::VARCHAR || ':"' || amount::VARCHAR || '"', ',')
    FILTER (amount IS NOT NULL AND currency IS NOT NULL), '') || '}')::JSON"""
NOTHING = "NULL::VARCHAR"
_PART = f"chr({ord(PART)})"
# What a pair that the clustering cut is worth beside one that the model is wholly unsure of.
_CUT_IS_WORTH = 0.5


@dataclass(frozen=True)
class Rows:
    """Which columns the work store has any value in: ``sent`` of ``records``, ``standard`` of ``standardised``.

    ``known``: all columns of the latter. ``claims``: a join of the records that are not authenticated, if
    there are any, and ``authenticated`` what then says so of a record.
    """

    sent: frozenset[str]
    standard: frozenset[str]
    known: frozenset[str]
    claims: str
    authenticated: str

    @classmethod
    def of(cls, work: duckdb.DuckDBPyConnection) -> Rows:
        """What ``work`` has."""
        kept = {kind: [name for each, name in VALUES if each == kind] for kind in (SENT, STANDARD)}
        sent = filled(work, "records", kept[SENT])
        known = columns_of(work, "standardised")
        standard = filled(work, "standardised", sorted(known.intersection(STANDARD_COLUMNS)))
        claims = work.execute("SELECT 1 FROM records WHERE NOT authenticated LIMIT 1").fetchall()
        return cls(
            frozenset(sent),
            frozenset(standard),
            frozenset(known),
            "LEFT JOIN (SELECT rid FROM records WHERE NOT authenticated) u ON u.rid = m.rid" if claims else "",
            "u.rid IS NULL" if claims else "true",
        )

    def value(self, kind: str, name: str) -> str:
        """A value as sent or as standardised, of rows ``m`` of ``merge_records``, or NULL where none has any."""
        if kind == SENT:
            return f"m.{name}" if name in self.sent else NOTHING
        return f"m.standard_{name}" if name in self.standard else NOTHING


def documents_sql(rows: Rows) -> str:
    """Lines of the customers in ``index_customers``, each a text that ``store.documents`` opens.

    The lists in it stand in any order: who reads one customer sorts them in no time.
    """
    moments = ("first_seen", "last_seen", "last_event_at", "customer_since")
    shown = {name: moment_sql(f"c.{name}") for name in moments} | {
        "birth_date": "c.birth_date::VARCHAR",
        "weakest_link_bits": "c.weakest_link_bits::DOUBLE",
    }
    plain = ", ".join(shown.get(name, f"c.{name}") for name in documents.PLAIN if name not in documents.NESTED)
    carried = ", ".join(identifier_sql(name, rows.known) for name in IDENTIFIER_FIELDS)
    record = f"rid, channel, source_record_id, {moment_sql('updated_at')}, {carried}"
    stated_at = moment_sql("stated_at")
    consent = f"purpose, channel, consent, customer_consent, {stated_at}, source_record_id, statements"
    # a customer's parts by its number, and put together as text: texts as keys of a join take twice as long, and JSON
    # inside JSON is read and written once more
    text = f"""concat('[', json_array({plain})::VARCHAR, ',', coalesce(to_json(t.segments)::VARCHAR, '[]'), ',',
        coalesce(t.said::VARCHAR, '{{}}'), ',{{', {_amounts_sql("c.amount_by_currency")}, '}},[', d.shared,
        '],[', o.consents, '],[', r.records, ']]')"""
    return f"""
        WITH r AS (SELECT cno, {_lists_sql(record)} AS records FROM {RECORDS} GROUP BY cno),
        d AS (SELECT cno, {_lists_sql("identifier_type, value")} AS shared FROM {IDENTIFIERS} WHERE shared
              GROUP BY cno),
        o AS (SELECT i.cno, {_lists_sql(consent)} AS consents
              FROM generation.main.customer_consents JOIN index_customers i USING (customer_id) GROUP BY i.cno)
        SELECT {line_sql("i.number", text)}
        FROM index_customers i JOIN generation.main.customers c USING (customer_id) JOIN r ON r.cno = i.cno
        LEFT JOIN publish_traits t ON t.cno = i.cno LEFT JOIN d ON d.cno = i.cno LEFT JOIN o ON o.cno = i.cno"""


def _lists_sql(columns: str) -> str:
    """An aggregate: a JSON list of the columns of each row, with commas between."""
    return f"string_agg(json_array({columns})::VARCHAR, ',')"


def record_bodies_sql(rows: Rows) -> str:
    """Lines of the records in ``merge_records``, each as ``StoredRecord.from_body`` reads it."""
    values = [rows.value(kind, name) for kind, name in VALUES]
    while values and values[-1] == NOTHING:
        values.pop()
    first = "least(m.updated_at, h.first_seen)"
    key = ["m.rid", "m.channel", "m.source_record_id", "i.customer_id", rows.authenticated]
    amounts = ["e.amounts", "k.statements"]
    plain = [
        *(*key, "epoch_us(m.updated_at)", _or_same(first, SAME_MOMENT, "epoch_us({})::VARCHAR")),
        *("p.said", _or_same("p.stated_at", SAME_MOMENT, "epoch_us({})::VARCHAR"), "p.statements"),
        *("e.events", "epoch_us(e.first_at)", "epoch_us(e.last_at)", *amounts, *values),
    ]
    careful = [
        *(*key, moment_sql("m.updated_at"), _or_same(first, SAME, moment_sql("{}"))),
        *("p.said", _or_same("p.stated_at", SAME, moment_sql("{}")), "p.statements"),
        *("e.events", moment_sql("e.first_at"), moment_sql("e.last_at"), *amounts, *values),
    ]
    sent = [rows.value(SENT, name) for kind, name in VALUES if kind == SENT and name in rows.sent]
    free = f"concat({', '.join(['m.channel', 'm.source_record_id', *sent])})"
    odd = " OR ".join(f"contains({free}, {mark})" for mark in (_PART, "chr(10)"))
    text = f"""CASE WHEN {odd} THEN json_array({", ".join(careful)})::VARCHAR
        ELSE {_parted(plain)} END"""
    return f"""
        WITH spent AS (
            SELECT rid, currency, count(*) AS events, min(occurred_at) AS first_at, max(occurred_at) AS last_at,
                   sum(amount) AS amount
            FROM publish_events WHERE rid IS NOT NULL GROUP BY rid, currency),
        e AS (SELECT rid, sum(events)::BIGINT AS events, min(first_at) AS first_at, max(last_at) AS last_at,
                     {_AMOUNTS_SQL} AS amounts FROM spent GROUP BY rid),
        h AS (SELECT rid, min(v.updated_at) AS first_seen FROM record_history v JOIN records r USING (rid)
              WHERE v.authenticated IS NOT FALSE OR r.authenticated IS FALSE GROUP BY rid),
        k AS (
            SELECT rid, ('[' || string_agg(
                json_array(purpose, channel, said, {moment_sql("stated_at")}, statements)::VARCHAR, ','
                ORDER BY purpose, channel) || ']')::JSON AS statements
            FROM publish_carried GROUP BY rid)
        SELECT {line_sql("m.rid", text)}
        FROM {RECORDS} m JOIN index_customers i ON i.cno = m.cno
        LEFT JOIN h ON h.rid = m.rid LEFT JOIN e ON e.rid = m.rid LEFT JOIN publish_statements p ON p.rid = m.rid
        LEFT JOIN k ON k.rid = m.rid {rows.claims}"""


def _parted(values: list[str]) -> str:
    """The values with a mark between each two; what is never there costs no step for each row."""
    said: list[str] = []
    marks = 0
    for value in values:
        if value != NOTHING:
            said += [f"repeat({_PART}, {marks})"] * bool(marks) + [value]
            marks = 0
        marks += 1
    return f"concat({', '.join(said)})"


def _or_same(column: str, same: str, written: str) -> str:
    return f"CASE WHEN {column} = m.updated_at THEN '{same}' ELSE {written.replace('{}', column)} END"


def searched_sql(rows: Rows, before_first: int) -> str:
    """The records in ``merge_records`` as ``search_words_sql`` reads them, a query in parentheses.

    ``before_first``: the number that the numbers of ``index_customers`` are counted from.
    """
    standard = ", ".join(f"{rows.value(STANDARD, name)} AS {name}" for name in SEARCHED_COLUMNS)
    return f"(SELECT {before_first} + m.cno AS number, m.source_record_id, {standard} FROM {RECORDS} m)"


def judgements_sql() -> str:
    """Rows (left_ref, right_ref, verdict, decision_id) of what binds records that are there."""
    return """
        SELECT DISTINCT a.rid, b.rid, c.verdict, coalesce(c.decision_id, '') FROM constraints c
        JOIN records a ON a.channel = c.left_channel AND a.source_record_id = c.left_id
        JOIN records b ON b.channel = c.right_channel AND b.source_record_id = c.right_id
        WHERE a.rid <> b.rid"""


def former_ids_sql() -> str:
    """Rows (ref, customer_id, retired_us, since) of ids that were merged away, and the records that had them."""
    return f"""
        SELECT f.rid, f.customer_id, f.retired_us, {moment_sql("min(h.valid_from)")}
        FROM former_ids f JOIN customer_ids i USING (customer_id) JOIN id_history h USING (customer_id)
        WHERE NOT i.standing AND i.stands_as IS NOT NULL GROUP BY ALL"""


def orphan_events_sql() -> str:
    """Rows (source_record_id, channel, body) of records that are not there but have events; body as in a record's."""
    return f"""
        WITH spent AS (
            SELECT source_record_id, channel, currency, count(*) AS events, min(occurred_at) AS first_at,
                   max(occurred_at) AS last_at, sum(amount) AS amount
            FROM generation.main.customer_events WHERE customer_id IS NULL GROUP BY ALL)
        SELECT source_record_id, channel, to_json({_events_sql()})::VARCHAR FROM spent GROUP BY ALL"""


def _events_sql() -> str:
    """The summary of events as ``EventSummary.from_table`` reads it, over rows summed by currency."""
    return f"""{{'count': sum(events)::BIGINT, 'first_at': {moment_sql("min(first_at)")},
                   'last_at': {moment_sql("max(last_at)")}, 'amounts': {_AMOUNTS_SQL}}}"""


def reviews_sql() -> str:
    """Rows of ``reviews``: of each two customers the pair of records that says most, the most valuable first.

    A pair is worth the more, the less sure the model is and the more records and events hang on the answer.
    """
    doubt = f"CASE status WHEN 'cut' THEN {_CUT_IS_WORTH} ELSE 4 * p.probability * (1 - p.probability) END"
    return f"""
        WITH doubts AS MATERIALIZED (
            SELECT pattern, status, bits, {doubt} AS doubt,
                   sum(pairs) OVER (ORDER BY doubt DESC RANGE UNBOUNDED PRECEDING)
                       - sum(pairs) OVER (PARTITION BY doubt) AS more_doubtful
            FROM (SELECT pattern, status, count(*) AS pairs FROM generation.main.match_pairs
                  WHERE status <> 'accepted' GROUP BY ALL) JOIN generation.main.match_patterns p USING (pattern)),
        doubtful AS MATERIALIZED (
            SELECT left_number, right_number, status, d.bits, doubt
            FROM generation.main.match_pairs JOIN doubts d USING (pattern, status)
            WHERE more_doubtful < {MOST_DOUBTFUL}
            ORDER BY doubt DESC, left_number, right_number LIMIT {MOST_DOUBTFUL}),
        ends AS MATERIALIZED (
            SELECT record_number, channel || ':' || source_record_id AS name, customer_id
            FROM generation.main.customer_records SEMI JOIN (
                SELECT left_number AS record_number FROM doubtful UNION SELECT right_number FROM doubtful)
            USING (record_number)),
        named AS (
            SELECT a.name AS left, b.name AS right, a.customer_id AS left_customer_id,
                   b.customer_id AS right_customer_id, d.status, d.bits::DOUBLE AS bits, d.doubt
            FROM doubtful d JOIN ends a ON a.record_number = d.left_number
            JOIN ends b ON b.record_number = d.right_number
            QUALIFY row_number() OVER (
                PARTITION BY least(left_customer_id, right_customer_id), greatest(left_customer_id, right_customer_id)
                ORDER BY bits DESC, a.name, b.name) = 1),
        hangs AS MATERIALIZED (
            SELECT customer_id, record_count + event_count AS much
            FROM generation.main.customers SEMI JOIN ends USING (customer_id)),
        most AS (
            SELECT n.* EXCLUDE (doubt), n.doubt * ln(1 + x.much + y.much) AS value
            FROM named n JOIN hangs x ON x.customer_id = n.left_customer_id
            JOIN hangs y ON y.customer_id = n.right_customer_id
            ORDER BY value DESC, n.left, n.right LIMIT {MOST_REVIEWS})
        SELECT 'rev_' || left(md5(concat_ws(chr(10), m.left, m.right)), 20), * FROM most m"""


def _amounts_sql(column: str) -> str:
    """A map of currencies as the inside of a JSON object; amounts as text, so that no cent is lost."""
    return f"""array_to_string(list_transform(map_entries({column}),
        lambda each: to_json(each.key)::VARCHAR || ':"' || each.value::VARCHAR || '"'), ',')"""
