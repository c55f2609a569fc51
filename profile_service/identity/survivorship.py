"""Which of several values survives: the strategies, side by side in Python and as SQL, and rules made of them."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from profile_service.errors import UnusableInput

# What a strategy may count up to; the packed SQL key gives each strategy its own bits, all of them fit into 64.
MOST = 16383
POSITION_BITS = 14


@dataclass(frozen=True)
class SurvivorshipRule:
    """How the values of one field, or of several that move together, are chosen.

    ``order``: strategies, the first that tells two values apart decides. ``readable``: fields whose value cannot
    win when standardising found it junk or generic. ``same``: the standard column in which two values are the same.
    ``verified_by``: channels that check the field; ``channel:beginning`` are its records whose id begins so.
    ``needs``: fields that make a group of them complete, and, where all are there, the only ones that tell two such
    groups apart. ``show``: how a field is written for people.
    """

    name: str
    fields: tuple[str, ...]
    order: tuple[str, ...]
    channels: tuple[str, ...] = ()
    verified_by: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    readable: tuple[str, ...] = ()
    same: str = ""
    show: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Candidate:
    """One record's offer for a rule.

    ``position``: the record's place by (channel, source_record_id); ``recent``: 0 for the newest; ``shown``: values
    as written for people, by field; ``standard`` and ``text``: the first field, standard and in its best known form;
    ``identity``: equal for equal offers; ``times``: how many of the customer's records make this offer.
    """

    channel: str
    source_record_id: str
    position: int
    recent: int
    shown: Mapping[str, str]
    standard: str | None
    text: str
    identity: tuple[str | None, ...]
    same_value: str | None
    times: int = 1


@dataclass(frozen=True)
class Strategy:
    """One reason to prefer a value: a number for a candidate, smaller is better, in Python and in SQL.

    The SQL reads columns of the same meaning that ``pipelines.merge`` makes: ``channel``, ``source_record_id``,
    ``recent``, ``standard``,
    ``text``, ``same_value`` and ``lacks`` (a needed field is not there).
    """

    bits: int
    python: Callable[[Candidate, SurvivorshipRule], int]
    sql: Callable[[SurvivorshipRule], str]


def quoted(text: str) -> str:
    """``text`` as an SQL string."""
    return "'" + text.replace("'", "''") + "'"


def _rank(candidate: Candidate, rule: SurvivorshipRule) -> int:
    return rule.channels.index(candidate.channel) if candidate.channel in rule.channels else len(rule.channels)


def _rank_sql(rule: SurvivorshipRule) -> str:
    whens = " ".join(f"WHEN {quoted(channel)} THEN {place}" for place, channel in enumerate(rule.channels))
    return f"CASE channel {whens} ELSE {len(rule.channels)} END" if whens else "0"


def _unverified(candidate: Candidate, rule: SurvivorshipRule) -> int:
    name = f"{candidate.channel}:{candidate.source_record_id}"
    return int(not any(name.startswith(by) if ":" in by else candidate.channel == by for by in rule.verified_by))


def _unverified_sql(rule: SurvivorshipRule) -> str:
    channels = [by for by in rule.verified_by if ":" not in by]
    verified = [f"channel IN ({', '.join(quoted(channel) for channel in channels)})"] if channels else []
    for by in rule.verified_by:
        channel, colon, beginning = by.partition(":")
        if colon:
            verified.append(f"(channel = {quoted(channel)} AND starts_with(source_record_id, {quoted(beginning)}))")
    return f"NOT ({' OR '.join(verified)})" if verified else "true"


STRATEGIES: Mapping[str, Strategy] = {
    # the record whose channel spoke last
    "most_recent": Strategy(14, lambda c, _: min(c.recent, MOST), lambda _: f"least(recent, {MOST})"),
    # the value that most of the customer's records give; the SQL counts it apart, see pipelines.merge
    "most_frequent": Strategy(14, lambda c, _: MOST - min(c.times, MOST), lambda _: "0"),
    # the order in which the rule trusts channels; others come last
    "channel_rank": Strategy(8, _rank, _rank_sql),
    # channels that check this field (a confirmed e-mail, a text message answered) before those that take it on trust
    "verified_first": Strategy(1, _unverified, _unverified_sql),
    # Johanna before J.
    "spelled_out": Strategy(1, lambda c, _: int(len(c.text) <= 1), lambda _: "length(text) <= 1"),
    # the longer text
    "longest": Strategy(8, lambda c, _: 255 - min(len(c.text), 255), lambda _: "255 - least(length(text), 255)"),
    # a spelling that standardising did not have to correct
    "well_spelled": Strategy(
        1,
        lambda c, _: int(c.same_value is not None and c.same_value != c.standard),
        lambda _: "coalesce(same_value <> standard, same_value IS NOT NULL)",
    ),
    # all fields that the rule needs are there
    "complete": Strategy(1, lambda c, rule: int(any(need not in c.shown for need in rule.needs)), lambda _: "lacks"),
}

_SPACES = re.compile(r"[ \t\r\n\f\v]+")
# letters and digits, with the accents that stand behind a letter as signs of their own
_WORD = re.compile(r"[^\W_](?:[^\W_]|[\u0300-\u036f])*(?:'[sS](?![\w\u0300-\u036f]))?")
_FINAL_SIGMA = re.compile("σ(?=(?:'s)?$)")


def tidy(text: str) -> str:
    """``text`` without outer and doubled spaces."""
    return _SPACES.sub(" ", text).strip(" ")


def tidy_sql(column: str) -> str:
    """``tidy`` as SQL; replacing is dear, so only a value that needs it meets it."""
    untidy = rf"regexp_matches({column}, '^ | $|  |[\t\r\n\f\v]')"
    return rf"CASE WHEN {untidy} THEN trim(regexp_replace({column}, '[ \t\r\n\f\v]+', ' ', 'g'), ' ') ELSE {column} END"


def titled(text: str) -> str:
    """Words with a capital first letter where the text is all capitals or all small; a mixed case was meant."""
    if text not in (upper(text), lower(text)):
        return text
    return _WORD.sub(lambda word: upper(word[0][0]) + _FINAL_SIGMA.sub("ς", lower(word[0][1:])), text)


def upper(text: str) -> str:
    """Each letter's one capital, as DuckDB has it: a letter that is several as a capital (ﬁ, ŉ) stays."""
    return text.upper() if text.isascii() else "".join(map(_capital, text))


