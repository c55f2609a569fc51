"""How sure each customer's merge is: every record's best link to another of it, and the weakest of these."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import duckdb
import numpy as np
from numpy.typing import NDArray

from pipelines.relations import CHANGED, WEAKEST

# Links that are looked at together: what bounds the memory.
_AT_ONCE = 1 << 22


Weakest = Mapping[str, NDArray[Any]]


def find_weakest(work: duckdb.DuckDBPyConnection) -> Weakest:
    """From ``publish_links`` the arrays cno and bits: whoever has a link of bits.

    Gathered by the records' own numbers, which takes a fourth of the time of grouping rows by them.
    """
    inside = "FROM publish_links WHERE cno IS NOT NULL AND bits IS NOT NULL"
    links, last, most = work.execute(f"""
        SELECT count(*), coalesce(max(greatest(left_number, right_number)), 0),
               (SELECT coalesce(max(cno), 0) FROM {CHANGED}) {inside}""").fetchall()[0]
    best = np.full(last + 1, -np.inf, np.float32)
    weakest = np.full(most + 1, np.inf, np.float32)
    parts = max(-(-links // _AT_ONCE), 1)
    for part in range(parts):
        # all links of a customer are in one part, and so are all of a record
        found = work.execute(f"SELECT left_number, right_number, bits, cno {inside} AND cno % {parts} = {part}")
        left, right, bits, cno = found.fetchnumpy().values()
        for ends in (left, right):
            np.maximum.at(best, ends, bits)
        for ends in (left, right):
            np.minimum.at(weakest, cno, best[ends])
    has = np.flatnonzero(np.isfinite(weakest)).astype(np.int32)
    return {"cno": has, "bits": weakest[has]}


def enter_weakest(work: duckdb.DuckDBPyConnection, found: Weakest) -> None:
    """Make the temp table ``publish_weakest`` (cno, bits) of what was found."""
    work.register("weakest_links", found)
    work.execute(f"CREATE OR REPLACE TEMP TABLE {WEAKEST} AS FROM weakest_links")
    work.unregister("weakest_links")
