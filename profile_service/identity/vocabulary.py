"""The packaged words: titles, suffixes, junk, abbreviations, countries and nicknames, read once from their files."""

from __future__ import annotations

import csv
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files


@dataclass(frozen=True)
class Vocabulary:
    """Words that mean the same, and words that mean nothing."""

    titles: frozenset[str]
    junk: frozenset[str]
    junk_names: frozenset[str]
    names_as_written: Mapping[str, str]
    junk_mailboxes: frozenset[str]
    mailbox_words: frozenset[str]
    junk_dates: frozenset[str]
    suffixes: Mapping[str, str]
    sexes: Mapping[str, str]
    same_domain: Mapping[str, str]
    dotless_domains: frozenset[str]
    unit_words: frozenset[str]
    street_words: Mapping[str, str]
    street_kinds: frozenset[str]
    street_directions: frozenset[str]
    street_endings: tuple[str, ...]
    place_words: Mapping[str, str]
    countries: Mapping[str, str]
    nickname_roots: Mapping[str, tuple[str, ...]]


def _nickname_roots(lines: list[str]) -> dict[str, tuple[str, ...]]:
    """Each name with the roots it may stand for, its own first: ``bert`` is ``albert``, ``herbert`` or ``robert``."""
    roots: dict[str, list[str]] = {}
    groups = list(csv.reader(lines))
    for group in groups:
        roots.setdefault(group[0], []).append(group[0])
    for group in groups:
        for name in group[1:]:
            known = roots.setdefault(name, [])
            if group[0] not in known:
                known.append(group[0])
    return {name: tuple(of) for name, of in roots.items()}


@cache
def packaged_vocabulary() -> Vocabulary:
    """The vocabulary that ships with the package."""
    here = files("profile_service.identity")
    words = tomllib.loads(here.joinpath("vocabulary.toml").read_text(encoding="utf-8"))
    nicknames = here.joinpath("nicknames.csv").read_text(encoding="utf-8").split()
    return Vocabulary(
        titles=frozenset(words["titles"]),
        junk=frozenset(words["junk"]),
        junk_names=frozenset(words["junk_names"]),
        names_as_written=words["names_as_written"],
        junk_mailboxes=frozenset(words["junk_mailboxes"]),
        mailbox_words=frozenset(words["mailbox_words"]),
        junk_dates=frozenset(words["junk_dates"]),
        suffixes=words["suffixes"],
        sexes=words["sexes"],
        same_domain=words["email"]["same_domain"],
        dotless_domains=frozenset(words["email"]["dotless_domains"]),
        unit_words=frozenset(words["street"]["unit_words"]),
        street_words=words["street"]["words"],
        street_kinds=frozenset(words["street"]["kinds"]["words"]),
        street_directions=frozenset(words["street"]["kinds"]["directions"]),
        street_endings=tuple(words["street"]["kinds"]["endings"]),
        place_words=words["place"]["words"],
        countries=words["countries"],
        nickname_roots=_nickname_roots(nicknames),
    )
