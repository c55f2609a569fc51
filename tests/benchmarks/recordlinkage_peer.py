"""recordlinkage as its manual shows it: Index with Block, Compare, and the ECM classifier on binary vectors."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import recordlinkage
from recordlinkage.index import Block

from tests.benchmarks.peer import Linked, Watch, main, rules_for
from tests.benchmarks.people import People

THRESHOLDS = (0.01, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99, 0.999, 0.9999)  # probability
_SIMILAR = {
    "given_name": 0.88,
    "family_name": 0.88,
    "street": 0.85,
    "street_2": 0.85,
    "city": 0.92,
    "birth_place": 0.92,
}
_ONE_SLIP = {"email": 0.9, "phone": 0.89, "birth_date": 0.89, "postcode": 0.79}
_PROCESSES = 2
# With places beside contacts the classifier finds households: all fields give an F1 of .34 where these give .77.
_WITH_CONTACTS = ("given_name", "family_name", "birth_date", "email", "phone", "postcode")
_LOOSE = ("birth_place", "occupation")  # an F1 of .02 with them where it is .10 without


def compare_for(people: People) -> recordlinkage.Compare:
    """A binary comparison for each filled field: Jaro-Winkler or Levenshtein above a threshold, or equal."""
    compare = recordlinkage.Compare(n_jobs=_PROCESSES)
    for name in _fields(people):
        if name in _SIMILAR:
            compare.string(name, name, method="jarowinkler", threshold=_SIMILAR[name], label=name)
        elif name in _ONE_SLIP:
            compare.string(name, name, method="levenshtein", threshold=_ONE_SLIP[name], label=name)
        else:
            compare.exact(name, name, label=name)
    return compare


def _fields(people: People) -> list[str]:
    contacts = {"email", "phone"} <= set(people.fields)
    return [name for name in people.fields if (name in _WITH_CONTACTS if contacts else name not in _LOOSE)]


def link(people: People, watch: Watch, truth: Path) -> Linked:
    """Index, compare, classify; every candidate pair with its probability. Labels are not read."""
    frame = people.connection.execute("SELECT * FROM people ORDER BY unique_id").df().set_index("unique_id")
    with watch.phase("index"):
        index = recordlinkage.Index()
        for rule in rules_for(people, wide="email" not in people.fields):
            index.add(Block(list(rule)))
        pairs = index.index(frame)
        if people.duplicate_free:
            sides = [frame["channel"].to_numpy()[pairs.get_level_values(side)] for side in (0, 1)]
            pairs = pairs[sides[0] != sides[1]]
    with watch.phase("compare"):
        vectors = compare_for(people).compute(pairs, frame)
    with watch.phase("classify"):
        classifier = recordlinkage.ECMClassifier()
        classifier.fit(vectors)
        probability = classifier.prob(vectors)
    left, right = (pairs.get_level_values(side).to_numpy(dtype=np.int64) for side in (0, 1))
    return Linked(left, right, probability.to_numpy(dtype=np.float32), THRESHOLDS)


if __name__ == "__main__":
    main(link, __doc__)
