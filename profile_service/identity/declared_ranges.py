"""What the numbers and names in the sections of a declaration can mean: bounds, choices, and what must fit together."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from typing import Any

from profile_service.identity.records import STANDARD_COLUMNS

_WHOLE_MOST = 2**31 - 1
# (section, key): least, most; an ``int`` for the least means that only whole numbers can be meant.
_BOUNDS: Mapping[tuple[str, str], tuple[float, float]] = {
    ("correction", "least_count"): (1, _WHOLE_MOST),
    ("correction", "times_as_frequent"): (1.0, 1e9),
    ("correction", "least_length"): (1, 255),
    ("generic", "least_families"): (1, _WHOLE_MOST),
    ("generic", "quantile"): (0.0, 1.0),
    ("generic", "least_people"): (1, _WHOLE_MOST),
    ("generic", "most_junk"): (0, _WHOLE_MOST),
    ("frequency", "least_count"): (1, _WHOLE_MOST),
    ("whole_name", "least_usual"): (1.0, 1e6),
    ("participation", "most_one_value"): (0.0, 1.0),
    ("participation", "least_filled"): (0.0, 1.0),
    ("blocking", "cap"): (2, _WHOLE_MOST),
    ("blocking", "few"): (0, _WHOLE_MOST),
    ("blocking", "budget"): (0.0, 1e6),
    ("blocking", "least_pairs"): (0, _WHOLE_MOST),
    ("mixture", "exact"): (1e-6, 1.0),
    ("mixture", "near"): (1e-6, 1.0),
    ("mixture", "differ"): (1e-6, 1.0),
    ("mixture", "household_family"): (0.0, 1.0),
    ("mixture", "shared"): (0.0, 1.0),
    ("mixture", "random_pairs"): (1, _WHOLE_MOST),
    ("mixture", "iterations"): (1, 10_000),
    ("anchors", "least_agreement"): (0.0, 1.0),
    ("anchors", "trees"): (1, 1_000),
    ("anchors", "depth"): (1, 16),
    ("anchors", "rate"): (1e-6, 1.0),
    ("anchors", "least_pairs"): (1, _WHOLE_MOST),
    ("anchors", "least_pairs_of_both"): (1, _WHOLE_MOST),
    ("clustering", "clip"): (1e-6, 1e6),
    ("clustering", "against"): (1e-6, 1e6),
    ("clustering", "dense"): (1e-6, 1e6),
    ("household", "least_probability"): (0.0, 1.0),
    ("household", "most_members"): (2, _WHOLE_MOST),
    ("firewall", "largest_customer"): (1, _WHOLE_MOST),
    ("firewall", "times_previous"): (0.0, 1e6),
    ("firewall", "merged_share"): (0.0, 1.0),
    ("firewall", "merged_least"): (0, _WHOLE_MOST),
    ("firewall", "conflicting_births"): (1, _WHOLE_MOST),
    ("firewall", "conflicting_share"): (0.0, 1.0),
    ("firewall", "conflicting_least"): (0, _WHOLE_MOST),
    ("firewall", "restarted_share"): (0.0, 1.0),
    ("firewall", "restarted_least"): (0, _WHOLE_MOST),
    ("firewall", "rejected_share"): (0.0, 1.0),
    ("firewall", "rejected_least"): (0, _WHOLE_MOST),
}
_CHOICES = {("anchors", "use"): ("never", "where_ids_agree")}
_RISING = (("clustering", "borderline_bits"), ("mixture", "twins"), ("mixture", "juniors"))
_CORRECTED = {"given_name", "family_name"}
# Names stand in SQL, in reports and in column comments.
_NAME = re.compile(r"[\w ,.&/()+-]{1,60}")
_FIELD_NAME = re.compile(r"[a-z_][a-z0-9_]{0,59}")
_FURTHER_FIELDS = ("cookie_id", "device_id")


def range_faults(table: Mapping[str, Any]) -> Iterator[str]:
    """What cannot be meant in the sections, a clause each; values of another kind than a number are others' to tell."""
    for (section, key), (least, most) in _BOUNDS.items():
        value = _said(table, section, key)
        if not _number(value):
            continue
        if not least <= value <= most or (isinstance(least, int) and value != int(value)):
            whole = "a whole number" if isinstance(least, int) else "a number"
            upto = f" of {least} or more" if most >= _WHOLE_MOST else f" from {least:g} to {most:g}"
            yield f"[{section}] {key} = {value!r} must be {whole}{upto}"
    for (section, key), choices in _CHOICES.items():
        value = _said(table, section, key)
        if isinstance(value, str) and value not in choices:
            yield f"[{section}] {key} = {value!r} must be {' or '.join(choices)}"
    for section, key in _RISING:
        value = _said(table, section, key)
        if isinstance(value, list) and all(map(_number, value)) and value != sorted(value):
            yield f"[{section}] {key} = {value!r} must be the lower number first"
    yield from _together(table)


