"""Recordlinkage's supervised classifiers, fitted on labels and measured by cross-validation beside the model itself.

Some hundreds of labels serve better to measure the model than to replace it; this tells by how much, here.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import recordlinkage
from numpy.typing import NDArray
from sklearn.model_selection import StratifiedKFold

from pipelines.engines.latent_class import LatentClassClassifier
from pipelines.engines.recordlinkage_objects import model_compare
from pipelines.model_report.report import LEAST_OF_EACH, Crossvalidated
from profile_service.identity.mixture import Floats
from profile_service.identity.model import Model

Flags = NDArray[np.bool_]
MODEL = "the model, without labels"
FOLDS = 5

CLASSIFIERS: Mapping[str, Callable[[], Any]] = {
    "logistic regression": lambda: recordlinkage.LogisticRegressionClassifier(max_iter=1000),
    "naive Bayes": lambda: recordlinkage.NaiveBayesClassifier(binarize=0.5),
    "support vector machine": lambda: recordlinkage.SVMClassifier(),
}


def indicators(vectors: pd.DataFrame) -> pd.DataFrame:
    """Level numbers as flags, a column for each level met of each comparison; missing is no flag at all."""
    columns = {
        f"{name}={level}": (vectors[name] == level).astype(np.float64)
        for name in vectors.columns
        for level in sorted(set(vectors[name]) - {0})
    }
    return pd.DataFrame(columns, index=vectors.index)


def fitted(name: str, vectors: pd.DataFrame, same: Flags) -> Any:
    """The classifier of that name, fitted on the ``indicators`` of labelled pairs; ``same``: which are one person."""
    classifier = CLASSIFIERS[name]()
    classifier.fit(vectors, vectors.index[same])
    return classifier


def crossvalidated(
    model: Model, vectors: pd.DataFrame, same: Flags, weights: Sequence[float] | None = None, seed: int = 1
) -> tuple[Crossvalidated, ...]:
    """The model and each of ``CLASSIFIERS`` on labelled pairs; nothing where there are too few of either verdict.

    ``vectors``: level numbers as ``model_compare`` gives them, shape (labels, comparisons), each pair once; ``same``,
    shape (labels,): which are one person. ``weights``: how many pairs each label stands for (one over its sampling
    probability); without, each counts one. Each pair is judged by a classifier fitted on the other folds only.
    """
    if model.trained is None:
        raise ValueError("an untrained model cannot score")
    if min(int(same.sum()), int((~same).sum())) < LEAST_OF_EACH:
        return ()
    counts = np.ones(len(vectors)) if weights is None else np.asarray(weights, dtype=np.float64)
    bits = LatentClassClassifier.of(model.trained.mixture).bits(vectors).to_numpy()
    found = [_measured(MODEL, bits >= 0, same, counts)]
    flags = indicators(vectors)
    folds = list(StratifiedKFold(FOLDS, shuffle=True, random_state=seed).split(flags, same))
    for name in CLASSIFIERS:
        said = np.zeros(len(flags), dtype=bool)
        for learned, held in folds:
            with warnings.catch_warnings():
                # scikit-learn tells of defaults that it will change, which recordlinkage passes on
                warnings.simplefilter("ignore")
                classifier = fitted(name, flags.iloc[learned], same[learned])
                links = classifier.predict(flags.iloc[held])
            said[held] = flags.index[held].isin(links)
        found.append(_measured(name, said, same, counts))
    return tuple(found)


def labelled_vectors(
    model: Model, records: pd.DataFrame, labels: Sequence[tuple[Any, Any, bool]]
) -> tuple[pd.DataFrame, Flags]:
    """Level numbers and verdicts of labels (left, right, one person?), by the names in the index of ``records``.

    Labels of a record that is not there are left out; of two on one pair the last counts.
    """
    said = {tuple(sorted((left, right), key=str)): same for left, right, same in labels}
    known = {pair: same for pair, same in said.items() if pair[0] in records.index and pair[1] in records.index}
    pairs = pd.MultiIndex.from_tuples(list(known), names=("left", "right")) if known else _NO_PAIRS
    vectors = model_compare(model).compute(pairs, records) if known else _no_vectors(model)
    return vectors, np.fromiter(known.values(), dtype=bool, count=len(known))


_NO_PAIRS = pd.MultiIndex.from_arrays([[], []], names=("left", "right"))


def _no_vectors(model: Model) -> pd.DataFrame:
    return pd.DataFrame(index=_NO_PAIRS, columns=[comparison.name for comparison in model.comparisons], dtype=np.int64)


def _measured(name: str, said: Flags, same: Flags, counts: Floats) -> Crossvalidated:
    right, linked, true = (float(counts[which].sum()) for which in (said & same, said, same))
    return Crossvalidated(name, right / linked if linked else 1.0, right / true if true else 1.0, len(same))
