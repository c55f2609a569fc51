"""One record as the service keeps it: as sent, as standardised, and what its customer's profile needs of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, NamedTuple

import orjson

from profile_service.contracts.nesting import MOST_NESTED, nested_deeper
from profile_service.identity.model import Model
from profile_service.identity.records import STANDARD_COLUMNS, RawRecord, StandardisedRecord
from profile_service.identity.standardise import name_pair
from profile_service.store.schema import RECORD_FIELDS

# What follows from other standard values at once is not kept.
_FOLLOWS = ("email_local", "phone_tail", "given_root", "name_pair")
# The standard columns that a generation is made of: email_local follows, but the search asks for it of everyone.
GATHERED = tuple(name for name in STANDARD_COLUMNS if name == "email_local" or name not in _FOLLOWS)
# Few channels send these, most none at all: they stand last, so that they can be left out where nothing follows.
_RARE_SENT = ("street_2", "middle_name", "full_name", "sex", "birth_place", "occupation", "extra")
_RARE_STANDARD = ("street_2", "suffix", "middle_name", "sex", "birth_place", "occupation")
SENT, STANDARD = "sent", "standard"
# In JSON the values stand in this order without their names: half the bytes, a third of the time to read.
VALUES = (
    *((SENT, name) for name in RECORD_FIELDS if name not in _RARE_SENT),
    *((STANDARD, name) for name in STANDARD_COLUMNS if name not in (*_FOLLOWS, *_RARE_STANDARD)),
    *((SENT, name) for name in _RARE_SENT),
    *((STANDARD, name) for name in _RARE_STANDARD),
)
# In a record's JSON, a moment that is its ``updated_at``.
SAME = ""
# A generation keeps a record as its JSON's parts with a mark between them, moments in microseconds since 1970 and what
# is not there as nothing: that takes two thirds of the time to write. JSON is only kept of a record whose values hold
# such a mark, or a line break.
PART = "\x1f"
SAME_MOMENT = "="
_BEGIN_JSON = b"["
# Places of parts in a record: its number, whether it is authenticated, and what is a number or a list by itself.
_REF, _AUTHENTICATED, _BEFORE_VALUES = 0, 4, 15
_AS_JSON = (9, 10, 13, 14)
_UNKNOWN: Mapping[str, str | None] = dict.fromkeys(STANDARD_COLUMNS)
Consent = tuple[str, datetime | None, int]


def moment_text(moment: datetime | None) -> str | None:
    """RFC 3339 in UTC with a Z; a fraction of a second only where there is one."""
    if moment is None:
        return None
    text = moment.astimezone(UTC).replace(tzinfo=None).isoformat()
    return (text.rstrip("0") if "." in text else text) + "Z"


def further(text: str) -> Any:
    """What ``extra`` says; as text where it is nested deeper than can be told, as feeds could send it once."""
    try:
        return {"as_sent": text} if nested_deeper(text, MOST_NESTED) else orjson.loads(text)
    except orjson.JSONDecodeError:
        return {"as_sent": text}


def moment_of(text: str | None) -> datetime | None:
    """The moment that ``moment_text`` wrote."""
    return None if text is None else datetime.fromisoformat(text)


def moment_sql(column: str) -> str:
    """``moment_text`` as SQL over a TIMESTAMPTZ; without the calendar of ICU, which takes ten times as long."""
    plain = f"make_timestamp(epoch_us({column}))"
    # formatting takes half as long, and knows no fraction of a second that ends where it may
    return f"""CASE WHEN epoch_us({column}) % 1000000 = 0 AND year({plain}) BETWEEN 1000 AND 9999
        THEN strftime({plain}, '%Y-%m-%dT%H:%M:%SZ') ELSE replace({plain}::VARCHAR, ' ', 'T') || 'Z' END"""


@dataclass(frozen=True)
class EventSummary:
    """The events of one record: how many, the first, the last, and the sum of their amounts by currency."""

    count: int
    first_at: datetime | None
    last_at: datetime | None
    amounts: Mapping[str, Decimal] = field(default_factory=dict)

    @classmethod
    def from_table(cls, table: Mapping[str, Any]) -> EventSummary:
        """The summary as a generation keeps it for records that are not there."""
        return cls(
            count=table["count"],
            first_at=moment_of(table["first_at"]),
            last_at=moment_of(table["last_at"]),
            amounts=_amounts_of(table["amounts"]),
        )


@dataclass(frozen=True)
class CarriedConsent:
    """A consent stated for the customer, kept with a record so that it stays with it through merge and split.

    ``said`` yes or no; ``statements``: how often it was stated for this purpose and channel.
    """

    purpose: str
    channel: str
    said: str
    stated_at: datetime | None
    statements: int = 1


class RecordHead(NamedTuple):
    """A record by its number and its key, and whose it is."""

    ref: int
    channel: str
    source_record_id: str
    customer_id: str


def head_of(body: bytes) -> RecordHead:
    """The head of a record as a generation keeps it, which stands first; a fifth of the time that the record takes."""
    if body.startswith(_BEGIN_JSON):
        return RecordHead(*orjson.loads(body)[:4])
    ref, channel, source_record_id, customer_id, _ = body.split(PART.encode(), 4)
    return RecordHead(int(ref), channel.decode(), source_record_id.decode(), customer_id.decode())


@dataclass(frozen=True)
class StoredRecord:
    """A current record: ``ref`` is its number in its generation, or negative when it came in live.

    ``fields``: values as sent, absent ones not there, ``extra`` as JSON text. ``standard``: every one of
    STANDARD_COLUMNS, None when missing, generic, or when the record is not ``authenticated``. ``first_seen``: the
    earliest ``updated_at`` of any of its versions. ``consent``: yes or no, since when, and how often it changed.
    ``statements``: consents that it carries for its customer, in the order of purpose and channel.
    """

    ref: int
    channel: str
    source_record_id: str
    customer_id: str
    fields: Mapping[str, str]
    standard: Mapping[str, str | None]
    updated_at: datetime | None = None
    first_seen: datetime | None = None
    consent: Consent | None = None
    events: EventSummary | None = None
    authenticated: bool = True
    statements: tuple[CarriedConsent, ...] = ()

    @property
    def key(self) -> str:
        """``channel:source_record_id``, the name a person types."""
        return f"{self.channel}:{self.source_record_id}"

    def as_raw(self) -> RawRecord:
        """The record as its channel sent it."""
        return RawRecord(self.channel, self.source_record_id, self.fields, self.updated_at)

    def as_standardised(self, model: Model) -> StandardisedRecord:
        """The record as the rules of identity read it, with the model's frequency bins."""
        bins = {column: model.bin_of(column, self.standard[column]) for column in model.binned}
        return StandardisedRecord(self.channel, self.source_record_id, self.standard, bins)

    def to_json(self) -> bytes:
        """The record as JSON, a list, for ``from_json``."""
        said: Consent | tuple[None, None, None] = self.consent or (None, None, None)
        spent = self.events
        values = [(self.fields if kind == SENT else self.standard).get(name) for kind, name in VALUES]
        while values and values[-1] is None:
            values.pop()
        return orjson.dumps(
            [
                self.ref,
                self.channel,
                self.source_record_id,
                self.customer_id,
                self.authenticated,
                moment_text(self.updated_at),
                moment_text(self.first_seen),
                said[0],
                moment_text(said[1]),
                said[2],
                *((None,) * 4 if spent is None else _events_list(spent)),
                [
                    [said.purpose, said.channel, said.said, moment_text(said.stated_at), said.statements]
                    for said in self.statements
                ]
                or None,
                *values,
            ]
        )

    @classmethod
    def from_json(cls, text: bytes | str) -> StoredRecord:
        """The record that ``to_json`` wrote."""
        return cls._of_parts(orjson.loads(text), moment_of, SAME)

    @classmethod
    def from_body(cls, body: bytes) -> StoredRecord:
        """The record as a generation keeps it, see ``PART``."""
        if body.startswith(_BEGIN_JSON):
            return cls.from_json(body)
        parts: list[Any] = body.decode().rstrip(PART).split(PART)
        parts += [""] * (_BEFORE_VALUES - len(parts))
        parts[_REF], parts[_AUTHENTICATED] = int(parts[_REF]), parts[_AUTHENTICATED] == "true"
        for place in _AS_JSON:
            parts[place] = orjson.loads(parts[place]) if parts[place] else None
        return cls._of_parts(parts, _moment, SAME_MOMENT)

    @classmethod
    def _of_parts(cls, parts: list[Any], moment: Callable[[Any], datetime | None], same: str) -> StoredRecord:
        """``moment`` reads a moment; ``same`` stands for one that is ``updated_at``."""
        ref, channel, source_record_id, customer_id, authenticated, at, first, *more = parts
        said, stated_at, times, events, first_at, last_at, amounts, statements, *values = more
        updated_at = moment(at)
        since = updated_at if stated_at == same else moment(stated_at)
        fields, standard = _values(values)
        return cls(
            ref=ref,
            channel=channel,
            source_record_id=source_record_id,
            customer_id=customer_id,
            fields=fields,
            standard=standard,
            updated_at=updated_at,
            first_seen=updated_at if first == same else moment(first),
            consent=(said, since, times) if said else None,
            events=None
            if events is None
            else EventSummary(events, moment(first_at), moment(last_at), _amounts_of(amounts)),
            authenticated=authenticated,
            statements=_statements(statements or ()),
        )


