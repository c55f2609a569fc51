"""Every judgement and label on two records for analysts: who said what, when and why, and whether it binds."""

from __future__ import annotations


def match_judgements_sql() -> str:
    """The rows of ``match_judgements``, in the order of its columns."""
    return """
        WITH said AS (
            SELECT 'decision' AS kind, * FROM (
                SELECT left_channel, left_id, right_channel, right_id, verdict, author, reason, decided_at, decision_id,
                       NULL AS stratum, NULL AS sampling_probability, row_number() OVER (
                           PARTITION BY least((left_channel, left_id), (right_channel, right_id)),
                                        greatest((left_channel, left_id), (right_channel, right_id))
                           ORDER BY decision_id DESC NULLS LAST, decided_at DESC NULLS LAST, verdict DESC) = 1 AS latest
                FROM constraints)
            UNION ALL
            SELECT 'label', left_channel, left_id, right_channel, right_id, verdict, author, reason, judged_at,
                   label_id, stratum, sampling_probability, NULL
            FROM labels)
        SELECT s.left_channel || ':' || s.left_id, s.right_channel || ':' || s.right_id, s.verdict, s.kind,
               CASE WHEN s.kind = 'label' THEN 'measures' WHEN a.rid IS NULL OR b.rid IS NULL THEN 'waits'
                    WHEN NOT s.latest THEN 'superseded' WHEN x.l IS NOT NULL THEN 'set aside' ELSE 'binds' END,
               s.author, s.reason, s.decided_at, s.decision_id, x.against, m.customer_id, n.customer_id,
               m.customer_id = n.customer_id, s.stratum, s.sampling_probability
        FROM said s
        LEFT JOIN records a ON a.channel = s.left_channel AND a.source_record_id = s.left_id
        LEFT JOIN records b ON b.channel = s.right_channel AND b.source_record_id = s.right_id
        LEFT JOIN membership m ON m.rid = a.rid LEFT JOIN membership n ON n.rid = b.rid
        LEFT JOIN set_aside x ON s.latest AND x.l = least(a.rid, b.rid) AND x.r = greatest(a.rid, b.rid)
        ORDER BY s.decided_at, s.decision_id, s.left_channel, s.left_id, s.right_channel, s.right_id"""
