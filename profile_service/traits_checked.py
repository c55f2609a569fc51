"""A declaration of traits and segments is looked through whole: everything that is wrong, a clause each."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from decimal import Decimal
from difflib import get_close_matches
from typing import Any

from profile_service.store.relation import MOMENT, Relation

MEASURES = ("count", "amount", "average_amount", "share", "first", "last", "channels", "favourite_channel")
_TAKEN = ("customer_id", "segments", "changes_at")
_NAME = re.compile(r"[a-z][a-z0-9_]{0,40}")
_CURRENCY = re.compile(r"[A-Z]{3}")
_NUMBER, _MOMENT, _TEXT, _LIST = "a number", "a moment", "a text", "a list"
_KIND_OF = dict.fromkeys(("count", "amount", "average_amount", "share"), _NUMBER) | {
    "first": _MOMENT,
    "last": _MOMENT,
    "channels": _LIST,
    "favourite_channel": _TEXT,
}
# What may be asked of a trait, by what it is.
_ASKED = {
    _NUMBER: ("at_least", "below"),
    _LIST: ("at_least", "below"),
    _MOMENT: ("within_days", "before_days"),
    _TEXT: ("equals",),
}
_MOST_DAYS = 36_525  # a hundred years
_MOST_SEGMENTS = 100


def column_kinds(customers: Relation) -> dict[str, str]:
    """What the columns of customers are that may be a trait: texts, numbers, moments and lists of texts."""
    kinds = {"VARCHAR": _TEXT, "INTEGER": _NUMBER, "BIGINT": _NUMBER, MOMENT: _MOMENT, "VARCHAR[]": _LIST}
    return {column.name: kinds[column.type] for column in customers.columns if column.type in kinds}


def faults_in(table: Mapping[str, Any]) -> Iterator[str]:
    """Everything that is wrong with a declaration as TOML has it."""
    yield from _keys("the file", table, ("told", "money", "events", "traits", "segments"), ("money", "traits"))
    sections = {name: table.get(name, {}) for name in ("money", "events", "traits", "segments")}
    for name, section in sections.items():
        if not isinstance(section, dict):
            yield f"[{name}] must be a section"
            return
    yield from _money(sections["money"])
    yield from _events(sections["events"])
    kinds: dict[str, str] = {}
    for name, trait in sections["traits"].items():
        yield from _trait(name, trait, sections["events"], sections["traits"])
        kinds[name] = _kind(trait)
    if len(sections["segments"]) > _MOST_SEGMENTS:
        yield f"more than {_MOST_SEGMENTS} segments"
    for name, segment in sections["segments"].items():
        yield from _segment(name, segment, kinds)
    told = table.get("told", [])
    if not isinstance(told, list):
        yield "told must be a list of traits"
        return
    for name in told:
        if name not in sections["traits"]:
            yield f"told names {_meant(name, sections['traits'])}"
        elif isinstance(sections["traits"][name], dict) and not sections["traits"][name].get("in_words"):
            yield f"told names {name}, which has no in_words"


def _money(section: Mapping[str, Any]) -> Iterator[str]:
    yield from _keys("[money]", section, ("currency", "rates"), ("currency",))
    if "currency" in section and not _is_currency(section["currency"]):
        yield "[money]: currency must be three capital letters, such as EUR"
    rates = section.get("rates", {})
    if not isinstance(rates, dict):
        yield "[money.rates] must be a section"
        return
    for name, rate in rates.items():
        if not _is_currency(name):
            yield f"[money.rates]: {name} must be three capital letters, such as USD"
        if name == section.get("currency"):
            yield f"[money.rates]: {name} is the currency itself, whose rate is 1"
        if not _is_number(rate) or rate <= 0:
            yield f"[money.rates]: {name} must be a number above 0"


def _events(section: Mapping[str, Any]) -> Iterator[str]:
    for name, types in section.items():
        if not isinstance(types, list) or not types or not all(isinstance(each, str) and each for each in types):
            yield f"[events]: {name} must be a list of event types"


def _trait(name: str, trait: Any, events: Collection[str], traits: Mapping[str, Any]) -> Iterator[str]:
    where = f"[traits.{name}]"
    if not _NAME.fullmatch(name) or name in _TAKEN:
        yield f"{where}: a name is small letters, digits and _, and not {' or '.join(_TAKEN)}"
    if not isinstance(trait, dict):
        yield f"{where} must be a section"
        return
    yield from _why(where, trait)
    yield from _words(where, trait.get("in_words", ""))
    if "column" in trait:
        yield from _keys(where, trait, ("column", "why", "in_words"), ())
        if trait["column"] not in _columns():
            yield f"{where}: column names {_meant(trait['column'], _columns())}"
        return
    measure = str(trait.get("measure"))
    if measure not in MEASURES:
        yield f"{where}: measure must be one of {', '.join(MEASURES)}, or a column be named"
        return
    if measure == "share":
        yield from _keys(where, trait, ("measure", "share", "of", "why", "in_words"), ("share", "of"))
        for part in ("share", "of"):
            other = traits.get(trait.get(part, ""))
            if part in trait and (not isinstance(other, dict) or other.get("measure") not in ("count", "amount")):
                yield f"{where}: {part} must name a trait that is a count or an amount"
        return
    known = ["measure", "events", "within_days", "why", "in_words", *(["less"] if measure == "amount" else [])]
    yield from _keys(where, trait, known, ("events",))
    for part in ("events", "less"):
        if part in trait and trait[part] not in events:
            yield f"{where}: {part} names {_meant(trait[part], events)}"
    if "within_days" in trait:
        yield from _days(where, "within_days", trait["within_days"])


def _segment(name: str, segment: Any, kinds: Mapping[str, str]) -> Iterator[str]:
    where = f"[segments.{name}]"
    if not _NAME.fullmatch(name):
        yield f"{where}: a name is small letters, digits and _"
    if not isinstance(segment, dict):
        yield f"{where} must be a section"
        return
    yield from _keys(where, segment, ("when", "in_words", "why"), ("when", "in_words"))
    yield from _why(where, segment)
    if not isinstance(segment.get("in_words", ""), str):
        yield f"{where}: in_words must be a text"
    when = segment.get("when", [{}])
    if not isinstance(when, list) or not when or not all(isinstance(each, dict) for each in when):
        yield f'{where}: when must be a list of conditions, such as {{ trait = "orders", at_least = 4 }}'
        return
    for condition in when:
        yield from _condition(where, condition, kinds)


def _condition(where: str, condition: Mapping[str, Any], kinds: Mapping[str, str]) -> Iterator[str]:
    asked = {name: each for name, each in condition.items() if name != "trait"}
    trait = str(condition.get("trait"))
    if trait not in kinds:
        yield f"{where}: a condition names {_meant(trait, kinds)}"
        return
    kind = kinds[trait]
    if not asked:
        yield f"{where}: nothing is asked of {trait}, which is {kind}: {' or '.join(_ASKED.get(kind, ()))}"
    for name, value in asked.items():
        if name not in _ASKED.get(kind, ()):
            yield f"{where}: {name} cannot be asked of {trait}, which is {kind}: {' or '.join(_ASKED.get(kind, ()))}"
        elif name in ("at_least", "below") and not _is_number(value):
            yield f"{where}: {name} must be a number"
        elif name == "equals" and not isinstance(value, str):
            yield f"{where}: {name} must be a text"
        elif name.endswith("_days"):
            yield from _days(where, name, value)


def _kind(trait: Any) -> str:
    if not isinstance(trait, dict):
        return ""
    if "column" in trait:
        return _columns().get(str(trait["column"]), "")
    return _KIND_OF.get(str(trait.get("measure")), "")


def _columns() -> Mapping[str, str]:
    # the schema describes the traits that are declared, which it reads from here
    from profile_service.store.schema import CUSTOMERS

    return column_kinds(CUSTOMERS)


def _why(where: str, section: Mapping[str, Any]) -> Iterator[str]:
    why = section.get("why")
    if not isinstance(why, str) or not why.strip().endswith("."):
        yield f"{where} must say why, in a sentence"


def _words(where: str, words: Any) -> Iterator[str]:
    both = words if isinstance(words, list) else [words]
    if not all(isinstance(each, str) for each in both) or len(both) not in (1, 2):
        yield f"{where}: in_words must be a text, or one for a single one and one for several"
    elif any(each and each.count("{}") != 1 for each in both):
        yield f"{where}: in_words must hold {{}} once, where the value goes"


def _days(where: str, name: str, value: Any) -> Iterator[str]:
    if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= _MOST_DAYS:
        yield f"{where}: {name} must be a whole number of days, from 1 to {_MOST_DAYS}"


def _keys(where: str, section: Mapping[str, Any], known: Collection[str], required: Collection[str]) -> Iterator[str]:
    for name in section:
        if name not in known:
            yield f"{where} knows no {_meant(name, known)}"
    for name in required:
        if name not in section:
            yield f"{where} lacks {name}"


def _meant(name: Any, known: Collection[str]) -> str:
    near = get_close_matches(str(name), list(known), 1)
    return f"{name!r}, did you mean {near[0]!r}?" if near else f"{name!r}, which is none of {', '.join(sorted(known))}"


def _is_currency(value: Any) -> bool:
    return isinstance(value, str) and _CURRENCY.fullmatch(value) is not None


def _is_number(value: Any) -> bool:
    return isinstance(value, int | Decimal) and not isinstance(value, bool) and Decimal(value).is_finite()
