"""What a generation promises by itself, before anyone is sent to it."""

from __future__ import annotations

import duckdb

from pipelines.audits.audit import Audit, check
from profile_service.store.schema import RELATIONS


def _key_audits() -> tuple[Audit, ...]:
    return tuple(
        Audit(
            f"{relation.name} has one row for each {' and '.join(relation.key)}",
            f"SELECT {', '.join(relation.key)} FROM generation.main.{relation.name} GROUP BY ALL HAVING count(*) > 1",
        )
        for relation in RELATIONS
        if relation.key
    )


GENERATION = (
    *_key_audits(),
    Audit(
        "every relation and every column is commented",
        """SELECT table_name, column_name FROM duckdb_columns()
           WHERE database_name = 'generation' AND coalesce(comment, '') = ''
           UNION ALL SELECT table_name, NULL FROM duckdb_tables()
           WHERE database_name = 'generation' AND coalesce(comment, '') = ''""",
    ),
    Audit(
        "the data dictionary names every column there is, and no other",
        """SELECT * FROM (
               SELECT table_name, column_name FROM duckdb_columns() WHERE database_name = 'generation') a
           FULL JOIN (SELECT relation, column_name FROM generation.main.data_dictionary WHERE column_name IS NOT NULL) d
             ON a.table_name = d.relation AND a.column_name = d.column_name
           WHERE a.column_name IS NULL OR d.column_name IS NULL""",
    ),
    Audit(
        "customers and their records are the same customers, and the counts agree",
        """SELECT customer_id, c.record_count, r.records FROM generation.main.customers c
           FULL JOIN (SELECT customer_id, count(*) AS records FROM generation.main.customer_records
                      GROUP BY customer_id) r USING (customer_id)
           WHERE c.record_count IS DISTINCT FROM r.records""",
    ),
    Audit(
        "every golden value comes from a record of its own customer",
        """SELECT f.customer_id, f.field FROM generation.main.customer_fields f
           ANTI JOIN generation.main.customer_records r USING (customer_id, channel, source_record_id)""",
    ),
    Audit(
        "an address comes whole from one record",
        """SELECT customer_id FROM generation.main.customer_fields
           WHERE field IN ('street', 'street_2', 'city', 'region', 'postcode', 'country')
           GROUP BY customer_id HAVING count(DISTINCT (channel, source_record_id)) > 1""",
    ),
    Audit(
        "events are counted with their customer",
        """SELECT c.customer_id, c.event_count, e.events FROM generation.main.customers c
           LEFT JOIN (SELECT customer_id, count(*) AS events FROM generation.main.customer_events
                      WHERE customer_id IS NOT NULL GROUP BY customer_id) e USING (customer_id)
           WHERE c.event_count <> coalesce(e.events, 0)""",
    ),
    Audit(
        "every customer that a relation names stands",
        " UNION ALL ".join(
            f"SELECT '{name}', customer_id FROM generation.main.{name} "
            "ANTI JOIN generation.main.customers USING (customer_id) WHERE customer_id IS NOT NULL"
            for name in ("customer_identifiers", "customer_fields", "customer_events", "customer_consents")
        ),
    ),
    Audit(
        "every id in the history answers: stands_as is a customer, or null when erased",
        """SELECT h.customer_id, h.stands_as FROM generation.main.customer_id_history h
           LEFT JOIN generation.main.customers c ON c.customer_id = h.stands_as
           WHERE c.customer_id IS NULL AND (h.stands_as IS NOT NULL OR h.customer_id NOT IN (
               SELECT customer_id FROM generation.main.customer_id_history WHERE event = 'erased'
               UNION ALL SELECT customer_id FROM generation.main.customer_id_history WHERE event = 'merged_into'))""",
    ),
    Audit(
        "every customer has a line of history",
        """SELECT c.customer_id FROM generation.main.customers c
           ANTI JOIN generation.main.customer_id_history h USING (customer_id)""",
    ),
    Audit(
        "a consent of yes never outlives a newer no",
        """SELECT c.customer_id FROM generation.main.customers c JOIN generation.main.customer_consents s
             USING (customer_id)
           WHERE c.marketing_consent = 'yes' AND s.consent = 'no' AND NOT EXISTS (
               SELECT 1 FROM generation.main.customer_consents y
               WHERE y.customer_id = c.customer_id AND y.consent = 'yes' AND y.stated_at > s.stated_at)""",
    ),
    Audit(
        "an identifier is marked as shared exactly when more than one customer holds it",
        """SELECT identifier_type, any_value(customer_id) FROM generation.main.customer_identifiers
           GROUP BY identifier_type, value
           HAVING min(held_by) <> count(*) OR max(held_by) <> count(*) OR bool_or(shared) <> (count(*) > 1)""",
    ),
)


def audit_generation(connection: duckdb.DuckDBPyConnection) -> None:
    """Raises PromiseBroken when the database attached as ``generation`` breaks a promise."""
    check(connection, GENERATION)
