"""Pairs of records with their match weight, and what the comparisons said of them."""

from __future__ import annotations

from dataclasses import replace

from profile_service.store.relation import ID, relation

_STATUS = (
    "status",
    "VARCHAR",
    (
        "accepted: one customer. borderline: two customers, weight in the model's zone of doubt. cut:"
        " two customers although the weight is above that zone."
    ),
)
_PATTERN = ("pattern", "BIGINT", "The levels of all comparisons in one number, as the model counts them.")
_VERDICT = (
    ("bits", "FLOAT", "Match weight: log2 of the odds that both are one person."),
    ("probability", "DOUBLE", "The same as a probability."),
    ("levels", "VARCHAR", "The level of each comparison, as JSON: levels->>'email'."),
    ("model_version", "VARCHAR", "The model that weighed the pair."),
)

# A million records have millions of pairs in a hundred thousand patterns: names and levels are kept once each.
MATCH_PAIRS = relation(
    "match_pairs",
    "What match_links shows, kept short: pairs of records by number.",
    "left_number right_number",
    ("left_number", "INTEGER NOT NULL", "One record; see customer_records."),
    ("right_number", "INTEGER NOT NULL", "The other record."),
    _STATUS,
    _PATTERN,
)

MATCH_PATTERNS = relation(
    "match_patterns",
    "What the comparisons of a pair can say together, and the match weight that follows from it.",
    "pattern",
    _PATTERN,
    *_VERDICT,
)

MATCH_LINKS = replace(
    relation(
        "match_links",
        "Pairs of records with their match weight: those inside one customer, and those the model was not sure of.",
        "left_record right_record",
        ("left_record", ID, "One record, as channel:source_record_id; the two stand in the order of channel and id."),
        ("right_record", ID, "The other record."),
        ("left_customer_id", ID, "The left record's customer."),
        ("right_customer_id", ID, "The right record's customer."),
        _STATUS,
        *_VERDICT,
    ),
    query="""
        SELECT a.channel || ':' || a.source_record_id AS left_record,
               b.channel || ':' || b.source_record_id AS right_record,
               a.customer_id AS left_customer_id, b.customer_id AS right_customer_id, p.status, t.bits, t.probability,
               t.levels, t.model_version
        FROM match_pairs p JOIN customer_records a ON a.record_number = p.left_number
        JOIN customer_records b ON b.record_number = p.right_number LEFT JOIN match_patterns t USING (pattern)""",
)

LINK_RELATIONS = (MATCH_PAIRS, MATCH_PATTERNS, MATCH_LINKS)
