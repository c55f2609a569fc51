"""A declaration that somebody wrote or changed is held against the packaged one before anything is learned with it."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Collection, Iterator, Mapping
from dataclasses import fields
from difflib import get_close_matches
from math import inf, isfinite, prod
from pathlib import Path
from typing import Any

from profile_service.errors import UnusableInput
from profile_service.identity.blocking_rule import BlockingRule
from profile_service.identity.compare import RULES
from profile_service.identity.declared_ranges import household_faults, name_fault, range_faults, survivorship_faults
from profile_service.identity.model import WHOLE_NAME, Comparison, Level, Model, declared_model, packaged_model
from profile_service.identity.records import STANDARD_COLUMNS

ROLES = ("given", "family", "together", "naming", "birth", "further", "place", "contact", "identifier")
KINDS = ("exact", "near")
# What a rule cannot do without, by its name.
_NEEDS = {"jaro_winkler": "at_least", "damerau": "at_most", "same_start": "length", "same_both": "and_column"}
_LENGTH = re.compile(r":[1-9][0-9]?$")
_MOST_PATTERNS = 1 << 62  # a pattern of levels is packed into a whole number of 64 bits
_TOLD = 5


def read_declaration(path: Path) -> Model:
    """The model declared in a TOML file, not trained.

    Raises UnusableInput that names what is wrong, and what was probably meant, in one line.
    """
    try:
        text = path.read_text(encoding="utf-8")
        table = tomllib.loads(text)
    except (OSError, UnicodeDecodeError) as error:
        raise UnusableInput(f"{path} cannot be read: {error}") from error
    except tomllib.TOMLDecodeError as error:
        raise UnusableInput(f"{path} is no TOML: {error}") from error
    faults = list(_faults(table, tomllib.loads(packaged_model().text)))
    if faults:
        more = f"; and {len(faults) - _TOLD} more" if len(faults) > _TOLD else ""
        raise UnusableInput(f"{path}: {'; '.join(faults[:_TOLD])}{more}")
    try:
        model = declared_model(text)
    except UnusableInput as error:
        raise UnusableInput(f"{path}: {error}") from error
    if prod(model.radices) > _MOST_PATTERNS:
        raise UnusableInput(f"{path}: there are more levels in all comparisons together than fit into one pattern")
    return model


def _faults(table: Mapping[str, Any], known: Mapping[str, Any]) -> Iterator[str]:
    """Everything that is wrong, a clause each."""
    yield from _keys("the file", table, known, required=set(known) - {"survivorship", "firewall", "whole_name"})
    for name, packaged in known.items():
        if isinstance(packaged, dict) and name in table and name != "survivorship":
            yield from _section(name, table[name], packaged)
    yield from range_faults(table)
    yield from survivorship_faults(table.get("survivorship", {}), known["survivorship"])
    yield from household_faults(table)
    yield from _bins(table)
    if "name" in table:
        yield from name_fault("the file", table["name"])
    comparisons = _tables(table, "comparison")
    rules = _tables(table, "blocking_rule")
    binned = _strings(table.get("frequency"), "columns") + ([WHOLE_NAME] if "whole_name" in table else [])
    names = [str(comparison.get("name")) for comparison in comparisons]
    for place, comparison in enumerate(comparisons, start=1):
        yield from _comparison(f"comparison {comparison.get('name', place)}", comparison, names, binned)
    for place, rule in enumerate(rules, start=1):
        where = f"blocking rule {rule.get('name', place)}"
        yield from _keys(where, rule, [each.name for each in fields(BlockingRule)], required={"name", "key"})
        yield from _columns(where, rule | ({"key": _without_lengths(rule["key"])} if "key" in rule else {}), "key")
        yield from _flags(where, rule, ("wide", "few"))
    yield from _circle(comparisons)
    for what, given in (("comparison", comparisons), ("blocking_rule", rules)):
        if what in table and not given:
            yield f"{what} must be one [[{what}]] or several"
        said = [each["name"] for each in given if "name" in each]
        for name in said:
            yield from name_fault(f"[[{what}]]", name)
        for twice in sorted({str(name) for name in said if said.count(name) > 1}):
            yield f"two of [[{what}]] are named {twice!r}"


def _section(name: str, given: Any, packaged: Mapping[str, Any]) -> Iterator[str]:
    """A section of numbers: the keys of the packaged one, each of the same kind."""
    where = f"[{name}]"
    if not isinstance(given, dict):
        yield f"{where} must be a section"
        return
    yield from _keys(where, given, packaged, required=set(packaged))
    for key, model in packaged.items():
        if key in given and not _alike(given[key], model):
            yield f"{where} {key} = {given[key]!r} must be {_kind(model)}"


def _keys(where: str, given: Mapping[str, Any], known: Collection[str], *, required: Collection[str]) -> Iterator[str]:
    for key in given:
        if key not in known:
            yield f"{where} has a key {key!r} that means nothing{_meant(key, known)}"
    for key in sorted(set(required) - set(given)):
        yield f"{where} lacks {key!r}"


def _meant(wrong: str, known: Collection[str]) -> str:
    close = get_close_matches(str(wrong), [str(each) for each in known], n=1)
    return f": is it {close[0]!r}?" if close else ""


def _alike(given: Any, model: Any) -> bool:
    if isinstance(model, bool) or isinstance(given, bool):
        return isinstance(given, bool) and isinstance(model, bool)
    if isinstance(model, int | float):
        return isinstance(given, int | float) and isfinite(given) and (model < 0 or given >= 0 or model == 0)
    if isinstance(model, list):
        same_kind = isinstance(given, list) and all(_alike(each, model[0]) for each in given) if model else True
        return same_kind and (isinstance(model[0], str) or len(given) == len(model))
    return isinstance(given, type(model))


def _kind(model: Any) -> str:
    if isinstance(model, bool):
        return "true or false"
    if isinstance(model, int | float):
        return "a number" if model <= 0 else "a number that is not negative"
    if isinstance(model, list):
        return "a list of texts" if isinstance(model[0], str) else f"a list of {len(model)} numbers such as {model}"
    return "a text"


def _bins(table: Mapping[str, Any]) -> Iterator[str]:
    section = table.get("frequency")
    bins = section.get("bins") if isinstance(section, dict) else None
    if isinstance(bins, list) and all(isinstance(each, int | float) for each in bins):
        falling = sorted(bins, reverse=True) == bins and len(set(bins)) == len(bins)
        if not falling or not all(0 < each < 1 for each in bins):
            yield "[frequency] bins must be shares between 0 and 1, falling"
        yield from _times(table.get("whole_name"), len(bins))
    yield from _columns("[frequency]", section, "columns")


def _times(section: Any, bins: int) -> Iterator[str]:
    times = section.get("times") if isinstance(section, dict) else None
    if not isinstance(times, list) or not all(isinstance(each, int | float) for each in times):
        return
    falling = sorted(times, reverse=True) == times and len(set(times)) == len(times)
    if not falling or len(times) != bins or times[-1] <= 1:
        yield "[whole_name] times must be above 1, falling, and as many as [frequency] has bins"


def _comparison(where: str, given: Mapping[str, Any], names: list[str], binned: list[str]) -> Iterator[str]:
    required = {"name", "role", "columns", "levels"}
    yield from _keys(where, given, [each.name for each in fields(Comparison)], required=required)
    yield from _choice(where, given, "role", ROLES)
    yield from _columns(where, given, "columns")
    if given.get("unless"):
        yield from _choice(where, given, "unless", [name for name in names if name != given.get("name")])
    yield from _flags(where, given, ("unless_swapped", "agreement_only"))
    levels = _tables(given, "levels")
    said = [level["name"] for level in levels if "name" in level]
    for name in said:
        yield from name_fault(f"{where}, a level", name)
    for twice in sorted({str(name) for name in said if said.count(name) > 1}):
        yield f"{where} has two levels named {twice!r}"
    if "levels" in given and not levels:
        yield f"{where} must have one level or several"
    counted = [level.get("bins") for level in levels] == [WHOLE_NAME]
    if len({counted, given.get("role") == "together", given.get("agreement_only") is True}) > 1:
        yield f"{where} must have the role together, agreement_only = true and one level in bins of name_pair, or none"
    for place, level in enumerate(levels, start=1):
        yield from _level(f"{where}, level {level.get('name', place)}", level, binned)


def _level(where: str, given: Mapping[str, Any], binned: list[str]) -> Iterator[str]:
    required = {"name", "kind", "rule"} | ({"column"} if given.get("rule") != "swapped" else set())
    needed = _NEEDS.get(str(given.get("rule")))
    yield from _keys(
        where, given, [each.name for each in fields(Level)], required=required | ({needed} if needed else set())
    )
    yield from _choice(where, given, "kind", KINDS)
    yield from _choice(where, given, "rule", RULES)
    for key in ("column", "and_column"):
        yield from _choice(where, given, key, STANDARD_COLUMNS)
    if given.get("bins"):
        yield from _choice(where, given, "bins", binned)
    yield from _flags(where, given, ("like_names", "well_known"))
    if needed in ("at_most", "length") and isinstance(given.get(needed), int | float):
        if given[needed] < 1 or given[needed] != int(given[needed]):
            yield f"{where} has {needed} = {given[needed]!r}, which must be a whole number of 1 or more"
    elif needed == "at_least" and given.get(needed) == 0:
        yield f"{where} has at_least = 0, which any two values reach"
    if given.get("well_known"):
        yield from _choice(where, given, "column", binned)
    for each in fields(Level):
        value = given.get(each.name, each.default)
        numeric = isinstance(each.default, int | float) and not isinstance(each.default, bool)
        if numeric and (isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < inf):
            yield f"{where} has {each.name} = {value!r}, which must be a number that is not negative"
        elif each.name == "at_least" and numeric and value > 1:
            yield f"{where} has at_least = {value!r}: a similarity is 1 at most"


def _flags(where: str, given: Mapping[str, Any], keys: Collection[str]) -> Iterator[str]:
    for key in keys:
        if not isinstance(given.get(key, False), bool):
            yield f"{where} has {key} = {given[key]!r}, which must be true or false"


def _circle(comparisons: list[dict[str, Any]]) -> Iterator[str]:
    """Comparisons of which each waits for another: none of them is the finest."""
    finer = {str(each.get("name")): str(each.get("unless", "")) for each in comparisons}
    for name in finer:
        way, at = [name], finer[name]
        while at in finer and at not in way:
            way.append(at)
            at = finer[at]
        if at == name and name == min(way) and len(way) > 1:
            yield f"comparisons {' and '.join(way)} name each other as unless: the finest must name none"


def _choice(where: str, given: Mapping[str, Any], key: str, known: Collection[str]) -> Iterator[str]:
    if key in given and given[key] not in known:
        hint = _meant(str(given[key]), known) or f": choose {', '.join(known)}"
        yield f"{where} has {key} = {given[key]!r}, which is none{hint}"


def _without_lengths(key: Any) -> Any:
    """The columns of a key; what stands behind them is left where it is no length, and refused with them."""
    return [_LENGTH.sub("", part) if isinstance(part, str) else part for part in key] if isinstance(key, list) else key


def _columns(where: str, given: Any, key: str) -> Iterator[str]:
    if not isinstance(given, dict) or key not in given:
        return
    columns = _strings(given, key)
    if not columns or len(columns) != len(given[key]):
        yield f"{where} must have a list of columns as {key}"
    for column in columns:
        if column not in STANDARD_COLUMNS:
            yield f"{where} names the column {column!r}, which is none{_meant(column, STANDARD_COLUMNS)}"


def _tables(table: Mapping[str, Any], key: str) -> list[dict[str, Any]]:
    given = table.get(key)
    return [each for each in given if isinstance(each, dict)] if isinstance(given, list) else []


def _strings(table: Any, key: str) -> list[str]:
    given = table.get(key) if isinstance(table, dict) else None
    return [each for each in given if isinstance(each, str)] if isinstance(given, list) else []