def lower(text: str) -> str:
    """Each letter's one small letter, as DuckDB has it: İ is i."""
    return text.lower() if text.isascii() else "".join(letter.lower()[0] for letter in text)


def _capital(letter: str) -> str:
    if letter == "ß":
        return "ẞ"
    return next((one for one in (letter.upper(), letter.title()) if len(one) == 1), letter)


# one capital word after the other, and the s of a possessive small
_WORDS_SQL = (
    r"array_to_string(list_transform(regexp_extract_all({t}, '[\pL\pN]+(?:''[sS]\b)?|[^\pL\pN]+'), "
    r"lambda w: upper(w[1]) || lower(w[2:])), '')"
)
# Signs with a case that are no letters (Ⓐ), accents apart, a last sigma, and a possessive beside letters that are not
# plain, which regular expressions without looking ahead would miss, take the longer way: behind an underscore put first
# every other part is a word, and what follows a sigma or an s decides of it afterwards.
_ODD = r"[\x{{24b6}}-\x{{24e9}}\x{{300}}-\x{{36f}}σΣ]|''[sS]"
_ODD_WORDS_SQL = (
    r"regexp_replace(regexp_replace(array_to_string(list_transform("
    r"regexp_extract_all('_' || {t}, '[\pL\pN][\pL\pN\x{{300}}-\x{{36f}}]*|[^\pL\pN]+'), "
    r"lambda w, n: CASE WHEN n % 2 = 1 THEN w ELSE upper(w[1]) || lower(w[2:]) END), '')[2:], "
    r"'σ($|[^\pL\pN\x{{300}}-\x{{36f}}])', 'ς\1', 'g'), "
    r"'([\pL\pN][\x{{300}}-\x{{36f}}]*'')S($|[^\pL\pN_\x{{300}}-\x{{36f}}])', '\1s\2', 'g')"
)
_TITLED_SQL = (
    "CASE WHEN {v} <> upper({v}) AND {v} <> lower({v}) THEN {t} "
    f"WHEN strlen({{v}}) = length({{v}}) OR NOT regexp_matches({{v}}, '{_ODD}') THEN {_WORDS_SQL} "
    f"ELSE {_ODD_WORDS_SQL} END"
)

