"""The mixture of latent classes fits and predicts on any recordlinkage comparison vectors, as a classifier of its kind.

    compare = recordlinkage.Compare()
    compare.string("surname", "surname", method="jarowinkler", missing_value=numpy.nan, label="surname")
    …
    classifier = LatentClassClassifier(random_vectors=compare.compute(random_pairs, people))
    links = classifier.fit_predict(compare.compute(candidate_pairs, people))

Give every feature ``missing_value=numpy.nan``: recordlinkage scores a missing value as 0, which is disagreement, and
here missing is never evidence.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from recordlinkage.base import BaseClassifier
from sklearn.exceptions import NotFittedError

from pipelines.engines.comparison_vectors import Column, as_numbers, columns_of
from pipelines.fit import Evidence, Prior, fit_mixture
from profile_service.identity.mixture import CLASSES, LOG2, Floats, Integers, Mixture, Part
from profile_service.identity.model import packaged_model

# A mixture of fewer comparisons cannot be told apart by EM; the packaged numbers serve as they are.
_LEAST_COLUMNS = 3
# Fewer candidates than this say nothing of chance.
_LEAST_GROUP = 30

Flags = NDArray[np.bool_]


class LatentClassClassifier(BaseClassifier):  # type: ignore[misc]
    """Unsupervised classifier of candidate pairs, fitted by EM over all pairs of records, see ``pipelines.fit``.

    ``roles``: column = ``given``, ``family``, ``naming``, ``birth``, ``further``, ``place``, ``contact`` or
    ``identifier``; guessed from the column's name where absent. A column of level numbers is declared by a ``Part``.
    ``cuts``: column = falling similarities: at or above the first is exact agreement, at or above another a near one,
    below all a disagreement (usual: 1.0, 0.92, 0.8); NaN is missing and never evidence. Flags are exact or differ.
    ``records``: how many records there are, or a pair of numbers where two collections are linked; where absent, the
    distinct records in the index. Give it when blocking leaves many records without a candidate.
    ``random_vectors``: comparison vectors of random pairs, for what strangers share; some 100,000 serve well. Where
    absent it is guessed from the candidates.
    ``threshold``: the least probability of a link.
    """

    def __init__(
        self,
        roles: Mapping[Hashable, str | Part] | None = None,
        cuts: Mapping[Hashable, Sequence[float]] | None = None,
        records: int | tuple[int, int] | None = None,
        random_vectors: pd.DataFrame | None = None,
        threshold: float = 0.5,
    ) -> None:
        if not 0 < threshold < 1:
            raise ValueError(f"a threshold is a probability between 0 and 1, not {threshold}")
        self.roles = dict(roles or {})
        self.cuts = dict(cuts or {})
        self.records = records
        self.random_vectors = random_vectors
        self.threshold = threshold
        self._columns: tuple[Column, ...] = ()
        self._mixture: Mixture | None = None
        self._all_pairs = 0.0

    @classmethod
    def of(cls, mixture: Mixture) -> LatentClassClassifier:
        """A classifier fitted already, for vectors that hold the level numbers of the mixture's parts."""
        classifier = cls(roles={part.name: part for part in mixture.parts})
        classifier._columns = tuple(Column(part.name, part, ()) for part in mixture.parts)
        classifier._mixture = mixture
        return classifier

    @property
    def mixture(self) -> Mixture:
        """The fitted classes. Raises ``NotFittedError`` before ``fit``."""
        if self._mixture is None:
            raise NotFittedError("the classifier knows nothing yet: call fit or fit_predict first")
        return self._mixture

    @property
    def expected_pairs(self) -> dict[str, float]:
        """Class = how many of all pairs of records the fit expects in it, candidates or not."""
        return {name: float(share * self._all_pairs) for name, share in zip(CLASSES, self.mixture.shares, strict=True)}

    def fit(self, comparison_vectors: pd.DataFrame, match_index: pd.MultiIndex | None = None) -> None:
        """Fit to comparison vectors of candidate pairs.

        ``match_index`` is accepted as by every classifier of recordlinkage and not used: the fit needs no labels, and
        some hundreds of them serve better to measure it. Raises ``ValueError`` for vectors it cannot read.
        """
        self._columns = columns_of(_frame(comparison_vectors), self.roles, self.cuts)
        vectors = as_numbers(comparison_vectors)
        super().fit(vectors, match_index)

    def predict(self, comparison_vectors: pd.DataFrame) -> Any:
        """The links, in the form of recordlinkage's option ``classification.return_type``."""
        return super().predict(self._ordered(comparison_vectors))

    def prob(self, comparison_vectors: pd.DataFrame) -> pd.Series:
        """The probability that each pair is one person."""
        return super().prob(self._ordered(comparison_vectors))

    def bits(self, comparison_vectors: pd.DataFrame) -> pd.Series:
        """The match weight of each pair: log2 of its odds of being one person."""
        vectors = self._ordered(comparison_vectors)
        return pd.Series(self._log_odds(vectors.to_numpy()) / LOG2, index=vectors.index, name="bits")

    def _ordered(self, comparison_vectors: pd.DataFrame) -> pd.DataFrame:
        """The columns of the fit in its order, whatever the order they come in."""
        _ = self.mixture
        return as_numbers(comparison_vectors, [column.label for column in self._columns])

    def _initialise_classifier(self, comparison_vectors: pd.DataFrame) -> None:
        """Note what the index knows and the bare values do not: how many pairs the records make."""
        if comparison_vectors.empty:
            raise ValueError("there is no candidate pair to fit the classifier to")
        self._all_pairs = all_pairs(comparison_vectors.index, self.records)

    def _fit(self, features: Floats, y: Integers | None = None) -> None:
        levels = self._levels(features)
        patterns, counts = np.unique(levels, axis=0, return_counts=True)
        parts = tuple(column.part for column in self._columns)
        # The fit counts pairs inside one collection; as many records as make the same number of pairs stand for two.
        records = round((1 + np.sqrt(1 + 8 * self._all_pairs)) / 2)
        settings = packaged_model().settings["mixture"]
        strangers, speaking = self._among_strangers(patterns, counts)
        evidence = Evidence(
            parts=parts,
            levels=patterns,
            counts=counts.astype(np.float64),
            random=strangers,
            itself=tuple(_meeting_itself(part) for part in parts),
            speaking=speaking,
            records=records,
        )
        iterations = int(settings["iterations"]) if len(parts) >= _LEAST_COLUMNS else 0
        # Vectors of any origin: no families are presumed, only what shows is fitted.
        prior = replace(Prior.from_settings(settings, records), twins=(0.0, 0.0), juniors=(0.0, 1.0))
        self._mixture = fit_mixture(evidence, prior, iterations=iterations)

    def _predict(self, features: Floats) -> Integers:
        result: Integers = (self._prob_match(features) >= self.threshold).astype(np.int64)
        return result

    def _prob_match(self, features: Floats) -> Floats:
        result: Floats = 1.0 / (1.0 + np.exp(-np.clip(self._log_odds(features), -500, 500)))
        return result

    def _log_odds(self, features: Floats) -> Floats:
        """Natural log-odds of bare values; each distinct pattern is scored once."""
        patterns, place = np.unique(self._levels(features), axis=0, return_inverse=True)
        return self.mixture.log_odds(patterns)[place.reshape(-1)]

    def _levels(self, features: Floats) -> Integers:
        numbers = [column.numbers(features[:, place]) for place, column in enumerate(self._columns)]
        return np.stack(numbers, axis=1) if numbers else np.zeros((len(features), 0), dtype=np.int64)

    def _among_strangers(self, patterns: Integers, counts: Integers) -> tuple[tuple[Floats, ...], Floats]:
        """For each column the outcome shares of strangers where both speak, and how often both do."""
        widths = [len(column.part.kinds) for column in self._columns]
        if self.random_vectors is not None:
            drawn = self._levels(as_numbers(self.random_vectors, [c.label for c in self._columns]).to_numpy())
            if not len(drawn):
                raise ValueError("`random_vectors` holds no pair: leave it out, or draw some")
            each = np.ones(len(drawn), dtype=np.int64)
            shares = tuple(_shares(drawn[:, place], each, width) for place, width in enumerate(widths))
            return shares, (drawn > 0).mean(axis=0)
        agree = np.stack(
            [np.isin(patterns[:, place], _exact(column.part)) for place, column in enumerate(self._columns)], axis=1
        )
        tables = []
        for place, width in enumerate(widths):
            spoken = patterns[:, place] > 0
            chosen = spoken.copy()
            chosen[spoken] = _least_alike(agree[spoken], place, counts[spoken])
            tables.append(_shares(patterns[chosen, place], counts[chosen], width))
        speaking: Floats = counts @ (patterns > 0) / counts.sum()
        return tuple(tables), speaking


