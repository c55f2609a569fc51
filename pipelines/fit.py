"""The latent classes are fitted by EM to a table of level patterns with counts, over all pairs, without labels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Any

import numpy as np
from numpy.typing import NDArray

from profile_service.identity.declaration import ROLES
from profile_service.identity.mixture import (
    CLASSES,
    FREE,
    SAME_PERSON,
    Floats,
    Integers,
    Mixture,
    Part,
    both_names_agree,
)

_RIGHT = 0.95  # of corrected names: an agreement that is wrong so often weighs so much less than the name itself
MATCH, MOVER, HOUSEHOLD, JUNIOR, TWIN, NAMESAKE = range(6)
REST = len(CLASSES) - 1

# Where a class gets its probabilities for a role: `own` is fitted; `match` is that of match and mover together;
# `rest` is that of random pairs; `near` is random but for near levels that like names explain.
_COUNTED = "together"  # a role that is counted from everyone, not fitted
_SOURCES: dict[str, dict[str, str]] = {
    "match": dict.fromkeys(ROLES, "match"),
    "mover": {
        "given": "match", "family": "match", _COUNTED: "match", "naming": "match", "birth": "match", "further": "match",
        "place": "rest", "contact": "own", "identifier": "own",
    },
    "household": {
        "given": "rest", "family": "own", _COUNTED: "rest", "naming": "rest", "birth": "rest", "further": "rest",
        "place": "own", "contact": "own", "identifier": "own",
    },
    "junior": {
        "given": "match", "family": "match", _COUNTED: "match", "naming": "own", "birth": "rest", "further": "rest",
        "place": "own", "contact": "own", "identifier": "own",
    },
    "twin": {
        "given": "rest", "family": "own", _COUNTED: "rest", "naming": "rest", "birth": "match", "further": "rest",
        "place": "own", "contact": "own", "identifier": "own",
    },
    "namesake": {
        "given": "match", "family": "match", _COUNTED: "rest", "naming": "match", "birth": "rest", "further": "rest",
        "place": "rest", "contact": "near", "identifier": "rest",
    },
    "free": dict.fromkeys(ROLES, "own"),
    "rest": dict.fromkeys(ROLES, "rest"),
}  # fmt: skip


@dataclass(frozen=True)
class Evidence:
    """What the data says before any class is known.

    ``levels``: level numbers of the distinct patterns among the candidate pairs, shape (patterns, comparisons);
    ``counts``: pairs of each; ``random``: for each comparison the share of each outcome among random pairs where both
    speak; ``itself``: the same for a record that meets itself (how an agreement spreads over frequency bins);
    ``speaking``: the share of random pairs where both sides of a comparison speak, shape (comparisons,);
    ``never_pairs``: pairs within channels that hold nobody twice, which are strangers and no candidates.
    """

    parts: tuple[Part, ...]
    levels: Integers
    counts: Floats
    random: tuple[Floats, ...]
    itself: tuple[Floats, ...]
    speaking: Floats
    records: int
    never_pairs: float = 0.0

    @property
    def all_pairs(self) -> float:
        """How many pairs the records make, candidates or not; a lone record counts as one, for it is divided by."""
        return max(1.0, self.records * (self.records - 1) / 2 - self.never_pairs)


@dataclass(frozen=True)
class Prior:
    """The packaged numbers, see ``[mixture]`` in the model file."""

    exact: float
    near: float
    differ: float
    household_family: float
    shared: float
    twins: tuple[float, float]
    juniors: tuple[float, float]
    weight: float
    place_alone: float | None = None

    @classmethod
    def from_settings(cls, settings: Mapping[str, Any], records: int) -> Prior:
        """The prior for a number of records; its weight is in pairs."""
        weight = min(
            max(settings["pseudo_pairs_least"], settings["pseudo_pairs_share"] * records), settings["pseudo_pairs_most"]
        )
        names = ("exact", "near", "differ", "household_family", "shared")
        numbers = {name: settings[name] for name in names}
        return cls(
            **numbers,
            twins=tuple(settings["twins"]),
            juniors=tuple(settings["juniors"]),
            weight=weight,
            place_alone=settings.get("place_alone"),
        )


def fit_mixture(evidence: Evidence, prior: Prior, *, iterations: int) -> Mixture:
    """Fit the classes by expectation maximisation with a Dirichlet prior (Dempster, Laird and Rubin 1977).

    The shares are over all pairs, so that candidates found by any set of blocking rules give the same fit as long as
    they hold the pairs that matter; what is not a candidate counts as a random pair.
    """
    expected = [_expected(part, own, prior) for part, own in zip(evidence.parts, evidence.itself, strict=True)]
    strangers = [_floored(table) for table in evidence.random]
    tables = [_start(part, m, u, prior) for part, m, u in zip(evidence.parts, expected, strangers, strict=True)]
    prior_tables = [table.copy() for table in tables]
    shares = _first_shares(evidence, strangers)
    chance = _chance_of_both_names(evidence.parts, strangers)
    one_hot, offsets = _one_hot(evidence)
    barred = both_names_agree(evidence.parts, evidence.levels)
    contradicted = _same_names_other_birth(evidence)
    for round_ in range(iterations):
        responsibility = _responsibility(one_hot, tables, shares, barred)
        weighted = responsibility * evidence.counts[:, None]
        counts = np.asarray(one_hot.T @ weighted)
        least, most = _bounds_of_shares(evidence, tables, weighted[contradicted])
        one_person = float(weighted[:, list(SAME_PERSON)].sum()) / evidence.all_pairs
        for bound, *shares_of_it in zip((least, most), prior.juniors, prior.twins, strict=True):
            bound[[JUNIOR, TWIN]] = np.array(shares_of_it) * one_person
        most[NAMESAKE] = max(chance, least[NAMESAKE])
        shares = _shares(weighted.sum(axis=0), evidence.all_pairs, least, most)
        if round_ % 10 == 9:
            strangers = [
                _without_known(
                    random,
                    shares[:REST] @ table[:REST],
                    _of_other_classes(counts[start : start + len(random)], speaking * evidence.all_pairs),
                )
                for random, table, start, speaking in zip(
                    evidence.random, tables, offsets, evidence.speaking, strict=True
                )
            ]
            chance = _chance_of_both_names(evidence.parts, strangers)
        tables = [
            _maximised(part, counts[start : start + len(u)], before, u, prior.weight)
            for part, start, before, u in zip(evidence.parts, offsets, prior_tables, strangers, strict=True)
        ]
    return Mixture(evidence.parts, shares, tuple(tables), place_alone=prior.place_alone)


def _floored(table: Floats) -> Floats:
    """Random agreement is rare, never impossible."""
    floored = np.maximum(table, 1e-9)
    floored[0] = 0.0
    return np.asarray(floored / floored.sum())


def _expected(part: Part, itself: Floats, prior: Prior) -> Floats:
    """Outcome shares of two records of one person, before any data: exact agreement as a record meets itself."""
    if part.role == _COUNTED:
        return itself
    kinds = np.array(part.kinds)
    table = np.zeros(len(kinds))
    exact = kinds == "exact"
    spread = _spread(itself, exact) + 1e-4 * exact
    table += prior.exact * spread / spread.sum()
    near = kinds == "near"
    if near.any():
        spread = _spread(itself, near)
        table += prior.near * spread / spread.sum()
    table += prior.differ * (kinds == "differ")
    return np.asarray(table / table.sum())


def _spread(itself: Floats, among: NDArray[np.bool_]) -> Floats:
    found: Floats = itself * among
    return found if found.sum() > 0 else among.astype(float)


def _start(part: Part, m: Floats, u: Floats, prior: Prior) -> Floats:
    """The prior of every class for one comparison, shape (classes, outcomes)."""
    mixed = prior.shared * m + (1 - prior.shared) * u
    table = np.tile(u, (len(CLASSES), 1))
    for k, name in enumerate(CLASSES):
        source = _SOURCES[name][part.role]
        if source == "match":
            table[k] = m
        elif source == "own":
            table[k] = mixed
            if name in ("household", "junior", "twin") and part.role == "family":
                table[k] = prior.household_family * m + (1 - prior.household_family) * u
            elif name in ("household", "junior", "twin") and part.role == "place":
                table[k] = m
        elif source == "near":
            table[k] = _near_free(part, u, m)
    return table


def _near_free(part: Part, u: Floats, share: Floats) -> Floats:
    """Like strangers, but the levels that like names explain hold what ``share`` gives them."""
    free = np.array(part.like_names)
    table = np.where(free, share, u)
    left = 1.0 - table[free].sum()
    others = u * ~free
    result: Floats = np.where(free, table, others / others.sum() * left)
    return result


def _first_shares(evidence: Evidence, strangers: Sequence[Floats]) -> Floats:
    """Half a partner a record, as many housemates, and namesakes as chance has them."""
    a_record = evidence.records / evidence.all_pairs
    shares = np.array([0.5, 0.1, 0.5, 0.02, 0.02, 0.0, 0.1, 0.0]) * a_record
    shares[NAMESAKE] = 0.5 * _chance_of_both_names(evidence.parts, strangers)
    shares[REST] = max(1.0 - shares.sum(), 1e-6)
    result: Floats = shares / shares.sum()
    return result


def _chance_of_both_names(parts: Sequence[Part], strangers: Sequence[Floats]) -> float:
    """How often two strangers agree on both names."""
    chance = 1.0
    for part, u in zip(parts, strangers, strict=True):
        if part.role in ("given", "family"):
            chance *= float(sum(p for p, kind in zip(u, part.kinds, strict=True) if kind in ("exact", "near")))
    return chance


def _same_names_other_birth(evidence: Evidence) -> NDArray[np.bool_]:
    """Patterns with both names exactly the same and two birth dates that have nothing in common."""
    wanted = {"given": "exact", "family": "exact", "birth": "differ"}
    found = np.ones(len(evidence.levels), dtype=bool)
    for place, part in enumerate(evidence.parts):
        if part.role in wanted:
            found &= np.array([kind == wanted[part.role] for kind in part.kinds])[evidence.levels[:, place]]
    return found


def _bounds_of_shares(evidence: Evidence, tables: Sequence[Floats], contradicted: Floats) -> tuple[Floats, Floats]:
    """The share of all pairs that each class holds at least and at most, shape (classes,) each.

    Given and family names go together (Linh with Nguyen), so strangers share both more often than the product of the
    two chances says; left to itself the fit takes most of them for matches that have nothing else to say. They are
    counted where nothing is in doubt, among pairs that their birth dates contradict. ``contradicted``: expected pairs
    of the patterns ``_same_names_other_birth``, shape (patterns, classes). Half of those that chance makes belong to
    the namesakes too: strangers by every other field, they still have like mailboxes.
    """
    least = np.zeros(len(CLASSES))
    most = np.ones(len(CLASSES))
    same_by_chance, same_in_class = 1.0, 1.0
    for part, table in zip(evidence.parts, tables, strict=True):
        if part.role in ("given", "family"):
            exact = np.array([kind == "exact" for kind in part.kinds])
            same_by_chance *= float(table[REST, exact].sum())
            same_in_class *= float(table[NAMESAKE, exact].sum())
    met = same_by_chance
    births = [share for share, part in zip(evidence.speaking, evidence.parts, strict=True) if part.role == "birth"]
    if births and births[0] >= 0.01:
        met = float(contradicted[:, [JUNIOR, NAMESAKE, REST]].sum()) / float(births[0] * evidence.all_pairs)
    least[NAMESAKE] = (max(met - same_by_chance, 0.0) + 0.5 * same_by_chance) / max(same_in_class, 1e-6)
    return least, most


def _one_hot(evidence: Evidence) -> tuple[Any, list[int]]:
    """Patterns as rows of a sparse 0/1 matrix with a column an outcome; the columns of ``missing`` stay empty."""
    from scipy.sparse import csr_matrix

    widths = [len(part.kinds) for part in evidence.parts]
    offsets = np.concatenate([[0], np.cumsum(widths)[:-1]]).astype(np.int64)
    rows, places = np.nonzero(evidence.levels)
    table = (np.ones(len(rows)), (rows, evidence.levels[rows, places] + offsets[places]))
    return csr_matrix(table, shape=(len(evidence.levels), sum(widths))), offsets.tolist()


def _responsibility(one_hot: Any, tables: Sequence[Floats], shares: Floats, barred: NDArray[np.bool_]) -> Floats:
    logs = np.log(np.maximum(np.concatenate(list(tables), axis=1), 1e-12)).T
    likelihood = np.asarray(one_hot @ logs) + np.log(np.maximum(shares, 1e-300))
    likelihood[barred, FREE] = -np.inf
    # class by class: numpy takes three times as long to go along rows of eight
    likelihood -= reduce(np.maximum, likelihood.T)[:, None]
    chance: Floats = np.exp(likelihood)
    chance /= reduce(np.add, chance.T)[:, None]
    return chance


def _shares(pairs: Floats, all_pairs: float, least: Floats, most: Floats) -> Floats:
    shares = np.clip(np.maximum(pairs, 1e-3) / all_pairs, least, most)
    shares[REST] = 0.0
    shares[REST] = max(1.0 - shares.sum(), 1e-6)
    return np.asarray(shares / shares.sum())


def _without_known(random: Floats, by_class: Floats, by_count: Floats) -> Floats:
    """What strangers share: random pairs, less those that are of other classes, as two counts of them have it.

    The classes' own probabilities hold what the prior has put there: on few records nearly all agreements on a rare
    value were taken for one person's, and a shared birth date weighed six bits too many. Pairs counted hold what the
    fit already takes for granted. The less of both is taken off.
    """
    return _floored(np.maximum(random - np.minimum(by_class, by_count), 0.02 * random))


def _of_other_classes(counts: Floats, speaking: float) -> Floats:
    """The share of each outcome in ``counts``, shape (outcomes, classes), that is of no random pair.

    ``speaking``: all pairs where both speak.
    """
    return np.asarray(counts[:, :REST].sum(axis=1) / max(speaking, 1.0))


def _maximised(part: Part, counts: Floats, prior_table: Floats, u: Floats, weight: float) -> Floats:
    """New probabilities of one comparison from expected pairs an outcome and class, shape (outcomes, classes)."""
    table = prior_table.copy()
    if part.role == _COUNTED:
        return table
    same = counts[:, MATCH].copy()
    if _SOURCES["mover"][part.role] == "match":
        same += counts[:, MOVER]
    m = _posterior(same, prior_table[MATCH], weight)
    if part.most_bits:
        bound = np.array(part.most_bits)
        u = np.where(bound > 0, np.maximum(u, m / np.exp2(bound)), u)
    if any(part.less_than):
        near = np.nonzero(np.array(part.less_than))[0]
        exact = np.array(part.less_than)[near]
        u = u.copy()
        u[near] = np.maximum(u[near], m[near] * u[exact] / np.maximum(_RIGHT * m[exact], 1e-12))
    for k, name in enumerate(CLASSES):
        source = _SOURCES[name][part.role]
        if source == "match":
            table[k] = m
        elif source == "rest":
            table[k] = u
        elif source == "near":
            table[k] = _near_free(part, u, _posterior(counts[:, k], prior_table[k], weight))
        else:
            table[k] = _posterior(counts[:, k], prior_table[k], weight)
    return table


def _posterior(pairs: Floats, prior: Floats, weight: float) -> Floats:
    return np.asarray((pairs + weight * prior) / (pairs.sum() + weight))
