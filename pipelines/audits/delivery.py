"""What a generation promises against the work store it was made from: nothing lost, nothing from nowhere."""

from __future__ import annotations

import duckdb

from pipelines.audits.audit import Audit, check
from pipelines.audits.codes import among
from pipelines.audits.keys import Keys

_GENERIC_RECORDS = " UNION ALL ".join(
    f"""SELECT s.rid, v.field FROM standardised s JOIN generic_values v ON v.field = '{name}' AND v.value = s.{name}"""
    for name in ("email", "phone", "birth_date", "street", "loyalty_id")
)

_GENERIC_TIES = " UNION ALL ".join(
    f"""SELECT s.rid, '{shares}' AS shares FROM standardised s
        JOIN generic_values v ON v.field = '{name}' AND v.value = s.{name}"""
    for name, shares in (("street", "address"), ("email", "email"), ("phone", "phone"), ("loyalty_id", "loyalty_id"))
)

DELIVERY = (
    Audit(
        "as many records, events and refused rows come out as are kept",
        """SELECT * FROM (VALUES
               ('records', (SELECT count(*) FROM records), (SELECT count(*) FROM generation.main.customer_records)),
               ('events', (SELECT count(*) FROM events), (SELECT count(*) FROM generation.main.customer_events)),
               ('customers', (SELECT count(*) FROM customer_ids WHERE standing),
                             (SELECT count(*) FROM generation.main.customers)),
               ('members of households', (SELECT count(*) FROM households),
                                         (SELECT count(*) FROM generation.main.customer_households)),
               ('refused rows', (SELECT count(*) FROM rejected_rows),
                                (SELECT count(*) FROM generation.main.rejected_rows))
           ) t(what, kept, published) WHERE kept <> published""",
    ),
    Audit(
        "every record arrives with its customer",
        """SELECT r.channel, r.source_record_id FROM records r JOIN membership m USING (rid)
           LEFT JOIN {customer_records} g ON g.record_number = r.rid
           WHERE g.channel IS DISTINCT FROM r.channel OR g.source_record_id IS DISTINCT FROM r.source_record_id
              OR g.customer_id IS DISTINCT FROM m.customer_id""",
        once=True,
        settled=lambda keys: keys.published_keys.equals(keys.records) and keys.published.equals(keys.members),
    ),
    Audit(
        "every event arrives",
        "SELECT e.channel, e.event_id FROM events e ANTI JOIN {customer_events} g USING (channel, event_id)",
        once=True,
        settled=lambda keys: keys.events_arrive,
    ),
    Audit(
        "every id ever given is in the history",
        "SELECT customer_id FROM {given_ids} ANTI JOIN {customer_id_history} USING (customer_id)",
        settled=lambda keys: among(keys.ids, keys.history[0]),
    ),
    Audit(
        "no generic value stands in a golden record",
        f"""SELECT r.channel, r.source_record_id, g.field FROM ({_GENERIC_RECORDS}) g JOIN records r USING (rid)
           JOIN generation.main.customer_field_values v ON v.record_number = g.rid AND v.field = g.field""",
    ),
    Audit(
        "no generic value makes a household",
        f"""SELECT h.household_id, g.shares FROM ({_GENERIC_TIES}) g JOIN membership m USING (rid)
            JOIN generation.main.customer_households h ON h.customer_id = m.customer_id
            WHERE list_contains(h.shares, g.shares)""",
        about="SELECT * FROM generic_values",
    ),
    Audit(
        "what a steward ruled on a value is obeyed",
        """SELECT field, value, verdict FROM generic_rulings JOIN generic_values USING (field, value)
           WHERE verdict = 'ordinary'
           UNION ALL SELECT field, value, verdict FROM generic_rulings r
           JOIN ruled_values v USING (field, value) ANTI JOIN generic_values USING (field, value)
           WHERE verdict = 'generic' AND v.holders > 0""",
    ),
    Audit(
        "every scored pair inside one customer is told in match_links",
        """WITH coded AS MATERIALIZED (SELECT rid, hash(customer_id) AS code FROM membership)
           SELECT 'pairs', kept, published FROM
               (SELECT count(*) AS kept FROM scored_pairs p JOIN coded a ON a.rid = p.l
                JOIN coded b ON b.rid = p.r WHERE a.code = b.code),
               (SELECT count(*) AS published FROM {match_pairs} WHERE status = 'accepted')
           WHERE kept <> published""",
        once=True,
        settled=lambda keys: keys.links_are_told,
    ),
    Audit(
        "the generation knows the run that made it",
        """SELECT max(run_seq) FROM runs HAVING max(run_seq) NOT IN (
               SELECT run_seq FROM generation.main.runs WHERE state = 'published')""",
    ),
)


def audit_delivery(work: duckdb.DuckDBPyConnection, changed: str | None = None, keys: Keys | None = None) -> None:
    """Raises PromiseBroken when the attached ``generation`` is not what the work store holds; see audit_generation."""
    check(work, DELIVERY, changed, keys=keys)