# how a field is written for people: Python on (sent, standard), SQL on the same two columns
SHOW: Mapping[str, tuple[Callable[[str, str | None], str], Callable[[str, str], str]]] = {
    "sent": (lambda sent, _: tidy(sent), lambda v, _: tidy_sql(v)),
    "title": (lambda sent, _: titled(tidy(sent)), lambda v, _: _TITLED_SQL.format(v=v, t=tidy_sql(v))),
    "lower": (lambda sent, _: lower(tidy(sent)), lambda v, _: f"lower({tidy_sql(v)})"),
    "upper": (lambda sent, _: upper(tidy(sent)), lambda v, _: f"upper({tidy_sql(v)})"),
    "standard": (lambda sent, standard: standard or tidy(sent), lambda v, s: f"coalesce({s}, {tidy_sql(v)})"),
}


def survivorship_from(table: Mapping[str, Any]) -> dict[str, SurvivorshipRule]:
    """Rules by name from the ``[survivorship]`` section; its ``channels`` is the rank of a rule that names none.

    Raises ``UnusableInput`` for an unknown strategy, way to show, or option.
    """
    default_channels = tuple(table.get("channels", ()))
    rules = {}
    for name, entry in table.items():
        if name == "channels":
            continue
        known = {"fields", "order", "channels", "verified_by", "needs", "readable", "same", "show"}
        if unknown := set(entry) - known:
            raise UnusableInput(f"survivorship.{name}: no option {', '.join(sorted(unknown))}")
        fields = tuple(entry.get("fields", (name,)))
        show = entry.get("show", "sent")
        rule = SurvivorshipRule(
            name=name,
            fields=fields,
            order=tuple(entry.get("order", ())),
            channels=tuple(entry.get("channels", default_channels)),
            verified_by=tuple(entry.get("verified_by", ())),
            needs=tuple(entry.get("needs", ())),
            readable=tuple(entry.get("readable", ())),
            same=entry.get("same", ""),
            show=dict.fromkeys(fields, show) if isinstance(show, str) else dict(show),
        )
        _check(rule)
        rules[name] = rule
    return rules


def _check(rule: SurvivorshipRule) -> None:
    if unknown := [name for name in rule.order if name not in STRATEGIES]:
        raise UnusableInput(f"survivorship.{rule.name}: no strategy {unknown[0]}; there are {', '.join(STRATEGIES)}")
    if unknown := [way for way in rule.show.values() if way not in SHOW]:
        raise UnusableInput(f"survivorship.{rule.name}: cannot show as {unknown[0]}; there are {', '.join(SHOW)}")
    strays = {*rule.needs, *rule.readable, *rule.show} - set(rule.fields)
    if strays:
        raise UnusableInput(f"survivorship.{rule.name}: {', '.join(sorted(strays))} is not among its fields")
    if len(set(rule.order)) < len(rule.order):
        raise UnusableInput(f"survivorship.{rule.name}: a strategy stands twice in the order")
