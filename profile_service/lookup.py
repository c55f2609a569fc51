"""One customer by id, by an identifier, or by several at once; what is shared or generic is never taken for one."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import orjson

from profile_service.identity import phones, values
from profile_service.identity.model import Model
from profile_service.identity.vocabulary import Vocabulary, packaged_vocabulary
from profile_service.state import State
from profile_service.store.ledger.overlay import ERASED, STANDING, OverlayCustomer

RECORD = "record"
MOST_CANDIDATES = 50


@dataclass(frozen=True)
class Found:
    """The one customer; ``by``: the identifiers that led to it, ``without``: those that are no one's.

    ``over``: how it stands in the overlay, None when it is as published.
    """

    customer_id: str
    state: State
    over: OverlayCustomer | None = None
    by: tuple[str, ...] = ()
    without: tuple[str, ...] = ()

    @property
    def published(self) -> bool:
        """Whether it is as the generation has it."""
        return self.over is None

    @cached_property
    def profile(self) -> dict[str, Any]:
        """Its profile document."""
        if self.over is None:
            return self.state.generation.profile(self.customer_id) or {}
        profile: dict[str, Any] = orjson.loads(self.over.document or b"{}")
        return profile


@dataclass(frozen=True)
class Retired:
    """An id that answers through another: ``event`` says what became of it, ``stands_as`` is the id that stands."""

    customer_id: str
    event: str
    stands_as: str


@dataclass(frozen=True)
class Erased:
    """An id whose customer was erased."""

    customer_id: str


@dataclass(frozen=True)
class Ambiguous:
    """Several customers fit: at most ``MOST_CANDIDATES`` ids in order, of ``total``."""

    candidates: tuple[str, ...]
    total: int


@dataclass(frozen=True)
class Generic:
    """A value that too many families share for it to name anyone."""

    identifier_type: str


@dataclass(frozen=True)
class Unknown:
    """Nobody's; ``readable`` is False for a value that could be nobody's, such as an e-mail without an @."""

    readable: bool = True


Outcome = Found | Retired | Erased | Ambiguous | Generic | Unknown


def by_id(state: State, customer_id: str) -> Found | Retired | Erased | Unknown:
    """The customer of an id, whatever became of it since."""
    over = state.overlay.customer(customer_id)
    if over is not None:
        if over.state == STANDING and over.document is not None:
            return Found(customer_id, state, over)
        return _gone(state, customer_id, over.state, over.stands_as)
    if state.generation.stands(customer_id):
        return Found(customer_id, state)
    retired = state.generation.retired(customer_id)
    return Unknown() if retired is None else _gone(state, customer_id, *retired)


def by_identifier(state: State, identifier_type: str, value: str) -> Found | Ambiguous | Generic | Unknown:
    """The customer who carries an identifier, written in any way that means the same.

    ``identifier_type``: email, phone, loyalty_id, cookie_id, device_id, or record for ``channel:source_record_id``.
    """
    holders, standard = _holders(state, identifier_type, value)
    if len(holders) == 1:
        # most values are one customer's: nothing is to be weighed
        return _standing(state, next(iter(holders)), (identifier_type,), ())
    return _of_all(state, [(identifier_type, holders, standard)])


def by_identifiers(state: State, identifiers: Iterable[tuple[str, str]]) -> Found | Ambiguous | Generic | Unknown:
    """The one customer who carries every one of several (type, value) that anybody carries.

    Values that nobody carries, and generic ones, neither help nor harm. Where the others name different customers, or
    all of them several, those are the candidates.
    """
    return _of_all(state, [(kind, *_holders(state, kind, text)) for kind, text in identifiers])


def _of_all(state: State, carried: Iterable[tuple[str, set[str], str | None]]) -> Found | Ambiguous | Generic | Unknown:
    """The one customer who is among the holders of every (type, holders, standard value) that has any."""
    candidates: set[str] | None = None
    everyone: set[str] = set()
    led: list[str] = []
    without: list[str] = []
    generic: str | None = None
    readable = False
    for identifier_type, holders, value in carried:
        readable |= value is not None
        if not holders:
            without.append(identifier_type)
            if value is not None and identifier_type != RECORD and state.generation.is_generic(identifier_type, value):
                generic = generic or identifier_type
            continue
        led.append(identifier_type)
        everyone |= holders
        candidates = set(holders) if candidates is None else candidates & holders
    if candidates is None:
        return Unknown(readable) if generic is None else Generic(generic)
    if len(candidates) == 1:
        return _standing(state, next(iter(candidates)), tuple(led), tuple(without))
    several = sorted(candidates or everyone)
    return Ambiguous(tuple(several[:MOST_CANDIDATES]), len(several))


def _standing(state: State, customer_id: str, led: tuple[str, ...], without: tuple[str, ...]) -> Found | Unknown:
    over = state.overlay.customer(customer_id)
    if over is not None and over.document is None:
        return Unknown()
    return Found(customer_id, state, over, led, without)


def standard_value(identifier_type: str, text: str, model: Model) -> str | None:
    """The standard form of an identifier as anybody may write it, or ``None`` for one that cannot be read.

    In an address of the web a ``+`` may arrive as a space; neither e-mails nor phones are any the worse for it.
    """
    rule = _RULES.get(identifier_type)
    return None if rule is None else rule(text, packaged_vocabulary(), model)


def _email(text: str, words: Vocabulary, _: Model) -> str | None:
    return values.email(text.strip().replace(" ", "+"), words)


def _phone(text: str, _: Vocabulary, model: Model) -> str | None:
    if text[:1] == " " and text[1:2].isdigit() and text[1] != "0":
        text = "+" + text[1:]
    return phones.phone(text, model.trained.default_country if model.trained else None)


def _as_dialled(text: str) -> str | None:
    """The digits of a number without a calling code, as they are kept where they fit no country's plan."""
    return phones.phone(text, None)


