"""Clusters claim the ids that their records had: the rule by which an id stays with most of its customer."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Edge:
    """``records`` of the id's records are in the cluster now; ``key`` is the smallest of their names."""

    cluster: int
    customer_id: str
    records: int
    key: str


def claim(edges: Iterable[Edge]) -> dict[int, str]:
    """Which cluster keeps which id, each at most one of the other.

    The largest part is served first; among equals the oldest id, then the part with the smallest record name. So a
    cluster keeps the id of most of its records, and an id stays with its larger part.
    """
    kept: dict[int, str] = {}
    taken: set[str] = set()
    for edge in sorted(edges, key=lambda edge: (-edge.records, edge.customer_id, edge.key)):
        if edge.cluster not in kept and edge.customer_id not in taken:
            kept[edge.cluster] = edge.customer_id
            taken.add(edge.customer_id)
    return kept
