"""What a generation promises against the work store it was made from: nothing lost, nothing from nowhere."""

from __future__ import annotations

import duckdb

from pipelines.audits.audit import Audit, check

DELIVERY = (
    Audit(
        "every record arrives with its customer",
        """SELECT r.channel, r.source_record_id FROM records r JOIN membership m USING (rid)
           ANTI JOIN generation.main.customer_records g USING (channel, source_record_id, customer_id)""",
    ),
    Audit(
        "no record comes from nowhere",
        """SELECT g.channel, g.source_record_id FROM generation.main.customer_records g
           ANTI JOIN records r USING (channel, source_record_id)""",
    ),
    Audit(
        "no event is lost, and none comes from nowhere",
        """SELECT 'work', n FROM (SELECT count(*) AS n FROM events)
           WHERE n <> (SELECT count(*) FROM generation.main.customer_events)
           UNION ALL SELECT e.channel, NULL FROM events e
           ANTI JOIN generation.main.customer_events g USING (channel, event_id)""",
    ),
    Audit(
        "every id ever given is in the history",
        """SELECT customer_id FROM customer_ids ANTI JOIN generation.main.customer_id_history USING (customer_id)""",
    ),
    Audit(
        "no generic value stands in a golden record",
        """SELECT f.customer_id, f.field FROM generation.main.customer_fields f
           JOIN records r USING (channel, source_record_id) JOIN standardised s USING (rid)
           JOIN generic_values v ON v.field = f.field AND v.value = CASE f.field
               WHEN 'email' THEN s.email WHEN 'phone' THEN s.phone WHEN 'birth_date' THEN s.birth_date
               WHEN 'street' THEN s.street WHEN 'loyalty_id' THEN s.loyalty_id END""",
    ),
    Audit(
        "every pair inside one customer is told in match_links",
        """SELECT 'pairs', n FROM (
               SELECT count(*) AS n FROM scored_pairs p JOIN membership a ON a.rid = p.l
               JOIN membership b ON b.rid = p.r WHERE a.customer_id = b.customer_id)
           WHERE n <> (SELECT count(*) FROM generation.main.match_links WHERE status = 'accepted')""",
    ),
    Audit(
        "every row that was refused is shown",
        """SELECT 'rejected rows', n FROM (SELECT count(*) AS n FROM rejected_rows)
           WHERE n <> (SELECT count(*) FROM generation.main.rejected_rows)""",
    ),
)


def audit_delivery(work: duckdb.DuckDBPyConnection) -> None:
    """Raises PromiseBroken when the attached ``generation`` is not what the work store holds."""
    check(work, DELIVERY)
