"""One record gets its blocking keys; the same rules as SQL give everyone theirs."""

from __future__ import annotations

from profile_service.identity.blocking_rule import BlockingRule, part_of, part_sql
from profile_service.identity.model import Model
from profile_service.identity.records import StandardisedRecord

Key = tuple[str, ...]


def blocking_keys(record: StandardisedRecord, model: Model) -> dict[str, Key]:
    """Rule name = key, for the rules whose every column the record has: a missing value is never a key."""
    keys = {}
    for rule in model.live_rules:
        parts = [part_of(record, part) for part in rule.key]
        present = tuple(part for part in parts if part is not None)
        if len(present) == len(parts):
            keys[rule.name] = present
    return keys


def key_sql(rule: BlockingRule, row: str = "s") -> str:
    """The key as a 64-bit hash that no other rule's key shares but by accident, and NULL when a column is missing."""
    present = " AND ".join(f"{row}.{column} IS NOT NULL" for column in rule.columns)
    parts = ", ".join(part_sql(part, row) for part in rule.key)
    return f"CASE WHEN {present} THEN hash('{rule.name}', {parts}) END"
