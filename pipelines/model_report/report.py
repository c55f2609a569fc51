"""A training's report as a value: what the model learned, what blocking found, how sure the customers are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from pipelines.placeholders import Placeholder


@dataclass(frozen=True)
class ClassShare:
    """A class of pairs: what it means, and how many of all pairs of records the model expects in it."""

    name: str
    meaning: str
    same_person: bool
    pairs: float
    share: float


@dataclass(frozen=True)
class LevelWeight:
    """A level of a comparison: its share in each class where both sides speak, and log2 of m over u, in bits.

    m is its share among pairs of one person, u among random pairs.
    """

    name: str
    kind: str
    m: float
    u: float
    bits: float
    by_class: Mapping[str, float]


@dataclass(frozen=True)
class ComparisonWeights:
    """The levels of a comparison that took part."""

    name: str
    role: str
    levels: tuple[LevelWeight, ...]


@dataclass(frozen=True)
class LargestKey:
    """A value of a blocking rule's key, and how many records hold it."""

    value: str
    holders: int


@dataclass(frozen=True)
class RuleYield:
    """What a blocking rule contributes.

    ``pairs``: those its keys make; ``alone``: candidate pairs that no other rule finds; ``alone_same``: how many of
    these the model expects to be one person; ``capped_keys``: keys held by more records than the cap, which find
    nothing, and ``capped_records``, those that hold one; ``live``: false for a wide rule beyond its budget.
    """

    name: str
    key: tuple[str, ...]
    live: bool
    pairs: int
    alone: int
    alone_same: float
    capped_keys: int
    capped_records: int
    largest: tuple[LargestKey, ...]


@dataclass(frozen=True)
class GenericValue:
    """A value that counts as missing because too many share it."""

    field: str
    value: str
    holders: int
    families: int


@dataclass(frozen=True)
class Band:
    """Scored pairs of one bit of weight (``bits`` to ``bits`` + 1): inside one customer, and across two.

    ``inside_same`` and ``across_same``: how many of them the model expects to be one person.
    """

    bits: int
    inside: int
    across: int
    inside_same: float
    across_same: float


@dataclass(frozen=True)
class ClusterSize:
    """How many customers have so many records."""

    records: int
    customers: int


@dataclass(frozen=True)
class Estimate:
    """What the model itself expects, without labels; counts of pairs.

    ``linked``: pairs inside customers, of which ``unscored`` no blocking rule found; ``linked_same``: expected to be
    one person, those without a score at the rate of the others; ``apart_same``: expected to be one person among the
    pairs weighed and kept apart; ``never_met``: true pairs that blocking missed, by how many rule families found
    the others.
    """

    linked: int
    unscored: int
    linked_same: float
    apart_same: float
    never_met: float

    @property
    def precision(self) -> float | None:
        """Share of the linked pairs that are one person; None where no pair is linked."""
        return self.linked_same / self.linked if self.linked else None

    @property
    def recall(self) -> float | None:
        """Share of the pairs of one person that are linked; None where none is expected."""
        everyone = self.linked_same + self.apart_same + self.never_met
        return self.linked_same / everyone if everyone else None

    @property
    def found_by_blocking(self) -> float | None:
        """Share of the pairs of one person that any rule brought together, or clusters did without; None for none."""
        everyone = self.linked_same + self.apart_same + self.never_met
        return 1.0 - self.never_met / everyone if everyone else None


@dataclass(frozen=True)
class Interval:
    """A share with the limits between which it lies with 95 % confidence."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class LabelledBand:
    """Scored pairs of ``low`` to ``high`` bits, null where open: how many there are, and how many have a label.

    ``share``: of those labelled, which are one person; ``expected``: what the model expects of all of them.
    """

    low: float | None
    high: float | None
    pairs: int
    labelled: int
    same: int
    share: Interval | None
    expected: float | None


@dataclass(frozen=True)
class Measured:
    """What labels say, each counted by how it was drawn, else by band of weight, whichever pairs were asked about.

    ``precision_covers``, ``recall_covers``: the share of the linked, and of the scored, pairs in bands that have a
    label. ``binding``: labels that clusters obey as judgements, so that they count in the bands alone. ``unknown``:
    labels of records that are not there; ``contradicted``: pairs of which labels say both; ``never_met``: labels of
    one person on pairs that no rule found and no cluster holds. ``drawn``: labels that precision and recall count by
    one over their sampling probability; ``undrawn``: those without one beside them, which count in the bands alone.
    """

    labels: int
    same: int
    different: int
    unsure: int
    unknown: int
    contradicted: int
    binding: int
    never_met: int
    bands: tuple[LabelledBand, ...]
    precision: Interval | None
    precision_covers: float
    recall: Interval | None
    recall_covers: float
    drawn: int = 0
    undrawn: int = 0


# Fewer labels of either verdict say nothing of a classifier that learns from four fifths of them.
LEAST_OF_EACH = 50


@dataclass(frozen=True)
class Crossvalidated:
    """How well one classifier tells labelled pairs apart that it has not seen: shares between 0 and 1.

    ``labels``: how many pairs that is measured on.
    """

    classifier: str
    precision: float
    recall: float
    labels: int

    @property
    def f1(self) -> float:
        """The harmonic mean of precision and recall."""
        total = self.precision + self.recall
        return 2 * self.precision * self.recall / total if total else 0.0


@dataclass(frozen=True)
class Compared:
    """Classifiers beside the model on the labels of ``same`` pairs of one person and ``different`` of two.

    ``weighed``: whether each label counts by one over its sampling probability. ``classifiers`` is empty below
    ``LEAST_OF_EACH`` of either.
    """

    same: int
    different: int
    weighed: bool
    classifiers: tuple[Crossvalidated, ...] = ()

    @property
    def missing(self) -> tuple[int, int]:
        """How many labels of one person, and of two, lack."""
        return max(LEAST_OF_EACH - self.same, 0), max(LEAST_OF_EACH - self.different, 0)


@dataclass(frozen=True)
class ModelReport:
    """Everything that the report of a trained model shows; see each part.

    ``anchors``: whether ids taught the model something beyond its classes, in words; empty where it was not asked.
    """

    model_version: str
    model_name: str
    follows: str | None
    made_at: str
    learned_from: int
    records: int
    customers: int
    candidates: int
    warnings: tuple[str, ...]
    anchors: str
    classes: tuple[ClassShare, ...]
    comparisons: tuple[ComparisonWeights, ...]
    silent: tuple[str, ...]
    rules: tuple[RuleYield, ...]
    cap: int
    generic: tuple[GenericValue, ...]
    generic_total: int
    bands: tuple[Band, ...]
    grey_zone: tuple[float, float]
    stop_bits: float
    cluster_sizes: tuple[ClusterSize, ...]
    estimate: Estimate
    measured: Measured | None = None
    compared: Compared | None = None
    placeholders: tuple[Placeholder, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """The report in plain JSON types."""
        plain = asdict(self)
        for name in ("precision", "recall", "found_by_blocking"):
            plain["estimate"][name] = getattr(self.estimate, name)
        if self.compared:
            for row, one in zip(plain["compared"]["classifiers"], self.compared.classifiers, strict=True):
                row["f1"] = one.f1
        return plain
