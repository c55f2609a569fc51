"""The kinds of value a feed may hold: each a marshmallow field that also states its check as DuckDB SQL."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Mapping
from datetime import UTC, date, datetime
from decimal import ROUND_HALF_EVEN, Decimal, InvalidOperation
from typing import Any

from marshmallow import ValidationError, fields, validate

from profile_service.contracts.nesting import MOST_NESTED, nested_deeper

MAX_CHARACTERS = 10_000  # longer than any name, address or note that a person typed
NO_NUL = validate.ContainsNoneOf("\0", error="holds a NUL character, which no store takes")
AMOUNT_PLACES = Decimal("0.0001")  # amounts are kept as DECIMAL(18, 4)
AMOUNT_LIMIT = Decimal(10) ** 14

_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_MOMENT = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2})[Tt ]([0-9]{2}:[0-9]{2}):([0-9]{2})(?:\.([0-9]+))?"
    r"(?:[Zz]|([+-])([0-9]{2}):([0-9]{2}))"
)
_RUN_TOGETHER = re.compile("%[a-zA-Z]%[a-zA-Z]")
_AMOUNT = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]{1,3})?")
_CURRENCY = re.compile(r"[A-Z]{3}")

_TOO_LARGE = "has more than 14 digits before the decimal point"
_MISSING: dict[str, str | list[Any] | dict[Any, Any]] = {
    "required": "is missing",
    "null": "is missing",
    "invalid": "is not text",
}


def quoted(text: str) -> str:
    """The text as an SQL string literal."""
    return "'" + text.replace("'", "''") + "'"


class Text(fields.String):
    """Text of at most ``longest`` characters; every other kind of value begins as one."""

    sql_type = "VARCHAR"

    def __init__(self, *, required: bool = False, longest: int = MAX_CHARACTERS) -> None:
        """Make an optional field, for which ``None`` means absent, or a required one."""
        super().__init__(required=required, allow_none=not required, error_messages=_MISSING)
        self.longest = longest

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> str:
        text = super()._deserialize(value, attr, data, **kwargs)
        if self.required and not text:
            raise ValidationError("is missing")
        if len(text) > self.longest:
            raise ValidationError(f"has {len(text):,} characters, at most {self.longest:,} are read")
        if "\0" in text:
            raise ValidationError("holds a NUL character")
        return self.canonical(text)

    def canonical(self, text: str) -> str:
        """The one spelling in which the work store reads this value; ValidationError where the text has none."""
        return text

    def check_sql(self, column: str, *, may_hold_nul: bool = True) -> str:
        """A condition on an SQL column, true only of values that marshmallow accepts; it may refuse more than that.

        ``may_hold_nul``: whether NUL characters are still to be looked for, a quarter of the whole check's cost.
        """
        # bytes are at least characters, and counting bytes is cheaper
        fits = f"strlen({column}) <= {self.longest}"
        if may_hold_nul:
            fits += f" AND NOT contains({column}, chr(0))"
        rule = self.rule_sql(column)
        if rule:
            fits += f" AND {rule}"
        if self.required:
            return f"coalesce({column} <> '' AND {fits}, false)"
        return f"({column} IS NULL OR coalesce({fits}, false))"

    def rule_sql(self, column: str) -> str:
        """What the kind of value asks beyond being text, as SQL; empty for nothing."""
        return ""

    def canonical_sql(self, column: str) -> str:
        """SQL for ``canonical`` of a value that passed ``check_sql``."""
        return column


class Choice(Text):
    """One of a few words."""

    def __init__(self, *words: str) -> None:
        """Accept exactly these words."""
        super().__init__()
        self.words = words

    def canonical(self, text: str) -> str:
        """The word itself."""
        if text not in self.words:
            raise ValidationError(f"is neither {' nor '.join(self.words)}")
        return text

    def rule_sql(self, column: str) -> str:
        """Membership."""
        return f"{column} IN ({', '.join(quoted(word) for word in self.words)})"


class Currency(Text):
    """An ISO 4217 code: three capital letters."""

    def canonical(self, text: str) -> str:
        """The code itself."""
        if not _CURRENCY.fullmatch(text):
            raise ValidationError("is not a currency code of three capital letters (ISO 4217)")
        return text

    def rule_sql(self, column: str) -> str:
        """Three capital letters."""
        return f"regexp_full_match({column}, '[A-Z]{{3}}')"


class Json(Text):
    """JSON text, in which objects and arrays stand in each other at most ``MOST_NESTED`` deep, itself included."""

    def canonical(self, text: str) -> str:
        """The text itself."""
        if nested_deeper(text, MOST_NESTED):
            raise ValidationError(f"is nested more than {MOST_NESTED} deep")
        return text

    def rule_sql(self, column: str) -> str:
        """Too few brackets, in words or not, to be nested too deep."""
        opened = f"strlen({column}) - strlen(replace(replace({column}, '{{', ''), '[', ''))"
        return f"({opened}) <= {MOST_NESTED}"


class Amount(Text):
    """A decimal number below 10^14, kept to four places."""

    sql_type = "DECIMAL(18, 4)"

    def canonical(self, text: str) -> str:
        """The number without exponent, rounded half to even at the fourth place."""
        if not _AMOUNT.fullmatch(text):
            raise ValidationError("is not a decimal number")
        try:
            number = Decimal(text).quantize(AMOUNT_PLACES, ROUND_HALF_EVEN)
        except InvalidOperation as error:  # more digits than quantize can hold
            raise ValidationError(_TOO_LARGE) from error
        if abs(number) >= AMOUNT_LIMIT:
            raise ValidationError(_TOO_LARGE)
        return format(number, "f")

    def rule_sql(self, column: str) -> str:
        """Plain digits, at most four of them after the point."""
        return f"regexp_full_match({column}, '-?[0-9]{{1,14}}(\\.[0-9]{{1,4}})?')"


class Dated(Text, ABC):
    """A point in the calendar, in the standard spelling or in one ``strptime`` format that the channel declares."""

    noun = ""  # what it is, and
    standard = ""  # how it is spelled, for the reason

    def __init__(self, strptime: str | None = None) -> None:
        """Read the standard spelling, or ``strptime`` instead of it."""
        super().__init__()
        self.strptime = strptime

    def canonical(self, text: str) -> str:
        """The standard spelling of what the text means."""
        try:
            if self.strptime is None:
                return self.from_standard(text)
            moment = datetime.strptime(text, self.strptime)
            # with nothing between its parts, a date that lacks a digit would be read as another date
            if _RUN_TOGETHER.search(self.strptime) and moment.strftime(self.strptime) != text:
                raise ValueError(text)
            return self.spelled(moment)
        except (ValueError, OverflowError) as error:
            wanted = self.standard if self.strptime is None else f"in the declared format {self.strptime}"
            raise ValidationError(f"is not a real {self.noun} {wanted}") from error

    @abstractmethod
    def from_standard(self, text: str) -> str:
        """The canonical spelling of a standard one; ValueError for anything else."""

    @abstractmethod
    def spelled(self, moment: datetime) -> str:
        """The canonical spelling of a parsed moment."""

    def rule_sql(self, column: str) -> str:
        """The standard's pattern and a real date; or that the declared format gives the very text back."""
        if self.strptime is None:
            return self.standard_sql(column)
        parsed = f"try_strptime({column}, {quoted(self.strptime)})"
        # strptime of DuckDB forgives what Python's does not (spaces, short years): only the exact text is sure
        return f"strftime({parsed}, {quoted(self.strptime)}) = {column} AND year({parsed}) BETWEEN 1000 AND 9998"

    @abstractmethod
    def standard_sql(self, column: str) -> str:
        """The condition for the standard spelling."""

    def canonical_sql(self, column: str) -> str:
        """The column itself, or what the declared format reads in it, respelled."""
        if self.strptime is None:
            return column
        return self.respelled_sql(f"try_strptime({column}, {quoted(self.strptime)})")

    @abstractmethod
    def respelled_sql(self, moment: str) -> str:
        """The canonical spelling of an SQL timestamp."""


