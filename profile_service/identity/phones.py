"""What a phone number becomes: E.164, by a cheap rule where that settles it and by libphonenumber where not."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from functools import cache

import phonenumbers

from profile_service.identity.values import fold
from profile_service.identity.vocabulary import Vocabulary

_NOT_DIGIT = re.compile(r"[^0-9]+")
_EXTENSION = re.compile(r"(?:ext|extension|x|#)\.?\s*\d{1,6}\s*$", re.IGNORECASE)


@dataclass(frozen=True)
class NumberingPlan:
    """A country's calling code, the prefix dialled inside it, and how many digits its numbers have without it."""

    calling_code: str
    national_prefix: str
    lengths: frozenset[int]


@cache
def numbering_plan(country: str) -> NumberingPlan | None:
    """The plan of an ISO country, from libphonenumber's own metadata; ``None`` for a country it does not know."""
    metadata = phonenumbers.PhoneMetadata.metadata_for_region(country, None)
    if metadata is None or metadata.general_desc is None:
        return None
    return NumberingPlan(
        str(metadata.country_code),
        metadata.national_prefix or "",
        frozenset(metadata.general_desc.possible_length),
    )


def country_code(text: str | None, words: Vocabulary) -> str | None:
    """The ISO 3166 code of a country as channels write it, or ``None``."""
    if text is None:
        return None
    name = " ".join(re.sub(r"[^a-z]+", " ", fold(text).replace(".", "")).split())
    code = words.countries.get(name)
    if code is None and name not in words.junk and len(name) == 2 and numbering_plan(name.upper()) is not None:
        code = name.upper()
    return code


def phone(text: str | None, country: str | None) -> str | None:
    """A number in E.164, or missing where it has too few digits or is one digit repeated.

    ``country`` (ISO 3166) is where a number without a calling code would be dialled. A number that fits no plan
    keeps its digits without a ``+``, so that equal oddities still agree.
    """
    if text is None:
        return None
    text = _EXTENSION.sub("", fold(text.strip()))
    digits = _NOT_DIGIT.sub("", text)
    if len(digits) < 6 or len(digits.lstrip("0")) < 6 or len(set(digits.lstrip("0")[-7:])) == 1:
        return None
    if text.lstrip("( ").startswith("+"):
        return _international(digits)
    if digits.startswith("00") and len(digits) > 10:
        return _international(digits[2:])
    plan = numbering_plan(country) if country else None
    if plan is None:
        return digits
    national = digits.removeprefix(plan.national_prefix) if plan.national_prefix else digits
    if len(national) in plan.lengths:
        return _international(plan.calling_code + national)
    if digits.startswith(plan.calling_code) and len(digits) - len(plan.calling_code) in plan.lengths:
        return _international(digits)
    number = _by_library(text, country) or (_by_library(digits, country) if digits != text else None)
    return _international(number.removeprefix("+")) if number else digits


def _international(digits: str) -> str | None:
    """``+44 (0)20 …`` loses its bracketed nought; everything else stands as dialled."""
    if digits.startswith("440"):
        digits = "44" + digits[2:].lstrip("0")
    return f"+{digits}" if len(digits) >= 6 else None


def _by_library(text: str, country: str | None) -> str | None:
    try:
        number = phonenumbers.parse(text, country)
    except phonenumbers.NumberParseException:
        return None
    if not phonenumbers.is_possible_number(number):
        return None
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def most_frequent_country(numbers: list[str]) -> str | None:
    """The country most of some international numbers belong to, or ``None`` where none can be read."""
    counts: Counter[str] = Counter()
    for text in numbers:
        try:
            region = phonenumbers.region_code_for_number(phonenumbers.parse(text, None))
        except phonenumbers.NumberParseException:
            continue
        if region:
            counts[region] += 1
    return max(counts, key=lambda region: (counts[region], region)) if counts else None
