"""dedupe 3 as its examples show it: it asks about pairs and the truth answers; then its own blocking and clustering."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import dedupe
import numpy as np
from dedupe import variables

from tests.benchmarks.judge import Integers, persons
from tests.benchmarks.peer import Linked, Watch, main
from tests.benchmarks.people import People

THRESHOLDS = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95)  # as dedupe's own clustering takes them
_USUAL = 0.5
_PROCESSES = 2
# From 100 pairs of one person on it learns conjunctions of rules: with 1,000 it took 10 GB on 10,000 records.
_MOST_ANSWERS, _MOST_MATCHES = 300, 95
_SAMPLE = 1_500  # records it learns on: dedupe's own documented sample; of 5,000 it takes over 8 GB
_EXACT = ("loyalty_id", "device", "occupation")
_SEED = 1
_PLACE = "place"  # beside the fields, for the truth
Data = dict[int, dict[str, Any]]


def link(people: People, watch: Watch, truth: Path) -> Linked:
    """Train, block, score, cluster at every threshold; only clustering at .5 is timed."""
    rows = people.connection.execute(f"SELECT {', '.join(people.fields)} FROM people ORDER BY unique_id").fetchall()
    data: Data = {
        place: {**dict(zip(people.fields, row, strict=True)), _PLACE: place} for place, row in enumerate(rows)
    }
    person = _persons(people, truth)
    random.seed(_SEED)
    np.random.seed(_SEED)
    matcher = dedupe.Dedupe([_variable(name) for name in people.fields], num_cores=_PROCESSES)
    with watch.phase("train"):
        matcher.prepare_training({place: data[place] for place in _sample(person)})
        _answer(matcher, person)
        matcher.train(recall=0.95, index_predicates=False)
        matcher.cleanup_training()
    with watch.phase("block and score"):
        scored = matcher.score(matcher.pairs(data))
    with watch.phase("cluster"):
        clusters = {_USUAL: _labels_of(matcher, scored, _USUAL, people.count)}
    for threshold in THRESHOLDS:
        if threshold not in clusters:
            clusters[threshold] = _labels_of(matcher, scored, threshold, people.count)
    left, right = scored["pairs"][:, 0], scored["pairs"][:, 1]
    return Linked(left, right, scored["score"], THRESHOLDS, clusters)


def _variable(name: str) -> Any:
    kind = variables.Exact if name in _EXACT else variables.String
    return kind(name, has_missing=True)


def _persons(people: People, truth: Path) -> Integers:
    keys = truth.with_name("labelled_keys.parquet")
    people.connection.execute(f"COPY (SELECT channel, source_record_id FROM people ORDER BY unique_id) TO '{keys}'")
    return persons(truth, keys)


def _sample(person: Integers) -> list[int]:
    """Records of persons drawn at random, so that there are pairs to ask about."""
    order = np.random.permutation(int(person.max()) + 1)
    return [int(place) for place in np.argsort(order[person], kind="stable")[:_SAMPLE]]


def _answer(matcher: Any, person: Integers) -> None:
    """The most uncertain pairs, one after the other, answered by the truth."""
    matches = 0
    for _ in range(_MOST_ANSWERS):
        [pair] = matcher.uncertain_pairs()
        one = person[pair[0][_PLACE]] == person[pair[1][_PLACE]]
        matcher.mark_pairs({"match": [pair] if one else [], "distinct": [] if one else [pair]})
        matches += int(one)
        if matches == _MOST_MATCHES:
            break


def _labels_of(matcher: Any, scored: Any, threshold: float, count: int) -> Integers:
    labels = np.arange(count)
    for places, _ in matcher.cluster(scored, threshold):
        labels[list(places)] = min(places)
    return np.unique(labels, return_inverse=True)[1].astype(np.int32)


if __name__ == "__main__":
    main(link, __doc__)
