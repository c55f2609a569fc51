"""Clusters claim the ids that their records have or had: the rule by which an id stays with most of its customer."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Edge:
    """``records`` of the id's records are in the cluster now; ``key`` is the smallest of their names.

    ``guests`` of them had an id of their own until it was merged away. ``left``: of an id that stands no more, when it
    was merged away (microseconds since 1970), else 0.
    """

    cluster: int
    customer_id: str
    records: int
    key: str
    guests: int = 0
    left: int = 0


def claim(edges: Iterable[Edge]) -> dict[int, str]:
    """Which cluster keeps which id, each at most one of the other.

    The largest part is served first; among equals the oldest id, then the part with the smallest record name. So a
    cluster keeps the id of most of its records, and an id stays with its larger part. Where a customer falls apart,
    guests do not count: what came with an id of its own leaves with it. Of ids that stand no more the one that was
    merged away last is served first.
    """
    edges = list(edges)
    parts = Counter(edge.customer_id for edge in edges)
    kept: dict[int, str] = {}
    taken: set[str] = set()

    def place(edge: Edge) -> tuple[int, int, str, str]:
        own = edge.records - (edge.guests if parts[edge.customer_id] > 1 else 0)
        return -edge.left, -own, edge.customer_id, edge.key

    for edge in sorted(edges, key=place):
        if edge.cluster not in kept and edge.customer_id not in taken:
            kept[edge.cluster] = edge.customer_id
            taken.add(edge.customer_id)
    return kept
