"""What a valid row of each feed is: the one definition, from which the vectorised SQL checks are derived."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, cast

from marshmallow import Schema, ValidationError

from profile_service.contracts.fields import Amount, Choice, Currency, Day, Json, Moment, Text

CLOCKS_DIFFER = timedelta(days=1)  # a feed's clock, or a time zone left out, from ours
MAX_EXTRA = 1_000_000  # characters of all further columns of a row together, as JSON

# Columns outside the contract that are known under other names too.
ALIASES: Mapping[str, tuple[str, ...]] = {
    "sex": ("gender",),
    "birth_place": ("place_of_birth",),
    "occupation": ("profession",),
    "street_2": ("address_2", "address_line_2", "street2"),
}
# Fields whose spelling a channel may declare as a strptime format.
FORMATTED = ("birth_date", "updated_at", "occurred_at")


class CustomerRow(Schema):
    """A row of ``customers``: the contract's fields, then further ones that are compared when a feed has them."""

    source_record_id = Text(required=True)
    given_name = Text()
    family_name = Text()
    email = Text()
    phone = Text()
    birth_date = Day()
    street = Text()
    city = Text()
    region = Text()
    postcode = Text()
    country = Text()
    loyalty_id = Text()
    cookie_id = Text()
    device_id = Text()
    marketing_consent = Choice("yes", "no")
    middle_name = Text()
    full_name = Text()
    sex = Text()
    birth_place = Text()
    occupation = Text()
    street_2 = Text()
    updated_at = Moment()
    extra = Json(longest=MAX_EXTRA)


class EventRow(Schema):
    """A row of ``events``."""

    event_id = Text(required=True)
    source_record_id = Text(required=True)
    event_type = Text()
    occurred_at = Moment()
    amount = Amount()
    currency = Currency()
    extra = Json(longest=MAX_EXTRA)


_ROWS: Mapping[str, type[Schema]] = {"customers": CustomerRow, "events": EventRow}
KINDS = tuple(_ROWS)
KEYS: Mapping[str, str] = {"customers": "source_record_id", "events": "event_id"}


class FeedContract:
    """The rows of one kind as one channel spells them, checked one at a time or, by SQL, all at once."""

    def __init__(self, kind: str, formats: Mapping[str, str] | None = None, *, now: datetime | None = None) -> None:
        """Take the schema of ``kind`` (customers or events), with the strptime ``formats`` a channel declares.

        ``now``: a record that says it was changed later than a day after this is refused: no newer version of it could
        stand until then.
        """
        declared = formats or {}
        base = _ROWS[kind]
        spelled: dict[str, Any] = {
            name: type(field)(declared[name])
            for name, field in base._declared_fields.items()
            if name in declared and isinstance(field, Day | Moment)
        }
        if now is not None and "updated_at" in base._declared_fields:
            spelled["updated_at"] = Moment(declared.get("updated_at"), latest=now + CLOCKS_DIFFER)
        self.kind = kind
        self.key = KEYS[kind]
        self._schema = type(base.__name__, (base,), spelled)()
        self.fields: Mapping[str, Text] = {name: cast(Text, field) for name, field in self._schema.load_fields.items()}

    @property
    def required(self) -> tuple[str, ...]:
        """The fields that every row must have."""
        return tuple(name for name, field in self.fields.items() if field.required)

    def check_sql(self, *, may_hold_nul: bool = True) -> str:
        """A condition over columns named as the fields; true only of rows that ``read`` accepts."""
        return " AND ".join(field.check_sql(name, may_hold_nul=may_hold_nul) for name, field in self.fields.items())

    def read(self, row: Mapping[str, str | None]) -> tuple[dict[str, str | None], list[str]]:
        """One row in canonical spelling and no reasons, or an empty row and every reason why it is refused."""
        try:
            return cast("dict[str, str | None]", self._schema.load(dict(row))), []
        except ValidationError as error:
            messages = cast("dict[str, list[str]]", error.messages)
            return {}, [f"{name} {message}" for name in messages for message in messages[name]]


def field_names(kind: str) -> tuple[str, ...]:
    """The names of the fields of ``kind`` in the order of the contract, without ``extra``."""
    return tuple(name for name in _ROWS[kind]._declared_fields if name != "extra")
