"""The two kinds of record: as a channel sent it, and as the rules of identity read it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

# What the rules of identity read in a record, each ``None`` when missing. The names of the contract's own fields are
# kept for the value itself; the others are derived from it.
STANDARD_COLUMNS = (
    "given_name",
    "given_fixed",
    "given_root",
    "given_roots",
    "given_sound",
    "middle_name",
    "family_name",
    "family_fixed",
    "family_sound",
    "name_pair",
    "suffix",
    "sex",
    "birth_date",
    "birth_place",
    "occupation",
    "email",
    "email_local",
    "phone",
    "phone_tail",
    "street",
    "street_number",
    "street_name",
    "street_2",
    "postcode",
    "city",
    "region",
    "country",
    "loyalty_id",
    "cookie_id",
    "device_id",
)

# What follows from a value, and goes missing with it where it is generic.
DERIVED_FROM = {
    "email": ("email_local",),
    "phone": ("phone_tail",),
    "street": ("street_number", "street_name"),
    "name_pair": (
        *("given_name", "given_fixed", "given_root", "given_roots", "given_sound"),
        *("middle_name", "family_name", "family_fixed", "family_sound", "suffix"),
    ),
}


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
        text = self.fields.get(name)
        return text if text and not text.isspace() else None


@dataclass(frozen=True)
class StandardisedRecord:
    """One record as the rules read it: every one of ``STANDARD_COLUMNS``, and frequency bins of the values."""

    channel: str
    source_record_id: str
    values: Mapping[str, str | None]
    bins: Mapping[str, int]

    def __getitem__(self, column: str) -> str | None:
        """The standard value of a column, or ``None`` when missing."""
        return self.values[column]
