"""A training learns from the work store, leaves it as it was, and lets a model stand only where it is another one."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime
from pathlib import Path

import pytest

from pipelines.progress import SilentProgress
from pipelines.retrain import PACKAGED, TrainOptions, report_standing, retrain, standing_declaration
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


def test_a_declaration_of_ones_own_is_learned_with_shown_and_kept(ran: Path) -> None:
    """A stop far above all evidence: nobody may join by weight, and a dry run names whom that splits, and why."""
    data = shutil.copytree(ran / "data", ran / "own", symlinks=True)
    own = ran / "model.toml"
    own.write_text(standing_declaration(data).replace("stop_dense = -1.4", "stop_dense = 4.0").replace(
        "\nstop = 0.0", "\nstop = 4.0"), encoding="utf-8")  # fmt: skip
    training = retrain(data, SilentProgress(), TrainOptions(model=own))
    assert (training.model_version != training.follows, training.declared_in) == (True, str(own))
    assert training.report.read_text(encoding="utf-8").count("<svg") == 2
    assert training.findings.stop_bits > 5
    before = (data / "customers.duckdb").resolve()
    dry = run(Places(ran / "first", data), RunOptions(dry_run=True), SilentProgress())
    assert (data / "customers.duckdb").resolve() == before
    split = [change for change in dry.changes if change.event == "split_from"]
    assert split
    assert all("another model" in change.cause for change in dry.changes)
    assert any(change.names for change in split), "people are called by their names"
    again = retrain(data, SilentProgress())
    assert (again.model_version, again.declared_in) == (training.model_version, "the standing model")
    back = retrain(data, SilentProgress(), TrainOptions(model=PACKAGED))
    assert back.model_version == training.follows, "an equal model is that one"


def test_a_file_of_pairs_that_nobody_judged_is_told_by_training_and_report(ran: Path) -> None:
    file = ran / "waiting.csv"
    file.write_text("left_channel,left_id,right_channel,right_id,verdict\nstore,1,web,1,\n", encoding="utf-8")
    training = retrain(ran / "data", SilentProgress(), TrainOptions(labels=file))
    report, _ = report_standing(ran / "data", file)
    for said in (training.warnings, training.findings.warnings, report.warnings):
        assert any("nobody has judged a pair in" in warning for warning in said)
    assert "fill in <code>verdict</code> with same" in training.report.read_text(encoding="utf-8")


def test_a_wrong_declaration_leaves_the_model_that_stands(ran: Path) -> None:
    wrong = ran / "wrong.toml"
    wrong.write_text(standing_declaration(ran / "data").replace("clip =", "clipp ="), encoding="utf-8")
    before = (ran / "data" / "models" / "current").read_text()
    with pytest.raises(UnusableInput, match="is it 'clip'"):
        retrain(ran / "data", SilentProgress(), TrainOptions(model=wrong))
    assert (ran / "data" / "models" / "current").read_text() == before


def test_the_first_run_learns_and_its_report_is_drawn_when_asked_for(ran: Path) -> None:
    data = ran / "fresh"
    summary = run(Places(ran / "first", data), RunOptions(), SilentProgress())
    assert summary.learned
    report, folder = report_standing(data, None)
    assert summary.model_version == folder.name
    assert report.as_json()["comparisons"]
    assert not run(Places(ran / "first", data), RunOptions(rebuild=True), SilentProgress()).learned
