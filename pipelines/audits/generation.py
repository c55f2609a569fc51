"""What a generation promises by itself, before anyone is sent to it."""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce

import duckdb

from pipelines.audits.audit import Audit, check, more_than_once
from pipelines.audits.codes import among
from pipelines.audits.keys import PLAIN_FIELDS, Keys
from profile_service.store.schema import RELATIONS

# Where keys as numbers show that each is there once; short relations are asked straight away.
_ONCE: dict[str, Callable[[Keys], bool]] = {
    "customers": lambda keys: keys.customers.once,
    "customer_records": lambda keys: keys.published_keys.all_different(),
    "customer_identifiers": lambda keys: keys.identifiers.once,
    # what equals the cells of customers holds none of them twice
    "customer_fields": lambda keys: (
        keys.values.others_once and keys.customers.once and keys.values.said == keys.customers.said
    ),
    "customer_events": lambda keys: keys.events.once,
    "customer_consents": lambda keys: keys.consents.once,
    "customer_trait_values": lambda keys: keys.once("generation.main.customer_trait_values", ("customer_id",)),
    "customer_id_history": lambda keys: keys.once("generation.main.customer_id_history", ("customer_id", "valid_from")),
    "match_pairs": lambda keys: keys.linked.once,
    "match_merges": lambda keys: keys.once("generation.main.match_merges", ("left_number", "right_number")),
}
# And where they show that all customers who are named stand.
_STANDING: dict[str, Callable[[Keys], bool]] = {
    "customer_identifiers": lambda keys: keys.identifiers.stand,
    "customer_fields": lambda keys: keys.values.from_records and keys.records_are_counted,
    "customer_events": lambda keys: keys.events_are_counted,
    "customer_consents": lambda keys: keys.consents.stand,
}


def _one_row_each(name: str, key: tuple[str, ...]) -> Audit:
    columns = ", ".join(key)
    if name == "customer_fields":
        # a customer's fields are told apart in one number: three million hashes would take twice as long
        doubtful = "customer_id IN (SELECT customer_id FROM {fields_by_customer} WHERE rows > fields)"
        return Audit(
            f"{name} has one row for each {' and '.join(key)}",
            f"SELECT {columns} FROM generation.main.{name} WHERE {doubtful} GROUP BY ALL HAVING count(*) > 1",
            settled=_ONCE[name],
        )
    promise = f"{name} has one row for each {' and '.join(key)}"
    return Audit(promise, more_than_once(f"{{{name}}}", key), settled=_ONCE.get(name))


_SHOWN = ("match_links", "customer_merges", "customer_near_misses", "customer_traits", "customer_segments")
KEYS = {
    relation.name: relation.key
    for relation in RELATIONS
    # views over what is kept shorter have no key of their own: that of what they show holds both
    if relation.name not in (*_SHOWN, "customer_field_values")
}
_SAID = reduce(
    lambda said, name: f"xor({said}, CASE WHEN {name} IS NULL THEN 0 ELSE hash('{name}', {name}) END)",
    PLAIN_FIELDS,
    "0::UBIGINT",
)