class Day(Dated):
    """A calendar day, ISO 8601 ``YYYY-MM-DD``."""

    standard = "in the form YYYY-MM-DD"
    noun = "date"

    def from_standard(self, text: str) -> str:
        """The day itself."""
        if not _DAY.fullmatch(text):
            raise ValueError(text)
        return date.fromisoformat(text).isoformat()

    def spelled(self, moment: datetime) -> str:
        """``YYYY-MM-DD``."""
        return moment.date().isoformat()

    def standard_sql(self, column: str) -> str:
        """The pattern, a real day, and none before the year 1, which Python does not know."""
        pattern = "[0-9]{4}-[0-9]{2}-[0-9]{2}"
        real = f"{column} >= '0001' AND try_cast({column} AS DATE) IS NOT NULL"
        return f"regexp_full_match({column}, '{pattern}') AND {real}"

    def respelled_sql(self, moment: str) -> str:
        """``YYYY-MM-DD``."""
        return f"strftime({moment}, '%Y-%m-%d')"


class Moment(Dated):
    """A moment in time, RFC 3339; kept in UTC to the microsecond. A declared format without an offset means UTC."""

    sql_type = "TIMESTAMPTZ"
    standard = "with an offset (RFC 3339)"
    noun = "date and time"

    def __init__(self, strptime: str | None = None, *, latest: datetime | None = None) -> None:
        """Read moments up to ``latest``; None: of any time."""
        super().__init__(strptime)
        self.latest = latest

    def canonical(self, text: str) -> str:
        """The standard spelling of what the text means."""
        spelled = super().canonical(text)
        if self.latest is not None and datetime.fromisoformat(spelled) > self.latest:
            raise ValidationError("lies more than a day in the future")
        return spelled

    def rule_sql(self, column: str) -> str:
        """What every date asks, and not too late."""
        rule = super().rule_sql(column)
        if self.latest is None:
            return rule
        moment = f"try_cast({self.canonical_sql(column)} AS TIMESTAMPTZ)"
        return f"{rule} AND {moment} <= TIMESTAMPTZ {quoted(self.latest.isoformat())}"

    def from_standard(self, text: str) -> str:
        """The moment in UTC; a leap second counts as the second before it."""
        match = _MOMENT.fullmatch(text)
        if match is None:
            raise ValueError(text)
        day, minute, second, fraction, sign, hours, minutes = match.groups()
        if hours is not None and (int(hours) > 23 or int(minutes) > 59):
            raise ValueError(text)
        offset = f"{sign}{hours}:{minutes}" if hours else "+00:00"
        micro = ((fraction or "") + "000000")[:6]
        second = "59" if second == "60" else second
        return self.spelled(datetime.fromisoformat(f"{day}T{minute}:{second}.{micro}{offset}"))

    def spelled(self, moment: datetime) -> str:
        """RFC 3339 in UTC."""
        aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        return aware.astimezone(UTC).isoformat()

    def standard_sql(self, column: str) -> str:
        """The pattern with every part in its range, and a real day, away from both ends of Python's calendar."""
        clock = r"([01][0-9]|2[0-3]):[0-5][0-9]"
        pattern = r"[0-9]{4}-[0-9]{2}-[0-9]{2}[T ]" + clock + r":[0-5][0-9](\.[0-9]{1,6})?(Z|[+-]" + clock + ")"
        return (
            f"regexp_full_match({column}, '{pattern}') AND {column} >= '0002' AND {column} < '9999'"
            f" AND try_cast({column} AS TIMESTAMPTZ) IS NOT NULL"
        )

    def respelled_sql(self, moment: str) -> str:
        """RFC 3339 in UTC."""
        return f"strftime({moment}, '%Y-%m-%dT%H:%M:%S.%fZ')"
