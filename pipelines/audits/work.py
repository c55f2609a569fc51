"""What the work store promises before a run commits."""

from __future__ import annotations

import duckdb

from pipelines.audits.audit import Audit, check, more_than_once
from pipelines.audits.codes import alike

WORK = (
    Audit(
        "every current record belongs to exactly one customer",
        """SELECT r.channel, r.source_record_id, m.times FROM {records} r
           LEFT JOIN (SELECT rid, count(*) AS times FROM {membership} GROUP BY rid) m USING (rid)
           WHERE m.times IS DISTINCT FROM 1""",
        settled=lambda keys: keys.members.once and keys.members.covers(keys.records),
    ),
    Audit(
        "every member of a customer is a current record",
        "SELECT m.customer_id, m.rid FROM {membership} m ANTI JOIN {records} r USING (rid)",
        settled=lambda keys: keys.members.once and keys.records.covers(keys.members),
    ),
    Audit(
        "there are as many members of customers as current records",
        """SELECT members, records FROM (SELECT count(*) AS members FROM membership),
               (SELECT count(*) AS records FROM records) WHERE members <> records""",
    ),
    Audit(
        "a record is kept once: one row for a channel and an id",
        more_than_once("{namesakes}", ("channel", "source_record_id")),
        settled=lambda keys: keys.records.all_different(),
    ),
    Audit(
        "every customer of a record is an id that stands",
        """SELECT DISTINCT m.customer_id FROM {membership} m LEFT JOIN customer_ids i USING (customer_id)
           WHERE i.standing IS NOT TRUE""",
        settled=lambda keys: keys.all_standing_have_records,
    ),
    Audit(
        "every id that stands has a record",
        "SELECT customer_id FROM {customer_ids} i ANTI JOIN membership m USING (customer_id) WHERE i.standing",
        settled=lambda keys: keys.all_standing_have_records,
    ),
    Audit(
        "every id ever given still answers: as itself, as the id it was merged into, or as erased",
        """SELECT i.customer_id, i.stands_as FROM {customer_ids} i
           LEFT JOIN customer_ids o ON o.customer_id = i.stands_as
           WHERE CASE WHEN i.standing THEN i.stands_as IS DISTINCT FROM i.customer_id
                      WHEN i.stands_as IS NULL THEN NOT EXISTS (
                          SELECT 1 FROM id_history h WHERE h.event = 'erased')
                      ELSE o.standing IS NOT TRUE END""",
        about="""FROM customer_ids
            WHERE standing IS NOT TRUE OR stands_as IS DISTINCT FROM customer_id""",  # the joins are of all ids
    ),
    Audit(
        "a customer came about by one merge less than it has records",
        """SELECT merges, records, customers FROM (SELECT count(*) AS merges FROM merges),
               (SELECT count(*) AS records FROM membership),
               (SELECT count(*) AS customers FROM customer_ids WHERE standing)
           WHERE merges <> records - customers""",
    ),
    Audit(
        "an id is given once",
        "SELECT customer_id FROM {customer_ids} GROUP BY customer_id HAVING count(*) > 1",
        settled=lambda keys: not alike(keys.ids),
    ),
    Audit(
        "every id has exactly one open line of history",
        """SELECT i.customer_id, h.lines FROM {customer_ids} i
           LEFT JOIN (SELECT customer_id, count(*) AS lines FROM {id_history} WHERE valid_to IS NULL
                      GROUP BY customer_id) h USING (customer_id)
           WHERE h.lines IS DISTINCT FROM 1""",
        settled=lambda keys: keys.all_ids_have_a_line,
    ),
    Audit(
        "blocking promises each pair once, smaller record on the left",
        """SELECT l, r FROM {scored_pairs} WHERE l >= r
           UNION ALL SELECT pair >> 32, pair & 4294967295 FROM (
               SELECT (l::BIGINT << 32) | r AS pair FROM {scored_pairs} WHERE l < r)
           GROUP BY pair HAVING count(*) > 1""",
        settled=lambda keys: keys.scored.once and keys.scored.ordered,
    ),
    Audit(
        "both records of a scored pair are current",
        """SELECT l FROM {scored_pairs} ANTI JOIN records ON rid = l
           UNION ALL SELECT r FROM {scored_pairs} ANTI JOIN records ON rid = r""",
        settled=lambda keys: keys.scored.known and keys.records.covers(keys.members),
    ),
    Audit(
        "cannot-link: two records judged different are never in one customer",
        """SELECT c.left_channel, c.left_id, c.right_channel, c.right_id FROM (
               SELECT *, (left_channel, left_id) AS one, (right_channel, right_id) AS other FROM constraints
               QUALIFY row_number() OVER (PARTITION BY least(one, other), greatest(one, other)
                   ORDER BY decision_id DESC NULLS LAST, decided_at DESC NULLS LAST, verdict DESC) = 1) c
           JOIN records a ON a.channel = c.left_channel AND a.source_record_id = c.left_id
           JOIN records b ON b.channel = c.right_channel AND b.source_record_id = c.right_id
           JOIN membership x ON x.rid = a.rid JOIN membership y ON y.rid = b.rid
           ANTI JOIN set_aside s ON s.l = least(a.rid, b.rid) AND s.r = greatest(a.rid, b.rid)
           WHERE c.verdict = 'different' AND x.customer_id = y.customer_id""",
        about="SELECT * FROM constraints WHERE verdict = 'different'",  # seldom any, and the joins are of all records
    ),
    Audit(
        "must-link: two records judged the same are always in one customer",
        """SELECT o.l, o.r FROM obeyed o JOIN membership x ON x.rid = o.l JOIN membership y ON y.rid = o.r
           WHERE o.verdict = 'same' AND x.customer_id <> y.customer_id""",
        about="SELECT * FROM obeyed WHERE verdict = 'same'",
    ),
    Audit(
        "an event is kept once: one row for a channel and an id",
        more_than_once("{events}", ("channel", "event_id")),
        settled=lambda keys: keys.once("events", ("channel", "event_id")),
    ),
)


def audit_work(work: duckdb.DuckDBPyConnection, written: str | None = None, since: int = 0) -> None:
    """Raises PromiseBroken when the work store, as the run is about to commit it, breaks a promise.

    ``written``: a table of the numbers of records that are new, or whose values, pairs or customer the run has changed;
    what is of others was audited by earlier runs. ``since``: the run's number, which is on every id and event that
    it changed.
    """
    check(work, WORK, written, since)
