"""A run happens wholly or not at all, and the next one takes up what was left."""

import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest

from pipelines import run as run_module
from pipelines.progress import SilentProgress
from pipelines.run import Places, RunOptions, run
from pipelines.summary import RunSummary
from pipelines.work import open_work
from profile_service.errors import NotEnoughDisk, RunFailed, RunLocked, UnusableInput
from profile_service.store.generation import standing_generation

NOW = datetime(2026, 11, 21, 6, 0, tzinfo=UTC)
LATER = datetime(2026, 11, 22, 6, 0, tzinfo=UTC)
PEOPLE = [("Ada", "Lovelace"), ("Grace", "Hopper"), ("Mary", "Somerville"), ("Emmy", "Noether"), ("Lise", "Meitner")]


def land(folder: Path, people: list[tuple[str, str]] = PEOPLE) -> Path:
    """Each person once in the store and once on the web, by the same e-mail address."""
    for channel in ("store", "web"):
        rows = [
            f"{channel[0]}{given},{given},{family},{given.lower()}@example.org,18{number}0-0{number + 1}-01"
            for number, (given, family) in enumerate(people)
        ]
        path = folder / channel / "customers.csv"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("\n".join(["source_record_id,given_name,family_name,email,birth_date", *rows]) + "\n")
    return folder


@pytest.fixture
def places(tmp_path: Path) -> Places:
    return Places(land(tmp_path / "landing"), tmp_path / "data")


