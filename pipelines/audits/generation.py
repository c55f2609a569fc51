"""What a generation promises by itself, before anyone is sent to it."""

from __future__ import annotations

import duckdb

from pipelines.audits.audit import Audit, check
from profile_service.store.schema import RELATIONS


def _one_row_each(name: str, key: tuple[str, ...]) -> Audit:
    columns = ", ".join(key)
    # hashes are grouped first: whole numbers as keys take a third of the time that strings do
    return Audit(
        f"{name} has one row for each {' and '.join(key)}",
        f"""SELECT {columns} FROM {{{name}}} WHERE hash({columns}) IN (
                SELECT code FROM (SELECT hash({columns}) AS code FROM {{{name}}}) GROUP BY code HAVING count(*) > 1)
            GROUP BY ALL HAVING count(*) > 1""",
    )


GENERATION = (
    *(_one_row_each(relation.name, relation.key) for relation in RELATIONS if relation.key),
    Audit(
        "every relation and every column is commented",
        """SELECT table_name, column_name FROM duckdb_columns()
           WHERE database_name = 'generation' AND coalesce(comment, '') = ''
           UNION ALL SELECT table_name, NULL FROM duckdb_tables()
           WHERE database_name = 'generation' AND coalesce(comment, '') = ''""",
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
    ),
    Audit(
        "every golden value comes from a record of its own customer",
        """SELECT f.customer_id, f.field FROM {customer_fields} f
           ANTI JOIN {customer_records} r USING (customer_id, channel, source_record_id)""",
    ),
    Audit(
        "an address comes whole from one record",
        """SELECT customer_id FROM {customer_fields}
           WHERE field IN ('street', 'street_2', 'city', 'region', 'postcode', 'country')
           GROUP BY customer_id HAVING count(DISTINCT hash(channel, source_record_id)) > 1""",
    ),
    Audit(
        "events are counted with their customer",
        """SELECT c.customer_id, c.event_count, e.events FROM {customers} c
           LEFT JOIN (SELECT customer_id, count(*) AS events FROM {customer_events}
                      WHERE customer_id IS NOT NULL GROUP BY customer_id) e USING (customer_id)
           WHERE c.event_count <> coalesce(e.events, 0)""",
    ),
    *(
        Audit(
            f"every customer that {name} names stands",
            f"""SELECT n.customer_id FROM {{{name}}} n ANTI JOIN {{customers}} USING (customer_id)
                WHERE n.customer_id IS NOT NULL""",
        )
        for name in ("customer_identifiers", "customer_fields", "customer_events", "customer_consents")
    ),
    Audit(
        "every id in the history answers: stands_as is a customer, or null after an erasure",
        """SELECT h.customer_id, h.stands_as FROM {customer_id_history} h
           LEFT JOIN generation.main.customers c ON c.customer_id = h.stands_as
           WHERE c.customer_id IS NULL AND (h.stands_as IS NOT NULL OR NOT EXISTS (
               SELECT 1 FROM generation.main.customer_id_history WHERE event = 'erased'))""",
    ),
    Audit(
        "every customer has a line of history",
        """SELECT c.customer_id FROM {customers} c ANTI JOIN {customer_id_history} h USING (customer_id)""",
    ),
    Audit(
        "a consent of yes never outlives a newer no",
        """SELECT c.customer_id FROM {customers} c JOIN {customer_consents} s USING (customer_id)
           WHERE c.marketing_consent = 'yes' AND s.consent = 'no' AND NOT EXISTS (
               SELECT 1 FROM {customer_consents} y
               WHERE y.customer_id = c.customer_id AND y.consent = 'yes' AND y.stated_at > s.stated_at)""",
    ),
    Audit(
        "an identifier is marked as shared exactly when more than one customer holds it",
        """SELECT identifier_type, any_value(customer_id) FROM generation.main.customer_identifiers
           WHERE hash(identifier_type, value) IN (SELECT hash(identifier_type, value) FROM {customer_identifiers})
           GROUP BY identifier_type, hash(value)
           HAVING min(held_by) <> count(*) OR max(held_by) <> count(*) OR bool_or(shared) <> (count(*) > 1)""",
    ),
)


def audit_generation(connection: duckdb.DuckDBPyConnection, changed: str | None = None) -> None:
    """Raises PromiseBroken when the database attached as ``generation`` breaks a promise.

    ``changed``: a table with the customer ids whose rows were written now, the others having been audited before.
    """
    check(connection, GENERATION, changed)
