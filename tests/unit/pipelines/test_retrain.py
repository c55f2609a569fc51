"""A training learns from the work store, leaves it as it was, and lets a model stand only where it is another one."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from pipelines.progress import SilentProgress
from pipelines.retrain import retrain
from pipelines.run import Places, RunOptions, run
from pipelines.simulate import SimulationOptions, simulate
from pipelines.work import open_work
from profile_service.errors import NotFound, UnusableInput


def _landed(folder: Path, records: int, seed: int) -> Path:
    simulate(folder, SimulationOptions(records=records, seed=seed, events=0), lambda _: None)
    return folder


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Path:
    base = tmp_path_factory.mktemp("retrain")
    run(Places(_landed(base / "first", 400, 3), base / "data"), RunOptions(), SilentProgress())
    return base


def test_learning_again_from_the_same_records_gives_the_model_that_stands(ran: Path) -> None:
    training = retrain(ran / "data", SilentProgress())
    assert training.records == 400
    assert training.model_version == training.follows


def test_a_training_leaves_the_work_store_as_it_was(ran: Path) -> None:
    def state() -> list[object]:
        with open_work(ran / "data") as work:
            return [
                work.execute(f"SELECT count(*) FROM {table}").fetchone()
                for table in ("standardised", "scored_pairs", "patterns", "membership", "generic_values")
            ]

    before = state()
    retrain(ran / "data", SilentProgress())
    assert state() == before


def test_more_records_give_another_model_and_the_next_run_resolves_everyone_with_it(ran: Path) -> None:
    more = _landed(ran / "more", 900, 4)
    first = run(Places(more, ran / "data"), RunOptions(accept=True), SilentProgress())  # the ids of another retailer
    training = retrain(ran / "data", SilentProgress(), clock=lambda: datetime(2026, 1, 2, tzinfo=UTC))
    assert training.model_version != training.follows == first.model_version
    second = run(Places(more, ran / "data"), RunOptions(accept=True), SilentProgress())
    assert second.model_version == training.model_version


def test_there_is_nothing_to_learn_before_the_first_run(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="profiles run LANDING"):
        retrain(tmp_path, SilentProgress())


def test_a_landing_without_customers_trains_no_model(tmp_path: Path) -> None:
    feed = tmp_path / "landing" / "store" / "customers.csv"
    feed.parent.mkdir(parents=True)
    feed.write_text("source_record_id,given_name\n")
    summary = run(Places(tmp_path / "landing", tmp_path / "data"), RunOptions(), SilentProgress())
    assert not (tmp_path / "data" / "models").exists(), f"{summary.model_version} was trained on nobody"
    with pytest.raises(UnusableInput, match="no record"):
        retrain(tmp_path / "data", SilentProgress())
