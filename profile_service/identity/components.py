"""Records hang together by pairs in components, which share nothing."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

_FEW, _SMALL = 64, 10_000  # edges, records


def components_of(left: NDArray[Any], right: NDArray[Any], size: int) -> NDArray[np.int32]:
    """For each record number below ``size`` the number of its component, shape (size,), in no order."""
    if len(left) <= _FEW and size <= _SMALL:
        return _of_few(left, right, size)
    # long to load, and not needed for a live record
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    graph = coo_matrix((np.ones(len(left), dtype=np.int8), (left, right)), shape=(size, size))
    found: NDArray[np.int32] = connected_components(graph, directed=False)[1].astype(np.int32)
    return found


def _of_few(left: NDArray[Any], right: NDArray[Any], size: int) -> NDArray[np.int32]:
    """The same by walking the edges: for a live record's neighbours a tenth of what making a matrix takes."""
    root = list(range(size))

    def found(record: int) -> int:
        while root[record] != record:
            root[record] = root[root[record]]
            record = root[record]
        return record

    for one, other in zip(left.tolist(), right.tolist(), strict=True):
        first, second = found(one), found(other)
        root[max(first, second)] = min(first, second)
    return np.array([found(record) for record in range(size)], dtype=np.int32)
