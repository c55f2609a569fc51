"""The model: what is compared, how pairs are found, scored and clustered, as declared and as trained."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache, cached_property, lru_cache
from importlib.resources import files
from typing import Any

from profile_service.errors import UnusableInput
from profile_service.identity.blocking_rule import BlockingRule
from profile_service.identity.hashing import hash_text
from profile_service.identity.household import HouseholdRule, household_from
from profile_service.identity.merge import SurvivorshipRule, survivorship_from
from profile_service.identity.mixture import Mixture
from profile_service.identity.spelling import Spellings
from profile_service.identity.vocabulary import packaged_vocabulary

WHOLE_NAME = "name_pair"


@dataclass(frozen=True)
class Level:
    """One way in which two values agree; ``bins`` splits it by how frequent the agreed value is.

    ``well_known``: only between two values that are too frequent for slips of each other, see ``Model.knows_well``.
    """

    name: str
    kind: str
    rule: str
    column: str = ""
    and_column: str = ""
    bins: str = ""
    at_least: float = 0.0
    at_most: int = 0
    length: int = 0
    like_names: bool = False
    most_bits: float = 0.0
    well_known: bool = False


@dataclass(frozen=True)
class Comparison:
    """One field of two records, and the levels on which it may agree.

    ``agreement_only``: where it does on none, nothing is said, for other comparisons have told that the records differ.
    """

    name: str
    role: str
    columns: tuple[str, ...]
    levels: tuple[Level, ...]
    unless: str = ""
    unless_swapped: bool = False
    agreement_only: bool = False


@dataclass(frozen=True)
class Outcome:
    """One thing a comparison can say: a level, or a frequency bin of it; number 0 is ``missing``."""

    name: str
    kind: str
    level: Level | None = None
    bin: int | None = None


@dataclass(frozen=True)
class Clustering:
    """Average linkage over log-odds (natural logarithm), see ``cluster``."""

    clip: float
    absent: float
    against: float
    stop: float
    stop_dense: float
    dense: float
    borderline_bits: tuple[float, float]


@dataclass(frozen=True)
class Frequencies:
    """How many of ``total`` records carry each of the more frequent values of a column."""

    total: int
    counts: Mapping[str, int]


@dataclass(frozen=True)
class Trained:
    """What a training learned from the data; a model without it cannot score.

    ``crowded``: hash of a whole name that many hold = how many times as many as hold names of that kind, see
    ``[whole_name]``. A hash, for the name of one person must not stand in a model that outlives an erasure.
    """

    mixture: Mixture
    frequencies: Mapping[str, Frequencies]
    generic_threshold: Mapping[str, int]
    default_country: str | None
    stop: float
    facts: Mapping[str, Any] = field(default_factory=dict)
    crowded: Mapping[int, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Model:
    """The declared model and, once trained, its numbers."""

    name: str
    text: str
    settings: Mapping[str, Mapping[str, Any]]
    comparisons: tuple[Comparison, ...]
    blocking_rules: tuple[BlockingRule, ...]
    clustering: Clustering
    survivorship: Mapping[str, SurvivorshipRule]
    household: HouseholdRule | None = None
    trained: Trained | None = None
    version: str = "untrained"

    @property
    def live_rules(self) -> tuple[BlockingRule, ...]:
        """The blocking rules that take part: those that training did not find too wide."""
        too_wide = self.trained.facts.get("too_wide", ()) if self.trained else ()
        return tuple(rule for rule in self.blocking_rules if rule.name not in too_wide)

    @property
    def blocking_cap(self) -> int:
        """A key held by more records than this finds no pairs."""
        return int(self.settings["blocking"]["cap"])

    @cached_property
    def binned(self) -> tuple[str, ...]:
        """The standard columns whose values have frequency bins."""
        whole = (WHOLE_NAME,) if "whole_name" in self.settings else ()
        return (*self.settings["frequency"]["columns"], *whole)

    @cached_property
    def bins(self) -> int:
        """How many frequency bins there are; the last is for what is rare, or never met."""
        return len(self.settings["frequency"]["bins"]) + 1

    @cached_property
    def outcomes(self) -> tuple[tuple[Outcome, ...], ...]:
        """For each comparison what it can say, in order; a level's number is its place here."""
        return tuple(_outcomes(comparison, self) for comparison in self.comparisons)

    @cached_property
    def spellings(self) -> Mapping[str, Spellings]:
        """For each corrected column, the spellings that rare ones are corrected to."""
        rule = self.settings["correction"]
        known = self.trained.frequencies if self.trained else {}
        return {
            column: Spellings(
                known[column].counts if column in known else {},
                least_count=rule["least_count"],
                times_as_frequent=rule["times_as_frequent"],
                least_length=rule["least_length"],
                never=packaged_vocabulary().nickname_roots if column == "given_name" else (),
            )
            for column in rule["columns"]
        }

    @cached_property
    def radices(self) -> tuple[int, ...]:
        """How many outcomes each comparison has: the digits of a packed pattern."""
        return tuple(len(outcomes) for outcomes in self.outcomes)

    def pack(self, levels: tuple[int, ...]) -> int:
        """Level numbers, one a comparison, as one integer."""
        pattern = 0
        for number, radix in zip(reversed(levels), reversed(self.radices), strict=True):
            pattern = pattern * radix + number
        return pattern

    def unpack(self, pattern: int) -> tuple[int, ...]:
        """The level numbers in a packed pattern."""
        levels = []
        for radix in self.radices:
            pattern, number = divmod(pattern, radix)
            levels.append(number)
        return tuple(levels)

    def level_names(self, levels: tuple[int, ...]) -> dict[str, str]:
        """Comparison = level name, for people."""
        return {
            comparison.name: self.outcomes[place][levels[place]].name
            for place, comparison in enumerate(self.comparisons)
        }

    def bin_of(self, column: str, value: str | None) -> int:
        """The frequency bin of a value: 0 the most common, the last one rare or never met."""
        if column == WHOLE_NAME:
            crowded = self.trained.crowded if self.trained else {}
            return self.bin_of_times(crowded.get(hash_text(value), 0.0) if crowded and value is not None else 0.0)
        bounds = self.settings["frequency"]["bins"]
        known = self.trained.frequencies.get(column) if self.trained else None
        count = known.counts.get(value, 0) if known and value is not None else 0
        share = count / known.total if known and known.total else 0.0
        return next((number for number, least in enumerate(bounds) if share >= least), len(bounds))

    def bin_of_times(self, times: float) -> int:
        """The bin of a whole name that so many times as many hold as hold others of its kind."""
        bounds = self.settings["whole_name"]["times"]
        return next((number for number, least in enumerate(bounds) if times >= least), len(bounds))

    def knows_well(self, column: str, value: str | None) -> bool:
        """Whether a value is more frequent than those in the rarest bin: a name of its own, and nobody's slip."""
        return self.bin_of(column, value) < self.bins - 1


