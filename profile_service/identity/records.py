"""The two kinds of record: as a channel sent it, and as the rules of identity read it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True)
class RawRecord:
    """One record as its channel sent it; an absent value is ``None``, never an empty string."""

    channel: str
    source_record_id: str
    fields: Mapping[str, str | None] = field(default_factory=dict)
    updated_at: datetime | None = None

    @property
    def key(self) -> str:
        """``channel:source_record_id``, the name a person types."""
        return f"{self.channel}:{self.source_record_id}"

    def value(self, name: str) -> str | None:
        """What was sent in ``name``, or ``None``."""
        return self.fields.get(name) or None
