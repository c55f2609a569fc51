"""What one value becomes before it is compared: the rule for each kind of field, in Python, one value at a time."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass

from anyascii import anyascii

from profile_service.identity.vocabulary import Vocabulary

_LETTERS = "abcdefghijklmnopqrstuvwxyz"
# What is no letter (or no letter and no digit) parts words; folded text has nothing beyond ASCII.
_LETTERS_ONLY = {code: " " for code in range(128) if chr(code) not in _LETTERS} | dict.fromkeys(map(ord, "'`."))
_WORDS_ONLY = {code: " " for code in range(128) if chr(code) not in _LETTERS + "0123456789"}
_JOINED = dict.fromkeys(_WORDS_ONLY)
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s.]+")
_ONE_DIGIT_REPEATED = re.compile(r"(.)\1*")
_US_ZIP_PLUS_FOUR = re.compile(r"(\d{5})-\d{4}")
_NO_SEX = frozenset("uonx90")
_WRITTEN_WORD = re.compile(r"[^\W\d_]+")
_HOUSE_NUMBER = re.compile(r"[0-9]+[a-z]?")
_ISO_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


def fold(text: str) -> str:
    """``text`` in lower-case ASCII, one spelling for every way to write the same letters.

    Comparisons count characters in Python and bytes in DuckDB; on ASCII the two agree.
    """
    if text.isascii():
        return text.lower()
    return anyascii(unicodedata.normalize("NFKC", text)).lower()


def says_nothing(text: str, words: Vocabulary) -> bool:
    """Whether a value is only a way to write that there is none: ``N/A``, ``not given``."""
    return " ".join(fold(text).translate(_WORDS_ONLY).split()) in words.junk


@dataclass(frozen=True)
class NameParts:
    """A name column read apart: its leading part, the further parts, and a suffix such as ``jr``."""

    first: str | None
    rest: str | None
    suffix: str | None


_NO_NAME = NameParts(None, None, None)


def letters(text: str) -> list[str]:
    """The words of a name, folded: what is no letter parts them."""
    return fold(text).translate(_LETTERS_ONLY).split()


def name_parts(text: str | None, words: Vocabulary) -> NameParts:
    """Read a name column apart; titles are dropped, junk such as ``Guest`` or ``n/a`` is missing.

    ``Nan``, so written, is Nann; ``nan`` and ``NaN`` are what programs write for none.
    """
    if text is None:
        return _NO_NAME
    tokens = letters(text)
    for written in words.names_as_written.keys() & set(_WRITTEN_WORD.findall(text)):
        tokens = [words.names_as_written[written] if token == fold(written) else token for token in tokens]
    suffix = None
    kept: list[str] = []
    for token in tokens:
        if token in words.suffixes and kept:  # before titles: `Sr` behind a name is its senior, before it a señor
            suffix = words.suffixes[token]
        elif token not in words.titles or len(tokens) == 1:
            kept.append(token)
    junk = words.junk | words.junk_names
    while kept and (kept[0] in junk or " ".join(kept) in junk):
        kept = [] if " ".join(kept) in junk else kept[1:]
    if not kept:
        return NameParts(None, None, suffix)
    return NameParts(kept[0], " ".join(kept[1:]) or None, suffix)


def family_name(parts: NameParts) -> str | None:
    """The family name as its parts joined by spaces: ``O'Brien-Smith`` is ``obrien smith``."""
    if parts.first is None:
        return None
    return f"{parts.first} {parts.rest}" if parts.rest else parts.first


def email(text: str | None, words: Vocabulary) -> str | None:
    """The mailbox an address reaches: lower case, ``+tag`` off, dots off where the provider ignores them."""
    address = mailbox_and_domain(text, words) if text is not None else None
    if address is None or not address[0] or address[0] in words.junk_mailboxes:
        return None
    return "@".join(address)


def mailbox_and_domain(text: str, words: Vocabulary) -> tuple[str, str] | None:
    """Both sides of an address, ``noreply`` and the like too, or ``None`` where it is none."""
    address = fold(text.strip())
    if _EMAIL.fullmatch(address) is None:
        return None
    local, _, domain = address.rpartition("@")
    local = local.split("+", 1)[0]
    domain = words.same_domain.get(domain, domain)
    if domain in words.dotless_domains:
        local = local.replace(".", "")
    return local, domain


def digits_or_letters(text: str | None, words: Vocabulary) -> str | None:
    """An identifier's own characters: lower case, no separators; too short or one character repeated is missing."""
    if text is None or says_nothing(text, words):
        return None
    kept = fold(text).translate(_JOINED)
    if len(kept) < 4 or _ONE_DIGIT_REPEATED.fullmatch(kept):
        return None
    return kept