def _outcomes(comparison: Comparison, model: Model) -> tuple[Outcome, ...]:
    outcomes = [Outcome("missing", "missing")]
    for level in comparison.levels:
        if level.bins:
            names = _times_names(model) if level.bins == WHOLE_NAME else _BIN_NAMES
            outcomes += [Outcome(f"{level.name} {names[b]}", level.kind, level, b) for b in range(model.bins)]
        else:
            outcomes.append(Outcome(level.name, level.kind, level))
    if not comparison.agreement_only:
        outcomes.append(Outcome("differ", "differ"))
    return tuple(outcomes)


def _times_names(model: Model) -> tuple[str, ...]:
    return (*(f"({times:g} times usual)" for times in model.settings["whole_name"]["times"]), "(as usual)")


_BIN_NAMES = ("(most common)", "(common)", "(frequent)", "(uncommon)", "(rare)", "(rarest)")


@lru_cache(maxsize=8)
def declared_model(text: str) -> Model:
    """Read a declaration (TOML), each once: a run asks six times for one, and reading it takes ten milliseconds.

    Raises ``UnusableInput`` when a section is missing or a name in it is unknown.
    """
    try:
        table = tomllib.loads(text)
        comparisons = tuple(
            Comparison(
                name=entry["name"],
                role=entry["role"],
                columns=tuple(entry["columns"]),
                levels=tuple(Level(**level) for level in entry["levels"]),
                unless=entry.get("unless", ""),
                unless_swapped=entry.get("unless_swapped", False),
                agreement_only=entry.get("agreement_only", False),
            )
            for entry in table["comparison"]
        )
        clustering = dict(table["clustering"])
        if clustering["absent"] >= min(clustering["stop"], clustering["stop_dense"]):
            raise UnusableInput("[clustering] absent must be below both stops, or strangers would merge")
        zone = clustering.pop("borderline_bits")
        settings: dict[str, Mapping[str, Any]] = {
            part: table[part]
            for part in (
                "correction",
                "generic",
                "frequency",
                "whole_name",
                "participation",
                "blocking",
                "mixture",
                "firewall",
                "anchors",
            )
            if part in table
        }
        return Model(
            name=table["name"],
            text=text,
            settings=settings,
            comparisons=comparisons,
            blocking_rules=tuple(BlockingRule(**rule | {"key": tuple(rule["key"])}) for rule in table["blocking_rule"]),
            clustering=Clustering(**clustering, borderline_bits=(float(zone[0]), float(zone[1]))),
            survivorship=survivorship_from(table.get("survivorship", {})),
            household=household_from(table.get("household")),
        )
    except (tomllib.TOMLDecodeError, KeyError, TypeError) as error:
        raise UnusableInput(f"the model declaration cannot be read: {error}") from error


@cache
def packaged_model() -> Model:
    """The model that ships with the package, not trained; read once, for it is a value."""
    return declared_model(files("profile_service.identity").joinpath("model.toml").read_text(encoding="utf-8"))