def _together(table: Mapping[str, Any]) -> Iterator[str]:
    least, most = (_said(table, "mixture", f"pseudo_pairs_{which}") for which in ("least", "most"))
    if _number(least) and _number(most) and least > most:
        yield f"[mixture] pseudo_pairs_least = {least!r} is more than pseudo_pairs_most = {most!r}"
    clip, alone = _said(table, "clustering", "clip"), _said(table, "mixture", "place_alone")
    for key in ("stop", "stop_dense"):
        stop = _said(table, "clustering", key)
        if _number(clip) and _number(stop) and abs(stop) > clip:
            yield f"[clustering] {key} = {stop!r} is beyond clip = {clip!r}, which no average of pairs reaches"
        if _number(alone) and _number(stop) and alone >= stop:
            yield f"[mixture] place_alone = {alone!r} must be below {key} = {stop!r}, or an address makes one person"
    columns = _said(table, "correction", "columns")
    if isinstance(columns, list) and set(map(str, columns)) != _CORRECTED:
        yield "[correction] columns must be given_name and family_name, the two that are corrected"


def household_faults(table: Mapping[str, Any]) -> Iterator[str]:
    """Ties of ``[household]`` that no pair could ever have, because their comparison or level is none."""
    section = table.get("household")
    if not isinstance(section, dict):
        return
    levels = {
        str(each.get("name")): {str(level.get("name")) for level in each.get("levels", ()) if isinstance(level, dict)}
        for each in table.get("comparison", ())
        if isinstance(each, dict) and isinstance(each.get("levels", ()), list)
    }
    ties = section.get("tie")
    given = [("[household.family_name]", section.get("family_name"))]
    given += [
        (f"[[household.tie]] {tie.get('name', place) if isinstance(tie, dict) else place}", tie)
        for place, tie in enumerate(ties if isinstance(ties, list) else (), start=1)
    ]
    for where, tie in given:
        if not isinstance(tie, dict):
            continue
        compared = str(tie.get("comparison"))
        if compared not in levels:
            yield f"{where} names the comparison {compared!r}, which is none: choose {', '.join(levels)}"
            continue
        for key in ("levels", "with_family_name"):
            for name in tie.get(key, ()):
                if name not in levels[compared]:
                    known = ", ".join(sorted(levels[compared]))
                    yield f"{where} names the level {name!r}, which {compared} has not: choose {known}"


def name_fault(where: str, name: Any) -> Iterator[str]:
    """A name that people, SQL and pages cannot all show."""
    if not isinstance(name, str) or not _NAME.fullmatch(name) or not name.strip():
        yield f"{where}: the name {name!r} must be a text of letters, digits, spaces and , . & / ( ) + -"


def survivorship_faults(section: Any, packaged: Mapping[str, Any]) -> Iterator[str]:
    """Fields and columns of ``[survivorship]`` that are none; every field that the packaged one names is one."""
    known: Collection[str] = {
        *_FURTHER_FIELDS,
        *(field for name, rule in packaged.items() if name != "channels" for field in rule.get("fields", [name])),
    }
    if not isinstance(section, dict):
        return
    for name, rule in section.items():
        if name == "channels":
            if not isinstance(rule, list) or not all(isinstance(each, str) for each in rule):
                yield f"[survivorship] channels = {rule!r} must be a list of channels"
            continue
        if not isinstance(rule, dict):
            yield f"survivorship.{name} must be a section"
            continue
        if not _FIELD_NAME.fullmatch(name):
            yield f"survivorship: the name {name!r} must be of small letters, digits and _"
        for key in ("fields", "order", "channels", "verified_by", "needs", "readable"):
            given = rule.get(key, [])
            if not isinstance(given, list) or not all(isinstance(each, str) for each in given):
                yield f"survivorship.{name}: {key} = {rule[key]!r} must be a list of texts"
        fields = rule.get("fields", [name])
        for field in fields if isinstance(fields, list) else ():
            if field not in known:
                yield f"survivorship.{name}: {field!r} is no field of a record"
        same = rule.get("same", "")
        if same and same not in STANDARD_COLUMNS:
            yield f"survivorship.{name}: same = {same!r} is no standard column"


def _said(table: Mapping[str, Any], section: str, key: str) -> Any:
    given = table.get(section)
    return given.get(key) if isinstance(given, dict) else None


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