GENERATION = (
    *(_one_row_each(name, key) for name, key in KEYS.items() if key),
    Audit(
        "every relation and every column is commented",
        """SELECT table_name, column_name FROM duckdb_columns()
           WHERE database_name = 'generation' AND coalesce(comment, '') = ''
           UNION ALL SELECT table_name, NULL FROM duckdb_tables()
           WHERE database_name = 'generation' AND coalesce(comment, '') = ''
           UNION ALL SELECT view_name, NULL FROM duckdb_views()
           WHERE database_name = 'generation' AND NOT internal AND coalesce(comment, '') = ''""",
    ),
    Audit(
        "the data dictionary names every column there is, and no other",
        """SELECT a.table_name, a.column_name, d.relation, d.column_name AS named FROM (
               SELECT table_name, column_name FROM duckdb_columns() WHERE database_name = 'generation') a
           FULL JOIN (SELECT relation, column_name FROM {data_dictionary} WHERE column_name IS NOT NULL) d
             ON a.table_name = d.relation AND a.column_name = d.column_name
           WHERE a.column_name IS NULL OR d.column_name IS NULL""",
    ),
    Audit(
        "customers and their records are the same customers, and the counts agree",
        """SELECT customer_id, c.record_count, r.records FROM {customers} c
           FULL JOIN (SELECT customer_id, count(*) AS records FROM {customer_records}
                      GROUP BY customer_id) r USING (customer_id)
           WHERE c.record_count IS DISTINCT FROM r.records""",
        settled=lambda keys: keys.records_are_counted,
    ),
    Audit(
        "every golden value comes from a record of its own customer",
        """SELECT v.record_number, v.field FROM generation.main.customer_field_values v
           ANTI JOIN generation.main.customer_records USING (record_number)""",
        settled=lambda keys: keys.values.from_records,
        once=True,  # what a refresh leaves dangling no relation shows, and what it should show the next audit asks for
    ),
    Audit(
        "every value of a customer is the one that customer_fields explains",
        f"""SELECT c.customer_id FROM (SELECT customer_id, {_SAID} AS said FROM {{customers}}) c
           LEFT JOIN {{fields_by_customer}} f USING (customer_id) WHERE c.said <> coalesce(f.said, 0)""",
        settled=lambda keys: keys.values.from_records and keys.values.said == keys.customers.said,
    ),
    Audit(
        "an address comes whole from one record",
        "SELECT customer_id FROM {fields_by_customer} WHERE mixed_address",
        settled=lambda keys: keys.values.unmixed,
    ),
    Audit(
        "events are counted with their customer",
        """SELECT c.customer_id, c.event_count, e.events FROM {customers} c
           LEFT JOIN (SELECT customer_id, count(*) AS events FROM {customer_events}
                      WHERE customer_id IS NOT NULL GROUP BY customer_id) e USING (customer_id)
           WHERE c.event_count <> coalesce(e.events, 0)""",
        settled=lambda keys: keys.events_are_counted,
    ),
    *(
        Audit(
            f"every customer that {name} names stands",
            f"""SELECT n.customer_id FROM {{{rows}}} n ANTI JOIN {{customers}} USING (customer_id)
                WHERE n.customer_id IS NOT NULL""",
            settled=_STANDING.get(name),
        )
        for name, rows in (
            ("customer_record_versions", "customer_record_versions"),
            ("customer_identifiers", "customer_identifiers"),
            ("customer_fields", "fields_by_customer"),
            ("customer_events", "customer_events"),
            ("customer_consents", "customer_consents"),
            ("customer_households", "customer_households"),
        )
    ),
    Audit(
        "a household has as many customers as it says, two at least, who share something",
        """SELECT household_id FROM generation.main.customer_households GROUP BY household_id
           HAVING count(*) < 2 OR min(members) <> count(*) OR max(members) <> count(*)
               OR min(len(shares)) = 0 OR count(*) FILTER (shares = ['family name']) > 0""",
    ),
    Audit(
        "every id in the history answers: stands_as is a customer, or null after an erasure",
        """SELECT h.customer_id, h.stands_as FROM {customer_id_history} h
           LEFT JOIN generation.main.customers c ON c.customer_id = h.stands_as
           WHERE c.customer_id IS NULL AND (h.stands_as IS NOT NULL OR NOT EXISTS (
               SELECT 1 FROM generation.main.customer_id_history WHERE event = 'erased'))""",
        settled=lambda keys: keys.history[1],
    ),
    Audit(
        "every customer has a line of history",
        """SELECT c.customer_id FROM {customers} c ANTI JOIN {customer_id_history} h USING (customer_id)""",
        settled=lambda keys: among(keys.customers.codes, keys.history[0]),
    ),
    Audit(
        "a consent of yes never outlives a newer no",
        """SELECT c.customer_id FROM {customers} c JOIN {customer_consents} s USING (customer_id)
           WHERE c.marketing_consent = 'yes' AND s.purpose = 'marketing' AND s.consent = 'no' AND NOT EXISTS (
               SELECT 1 FROM {customer_consents} y
               WHERE y.customer_id = c.customer_id AND y.purpose = 'marketing' AND y.consent = 'yes'
               AND y.stated_at > s.stated_at)""",
    ),
    Audit(
        "an identifier is marked as shared exactly when more than one customer holds it",
        """SELECT identifier_type, customer_id FROM {customer_identifiers}
           WHERE hash(identifier_type, value) IN (
               SELECT code FROM (SELECT hash(identifier_type, value) AS code, held_by, shared
                                 FROM {holders_of_identifiers})
               GROUP BY code
               HAVING min(held_by) <> count(*) OR max(held_by) <> count(*) OR bool_or(shared) <> (count(*) > 1)
                   OR bool_and(shared) <> (count(*) > 1))""",
        settled=lambda keys: keys.identifiers.marked,
    ),
    Audit(
        "both records of a pair are published",
        """FROM (SELECT left_number AS record_number FROM {match_pairs}
                 UNION ALL SELECT right_number FROM {match_pairs})
           ANTI JOIN generation.main.customer_records USING (record_number)""",
        settled=lambda keys: keys.linked.known,
    ),
    Audit(
        "every pair of match_pairs has its levels in match_patterns",
        """SELECT left_number, right_number
           FROM {match_pairs} ANTI JOIN generation.main.match_patterns USING (pattern)""",
    ),
)


def audit_generation(
    connection: duckdb.DuckDBPyConnection, changed: str | None = None, keys: Keys | None = None
) -> None:
    """Raises PromiseBroken when the database attached as ``generation`` breaks a promise.

    ``changed``: a table with the customer ids whose rows were written now, the others having been audited before.
    ``keys``: see ``check``.
    """
    check(connection, GENERATION, changed, keys=keys)
