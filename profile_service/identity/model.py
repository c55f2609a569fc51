"""The model: what is compared, how pairs are found, scored and clustered, as declared and as trained."""

from __future__ import annotations

import hashlib
import json
import tomllib
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import cache, cached_property
from importlib.resources import files
from pathlib import Path
from typing import Any

from profile_service.errors import UnusableInput
from profile_service.identity.blocking_rule import BlockingRule
from profile_service.identity.household import HouseholdRule, household_from
from profile_service.identity.merge import SurvivorshipRule, survivorship_from
from profile_service.identity.mixture import Mixture
from profile_service.identity.spelling import Spellings
from profile_service.identity.vocabulary import packaged_vocabulary


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
    """One field of two records, and the levels on which it may agree."""

    name: str
    role: str
    columns: tuple[str, ...]
    levels: tuple[Level, ...]
    unless: str = ""
    unless_swapped: bool = False


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
    """What a training learned from the data; a model without it cannot score."""

    mixture: Mixture
    frequencies: Mapping[str, Frequencies]
    generic_threshold: Mapping[str, int]
    default_country: str | None
    stop: float
    facts: Mapping[str, Any] = field(default_factory=dict)


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
    def outcomes(self) -> tuple[tuple[Outcome, ...], ...]:
        """For each comparison what it can say, in order; a level's number is its place here."""
        bins = len(self.settings["frequency"]["bins"]) + 1
        return tuple(_outcomes(comparison, bins) for comparison in self.comparisons)

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
        bounds = self.settings["frequency"]["bins"]
        known = self.trained.frequencies.get(column) if self.trained else None
        count = known.counts.get(value, 0) if known and value is not None else 0
        share = count / known.total if known and known.total else 0.0
        return next((number for number, least in enumerate(bounds) if share >= least), len(bounds))

    def knows_well(self, column: str, value: str | None) -> bool:
        """Whether a value is more frequent than those in the rarest bin: a name of its own, and nobody's slip."""
        return self.bin_of(column, value) < len(self.settings["frequency"]["bins"])


def _outcomes(comparison: Comparison, bins: int) -> tuple[Outcome, ...]:
    outcomes = [Outcome("missing", "missing")]
    for level in comparison.levels:
        if level.bins:
            outcomes += [Outcome(f"{level.name} {_BIN_NAMES[b]}", level.kind, level, b) for b in range(bins)]
        else:
            outcomes.append(Outcome(level.name, level.kind, level))
    outcomes.append(Outcome("differ", "differ"))
    return tuple(outcomes)


_DECLARATION, _NUMBERS, _FREQUENCIES, _POINTER = "model.toml", "trained.json", "frequencies.json", "current"
PRIVATE = 0o600  # names that people share and how often, and what else a declaration may name
_BIN_NAMES = ("(most common)", "(common)", "(frequent)", "(uncommon)", "(rare)", "(rarest)")


def declared_model(text: str) -> Model:
    """Read a declaration (TOML).

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


def save_model(model: Model, models: Path, made_at: str) -> Model:
    """Store a trained model under ``models/<version>`` and let ``models/current`` name it; answers it with its version.

    The version is the date and a hash of all that decides a score; a model equal to one that is stored is that one.
    """
    if model.trained is None:
        raise ValueError("only a trained model is stored")
    trained = model.trained
    numbers = json.dumps(
        {
            "mixture": trained.mixture.as_table(),
            "generic_threshold": dict(trained.generic_threshold),
            "default_country": trained.default_country,
            "stop": trained.stop,
            "facts": dict(trained.facts),
        },
        indent=1,
        sort_keys=True,
    )
    frequencies = json.dumps(
        {column: {"total": known.total, "counts": dict(known.counts)} for column, known in trained.frequencies.items()},
        sort_keys=True,
    )
    digest = hashlib.sha256("\n".join((model.text, numbers, frequencies)).encode()).hexdigest()[:12]
    version = _stored_already(models, digest)
    if version is None:
        version = f"{made_at}-{digest}"
        folder = models / version
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in ((_DECLARATION, model.text), (_NUMBERS, numbers), (_FREQUENCIES, frequencies)):
            (folder / name).unlink(missing_ok=True)
            (folder / name).touch(PRIVATE, exist_ok=False)
            (folder / name).write_text(text, encoding="utf-8")
    shut_models(models)
    new_pointer = models / "current.new"
    new_pointer.write_text(version + "\n", encoding="utf-8")
    new_pointer.replace(models / _POINTER)
    return replace(model, version=version)


def shut_models(models: Path) -> None:
    """Shut the files of every model to other accounts, also of those stored before they were made so."""
    for name in (_DECLARATION, _NUMBERS, _FREQUENCIES):
        for path in models.glob(f"*/{name}"):
            if path.stat().st_mode & 0o077:
                with suppress(PermissionError):
                    path.chmod(PRIVATE)


def _stored_already(models: Path, digest: str) -> str | None:
    """The version of an equal model: who goes back to it resolves nobody anew. One that cannot be read is none."""
    for folder in sorted(models.glob(f"*-{digest}"), reverse=True):
        with suppress(UnusableInput):
            return load_model(folder).version
    return None


def standing_model(models: Path) -> Model | None:
    """The trained model that ``models/current`` names, or ``None`` before the first training."""
    if not model_stands(models):
        return None
    return load_model(models / (models / _POINTER).read_text(encoding="utf-8").strip())


def model_stands(models: Path) -> bool:
    """Whether there has been a training."""
    return (models / _POINTER).exists()


def load_model(folder: Path) -> Model:
    """A stored model. Raises ``UnusableInput`` when the folder does not hold a whole one."""
    try:
        model = declared_model((folder / _DECLARATION).read_text(encoding="utf-8"))
        numbers = json.loads((folder / _NUMBERS).read_text(encoding="utf-8"))
        frequencies = json.loads((folder / _FREQUENCIES).read_text(encoding="utf-8"))
        trained = Trained(
            mixture=Mixture.from_table(numbers["mixture"]),
            frequencies={column: Frequencies(known["total"], known["counts"]) for column, known in frequencies.items()},
            generic_threshold=numbers["generic_threshold"],
            default_country=numbers["default_country"],
            stop=numbers["stop"],
            facts=numbers["facts"],
        )
    except (OSError, ValueError, TypeError, LookupError, AttributeError, UnusableInput) as error:
        raise UnusableInput(
            f"the model in {folder} cannot be read ({type(error).__name__}: {error}): put it back as saved, "
            f"or remove {folder.parent / 'current'} and the next run learns a new one"
        ) from error
    return replace(model, trained=trained, version=folder.name)
