"""Why a value that is read as missing says nothing: a known way to write nothing, or no way to read it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from profile_service.identity import values
from profile_service.identity.vocabulary import Vocabulary

KNOWN = "known placeholder"
REPEATED = "one character repeated"
UNREADABLE = "not readable"
# Characters of what was written that are told. Whoever looks for the record finds it by these, and no place that shows
# them need fear for its width.
LONGEST = 120


@dataclass(frozen=True)
class Nothing:
    """What was written in place of a value, in lower case, or its beginning, and why it says nothing.

    ``value`` is None where it cannot be read: it may be somebody's own, in a field where it does not belong.
    """

    value: str | None
    why: str


def why_nothing(field: str, text: str, words: Vocabulary) -> Nothing | None:
    """Why ``text``, which is read as missing in ``field``, says nothing; None where that is an answer (sex: x).

    Of a value of more than ``LONGEST`` characters its beginning and its length are told.
    """
    nothing = _why(field, text, words)
    if nothing is None or nothing.value is None or len(nothing.value) <= LONGEST:
        return nothing
    return replace(nothing, value=f"{nothing.value[:LONGEST]}… ({len(nothing.value):,} characters)")


def _why(field: str, text: str, words: Vocabulary) -> Nothing | None:
    kept = "".join(letter for letter in values.fold(text) if letter.isalnum())
    if not kept or values.says_nothing(text, words):
        return Nothing(" ".join(text.lower().split()), KNOWN)
    if told := _FURTHER[field](text, words) if field in _FURTHER else None:
        return told
    if not kept.strip("0") or (len(kept) > 1 and len(set(kept)) == 1):
        return Nothing(kept, REPEATED)
    return None if field in _ANSWERS else Nothing(None, UNREADABLE)


def _name(text: str, words: Vocabulary) -> Nothing | None:
    if values.name_parts(text, words).first is not None:
        return None  # a full name of one word
    told = values.letters(text)
    return Nothing(" ".join(told), KNOWN) if told else None


def _email(text: str, words: Vocabulary) -> Nothing | None:
    mailbox = values.mailbox_and_domain(text, words)
    # without its domain, which may be a family's own
    return Nothing(f"{mailbox[0]}@*", KNOWN) if mailbox else None


def _birth_date(text: str, words: Vocabulary) -> Nothing | None:
    day = text.strip()[:10]
    return Nothing(day, KNOWN) if day in words.junk_dates else None


def _phone(text: str, _: Vocabulary) -> Nothing | None:
    digits = "".join(digit for digit in values.fold(text) if digit.isdigit())
    last = digits.lstrip("0")[-7:]
    return Nothing(digits, REPEATED) if len(digits) > 5 and len(set(last)) < 2 else None


_FURTHER: Mapping[str, Callable[[str, Vocabulary], Nothing | None]] = {
    **dict.fromkeys(("given_name", "family_name", "full_name", "middle_name"), _name),
    "email": _email,
    "birth_date": _birth_date,
    "phone": _phone,
}
# of a country that numbers cannot be read with the name stands, and of sex x is one
_ANSWERS = frozenset({"country", "sex"})
