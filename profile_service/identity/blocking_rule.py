"""One blocking rule and the parts of its key: columns, or their first characters, in SQL and for one record."""

from __future__ import annotations

from dataclasses import dataclass

from profile_service.identity.records import StandardisedRecord


@dataclass(frozen=True)
class BlockingRule:
    """Records that agree on all of ``key`` are candidate pairs; ``wide``, ``few``: only as [blocking] allows.

    A part of the key is a standard column, or its first characters: ``birth_date:4`` is the year.
    """

    name: str
    key: tuple[str, ...]
    wide: bool = False
    few: bool = False

    @property
    def columns(self) -> tuple[str, ...]:
        """The standard columns that the key reads."""
        return tuple(part.partition(":")[0] for part in self.key)


def part_sql(part: str, row: str) -> str:
    """One part of a key over a row of the standardised table: a column, or its first characters."""
    column, _, length = part.partition(":")
    return f"left({row}.{column}, {length})" if length else f"{row}.{column}"


def same_key_sql(rule: BlockingRule, left: str = "l", right: str = "r") -> str:
    """Whether two rows agree on a key, NULL or false where one lacks a column."""
    return " AND ".join(f"{part_sql(part, left)} = {part_sql(part, right)}" for part in rule.key)


def part_of(record: StandardisedRecord, part: str) -> str | None:
    """The same of one record, ``None`` when missing."""
    column, _, length = part.partition(":")
    value = record[column]
    return value[: int(length)] if value is not None and length else value
