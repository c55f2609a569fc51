"""An agent's search: whoever fits what was typed, in any order and spelling, the likeliest first, and where it fits."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from profile_service import deadline
from profile_service.identity.ids import LETTERS, PREFIX
from profile_service.lookup import Found, Retired, by_id
from profile_service.search_marks import Match, matches_in
from profile_service.search_query import Part, Sought, access, parts_of
from profile_service.search_terms import LOYALTY, PHONE, TOLD_BY, search_terms
from profile_service.state import State
from profile_service.store.ledger.overlay import Overlay
from profile_service.store.terms import Terms

_ID = re.compile(rf"{PREFIX}([{LETTERS}]{{26}})", re.IGNORECASE)
_LOOKED_AT = 60  # of those who fit best, so many are looked at closely …
_TIMES_LIMIT = 2  # … or so many times as are asked for
_OVERLAY_WORDS = 2000  # of the words of live customers, so many are read for one reading


@dataclass(frozen=True)
class Hit:
    """A customer who fits: the profile document, how well it fits (0 to 1), and where, one match a part."""

    customer_id: str
    document: Mapping[str, Any]
    score: float
    matches: tuple[Match, ...]


@dataclass(frozen=True)
class Results:
    """The best hits, best first; ``found``: about how many fit as well in all; ``parts``: what was understood."""

    hits: tuple[Hit, ...]
    found: int
    parts: tuple[str, ...]


def search(state: State, text: str, limit: int = 20, hidden: Collection[str] = ()) -> Results:
    """Search for ``text``: names, numbers, e-mails, addresses, birth dates, whole or in part, or a customer id.

    Where nobody fits every part, those who fit the most parts are found. ``hidden`` fields are searched for nothing but
    the whole of an identifier, as a look-up is: who may not read a value is not told it bit by bit either.
    """
    pasted = _ID.fullmatch(text.strip())
    if pasted:
        return _of_id(state, text.strip(), f"{PREFIX}{pasted[1].upper()}")
    terms, overlay = state.generation.terms, state.overlay
    parts = parts_of(
        text, state.generation.model, lambda word: bool(len(terms.exactly(word)) or _live_holders(overlay, word))
    )
    parts = [_without(part, hidden) for part in parts] if hidden else parts
    if not any(part.readings for part in parts):
        return Results((), 0, tuple(part.typed for part in parts))
    looked_at = max(_LOOKED_AT, limit * _TIMES_LIMIT)
    candidates, found = _published(state, terms, parts, looked_at)
    live = _live(overlay, parts, looked_at)
    hits = [hit for customer in dict.fromkeys([*candidates, *live]) if (hit := _looked_at(state, customer, parts))]
    most = max((len(hit.matches) for hit in hits), default=0)
    best = sorted((hit for hit in hits if len(hit.matches) == most), key=_likeliest_first)
    told = max(found + len(live), len(best)) if most == len(parts) else len(best)
    return Results(tuple(best[:limit]), told, tuple(part.typed for part in parts))


def _of_id(state: State, typed: str, customer_id: str) -> Results:
    """The customer of an id that somebody pasted, or whoever that one became."""
    outcome = by_id(state, customer_id)
    if isinstance(outcome, Retired):
        outcome = by_id(state, outcome.stands_as)
    if not isinstance(outcome, Found):
        return Results((), 0, (typed,))
    # a former id is said by the customer who stands, but stands nowhere in its profile
    spans = ((0, len(customer_id)),) if outcome.customer_id == customer_id else ()
    match = Match(typed, "exact", "/customer_id" if spans else "", spans)
    return Results((Hit(outcome.customer_id, outcome.profile, 1.0, (match,)),), 1, (typed,))


def _without(part: Part, hidden: Collection[str]) -> Part:
    """A part without the readings that would tell of ``hidden`` fields."""
    kept = [each for each in part.readings if TOLD_BY.get(each.mark) not in hidden or _is_whole(each)]
    return replace(part, readings=tuple(kept))


def _is_whole(reading: Sought) -> bool:
    """Whether only somebody who knows all of an identifier can have typed it."""
    return reading.how == "exact" and (reading.mark in (PHONE, LOYALTY) or bool(reading.and_also))


def _likeliest_first(hit: Hit) -> tuple[float, str, str]:
    """By how well they fit; among equals who was seen last comes first."""
    seen = str(hit.document.get("last_seen") or "")
    return (-hit.score, "".join(chr(0x10FFFF - ord(letter)) for letter in seen) or "\U0010ffff", hit.customer_id)


def _published(state: State, terms: Terms, parts: Sequence[Part], most: int) -> tuple[list[str], int]:
    """Customers of the generation who fit the most parts, and how many do; those in the overlay are left to it."""
    score: NDArray[np.float32] = np.zeros(terms.size, np.float32)
    fit: NDArray[np.int8] = np.zeros(terms.size, np.int8)
    for part in parts:
        best: NDArray[np.float32] = np.zeros(terms.size, np.float32)
        # the most worth last, so that it is what stays
        deadline.check()
        for numbers, worth in reversed(list(_holders(terms, part))):
            best[numbers] = worth
        score += best
        fit += best > 0
    top = int(fit.max(initial=0))
    if top == 0:
        return [], 0
    fitting = np.nonzero(fit == top)[0]
    found = len(fitting)
    if found > most:
        fitting = fitting[np.argpartition(-score[fitting], most)[:most]]
    customers = list(state.generation.customers_numbered(fitting.tolist()).values())
    covered = state.overlay.covered(customers)
    return [customer for customer in customers if customer not in covered], found


def _holders(terms: Terms, part: Part) -> Iterator[tuple[NDArray[np.int32], float]]:
    """Who fits each reading of a part, the likeliest first.

    What somebody is called or has in so many letters is not looked for inside mailboxes: that reads all of them.
    """
    known = False
    for reading in part.readings:
        if known and reading.how == "inside":
            continue
        numbers = _numbers(terms, reading)
        known |= reading.how == "exact" and bool(len(numbers))
        yield numbers, reading.worth


def _numbers(terms: Terms, reading: Sought) -> NDArray[np.int32]:
    how = access(reading.how)
    if how == "holding":
        numbers = terms.holding(reading.mark, reading.text)
    elif how == "beginning":
        numbers = terms.beginning(reading.word)
    else:
        numbers = terms.exactly(reading.word)
    if reading.and_also and len(numbers):
        numbers = np.intersect1d(numbers, terms.beginning(reading.and_also))
    return numbers


def _live(overlay: Overlay, parts: Sequence[Part], most: int) -> list[str]:
    """Customers of the overlay who fit the most parts."""
    fit: dict[str, list[float]] = defaultdict(list)
    for part in parts:
        best: dict[str, float] = {}
        for reading in part.readings:
            for customer in _live_holders(overlay, reading.word, reading):
                best[customer] = max(reading.worth, best.get(customer, 0.0))
        for customer, worth in best.items():
            fit[customer].append(worth)
    top = max(map(len, fit.values()), default=0)
    ranked = sorted((-sum(worths), customer) for customer, worths in fit.items() if len(worths) == top)
    return [customer for _, customer in ranked[:most]]


def _live_holders(overlay: Overlay, word: str, reading: Sought | None = None) -> set[str]:
    how = "exactly" if reading is None else access(reading.how)
    if reading is not None and how == "holding":
        rows = overlay.terms_like(reading.mark, _OVERLAY_WORDS)
        return {customer for term, _, customer in rows if reading.text in f"{term}\n"}
    rows = overlay.terms_like(word, _OVERLAY_WORDS)
    return {customer for term, _, customer in rows if how == "beginning" or term == word}


def _looked_at(state: State, customer_id: str, parts: Sequence[Part]) -> Hit | None:
    """What really fits, from the records as they stand; ``None`` when nothing does."""
    deadline.check()
    document = state.profile(customer_id)
    if document is None:
        return None
    words = search_terms(state.records_of(customer_id))
    fitting = [(part, reading) for part in parts if (reading := _best_reading(part, words))]
    if not fitting:
        return None
    score = sum(reading.worth for _, reading in fitting) / len(parts)
    return Hit(customer_id, document, round(score, 4), tuple(matches_in(document, fitting)))


def _best_reading(part: Part, words: Sequence[str]) -> Sought | None:
    return next((reading for reading in part.readings if _fits(reading, words)), None)


def _fits(reading: Sought, words: Iterable[str]) -> bool:
    how = access(reading.how)
    if reading.and_also and not any(word.startswith(reading.and_also) for word in words):
        return False
    if how == "exactly":
        return reading.word in words
    if how == "beginning":
        return any(word.startswith(reading.word) for word in words)
    return any(word.startswith(reading.mark) and reading.text in f"{word}\n" for word in words)
