"""Candidate pairs for everyone are the pairs whose blocking keys meet, one record at a time."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipelines import block
from pipelines.engines import coded_blocks
from pipelines.engines.duckdb_engine import DuckDBEngine
from profile_service.identity.block import blocking_keys
from profile_service.identity.model import Model, packaged_model
from profile_service.identity.records import STANDARD_COLUMNS, StandardisedRecord
from tests.linkage_world import standardised_table

QUICK = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
USED = sorted({column for rule in packaged_model().blocking_rules for column in rule.columns})


def capped(cap: int) -> Model:
    """The packaged model with a cap that few records reach."""
    model = packaged_model()
    return replace(model, settings={**model.settings, "blocking": {**model.settings["blocking"], "cap": cap}})


def pairs_by_hand(rows: list[StandardisedRecord], model: Model) -> set[tuple[int, int]]:
    """Pairs of positions that share a key held by no more records than the cap."""
    holders: dict[Any, list[int]] = {}
    for rid, row in enumerate(rows):
        for rule, key in blocking_keys(row, model).items():
            holders.setdefault((rule, key), []).append(rid)
    live = [rids for rids in holders.values() if len(rids) <= model.blocking_cap]
    return {pair for rids in live for pair in combinations(sorted(rids), 2)}


@QUICK
@given(
    drawn=st.lists(
        st.tuples(*(st.sampled_from([None, None, "a", "b", "c", "a b"]) for _ in USED)), min_size=1, max_size=30
    ),
    cap=st.integers(2, 6),
)
def test_candidates_are_the_pairs_whose_live_keys_meet_each_once_smaller_record_left(
    drawn: list[tuple[str | None, ...]], cap: int
) -> None:
    model = capped(cap)
    bins = dict.fromkeys(model.binned, 0)
    rows = [
        StandardisedRecord("web", str(n), dict.fromkeys(STANDARD_COLUMNS) | dict(zip(USED, texts, strict=True)), bins)
        for n, texts in enumerate(drawn)
    ]
    with duckdb.connect() as work:
        work.execute("CREATE TABLE duplicate_free (channel VARCHAR, number UTINYINT)")
        standardised_table(work, model, rows)
        for everyones_pairs in (block.block_all, DuckDBEngine().block_all):
            count = everyones_pairs(work, model)
            found = work.execute("SELECT l, r FROM candidates").fetchall()
            assert len(found) == count == len(set(found))
            assert all(left < right for left, right in found)
            assert set(found) == pairs_by_hand(rows, model)
        pairs = np.array(list(combinations(range(len(rows)), 2)), dtype=np.int64).reshape(-1, 2)
        without_cap = pairs_by_hand(rows, capped(len(rows)))
        for found_again in (block.found_again, DuckDBEngine().found_again):
            again = pairs[found_again(work, model, pairs[:, 0], pairs[:, 1])]
            assert {(left, right) for left, right in again.tolist()} == without_cap


def test_candidates_of_many_records_wait_in_files_and_are_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = capped(20)
    bins = dict.fromkeys(model.binned, 0)
    rows = [
        StandardisedRecord(
            "web", str(n), dict.fromkeys(STANDARD_COLUMNS) | {"email": f"{n % 7}", "phone": f"{n}"}, bins
        )
        for n in range(100)
    ]
    monkeypatch.setattr(coded_blocks, "_RECORDS_A_BUCKET", 30)
    with duckdb.connect() as work:
        work.execute("CREATE TABLE duplicate_free (channel VARCHAR, number UTINYINT)")
        work.execute(f"SET temp_directory = '{tmp_path / 'spill'}'")
        standardised_table(work, model, rows)
        DuckDBEngine().block_all(work, model)
        found = work.execute("SELECT l, r FROM candidates").fetchall()
    assert len(found) == len(set(found))
    assert set(found) == pairs_by_hand(rows, model)
    assert list((tmp_path / "spill").iterdir()) == []
