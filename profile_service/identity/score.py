"""One pair gets its match weight, and each comparison its share of it, in bits."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from profile_service.identity.compare import Levels
from profile_service.identity.mixture import LOG2
from profile_service.identity.model import Model

ANCHORED = "anchored model"


class Contribution(NamedTuple):
    """What one comparison adds to the match weight, in bits, given the comparisons before it."""

    comparison: str
    level: str
    bits: float


class Score(NamedTuple):
    """A pair's match weight (log2 of the odds of being one person), its probability, and what they are made of."""

    bits: float
    probability: float
    contributions: tuple[Contribution, ...]


def score_pair(levels: Levels, model: Model) -> Score:
    """Score level numbers as ``compare_pair`` gives them.

    Under a mixture a comparison's weight depends on what the others say: a shared phone means little once the given
    names differ. So each contribution is the change its comparison makes when it is added to those before it in the
    model's order; with the weight of a pair that says nothing they add up to the whole. Where the model has learned
    from ids, what that adds to the classes' weight is the last of them. Raises ``ValueError`` for a model that is not
    trained.
    """
    if model.trained is None:
        raise ValueError("an untrained model cannot score")
    spoken = [place for place, number in enumerate(levels) if number]
    steps = np.zeros((len(spoken) + 1, len(levels)), dtype=np.int64)
    for step, place in enumerate(spoken, start=1):
        steps[step:, place] = levels[place]
    bits = model.trained.mixture.class_log_odds(steps) / LOG2
    contributions = tuple(
        Contribution(
            model.comparisons[place].name,
            model.outcomes[place][levels[place]].name,
            float(bits[step] - bits[step - 1]),
        )
        for step, place in enumerate(spoken, start=1)
    )
    anchored = float(model.trained.mixture.anchored(steps[-1:])[0]) / LOG2
    if model.trained.mixture.anchors is not None:
        contributions = (*contributions, Contribution(ANCHORED, "learned from ids", anchored))
    total = float(bits[-1]) + anchored
    return Score(total, 1.0 / (1.0 + 2.0 ** -max(min(total, 500.0), -500.0)), contributions)
