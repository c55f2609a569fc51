"""How sure a merge is: each record's best link, and the weakest of these."""

from __future__ import annotations

import duckdb
import pytest

from pipelines import weakest
from pipelines.weakest import enter_weakest, find_weakest

# left record, right record, bits, customer (None: the pair is of two customers)
LINKS = [
    (0, 1, 14.5, 1),
    (1, 2, 3.0, 1),
    (0, 2, 5.0, 1),
    (3, 4, 8.0, 2),
    (5, 6, None, 3),
    (2, 3, 99.0, None),
]


def weakest_of(links: list[tuple[int, int, float | None, int | None]]) -> dict[int, float]:
    with duckdb.connect() as work:
        work.execute("CREATE TABLE publish_customers AS SELECT unnest([1, 2, 3, 4])::INTEGER AS cno")
        work.execute("CREATE TABLE publish_links (left_number INTEGER, right_number INTEGER, bits FLOAT, cno INTEGER)")
        if links:
            work.executemany("INSERT INTO publish_links VALUES (?, ?, ?, ?)", links)
        enter_weakest(work, find_weakest(work))
        return dict(work.execute("SELECT cno, bits FROM publish_weakest").fetchall())


@pytest.mark.parametrize("at_once", [1 << 22, 1])
def test_a_customer_is_as_sure_as_the_best_link_of_its_doubtful_record(
    at_once: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(weakest, "_AT_ONCE", at_once)
    # the third record's best is 5; what was judged, and what is between two customers, says nothing
    assert weakest_of(LINKS) == {1: 5.0, 2: 8.0}


def test_without_a_link_nothing_is_told() -> None:
    assert weakest_of([]) == {}
