"""What the benchmarks say of links and clusters is what the words mean, and what `profiles evaluate` says."""

from pathlib import Path

import duckdb
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.benchmarks.judge import best, components, judge, pair_completeness, persons

PARTITIONS = st.integers(1, 12).flatmap(
    lambda n: st.tuples(*(st.lists(st.integers(0, 5), min_size=n, max_size=n) for _ in range(2)))
)


def counted_pair_by_pair(cluster: list[int], person: list[int]) -> tuple[float, float]:
    pairs = [(i, j) for i in range(len(person)) for j in range(i)]
    found = {pair for pair in pairs if cluster[pair[0]] == cluster[pair[1]]}
    true = {pair for pair in pairs if person[pair[0]] == person[pair[1]]}
    return len(found & true) / len(found) if found else 1.0, len(found & true) / len(true) if true else 1.0


def counted_record_by_record(cluster: list[int], person: list[int]) -> tuple[float, float]:
    precision = recall = 0.0
    for mine, self in zip(cluster, person, strict=True):
        both = sum(c == mine and p == self for c, p in zip(cluster, person, strict=True))
        precision += both / cluster.count(mine)
        recall += both / person.count(self)
    return precision / len(person), recall / len(person)


@given(PARTITIONS)
def test_measures_are_those_counted_one_by_one(given: tuple[list[int], list[int]]) -> None:
    cluster, person = given
    verdict = judge(np.array(cluster), np.array(person))
    assert (verdict.pairwise.precision, verdict.pairwise.recall) == pytest.approx(counted_pair_by_pair(cluster, person))
    assert (verdict.bcubed.precision, verdict.bcubed.recall) == pytest.approx(counted_record_by_record(cluster, person))
    assert verdict.largest == max(cluster.count(each) for each in cluster)


def test_pair_completeness_is_the_share_of_true_pairs_that_are_candidates() -> None:
    person = np.array([0, 0, 0, 1, 1, 2])
    left, right = np.array([0, 0, 3, 2]), np.array([1, 2, 5, 5])
    assert pair_completeness(left, right, person) == 2 / 4


def test_where_nobody_is_there_twice_blocking_misses_nothing() -> None:
    nothing = np.array([], dtype=int)
    assert pair_completeness(nothing, nothing, np.arange(4)) == 1.0


def test_records_that_pairs_chain_together_are_one_component() -> None:
    labels = components(np.array([0, 1]), np.array([1, 2]), 5)
    assert labels[0] == labels[1] == labels[2]
    assert len({labels[0], labels[3], labels[4]}) == 3


def test_of_equal_thresholds_the_lowest_is_the_best() -> None:
    person = np.array([0, 0, 1])
    right, wrong = judge(np.array([0, 0, 1]), person), judge(np.array([0, 0, 0]), person)
    assert best([(0.1, wrong), (0.5, right), (0.9, right)]) == (0.5, right)


def test_persons_come_in_the_order_of_the_records_and_strangers_are_their_own(tmp_path: Path) -> None:
    truth, keys = tmp_path / "truth.csv", tmp_path / "keys.parquet"
    truth.write_text("channel,source_record_id,person_id\nweb,2,P\nweb,1,Q\nstore,1,P\nstore,9,Q\n", encoding="utf-8")
    rows = "VALUES ('store', '1'), ('web', '1'), ('web', '2'), ('web', '3')"
    duckdb.execute(f"COPY (SELECT * FROM ({rows}) t(channel, source_record_id)) TO '{keys}' (FORMAT parquet)")
    first, second, third, stranger = persons(truth, keys)
    assert first == third
    assert len({first, second, stranger}) == 3
