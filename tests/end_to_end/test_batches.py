"""With one model, feeds in any number of batches and in any order end in the same customers as all at once."""

import tempfile
from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import count
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipelines.progress import SilentProgress
from pipelines.run import Places, RunOptions, run
from pipelines.simulate import SimulationOptions, simulate
from tests.end_to_end import worlds

NOW = datetime(2026, 11, 21, tzinfo=UTC)


def land(data_dir: Path, landings: Sequence[worlds.Feeds], folder: Path) -> None:
    for number, feeds in zip(count(), landings):
        landing = worlds.write_feeds(folder / str(number), feeds)
        run(Places(landing, data_dir), RunOptions(accept=True), SilentProgress(), lambda: NOW)


def resolve(data_dir: Path, landings: Sequence[worlds.Feeds], folder: Path) -> frozenset[frozenset[str]]:
    land(data_dir, landings, folder)
    return worlds.customers(data_dir)


def small_world(folder: Path, seed: int, records: int) -> worlds.Feeds:
    simulate(folder, SimulationOptions(records=records, seed=seed, events=20))
    return worlds.read_feeds(folder)


@given(
    seed=st.integers(0, 10_000),
    records=st.integers(40, 120),
    parts=st.lists(st.integers(0, 3), min_size=4, max_size=12),
    order=st.permutations(range(4)),
    repeated=st.booleans(),
)
@settings(
    max_examples=5,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
def test_batches_in_any_order_end_in_the_customers_of_one_batch(
    after_first: Path, seed: int, records: int, parts: list[int], order: list[int], repeated: bool
) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        world = small_world(folder / "world", seed, records)
        dealt = worlds.batches(world, parts)
        shuffled = [dealt[place] for place in order if place < len(dealt)]
        if repeated:
            shuffled.append(shuffled[0])
        whole = resolve(worlds.copy_models(after_first, folder / "whole"), [world], folder / "one")
        pieces = resolve(worlds.copy_models(after_first, folder / "pieces"), shuffled, folder / "many")
        homes = [worlds.households(folder / name) for name in ("whole", "pieces")]
    assert pieces == whole
    assert homes[0] == homes[1]


@pytest.mark.slow
def test_the_drift_of_batches_on_a_larger_world_is_nothing(after_first: Path, tmp_path: Path) -> None:
    world = small_world(tmp_path / "world", 3, 6_000)
    dealt = worlds.batches(world, [2, 0, 1, 0, 3])
    whole = resolve(worlds.copy_models(after_first, tmp_path / "whole"), [world], tmp_path / "one")
    pieces = resolve(worlds.copy_models(after_first, tmp_path / "pieces"), dealt[::-1], tmp_path / "many")
    drift = sum(len(customer) for customer in whole - pieces)
    assert drift <= 0.001 * sum(map(len, whole)), f"{drift} records are in other company"
