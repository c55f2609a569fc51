"""What plain values become, as SQL for many: the Python rule's answer, or NULL to ask it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from profile_service.identity.phones import numbering_plan
from profile_service.identity.vocabulary import Vocabulary


@dataclass(frozen=True)
class Shortcut:
    """SQL over a column ``raw``: ``answer`` may read ``parts`` too, each a name and its SQL, found once per value."""

    answer: str
    parts: Mapping[str, str] = field(default_factory=dict)

    def over(self, distinct: str) -> str:
        """A query of everything in query ``distinct(raw, …)`` and ``cheap``, the answer or NULL."""
        parts = "".join(f", {sql} AS {name}" for name, sql in self.parts.items())
        return f"SELECT *, {self.answer} AS cheap FROM (SELECT *{parts} FROM ({distinct}))"


NOTHING_IS_PLAIN = Shortcut("NULL")


def _listed(words: Iterable[str]) -> str:
    return "(" + ", ".join("'" + word.replace("'", "''") + "'" for word in sorted(words)) + ")"


def identifier_shortcut() -> Shortcut:
    """For identifiers of ASCII letters, digits and hyphens with a digit in them, not one character repeated."""
    return Shortcut(
        "CASE WHEN regexp_full_match(raw, '[A-Za-z0-9-]*[0-9][A-Za-z0-9-]*') AND length(kept) >= 4 "
        "AND ltrim(kept, left(kept, 1)) <> '' THEN kept END",
        {"kept": "replace(lower(raw), '-', '')"},
    )


def given_name_shortcut(words: Vocabulary) -> Shortcut:
    """For names as in ``_plain_name``: a list of the first word, the others and no suffix."""
    return _plain_name(words, "[word, nullif(substr(name, length(word) + 2), ''), NULL]")


def family_name_shortcut(words: Vocabulary) -> Shortcut:
    """For names as in ``_plain_name``: a list of the whole name and no suffix."""
    return _plain_name(words, "[name, NULL]")


def _plain_name(words: Vocabulary, answer: str) -> Shortcut:
    """For one word of ASCII letters, or two parted by a blank or a hyphen, of which none is a title, suffix or junk."""
    spoken = _listed(words.titles | words.suffixes.keys() | words.junk | words.junk_names)
    return Shortcut(
        f"CASE WHEN regexp_full_match(raw, '[A-Za-z]+([ -][A-Za-z]+)?') AND name NOT IN {spoken} "
        f"AND word NOT IN {spoken} AND substr(name, length(word) + 2) NOT IN {spoken} THEN {answer} END",
        {"name": "replace(lower(raw), '-', ' ')", "word": "split_part(replace(lower(raw), '-', ' '), ' ', 1)"},
    )


def postcode_shortcut() -> Shortcut:
    """For American codes of five digits, or nine of which four stand behind a hyphen."""
    return Shortcut(
        "CASE WHEN regexp_full_match(raw, '[0-9]{5}(-[0-9]{4})?') AND code NOT IN ('00000', '99999') THEN code END",
        {"code": "left(raw, 5)"},
    )


def email_shortcut(words: Vocabulary) -> Shortcut:
    """For addresses of ASCII letters, digits, dots, hyphens and underscores whose domain has no other spelling."""
    mailbox = f"CASE WHEN split_part(lower(raw), '@', 2) IN {_listed(words.dotless_domains)} "
    mailbox += "THEN replace(split_part(lower(raw), '@', 1), '.', '') ELSE split_part(lower(raw), '@', 1) END"
    return Shortcut(
        r"CASE WHEN regexp_full_match(raw, '[A-Za-z0-9._-]+@[A-Za-z0-9-]+([.][A-Za-z0-9-]+)+') "
        f"AND domain NOT IN {_listed(words.same_domain)} AND mailbox NOT IN {_listed(words.junk_mailboxes | {''})} "
        "THEN mailbox || '@' || domain END",
        {"mailbox": mailbox, "domain": "split_part(lower(raw), '@', 2)"},
    )


def phone_shortcut(countries: Iterable[str]) -> Shortcut:
    """For numbers of digits and separators with a calling code, or dialled inside one of ``countries`` (ISO 3166).

    Reads a column ``country`` too, where each number would be dialled. Whatever may be a British number written with
    both calling code and a nought is for the Python rule.
    """
    inside = " ".join(_dialled_inside(country) for country in countries)
    return Shortcut(
        "CASE WHEN NOT regexp_full_match(raw, '[+]?[0-9 ().-]+') OR length(significant) < 7 "
        "OR starts_with(significant, '440') OR replace(right(significant, 7), right(digits, 1), '') = '' THEN NULL "
        "WHEN starts_with(raw, '+') THEN '+' || digits WHEN starts_with(digits, '00') THEN "
        f"CASE WHEN length(digits) > 10 THEN '+' || substr(digits, 3) END {inside} END",
        {"digits": "translate(raw, ' ().-+', '')", "significant": "ltrim(translate(raw, ' ().-+', ''), '0')"},
    )


def _dialled_inside(country: str) -> str:
    """The case of a number dialled inside a country, by its plan; nothing where that is not known."""
    plan = numbering_plan(country)
    if plan is None:
        return ""
    national = "digits"
    if plan.national_prefix:
        after = len(plan.national_prefix) + 1
        national = (
            f"CASE WHEN starts_with(digits, '{plan.national_prefix}') THEN substr(digits, {after}) ELSE digits END"
        )
    lengths = ", ".join(str(length) for length in sorted(plan.lengths))
    bracketed = f"AND NOT starts_with({national}, '0')" if plan.calling_code == "44" else ""
    return (
        f"WHEN country = '{country}' AND length({national}) IN ({lengths}) {bracketed} "
        f"THEN '+{plan.calling_code}' || ({national})"
    )


# A house number before a street is read apart from it: ``values.street`` gives ``12 Main Street`` the line, number and
# name of ``Main Street`` with 12 before the line and as the number, whatever follows, unless nothing follows.
HOUSE_NUMBER = "regexp_extract(raw, '^([0-9]+) ', 1)"
AFTER_HOUSE_NUMBER = "CASE WHEN house = '' THEN raw ELSE substr(raw, length(house) + 2) END"
WITH_HOUSE_NUMBER = (
    "CASE WHEN house = '' THEN list WHEN list[1] IS NOT NULL THEN [house || ' ' || list[1], house, list[3]] "
    "ELSE rule_street(raw) END"
)
