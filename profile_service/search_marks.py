"""Where in a profile document a search fits: a JSON pointer to the value, and the letters to highlight in it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from profile_service import search_terms as marks
from profile_service.identity.spelling import sound
from profile_service.identity.values import fold
from profile_service.identity.vocabulary import packaged_vocabulary
from profile_service.search_query import How, Part, Sought
from profile_service.search_terms import plain

Span = tuple[int, int]


@dataclass(frozen=True)
class Match:
    """What a part of the search met.

    ``pointer``: RFC 6901 pointer into the profile document, empty where only a source record says it. ``spans``:
    letters of that value, as (first, one after the last), in characters.
    """

    typed: str
    how: How
    pointer: str
    spans: tuple[Span, ...]


def matches_in(document: Mapping[str, Any], fitting: Iterable[tuple[Part, Sought]]) -> Iterator[Match]:
    """One match for each part that fits, in the order typed."""
    for part, reading in fitting:
        pointer, spans = next(_places(document, reading), ("", ()))
        yield Match(part.typed, reading.how, pointer, spans)


def _places(document: Mapping[str, Any], reading: Sought) -> Iterator[tuple[str, tuple[Span, ...]]]:
    """Values of the document in which the reading is met, the most visible first."""
    if reading.mark in _OF_WORDS:
        field = _OF_WORDS[reading.mark]
        text = _value(document, field)
        spans = tuple(_words_met(text, reading)) if text else ()
        if spans:
            yield field, spans
        return
    kind, keep = _KINDS[reading.mark]
    wanted = reading.text.rstrip("\n")
    if reading.mark in (marks.PHONE, marks.LOYALTY_END):
        wanted = wanted[::-1]
    for pointer, text in _values(document, kind):
        span = _span(text, wanted, keep)
        if span:
            yield pointer, (span,)


_OF_WORDS = {
    marks.NAME: "/full_name",
    marks.SOUND: "/full_name",
    marks.CITY: "/address/city",
    marks.STREET: "/address/street",
}
# Kind of word = what holds it in a document (a field, and identifiers of that type), and the letters that count.
_KINDS: Mapping[str, tuple[str, Callable[[str], bool]]] = {
    marks.MAILBOX: ("email", str.isalnum),
    marks.DOMAIN: ("email", str.isprintable),
    marks.PHONE: ("phone", str.isdigit),
    marks.POSTCODE: ("address/postcode", str.isalnum),
    marks.LOYALTY: ("loyalty_id", str.isalnum),
    marks.LOYALTY_END: ("loyalty_id", str.isalnum),
    marks.SOURCE: ("records", str.isalnum),
    marks.BIRTH: ("birth_date", str.isdigit),
}


def _value(document: Mapping[str, Any], pointer: str) -> str | None:
    found: Any = document
    for step in pointer.strip("/").split("/"):
        found = found.get(step) if isinstance(found, Mapping) else None
    return found if isinstance(found, str) else None


def _values(document: Mapping[str, Any], kind: str) -> Iterator[tuple[str, str]]:
    if kind == "records":
        for place, record in enumerate(document.get("records") or ()):
            yield f"/records/{place}/source_record_id", record["source_record_id"]
        return
    shown = _value(document, kind)
    if shown is not None:
        yield f"/{kind}", shown
    for place, identifier in enumerate(document.get("identifiers") or ()):
        if identifier["type"] == kind:
            yield f"/identifiers/{place}/value", identifier["value"]


def _span(text: str, wanted: str, keep: Callable[[str], bool]) -> Span | None:
    """Where the letters that count spell ``wanted``, the last such place."""
    kept = [place for place, letter in enumerate(text) if keep(letter)]
    spelled = "".join(fold(text[place])[:1] or " " for place in kept)
    at = spelled.rfind(wanted)
    return None if at < 0 or not wanted else (kept[at], kept[at + len(wanted) - 1] + 1)


def _words_met(text: str, reading: Sought) -> Iterator[Span]:
    """Words of a name, a city or a street that the reading means; only their beginning where only that was typed."""
    roots = packaged_vocabulary().nickname_roots
    for word in re.finditer(r"[^\s-]+", text):
        spelled = plain(fold(word[0]))
        if reading.mark == marks.SOUND:
            if plain(sound(spelled) or "") == reading.text:
                yield word.span()
        elif spelled == reading.text or (reading.mark == marks.NAME and reading.text in roots.get(spelled, ())):
            yield word.span()
        elif reading.how == "start" and spelled.startswith(reading.text):
            yield word.start(), word.start() + len(reading.text)
