"""What an agent typed becomes parts, and each part the words that it may stand for, the likeliest first.

A part is one thing the agent knows: a name, a number in whatever spelling, some of an e-mail. ``Sought`` is one reading
of a part; how much it is worth says how sure it is that a customer found by it is the one that was meant.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from typing import Literal

from rapidfuzz import process
from rapidfuzz.distance import DamerauLevenshtein

from profile_service import search_terms as marks
from profile_service.identity import phones, values
from profile_service.identity.model import Model
from profile_service.identity.spelling import sound
from profile_service.identity.vocabulary import Vocabulary, packaged_vocabulary
from profile_service.search_terms import digits, plain

LONGEST = 200  # characters of a search that are read
MOST_PARTS = 8

How = Literal["exact", "start", "end", "inside", "nickname", "spelling", "sound"]

_DAY = re.compile(r"(\d{1,4})[-/.](\d{1,2})[-/.](\d{1,4})")
_OF_A_NUMBER = re.compile(r"[+(]*[0-9][0-9()./-]*")
_TAGGED = re.compile(r"([^+]*[^\W\d_][^+]*)\+.*")
_MOST_DIGITS = 15  # a phone number has no more
_ALONE = 8  # digits that are a number by themselves behind a postcode


@dataclass(frozen=True)
class Sought:
    """One reading of a part: words of a kind (``mark``) that are, begin with or hold ``text``.

    ``worth``: 1 for what was typed as it stands, less the more was read into it. ``and_also``: a second word that the
    same customer must have.
    """

    mark: str
    text: str
    how: How
    worth: float
    and_also: str = ""

    @property
    def word(self) -> str:
        """What is looked for in the order of words."""
        return self.mark + self.text


@dataclass(frozen=True)
class Part:
    """One thing the agent typed, and its readings, the likeliest first."""

    typed: str
    readings: tuple[Sought, ...]


def parts_of(text: str, model: Model, known: Callable[[str], bool]) -> list[Part]:
    """Read what was typed; ``known``: whether any customer carries a word."""
    tokens = list(_tokens(text[:LONGEST], known))
    words = packaged_vocabulary()
    some = [token for token in tokens if values.fold(token).strip(".") not in words.titles] or tokens
    parts = [Part(token, _best_first(_readings(token, model, words))) for token in some[:MOST_PARTS]]
    return [part for part in parts if part.readings]


def _tokens(text: str, known: Callable[[str], bool]) -> Iterator[str]:
    """Words as typed; digits apart by spaces are one number, and two halves of a known postcode one postcode."""
    waiting = re.split(r"[\s,;]+", text.strip())
    while waiting:
        token = waiting.pop(0)
        if _OF_A_NUMBER.fullmatch(token) and not _DAY.fullmatch(token):
            postcode = known(marks.POSTCODE + token)
            while waiting and _goes_on(token, waiting[0]) and not (postcode and len(digits(waiting[0])) >= _ALONE):
                token = f"{token} {waiting.pop(0)}"
        elif waiting and plain(token) and known(marks.POSTCODE + plain(token + waiting[0])):
            token = f"{token} {waiting.pop(0)}"
        if "@" in token or _DAY.fullmatch(token) or any(character.isdigit() for character in token) or ":" in token:
            yield token
        else:
            # hyphens part names, dots and underscores may stand in a mailbox
            yield from (piece for piece in re.split(r"[-/]+", token) if plain(values.fold(piece)))


def _goes_on(number: str, token: str) -> bool:
    """Whether a token is more of a number."""
    further = _OF_A_NUMBER.fullmatch(token) and not _DAY.fullmatch(token)
    return bool(further) and len(digits(number + token)) <= _MOST_DIGITS


def _best_first(readings: Iterable[Sought]) -> tuple[Sought, ...]:
    best: dict[tuple[str, str, str], Sought] = {}
    for reading in readings:
        key = (reading.word, reading.and_also, _ACCESS[reading.how])
        if reading.text and (key not in best or best[key].worth < reading.worth):
            best[key] = reading
    return tuple(sorted(best.values(), key=lambda reading: -reading.worth))


# How the order of words is asked.
_ACCESS: Mapping[How, str] = {
    "exact": "exactly",
    "nickname": "exactly",
    "spelling": "exactly",
    "sound": "exactly",
    "start": "beginning",
    "end": "beginning",
    "inside": "holding",
}


def access(how: How) -> str:
    """``exactly``, ``beginning`` or ``holding``: the method of ``Terms`` that finds a reading."""
    return _ACCESS[how]


def _readings(token: str, model: Model, words: Vocabulary) -> Iterator[Sought]:
    if "@" in token:
        yield from _email(token, words)
        return
    day = _DAY.fullmatch(token)
    if day:
        yield from (Sought(marks.BIRTH, found, "exact", 0.9) for found in _days(day))
    mailbox = _TAGGED.fullmatch(token)
    if mailbox:
        # records are known without what is behind the plus
        yield Sought(marks.MAILBOX, plain(values.fold(mailbox[1])), "exact", 0.85)
        yield Sought(marks.MAILBOX, plain(values.fold(mailbox[1])), "inside", 0.5)
    channel, colon, rest = token.partition(":")
    if colon and channel and plain(rest):
        yield Sought(marks.SOURCE, plain(rest), "exact", 1.0)
    folded = plain(values.fold(token))
    if folded.isdigit():
        yield from _number(token, folded, model)
    elif any(character.isdigit() for character in folded):
        yield from _code(folded)
    else:
        yield from _name(token, folded, model, words)


def _email(token: str, words: Vocabulary) -> Iterator[Sought]:
    whole = values.email(token, words)
    if whole is not None:
        mailbox, _, domain = whole.rpartition("@")
        yield Sought(marks.MAILBOX, plain(mailbox), "exact", 1.0, marks.DOMAIN + domain)
    mailbox, _, domain = values.fold(token).partition("@")
    mailbox = plain(mailbox.split("+", 1)[0])
    if mailbox:
        # a mailbox's end is the line's
        yield Sought(marks.MAILBOX, f"{mailbox}\n", "inside", 0.9, marks.DOMAIN + domain)
    elif domain:
        yield Sought(marks.DOMAIN, domain, "start", 0.8)


def _days(day: re.Match[str]) -> Iterator[str]:
    """A date in any usual order, as ``YYYYMMDD``."""
    first, second, third = day.groups()
    orders = [(first, second, third)] if len(first) == 4 else [(third, second, first), (third, first, second)]
    for year, month, of_month in orders:
        try:
            yield date(int(year), int(month), int(of_month)).strftime("%Y%m%d")
        except ValueError:
            continue


def _number(token: str, typed: str, model: Model) -> Iterator[Sought]:
    number = phones.phone(token, model.trained.default_country if model.trained else None)
    if number is not None:
        yield Sought(marks.PHONE, digits(number)[::-1], "exact", 1.0)
    if len(typed) >= 3:
        yield Sought(marks.PHONE, typed[::-1], "end", 0.95 if len(typed) >= 7 else 0.8)
    # without the nought or noughts that are dialled before it
    dialled = typed.lstrip("0")
    if len(dialled) >= 3:
        yield Sought(marks.PHONE, dialled[::-1], "end", 0.9 if len(dialled) >= 7 else 0.7)
    if len(dialled) >= 5:
        yield Sought(marks.PHONE, dialled[::-1], "inside", 0.6)
    if len(typed) == 8:
        yield Sought(marks.BIRTH, typed, "exact", 0.9)
    yield from _code(typed)


def _code(typed: str) -> Iterator[Sought]:
    """Letters and digits: a postcode, a card's or a record's number, some of a mailbox."""
    for mark in (marks.POSTCODE, marks.LOYALTY, marks.SOURCE):
        yield Sought(mark, typed, "exact", 1.0)
        if len(typed) >= 2:
            yield Sought(mark, typed, "start", 0.7)
    if len(typed) >= 3:
        yield Sought(marks.LOYALTY_END, typed[::-1], "end", 0.75)
        yield Sought(marks.MAILBOX, typed, "exact", 0.85)
        yield Sought(marks.MAILBOX, typed, "inside", 0.5)


def _name(token: str, typed: str, model: Model, words: Vocabulary) -> Iterator[Sought]:
    yield Sought(marks.NAME, typed, "exact", 1.0)
    yield Sought(marks.CITY, typed, "exact", 0.9)
    if len(typed) >= 2:
        yield Sought(marks.NAME, typed, "start", 0.85)
        yield Sought(marks.CITY, typed, "start", 0.6)
    else:
        yield Sought(marks.NAME, typed, "start", 0.5)
    for root in words.nickname_roots.get(typed, ()):
        yield Sought(marks.NAME, root, "nickname", 0.8)
    for name, worth in near_names(typed, model):
        yield Sought(marks.NAME, name, "spelling", worth)
    if len(typed) >= 3:
        yield Sought(marks.STREET, typed, "exact", 0.75)
        yield Sought(marks.STREET, typed, "start", 0.5)
        yield Sought(marks.SOUND, plain(sound(typed) or ""), "sound", 0.55)
        yield Sought(marks.MAILBOX, typed, "exact", 0.7)
        yield Sought(marks.MAILBOX, typed, "inside", 0.4)
        yield Sought(marks.POSTCODE, typed, "start", 0.5)
    if "." in token.strip("."):
        yield Sought(marks.DOMAIN, values.fold(token), "start", 0.6)
        for piece in filter(None, values.fold(token).split(".")):
            yield Sought(marks.NAME, plain(piece), "exact", 0.3)


def near_names(typed: str, model: Model) -> list[tuple[str, float]]:
    """Frequent names that ``typed`` may be a slip of, each with its worth."""
    found: dict[str, float] = {}
    for spelling in model.spellings.values():
        corrected = spelling.correct(typed)
        if corrected is not None and corrected != typed:
            found[corrected] = 0.8
    if len(typed) >= 4:
        _NAMES.setdefault(model.version, _frequent_names(model))
        for name, distance in _within_a_slip(typed, model.version):
            found.setdefault(name, 0.8 - 0.1 * distance)
    return list(found.items())


# By model version: a process serves one model, and another for the moment in which a new generation takes over.
_NAMES: dict[str, tuple[str, ...]] = {}


def _frequent_names(model: Model) -> tuple[str, ...]:
    if model.version in _NAMES:
        return _NAMES[model.version]
    known = model.trained.frequencies if model.trained else {}
    counts = [known[column].counts for column in ("given_name", "family_name") if column in known]
    return tuple(sorted({name for of in counts for name in of}))


@lru_cache(maxsize=4096)
def _within_a_slip(typed: str, version: str) -> tuple[tuple[str, int], ...]:
    """Names one edit away, or two where they are long, the nearest first."""
    most = 1 if len(typed) < 8 else 2
    names = _NAMES[version]
    found = process.extract(typed, names, scorer=DamerauLevenshtein.distance, score_cutoff=most, limit=9)
    return tuple((name, int(distance)) for name, distance, _ in found if name != typed)