def birth_date(text: str | None, words: Vocabulary) -> str | None:
    """An ISO date (``YYYY-MM-DD``, a time after it goes), or missing where it is one of the known defaults."""
    if text is None:
        return None
    day = text.strip()[:10]
    return None if day in words.junk_dates or _ISO_DATE.fullmatch(day) is None else day


@dataclass(frozen=True)
class Street:
    """A street line: all of it in standard words, its house number and its name without number and kind."""

    line: str | None
    number: str | None
    name: str | None


_NO_STREET = Street(None, None, None)


def street(text: str | None, words: Vocabulary) -> Street:
    """Read a street line: words in one spelling, the house number apart, flat numbers kept only in the line."""
    if text is None:
        return _NO_STREET
    tokens = _street_words(text, words)
    line = " ".join(tokens)
    if not tokens or line in words.junk:
        return _NO_STREET
    outside = _outside_units(tokens, words)
    numbers = [token for token in outside if token[0].isdigit()]
    kinds = words.street_kinds | words.street_directions
    name = [token for token in outside if token not in kinds and not token[0].isdigit()] or _name_of_kinds(
        outside, words
    )
    return Street(line, numbers[0] if numbers else None, "".join(name) or None)


def _outside_units(tokens: Iterable[str], words: Vocabulary) -> list[str]:
    """A line's words without flats and the like, and without their numbers."""
    outside: list[str] = []
    skip = False
    for token in tokens:
        if not skip and token not in words.unit_words:
            outside.append(token)
        skip = not skip and token in words.unit_words
    return outside


def _name_of_kinds(tokens: Iterable[str], words: Vocabulary) -> list[str]:
    """What a street is called that has no name beside its kind: ``North Street``, ``5th Avenue``, ``Highway 50``."""
    name: list[str] = []
    before = ""
    for token in tokens:
        if not _HOUSE_NUMBER.fullmatch(token) or (name == [before] and before in words.street_kinds):
            name.append(token)
        before = token
    return name if len(name) > 1 else []


def _street_words(text: str, words: Vocabulary) -> list[str]:
    return [words.street_words.get(token, token) for token in fold(text).translate(_WORDS_ONLY).split()]


def lines_in_order(first: str, second: str, words: Vocabulary) -> tuple[str, str] | None:
    """The two lines of an address that stand in each other's place, put right as sent, or ``None`` where they do not.

    ``Flat 4, Rose House`` over ``12 Church Lane``: the second line ends in a kind of street and the first holds none.
    A house number stays with the street: ``12 Rose House`` over ``Church Lane`` is number 12.
    """
    top, below = _street_words(first, words), _street_words(second, words)
    until = next((place for place, word in enumerate(below) if word in words.unit_words), len(below))
    numbered = any(_HOUSE_NUMBER.fullmatch(word) for word in below[:until])
    named = [
        word for word in below[:until] if word not in words.street_directions and not _HOUSE_NUMBER.fullmatch(word)
    ]
    if not top or not named or not _is_street(named[-1], len(named) > 1, words):
        return None
    if any(_is_street(word, True, words) for word in top):
        return None
    number, _, rest = first.strip().partition(" ")
    if numbered or not _HOUSE_NUMBER.fullmatch(fold(number)):
        return second, first
    # nothing beside the number: the second line says what it said, for a line that is empty would leave the profile
    return f"{number} {second.strip()}", rest.strip() or second


def _is_street(word: str, after_others: bool, words: Vocabulary) -> bool:
    """Whether the word makes a line a street's: a kind of street after its name, or in one with it (Hauptstrasse)."""
    if word in words.street_kinds:
        return after_others
    return word.endswith(words.street_endings) and word not in words.street_endings


def postcode(text: str | None, words: Vocabulary) -> str | None:
    """A postcode without separators; ``12345-6789`` is its first five digits, ``2480.0`` is ``2480``."""
    if text is None or says_nothing(text, words):
        return None
    code = fold(text.strip())
    plus_four = _US_ZIP_PLUS_FOUR.fullmatch(code)
    if plus_four:
        return plus_four[1]
    code = code.removesuffix(".0").translate(_JOINED)
    if len(code) < 3 or code in words.junk or (code.isdigit() and not code.strip("0")) or code == "99999":
        return None
    return code


def place(text: str | None, words: Vocabulary) -> str | None:
    """A city, region, birth place or occupation: folded words in one spelling."""
    if text is None or says_nothing(text, words):
        return None
    tokens = [words.place_words.get(token, token) for token in fold(text).translate(_WORDS_ONLY).split()]
    return " ".join(tokens) or None


def sex(text: str | None, words: Vocabulary) -> str | None:
    """``f``, ``m`` or another first letter; unknown, undisclosed and other are missing."""
    name = place(text, words)
    letter = words.sexes.get(name, name[0]) if name else "u"
    return None if letter in _NO_SEX else letter
