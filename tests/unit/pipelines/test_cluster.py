"""Whom a refresh clusters anew: everyone who hangs together with somebody changed, however long the way."""

from __future__ import annotations

from collections.abc import Iterator

import duckdb
import pytest

from pipelines.cluster import holds_together_sql, touch_components
from tests.linkage_world import Learned

# a long chain, two who were compared and do not hold together, two who were judged the same
CHAIN = list(range(100))
JUDGED, ALONE = (102, 103), 104


@pytest.fixture
def work() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as connection:
        connection.execute("CREATE TABLE standardised AS SELECT range::INTEGER AS rid FROM range(105)")
        connection.execute("CREATE TABLE scored_pairs (l INTEGER, r INTEGER, bits FLOAT)")
        connection.execute("INSERT INTO scored_pairs SELECT range, range + 1, 9 FROM range(99)")
        connection.execute("INSERT INTO scored_pairs VALUES (99, 100, -9), (100, 101, -9), (101, 102, -9)")
        connection.execute("CREATE TABLE judged AS SELECT 102 AS l, 103 AS r, 'same' AS verdict")
        connection.execute("CREATE TABLE seeds (rid INTEGER)")
        yield connection


@pytest.mark.parametrize(
    ("seeds", "touched"),
    [
        ([0], CHAIN),
        ([99, 50], CHAIN),
        ([100], [100]),
        ([103], list(JUDGED)),
        ([ALONE, 98], [*CHAIN, ALONE]),
        ([], []),
    ],
    ids=[
        "one end of a chain",
        "the middle and the other end",
        "a stranger",
        "a judged one",
        "somebody alone",
        "nobody",
    ],
)
def test_a_change_touches_whoever_hangs_together_with_it(
    work: duckdb.DuckDBPyConnection, learned: Learned, seeds: list[int], touched: list[int]
) -> None:
    work.execute("INSERT INTO seeds SELECT unnest($seeds::INTEGER[])", {"seeds": seeds})
    assert touch_components(work, learned.model, "seeds") == len(touched)
    assert work.execute("SELECT rid FROM touched ORDER BY rid").fetchall() == [(rid,) for rid in touched]


def test_pairs_hold_together_a_little_before_two_groups_would_merge(learned: Learned) -> None:
    stop = learned.model.trained.stop if learned.model.trained else pytest.fail()
    query = f"SELECT {holds_together_sql(learned.model)} FROM (SELECT unnest([9.0, -9.0, $stop]) AS bits)"
    bits = stop / 0.6931471805599453
    assert duckdb.execute(query, {"stop": bits}).fetchall() == [(True,), (False,), (True,)]