def _moment(microseconds: str) -> datetime | None:
    if not microseconds:
        return None
    seconds, fraction = divmod(int(microseconds), 1_000_000)
    moment = datetime.fromtimestamp(seconds, UTC)
    return moment.replace(microsecond=fraction) if fraction else moment


def _values(values: Iterable[str | None]) -> tuple[dict[str, str], dict[str, str | None]]:
    """Values as sent and as standardised, in the order of ``VALUES``."""
    fields: dict[str, str] = {}
    standard = dict(_UNKNOWN)
    for (kind, name), value in zip(VALUES, values, strict=False):
        if value:
            (fields if kind == SENT else standard)[name] = value
    _add_what_follows(standard)
    return fields, standard


def _statements(told: Iterable[Sequence[Any]]) -> tuple[CarriedConsent, ...]:
    return tuple(
        CarriedConsent(purpose, channel, said, moment_of(stated_at), times)
        for purpose, channel, said, stated_at, times in told
    )


def _add_what_follows(standard: dict[str, str | None]) -> None:
    email, phone, roots = standard["email"], standard["phone"], standard["given_roots"]
    if email is not None:
        standard["email_local"] = email.rpartition("@")[0]
    if phone is not None:
        standard["phone_tail"] = phone[-7:]
    if roots is not None:
        standard["given_root"] = roots.split(" ", 1)[0]
    standard["name_pair"] = name_pair(standard["given_fixed"], standard["family_fixed"])


def _events_list(spent: EventSummary) -> tuple[int, str | None, str | None, dict[str, str]]:
    amounts = {currency: f"{amount:.4f}" for currency, amount in sorted(spent.amounts.items())}
    return spent.count, moment_text(spent.first_at), moment_text(spent.last_at), amounts


def _amounts_of(amounts: Mapping[str, str]) -> dict[str, Decimal]:
    return {currency: Decimal(amount) for currency, amount in amounts.items()}
