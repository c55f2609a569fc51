"""How customers came about, whom they nearly are, and why their ids changed."""

from __future__ import annotations

from dataclasses import replace

from profile_service.store.relation import ID, relation

_MERGE = (
    ("left_number", "INTEGER NOT NULL", "The record that stands for one group; see customer_records."),
    ("right_number", "INTEGER NOT NULL", "The record that stands for the other group."),
    ("bits", "FLOAT", "Average match weight over all pairs across both groups; null for a must-link."),
    ("round", "UTINYINT", "The round of clustering in which they joined; 0 for a must-link."),
)
MATCH_MERGES = relation(
    "match_merges",
    "What customer_merges shows, kept short: which groups of records joined.",
    "left_number right_number",
    *_MERGE,
)

CUSTOMER_MERGES = replace(
    relation(
        "customer_merges",
        "How each customer came about: its merges one at a time, must-links first, then the surest.",
        "customer_id step",
        ("customer_id", ID, "The customer."),
        ("step", "BIGINT", "The place of this merge in the order of merges of the customer, from 1."),
        (
            "left_record",
            ID,
            "A record of one group, as channel:source_record_id: all that joined it before come along.",
        ),
        ("right_record", ID, "A record of the other group."),
        (
            "average_bits",
            "FLOAT",
            "Average match weight over all pairs across both groups, those that no rule found counted against; null "
            "for a must-link.",
        ),
        ("joined_by", "VARCHAR", "weight, or must_link for a judgement."),
    ),
    query="""
        SELECT a.customer_id, row_number() OVER (
                   PARTITION BY a.customer_id ORDER BY m.round > 0, m.bits DESC, m.round, left_number, right_number)
                   AS step,
               a.channel || ':' || a.source_record_id AS left_record,
               b.channel || ':' || b.source_record_id AS right_record, m.bits AS average_bits,
               CASE m.round WHEN 0 THEN 'must_link' ELSE 'weight' END AS joined_by
        FROM match_merges m JOIN customer_records a ON a.record_number = m.left_number
        JOIN customer_records b ON b.record_number = m.right_number""",
)

MATCH_NEAR_MISSES = relation(
    "match_near_misses",
    "What customer_near_misses shows, kept short: groups of records that stayed two.",
    "left_number right_number",
    ("left_number", "INTEGER NOT NULL", "The record that stands for one customer; see customer_records."),
    ("right_number", "INTEGER NOT NULL", "The record that stands for the other customer."),
    ("bits", "FLOAT", "Average match weight over all pairs across both."),
    ("short_bits", "FLOAT", "How many bits the average lacks."),
    ("judged", "BOOLEAN", "A judgement keeps them apart."),
    ("apart", "BOOLEAN", "Both hold a record of one duplicate-free channel."),
)

CUSTOMER_NEAR_MISSES = replace(
    relation(
        "customer_near_misses",
        "Two customers that at least one pair of their records would join, and what keeps them two.",
        "left_customer_id right_customer_id",
        ("left_customer_id", ID, "One customer."),
        ("right_customer_id", ID, "The other."),
        (
            "average_bits",
            "FLOAT",
            "Average match weight over all pairs across both, those that no rule found counted against.",
        ),
        ("short_bits", "FLOAT", "How many bits the average lacks to join them: the smaller, the nearer."),
        (
            "kept_apart_by",
            "VARCHAR",
            "weight; cannot_link for a judgement; channel for one declared free of duplicates.",
        ),
    ),
    query="""
        SELECT a.customer_id AS left_customer_id, b.customer_id AS right_customer_id, n.bits AS average_bits,
               n.short_bits, CASE WHEN n.judged THEN 'cannot_link' WHEN n.apart THEN 'channel' ELSE 'weight' END
                   AS kept_apart_by
        FROM match_near_misses n JOIN customer_records a ON a.record_number = n.left_number
        JOIN customer_records b ON b.record_number = n.right_number""",
)

CUSTOMER_CHANGES = relation(
    "customer_changes",
    "Why each id was merged, split, restored or erased, and why a record moved from one customer to another.",
    "",
    ("customer_id", ID, "The customer; for a record that moved the one it is of since."),
    ("run_id", "VARCHAR", "The run that changed it; see runs."),
    ("event", "VARCHAR", "merged_into, split_from, restored, erased, or moved for a single record."),
    ("other_customer_id", "VARCHAR", "The customer merged into, or split, restored or moved from."),
    (
        "cause",
        "VARCHAR",
        "must_link, cannot_link, must_link_undone or cannot_link_undone (judgements); model (another model); "
        "value_generic or value_ordinary; new_record, changed_record or other_records; erasure.",
    ),
    (
        "record",
        "VARCHAR",
        "The record it is about, as channel:source_record_id: the one that moved, is new or changed, or was judged; "
        "else one of the strongest pair across.",
    ),
    ("other_record", "VARCHAR", "The record at the other end, of the other customer."),
    ("bits", "FLOAT", "Match weight of the strongest pair across both customers, in that run."),
    ("field", "VARCHAR", "The field of a value that became generic or ordinary."),
    ("value", "VARCHAR", "That value."),
)

HISTORY_RELATIONS = (MATCH_MERGES, CUSTOMER_MERGES, MATCH_NEAR_MISSES, CUSTOMER_NEAR_MISSES, CUSTOMER_CHANGES)