def all_pairs(index: pd.MultiIndex, records: int | tuple[int, int] | None) -> float:
    """How many pairs the records make.

    Where ``records`` is not given, records named on both sides of the index tell one collection from two linked ones.
    Raises ``ValueError`` when the records given make fewer pairs than the index holds.
    """
    if records is None:
        left, right = (index.get_level_values(side).unique() for side in (0, 1))
        both = len(left.intersection(right))
        records = (len(left), len(right)) if not both else len(left) + len(right) - both
    pairs = records[0] * records[1] if isinstance(records, tuple) else records * (records - 1) / 2
    if pairs < len(index):
        raise ValueError(f"{records} records do not make the {len(index):,} pairs of the comparison vectors")
    return float(pairs)


def _least_alike(agree: Flags, place: int, counts: Integers) -> Flags:
    """Which patterns to take for strangers as to one column, shape (patterns,), from what agrees exactly in each.

    Candidates were found because something agrees. Those that agree on just the same other columns were mostly found by
    those, and of all such groups the one in which this column agrees least is most like chance.
    """
    _, group = np.unique(np.delete(agree, place, axis=1), axis=0, return_inverse=True)
    group = group.reshape(-1)
    pairs = np.bincount(group, weights=counts)
    agreeing = np.bincount(group, weights=counts * agree[:, place])
    large = pairs >= max(_LEAST_GROUP, 0.01 * counts.sum())
    if not large.any():
        return np.ones(len(agree), dtype=bool)
    least = int(np.argmin(np.where(large, agreeing / np.maximum(pairs, 1.0), np.inf)))
    result: Flags = group == least
    return result


def _shares(levels: Integers, counts: Integers | Floats, width: int) -> Floats:
    """Outcome shares where both speak, shape (outcomes,); what was never met is rare, not impossible."""
    met = np.bincount(levels, weights=counts, minlength=width) + 0.5
    met[0] = 0.0
    result: Floats = met / met.sum()
    return result


def _exact(part: Part) -> list[int]:
    return [number for number, kind in enumerate(part.kinds) if kind == "exact"]


def _meeting_itself(part: Part) -> Floats:
    """A record that meets itself agrees exactly, on any of the exact levels alike."""
    itself = np.zeros(len(part.kinds))
    itself[_exact(part)] = 1.0
    result: Floats = itself / max(itself.sum(), 1.0)
    return result


def _frame(vectors: Any) -> pd.DataFrame:
    """The vectors with the columns' own types; whatever is wrong with them is said by ``as_numbers``."""
    as_numbers(vectors)
    return vectors
