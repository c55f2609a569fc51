"""How moments, amounts, shares and commands are written for people."""

from __future__ import annotations

import re
from datetime import UTC
from decimal import Decimal, InvalidOperation
from typing import Any

from markupsafe import Markup, escape

from profile_service.store.stored import moment_of

_CODE = re.compile(r"`([^`\n]+)`")


def money(amount: Any, currency: str | None = None) -> str:
    """An amount with two places and its currency; what is no amount stands as it is."""
    try:
        return f"{Decimal(str(amount)):,.2f} {currency or ''}".strip()
    except InvalidOperation:
        return str(amount)


def moment(text: str) -> str:
    """A moment of RFC 3339 to the minute, in UTC; what is none stands as it is."""
    try:
        at = moment_of(text)
    except ValueError:
        at = None
    if at is None or at.tzinfo is None:
        return text
    at = at.astimezone(UTC)
    return f"{at.day} {at:%B %Y, %H:%M} UTC"


def percent(share: float) -> str:
    """A share of one in percent; what only rounding would make certain or impossible is told as nearly so."""
    if 0.9995 <= share < 1:
        return "over 99.9 %"
    if 0 < share <= 0.0005:
        return "under 0.1 %"
    return f"{share:.1%}".replace("%", " %")


def with_code(text: str) -> Markup:
    """Text of a warning or an error, escaped, with what it says to type, between backticks, as ``<code>``."""
    # every other part was between backticks
    parts = (Markup("<code>{}</code>").format(part) if place % 2 else escape(part)
             for place, part in enumerate(_CODE.split(text)))  # fmt: skip
    return Markup("").join(parts)
