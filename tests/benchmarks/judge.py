"""Links and clusters held against the truth: pair completeness, pairwise and B-cubed measures, the largest cluster."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import numpy.typing as npt
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from pipelines.evaluate import Measure

Integers = npt.NDArray[np.integer[Any]]
Floats = npt.NDArray[np.floating[Any]]


@dataclass(frozen=True)
class Verdict:
    """What the truth says of one clustering; ``largest``: records in the largest cluster."""

    pairwise: Measure
    bcubed: Measure
    largest: int

    def as_json(self) -> dict[str, Any]:
        """In plain JSON types."""
        return {
            "pairwise": self.pairwise.as_json(),
            "bcubed": self.bcubed.as_json(),
            "largest_cluster": self.largest,
        }


def persons(truth: Path, keys: Path) -> Integers:
    """Each record's person as a number, in the order of ``keys`` (Parquet: channel, source_record_id).

    A record that the truth does not know is a person of its own.
    """
    with duckdb.connect() as desk:
        return desk.execute(
            """SELECT dense_rank() OVER (ORDER BY coalesce(person_id, channel || ':' || source_record_id)) - 1 AS person
            FROM (SELECT *, row_number() OVER () AS place FROM read_parquet($keys)) LEFT JOIN
                read_csv($truth, all_varchar = true, header = true) USING (channel, source_record_id) ORDER BY place""",
            {"keys": str(keys), "truth": str(truth)},
        ).fetchnumpy()["person"]


def pair_completeness(left: Integers, right: Integers, person: Integers) -> float:
    """The share of true pairs among distinct candidate pairs: blocking's recall; 1 where there is no true pair."""
    true_pairs = _pairs(np.bincount(person))
    return float((person[left] == person[right]).sum() / true_pairs) if true_pairs else 1.0


def components(left: Integers, right: Integers, count: int) -> Integers:
    """The connected component of each of ``count`` records under the pairs."""
    graph = coo_matrix((np.ones(len(left), dtype=np.int8), (left, right)), shape=(count, count))
    labels: Integers = connected_components(graph, directed=False)[1]
    return labels


def judge(cluster: Integers, person: Integers) -> Verdict:
    """Precision, recall and F1 over pairs and by B-cubed (Bagga and Baldwin 1998)."""
    sizes, lives = np.bincount(cluster), np.bincount(person)
    width = int(person.max()) + 1
    both, shared = np.unique(cluster.astype(np.int64) * width + person, return_counts=True)
    found, true, right_ones = (_pairs(counts) for counts in (sizes, lives, shared))
    held = shared.astype(np.float64) ** 2
    return Verdict(
        pairwise=Measure(right_ones / found if found else 1.0, right_ones / true if true else 1.0),
        bcubed=Measure(
            float((held / sizes[both // width]).sum() / len(person)),
            float((held / lives[both % width]).sum() / len(person)),
        ),
        largest=int(sizes.max()),
    )


def best(tried: Sequence[tuple[float, Verdict]]) -> tuple[float, Verdict]:
    """The threshold with the best pairwise F1, the lowest of equals, and its verdict."""
    return max(tried, key=lambda each: (each[1].pairwise.f1, -each[0]))


def _pairs(sizes: Integers) -> float:
    return float((sizes.astype(np.float64) * (sizes - 1) / 2).sum())
