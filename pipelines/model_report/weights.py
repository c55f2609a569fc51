"""A trained mixture read for people: classes with their expected pairs, levels with their weights in bits."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from pipelines.model_report.report import ClassShare, ComparisonWeights, LevelWeight
from profile_service.identity.compare import takes_part
from profile_service.identity.mixture import CLASSES, SAME_PERSON, Floats
from profile_service.identity.model import Model, Trained

MEANINGS = {
    "match": "one person, as ever",
    "mover": "one person after a move",
    "household": "two people of one household",
    "junior": "parent and child of one name",
    "twin": "twins at one address",
    "namesake": "two strangers of one name",
    "free": "something else that shares a value",
    "rest": "random pairs: strangers",
}
REST = len(CLASSES) - 1
_LEAST = 1e-12


def class_shares(trained: Trained) -> tuple[ClassShare, ...]:
    """Every class with its share of all pairs, and the pairs that makes of those it was trained on."""
    expected = trained.facts["expected_pairs"]
    return tuple(
        ClassShare(name, MEANINGS[name], place in SAME_PERSON, float(expected[name]), float(share))
        for place, (name, share) in enumerate(zip(CLASSES, trained.mixture.shares, strict=True))
    )


def comparison_weights(model: Model, trained: Trained) -> Iterator[ComparisonWeights]:
    """The levels of each comparison that takes part, in the model's order, ``missing`` left out: it says nothing."""
    one_person = trained.mixture.shares[list(SAME_PERSON)]
    for comparison, outcomes, table in zip(model.comparisons, model.outcomes, trained.mixture.probability, strict=True):
        if not takes_part(comparison, model):
            continue
        m: Floats = one_person @ table[list(SAME_PERSON)] / one_person.sum()
        levels = (
            LevelWeight(
                name=outcome.name,
                kind=outcome.kind,
                m=float(m[number]),
                u=float(table[REST, number]),
                bits=float(np.log2(max(m[number], _LEAST) / max(table[REST, number], _LEAST))),
                by_class={name: float(table[place, number]) for place, name in enumerate(CLASSES)},
            )
            for number, outcome in enumerate(outcomes)
            if number
        )
        yield ComparisonWeights(comparison.name, comparison.role, tuple(levels))


def silent_comparisons(model: Model) -> tuple[str, ...]:
    """Comparisons that took no part: a column that hardly anyone fills, or that holds one value all over."""
    return tuple(comparison.name for comparison in model.comparisons if not takes_part(comparison, model))