@pytest.fixture(scope="module")
def first_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder whose landing a first run has published, which takes a second each time; to be copied."""
    folder = tmp_path_factory.mktemp("first_run")
    go(Places(land(folder / "landing"), folder / "data"))
    return folder


@pytest.fixture
def standing(first_run: Path, tmp_path: Path) -> Places:
    """Where a first run has published."""
    shutil.copytree(first_run, tmp_path, symlinks=True, dirs_exist_ok=True)
    return Places(tmp_path / "landing", tmp_path / "data")


def go(places: Places, **options: Any) -> RunSummary:
    return run(places, RunOptions(**options), SilentProgress(), lambda: NOW)


def committed(places: Places, query: str) -> list[tuple[Any, ...]]:
    with open_work(places.data_dir) as work:
        return work.execute(query).fetchall()


def breaks(error: Exception) -> Callable[..., Any]:
    def broken(*_: Any, **__: Any) -> Any:
        raise error

    return broken


def test_a_first_run_publishes_and_says_what_it_did(places: Places) -> None:
    summary = go(places)
    assert summary.outcome == "published"
    assert summary.run_id == "run_20261121T060000Z_0001"
    assert (summary.records, summary.customers) == (10, 5)
    assert summary.customers_by_channels == {2: 5}
    assert summary.merges_by_channels == {2: 5}
    assert summary.total("received") == summary.total("accepted") == 10
    assert summary.generation == places.data_dir / "generations" / summary.run_id
    assert {"ingest", "identify", "publish", "index"} <= set(summary.durations)
    assert summary.peak_memory_bytes > 1_000_000
    assert committed(places, "SELECT state FROM runs") == [("published",)]


def test_a_channel_declared_anew_to_hold_nobody_twice_is_obeyed_though_no_file_is_new(places: Places) -> None:
    assert places.landing is not None
    store = places.landing / "store" / "customers.csv"
    head, *rows = store.read_text().splitlines()
    store.write_text("\n".join([head, *rows, *(f"again-{row}" for row in rows)]) + "\n")
    declaration = places.data_dir.with_name("channels.toml")

    def declared(said: str) -> RunSummary:
        declaration.write_text(f'[channels.store]\ncustomers = "store/*.csv"\nduplicate_free = {said}\n')
        return go(places, channels=declaration, accept=True)

    together = declared("false")
    assert together.customers == 5
    apart = declared("true")
    assert (apart.outcome, apart.customers) == ("published", 10)
    assert declared("true").outcome == "nothing new"
    erasing = run(replace(places, landing=None), RunOptions(accept=True, rebuild=True), SilentProgress())
    assert erasing.customers == 10, "a run without a landing declares nothing"
    silent = go(places, accept=True, rebuild=True)
    assert silent.customers == 10, "a run without --channels declares nothing of a built-in channel"
    (warning,) = [said for said in silent.warnings if "earlier run declared" in said]
    assert warning.startswith("channel store is read as --channels of an earlier run declared"), warning
    assert not any("earlier run declared" in said for said in (*apart.warnings, *erasing.warnings))
    again = declared("false")
    assert (again.outcome, again.customers) == ("published", 5)


def test_a_layout_once_declared_is_not_lost_by_a_forgotten_channels_file(places: Places) -> None:
    assert places.landing is not None
    store = places.landing / "store" / "customers.csv"
    plain = store.read_text()
    store.write_text(plain.replace("family_name", "fam", 1))
    declaration = places.data_dir.with_name("channels.toml")
    usually = '[channels.store]\ncustomers = "store/*.csv"\n'
    declaration.write_text(f'{usually}[channels.store.columns]\nfamily_name = "fam"\n')
    named = "SELECT count(*) FROM records WHERE channel = 'store' AND family_name IS NOT NULL"
    assert go(places, channels=declaration).outcome == "published"
    ((with_names,),) = committed(places, named)
    assert with_names
    forgotten = go(places)
    assert forgotten.outcome == "nothing new", "the file is known, read as it was declared"
    assert any("earlier run declared" in said for said in forgotten.warnings)
    dry = go(places, dry_run=True, rebuild=True)
    assert dry.outcome == "dry run"
    assert committed(places, named) == [(with_names,)]

    declaration.write_text(usually)
    usual = go(places, channels=declaration, accept=True)
    assert usual.outcome == "published", "declared anew, the file is read anew"
    assert committed(places, named) == [(0,)]
    store.write_text(plain)
    assert go(places, accept=True).outcome == "published"
    assert committed(places, named) == [(with_names,)]


def test_a_renamed_channel_is_refused_until_it_is_said_what_becomes_of_the_old_name(places: Places) -> None:
    declaration = places.data_dir.with_name("channels.toml")
    declaration.write_text('[channels.shop]\ncustomers = "store/*.csv"\nduplicate_free = true\n')
    before = go(places, channels=declaration)
    renamed = '[channels.tills]\ncustomers = "store/*.csv"\n'
    declaration.write_text(renamed)
    with pytest.raises(UnusableInput, match=r"belongs to channel shop, as an earlier .*claims it for tills"):
        go(places, channels=declaration)
    assert committed(places, "SELECT DISTINCT channel FROM files WHERE path LIKE 'store/%'") == [("shop",)]
    declaration.write_text(f"{renamed}[channels.shop]\nretired = true\n")
    after = go(places, channels=declaration, accept=True)
    assert any("channel shop is retired" in said for said in after.warnings)
    assert after.records > before.records, "what the old name brought stays"
    assert committed(places, "SELECT channel FROM duplicate_free") == [("shop",)], "and holds nobody twice, as before"
    silent = go(places)
    assert silent.outcome == "nothing new"
    assert not any("shop" in said for said in silent.warnings)


def test_the_same_landing_again_is_nothing_new_and_leaves_no_trace(places: Places) -> None:
    first = go(places)
    again = go(places)
    assert again.outcome == "nothing new"
    assert again.run_id == first.run_id
    assert again.ids["churn"] == again.ids["created"] == 0
    assert again.generation == first.generation
    assert len(committed(places, "SELECT 1 FROM runs")) == 1


def test_a_run_that_died_before_the_flip_is_made_good_by_the_next(
    places: Places, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as broken:
        broken.setattr(run_module, "publish", breaks(RuntimeError("power cut")))
        with pytest.raises(RuntimeError, match="power cut"):
            go(places)
    assert committed(places, "SELECT state FROM runs") == [("resolved",)]
    assert standing_generation(places.data_dir) is None
    summary = go(places)
    assert summary.outcome == "caught up"
    assert summary.generation is not None
    assert committed(places, "SELECT state FROM runs") == [("published",)]
    assert go(places).outcome == "nothing new"


def test_a_later_run_publishes_what_a_dead_one_had_resolved_too(
    places: Places, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as broken:
        broken.setattr(run_module, "publish", breaks(RuntimeError("power cut")))
        with pytest.raises(RuntimeError):
            go(places)
    more = Places(land(tmp_path / "more", [("Hedy", "Lamarr")]), places.data_dir)
    assert go(more).customers == 6
    with duckdb.connect(str((places.data_dir / "customers.duckdb").resolve()), read_only=True) as warehouse:
        assert warehouse.execute("SELECT count(*) FROM customers").fetchall() == [(6,)]
    assert committed(places, "SELECT DISTINCT state FROM runs") == [("published",)]


@pytest.mark.parametrize("stage", ["resolve", "identify"])
def test_a_run_that_fails_before_its_commit_has_not_happened(
    places: Places, stage: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as broken:
        broken.setattr(run_module, stage, breaks(RuntimeError("a stage broke")))
        with pytest.raises(RuntimeError):
            go(places)
    assert committed(places, "SELECT count(*) FROM files") == [(0,)]
    assert go(places).total("accepted") == 10


def test_a_dry_run_tells_and_changes_nothing(places: Places) -> None:
    summary = go(places, dry_run=True)
    assert (summary.outcome, summary.customers) == ("dry run", 5)
    assert not places.models.exists()
    assert standing_generation(places.data_dir) is None


def test_a_dry_run_where_nothing_stands_makes_no_data_directory(places: Places) -> None:
    assert go(places, dry_run=True).data_dir == places.data_dir
    assert not places.data_dir.exists()


def test_a_lost_work_store_never_gives_everyone_another_id_unasked(standing: Places) -> None:
    shutil.rmtree(standing.data_dir / "work")
    with pytest.raises(RunFailed, match="every id it gave would be lost"):
        run(standing, RunOptions(), SilentProgress(), lambda: LATER)
    assert run(standing, RunOptions(accept=True), SilentProgress(), lambda: LATER).outcome == "published"


def test_a_warehouse_cut_short_is_published_again(standing: Places) -> None:
    warehouse = (standing.data_dir / "customers.duckdb").resolve()
    warehouse.chmod(0o644)
    with warehouse.open("r+b") as stream:
        stream.truncate(5_000)
    assert go(standing).outcome == "caught up"


@pytest.mark.parametrize(("content", "error"), [(b"hi" * 10_000, RunFailed), (b"", None)])
def test_a_work_store_that_is_none_is_said_so(places: Places, content: bytes, error: type[Exception] | None) -> None:
    (places.data_dir / "work").mkdir(parents=True)
    (places.data_dir / "work" / "pipeline.duckdb").write_bytes(content)
    if error is None:
        assert go(places).outcome == "published"
        return
    with pytest.raises(error, match="the work store cannot be read"):
        go(places)


def test_a_reader_of_the_work_store_is_named_as_what_a_run_waits_for(standing: Places) -> None:
    store = str(standing.data_dir / "work" / "pipeline.duckdb")
    reading = f"import duckdb, sys; held = duckdb.connect({store!r}, read_only=True); print(flush=True); input()"
    with subprocess.Popen([sys.executable, "-c", reading], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as reader:
        assert reader.stdout is not None
        reader.stdout.readline()
        with pytest.raises(RunLocked, match="another program has the work store open"):
            go(standing)
        reader.communicate(b"\n")


def test_a_dry_run_names_the_customers_that_would_become_one(places: Places, tmp_path: Path) -> None:
    alone = Places(land(tmp_path / "alone"), places.data_dir)
    (alone.landing / "web" / "customers.csv").write_text(
        "source_record_id,updated_at\nwAda,2020-01-01T00:00:00Z\nwGrace,2020-01-01T00:00:00Z\n"
    )
    assert go(alone).customers == 7
    now = (places.landing / "web" / "customers.csv").read_text().replace("\n", ",2021-01-01T00:00:00Z\n")
    (places.landing / "web" / "customers.csv").write_text(now.replace("date,2021-01-01T00:00:00Z", "date,updated_at"))
    summary = go(places, dry_run=True)
    assert summary.customers == 5
    merged = [change for change in summary.changes if change.event == "merged_into"]
    assert merged
    assert all(change.other_customer_id for change in merged)
    assert any("store:sAda" in change.records for change in merged)


def test_the_firewall_stops_a_run_before_it_commits_and_accept_overrules_it(
    places: Places, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipelines.firewall.objections", lambda *_: ["a giant customer"])
    with pytest.raises(RunFailed, match="a giant customer"):
        go(places)
    assert committed(places, "SELECT count(*) FROM files") == [(0,)]
    assert go(places, accept=True).outcome == "published"


def test_a_rebuild_of_the_same_records_changes_no_id(standing: Places) -> None:
    summary = go(standing, rebuild=True)
    assert summary.outcome == "published"
    assert (summary.ids["churn"], summary.ids["created"], summary.ids["merged"]) == (0, 0, 0)


def test_another_model_is_put_to_use_although_nothing_new_has_landed(standing: Places) -> None:
    version = (standing.models / "current").read_text().strip()
    (standing.models / version).rename(standing.models / "another")
    (standing.models / "current").write_text("another\n")
    second = go(standing)
    assert (second.outcome, second.model_version) == ("published", "another")
    assert second.customers == 5


def test_a_deleted_generation_is_published_again(standing: Places) -> None:
    (standing.data_dir / "customers.duckdb").unlink()
    assert go(standing).outcome == "caught up"
    assert standing_generation(standing.data_dir) is not None


def test_a_full_disk_is_named(places: Places, monkeypatch: pytest.MonkeyPatch) -> None:
    full = duckdb.IOException('IO Error: Could not write file "x": No space left on device')
    monkeypatch.setattr(run_module, "resolve", breaks(full))
    with pytest.raises(NotEnoughDisk, match="the disk is full"):
        go(places)


def test_a_landing_that_is_no_folder_is_refused_before_anything_is_made(tmp_path: Path) -> None:
    with pytest.raises(UnusableInput, match="no folder"):
        go(Places(tmp_path / "nowhere", tmp_path / "data"))
    assert not (tmp_path / "data").exists()