def _plain(text: str, words: Vocabulary, _: Model) -> str | None:
    return values.digits_or_letters(text, words)


_RULES: Mapping[str, Callable[[str, Vocabulary, Model], str | None]] = {
    "email": _email,
    "phone": _phone,
    "loyalty_id": _plain,
    "cookie_id": _plain,
    "device_id": _plain,
}
IDENTIFIER_TYPES = (*_RULES, RECORD)


def _holders(state: State, identifier_type: str, text: str) -> tuple[set[str], str | None]:
    """The customers who carry an identifier, and its standard form."""
    if identifier_type == RECORD:
        channel, colon, source_record_id = text.partition(":")
        record = state.record(channel, source_record_id) if colon and channel and source_record_id else None
        return (set() if record is None else {record.customer_id}), (text if colon else None)
    value = standard_value(identifier_type, text, state.generation.model)
    if value is None:
        return set(), None
    holders = set(state.holders(identifier_type, value))
    if identifier_type == "phone" and (dialled := _as_dialled(text)) not in (None, value):
        # a number of a record from a country whose plan it does not fit is known by its digits alone
        holders.update(state.holders(identifier_type, dialled or ""))
    return holders, value


def _gone(state: State, customer_id: str, event: str, stands_as: str | None) -> Retired | Erased | Unknown:
    """What became of an id, followed to the id that stands today."""
    seen = {customer_id}
    while stands_as is not None and stands_as not in seen:
        seen.add(stands_as)
        over = state.overlay.customer(stands_as)
        if over is not None and over.state != STANDING:
            event, stands_as = over.state, over.stands_as
        elif over is None and (later := state.generation.retired(stands_as)) is not None:
            event, stands_as = later
        else:
            return Retired(customer_id, event, stands_as)
    return Erased(customer_id) if event == ERASED or stands_as is None else Unknown()
