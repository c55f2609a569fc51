"""What is declared of customers' value: traits over their events, records and consents, and segments over traits."""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from profile_service.errors import UnusableInput
from profile_service.traits_checked import faults_in

DECLARED = "traits.toml"
_TOLD = 5
# The type of a trait in the warehouse, by how it is measured.
TYPES: Mapping[str, str] = {
    "count": "BIGINT",
    "amount": "DECIMAL(38, 2)",
    "average_amount": "DECIMAL(38, 2)",
    "share": "DOUBLE",
    "first": "TIMESTAMP WITH TIME ZONE",
    "last": "TIMESTAMP WITH TIME ZONE",
    "channels": "VARCHAR[]",
    "favourite_channel": "VARCHAR",
}


@dataclass(frozen=True)
class Trait:
    """A trait: ``measure`` is one of TYPES over ``events``, or empty for a ``column`` of customers.

    ``less``: events whose amounts are taken off. ``within_days``: of the last days alone. ``share`` and ``of``: the
    two traits of a share. ``in_words``: how it is told of one and of several, with {} for the value; empty for not.
    """

    name: str
    why: str
    measure: str = ""
    events: tuple[str, ...] = ()
    less: tuple[str, ...] = ()
    within_days: int | None = None
    share: str = ""
    of: str = ""
    column: str = ""
    in_words: tuple[str, str] = ("", "")


@dataclass(frozen=True)
class Condition:
    """What a segment asks of a trait; all that is said must hold, and a missing trait meets nothing.

    ``at_least``, ``below``: of a number, or of how many are in a list. ``within_days``, ``before_days``: of a moment,
    that it lies within the last days, or before them. ``equals``: of a text.
    """

    trait: str
    at_least: Decimal | None = None
    below: Decimal | None = None
    within_days: int | None = None
    before_days: int | None = None
    equals: str | None = None


@dataclass(frozen=True)
class Segment:
    """A segment: who meets all of ``when``."""

    name: str
    why: str
    in_words: str
    when: tuple[Condition, ...]


@dataclass(frozen=True)
class Traits:
    """A whole declaration; ``rates``: one unit of each currency in ``currency``, its own among them."""

    text: str
    currency: str
    rates: Mapping[str, Decimal]
    traits: tuple[Trait, ...]
    segments: tuple[Segment, ...]
    told: tuple[str, ...]

    @property
    def version(self) -> str:
        """A short hash of what is declared."""
        return hashlib.sha256(self.text.encode()).hexdigest()[:12]

    @property
    def served(self) -> tuple[Trait, ...]:
        """Traits that a profile shows: those that it does not say already as columns of customers."""
        return tuple(trait for trait in self.traits if not trait.column)


@lru_cache(1)
def packaged_traits() -> Traits:
    """The declaration that ships."""
    text = files("profile_service").joinpath(DECLARED).read_text(encoding="utf-8")
    return _declared(text, tomllib.loads(text, parse_float=Decimal))


def standing_traits(data_dir: Path) -> Traits:
    """The declaration in use: the one adopted in ``data_dir``, else the one that ships. Raises UnusableInput."""
    path = data_dir / DECLARED
    return read_traits(path) if path.exists() else packaged_traits()


def read_traits(path: Path) -> Traits:
    """The declaration in a TOML file.

    Raises UnusableInput that names what is wrong, and what was probably meant, in one line.
    """
    try:
        text = path.read_text(encoding="utf-8")
        table = tomllib.loads(text, parse_float=Decimal)
    except (OSError, UnicodeDecodeError) as error:
        raise UnusableInput(f"{path} cannot be read: {error}") from error
    except tomllib.TOMLDecodeError as error:
        raise UnusableInput(f"{path} is no TOML: {error}") from error
    faults = list(faults_in(table))
    if faults:
        more = f"; and {len(faults) - _TOLD} more" if len(faults) > _TOLD else ""
        raise UnusableInput(f"{path}: {'; '.join(faults[:_TOLD])}{more}")
    return _declared(text, table)


def _declared(text: str, table: Mapping[str, Any]) -> Traits:
    groups = {name: tuple(each.strip().lower() for each in types) for name, types in table.get("events", {}).items()}
    money = table["money"]
    rates = {name: Decimal(rate) for name, rate in money.get("rates", {}).items()}
    return Traits(
        text=text,
        currency=money["currency"],
        rates={money["currency"]: Decimal(1), **rates},
        traits=tuple(_trait(name, said, groups) for name, said in table["traits"].items()),
        segments=tuple(
            Segment(name, said["why"], said["in_words"], tuple(map(_condition, said["when"])))
            for name, said in table.get("segments", {}).items()
        ),
        told=tuple(table.get("told", ())),
    )


def _trait(name: str, said: Mapping[str, Any], groups: Mapping[str, tuple[str, ...]]) -> Trait:
    words = said.get("in_words", "")
    return Trait(
        name=name,
        why=said["why"],
        measure=said.get("measure", ""),
        events=groups.get(said.get("events", ""), ()),
        less=groups.get(said.get("less", ""), ()),
        within_days=said.get("within_days"),
        share=said.get("share", ""),
        of=said.get("of", ""),
        column=said.get("column", ""),
        in_words=(words, words) if isinstance(words, str) else (words[0], words[1]),
    )


def _condition(said: Mapping[str, Any]) -> Condition:
    return Condition(
        trait=said["trait"],
        at_least=Decimal(said["at_least"]) if "at_least" in said else None,
        below=Decimal(said["below"]) if "below" in said else None,
        within_days=said.get("within_days"),
        before_days=said.get("before_days"),
        equals=said.get("equals"),
    )
