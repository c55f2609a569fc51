"""Ids that two records share, or do not, teach the model: free labels, used only where two kinds of id agree."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from itertools import permutations
from typing import Any

import duckdb
import numpy as np
from numpy.typing import NDArray

from pipelines import block
from pipelines.compare import level_numbers
from pipelines.engines.boosted import Growth, Labelled, boost
from profile_service.identity.anchors import Anchors
from profile_service.identity.compare import takes_part
from profile_service.identity.household import living_together
from profile_service.identity.mixture import LOG2, Floats, Integers, Mixture
from profile_service.identity.model import Model

Work = duckdb.DuckDBPyConnection
Flags = NDArray[np.bool_]
FoundAgain = Callable[[Work, Model, Integers, Integers], Flags]  # as ``block.found_again``
_SURE = 10.0  # bits beyond which the mixture alone tells one person from two
_LEAST_TOLD = 0.05  # an id that one person shares so little oftener than two people do teaches nothing
_SAMPLED_PAIRS = 150_000


@dataclass(frozen=True)
class Anchoring:
    """What came of it: the trees or None, one sentence for people, and the figures it rests on."""

    anchors: Anchors | None
    said: str
    facts: Mapping[str, Any]


@dataclass(frozen=True)
class Ids:
    """What the ids of pairs say before any mixture is known.

    ``places`` of their comparisons; ``patterns`` in which they speak and how many pairs of each a rule without ids has
    ``found``, shape (patterns,) each; ``told``: how well they agree. ``refused``: why nothing is to be learned from
    them, or ``None``.
    """

    places: list[int]
    patterns: Integers
    found: Floats
    told: str
    facts: Mapping[str, Any]
    refused: str | None


def look_at_ids(work: Work, model: Model, compared: str, found_again: FoundAgain = block.found_again) -> Ids:
    """Look at the ids in relation ``compared(l, r, pattern)``, if the model asks for it.

    Two kinds of id can be trusted where one, when it is equal, finds the other equal in most pairs in which both speak:
    a till that lies about cards knows nothing of devices. Pairs that only an id has found would teach that strangers
    are one person, and are left out.
    """
    settings = model.settings.get("anchors")
    if settings is None or settings["use"] == "never":
        return _refused("", {})
    places = [
        place for place, part in enumerate(model.comparisons) if part.role == "identifier" and takes_part(part, model)
    ]
    rows = work.execute(f"SELECT pattern, count(*) AS n FROM {compared} GROUP BY pattern ORDER BY pattern").fetchnumpy()
    patterns, pairs = np.asarray(rows["pattern"], dtype=np.int64), np.asarray(rows["n"], dtype=np.float64)
    levels = level_numbers(model, patterns)
    agreement = id_agreement(model, places, levels, pairs)
    facts: dict[str, Any] = {
        "agreement": {name: [round(share, 4), int(met)] for name, (share, met) in agreement.items()}
    }
    enough = {name: share for name, (share, met) in agreement.items() if met >= settings["least_pairs_of_both"]}
    if not enough:
        return _refused("anchored model: off, too few pairs know two kinds of id", facts)
    best = max(enough, key=lambda name: enough[name])
    told = f"{best} in {enough[best]:.0%} of {agreement[best][1]:,.0f} pairs"
    if enough[best] < settings["least_agreement"]:
        return _refused(f"anchored model: off, ids of two kinds disagree: {told}", facts)
    speaking = (levels[:, places] > 0).any(axis=1)
    left, right, drawn = _drawn_pairs(work, compared, patterns[speaking], float(pairs[speaking].sum()))
    patterns, found = _counted(drawn[found_again(work, _without_id_rules(model), left, right)])
    return Ids(places, patterns, found, told, facts, None)


def _refused(said: str, facts: Mapping[str, Any]) -> Ids:
    return Ids([], np.zeros(0, dtype=np.int64), np.zeros(0), "", facts, said)


def anchor(model: Model, mixture: Mixture, ids: Ids) -> Anchoring:
    """Learn from ids what the mixture leaves out, where they are not refused."""
    if ids.refused is not None:
        return Anchoring(None, ids.refused, ids.facts)
    settings = model.settings["anchors"]
    levels = level_numbers(model, ids.patterns)
    shown = levels.copy()
    shown[:, ids.places] = 0
    taught = [
        one
        for place in ids.places
        if (one := _labels(mixture, _kinds(model, place, levels) == "exact", levels[:, place] > 0, shown, ids.found))
    ]
    grow = Growth(
        trees=settings["trees"],
        depth=settings["depth"],
        least_pairs=settings["least_pairs"],
        rate=settings["rate"],
        most=settings["most_bits"] * LOG2,
    )
    anchors = boost(shown, mixture.class_log_odds(shown), taught, tuple(ids.places), grow) if taught else None
    learned = int(sum(one.equal.sum() + one.different.sum() for one in taught))
    said = f"anchored model: on, {ids.told}; it learned from {learned:,} pairs"
    return Anchoring(anchors, said, {**ids.facts, "pairs": learned})


def id_agreement(model: Model, places: list[int], levels: Integers, pairs: Floats) -> dict[str, tuple[float, float]]:
    """For two kinds in words: the share of equal ones where the other is equal and both speak, and how many pairs."""
    kinds = {place: _kinds(model, place, levels) for place in places}
    found = {}
    for one, other in permutations(places, 2):
        met = (kinds[other] == "exact") & (kinds[one] != "missing")
        if (both := float(pairs[met].sum())) > 0:
            name = f"{model.comparisons[one].name} is equal where {model.comparisons[other].name} is,"
            found[name] = (float(pairs[met & (kinds[one] == "exact")].sum()) / both, both)
    return found


def _kinds(model: Model, place: int, levels: Integers) -> NDArray[np.str_]:
    kinds: NDArray[np.str_] = np.array([outcome.kind for outcome in model.outcomes[place]])[levels[:, place]]
    return kinds


def _drawn_pairs(work: Work, compared: str, patterns: Integers, pairs: float) -> tuple[Integers, Integers, Integers]:
    """Left and right rids and patterns of the pairs of some patterns; of very many, a sample."""
    work.register("speaking_patterns", {"pattern": patterns})
    rows = work.execute(
        f"""SELECT l, r, pattern FROM {compared} SEMI JOIN speaking_patterns USING (pattern)
        WHERE hash(l, r) % {max(1, int(pairs) // _SAMPLED_PAIRS)} = 0"""
    ).fetchnumpy()
    work.unregister("speaking_patterns")
    left, right, met = (np.asarray(rows[name], dtype=np.int64) for name in ("l", "r", "pattern"))
    return left, right, met


def _without_id_rules(model: Model) -> Model:
    """The model with the blocking rules alone that read no id."""
    ids = {column for part in model.comparisons if part.role == "identifier" for column in part.columns}
    return replace(model, blocking_rules=tuple(rule for rule in model.live_rules if not ids & set(rule.columns)))


def _counted(patterns: Integers) -> tuple[Integers, Floats]:
    """Each pattern once, in order, and how often it stands there, shape (patterns,) each."""
    ordered = np.sort(patterns)
    starts = np.nonzero(np.diff(ordered, prepend=-1))[0]
    return ordered[starts], np.diff(starts, append=len(ordered)).astype(np.float64)


def _labels(mixture: Mixture, exact: Flags, speaks: Flags, shown: Integers, pairs: Floats) -> Labelled | None:
    """What one kind of id says of found patterns, shape (patterns,) each; None where it tells nobody apart."""
    at = np.nonzero(speaks)[0]
    exact, shown, pairs = exact[at], shown[at], pairs[at]
    bits = mixture.class_log_odds(shown) / LOG2
    home = living_together(mixture, shown)

    def equal_among(which: Flags) -> float:
        met = float(pairs[which].sum())
        return float(np.clip(pairs[which & exact].sum() / met, 1e-4, 0.999)) if met else 1e-4

    same = equal_among(bits > _SURE)
    strangers, at_home = equal_among((bits < -_SURE) & (home < 0.05)), equal_among(home > 0.95)
    # of two people: how surely they live together, for those share cards and browsers
    two_people = 1.0 / (1.0 + np.exp2(np.clip(bits, -60, 60)))
    together = np.clip(home / np.maximum(two_people, 1e-9), 0.0, 1.0)
    others = strangers + (at_home - strangers) * together
    if same - max(strangers, at_home) < _LEAST_TOLD:
        return None
    return Labelled(at, pairs * exact, pairs * ~exact, same, others)
