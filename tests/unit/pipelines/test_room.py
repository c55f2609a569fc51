"""The room that is asked for before a generation is built is what it takes, with a margin that refuses little work."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import pytest

from pipelines.progress import SilentProgress
from pipelines.room import LEAST_BYTES, room_for_a_refresh, room_for_everyone
from pipelines.run import Places, RunOptions, run
from profile_service.store.generation import Generation, standing_generation
from tests.end_to_end.worlds import read_feeds, write_feeds
from tests.linkage_world import SAMPLE


def written(folder: Path) -> int:
    """Bytes of a generation that no other one holds by a hard link."""
    return sum(path.stat().st_size for path in files(folder) if path.stat().st_nlink == 1)


def files(folder: Path) -> Iterable[Path]:
    return (path for path in folder.rglob("*") if path.is_file())


def standing(data_dir: Path) -> Generation:
    found = standing_generation(data_dir)
    assert found is not None
    return found


def test_a_generation_of_everyone_fits_the_room_asked_for(published: Path) -> None:
    took = sum(path.stat().st_size for path in files(standing(published).folder))
    assert took < room_for_everyone(published) < 3 * took + LEAST_BYTES


@pytest.mark.parametrize("people", [1, 30])
def test_a_refresh_fits_the_room_asked_for(published: Path, tmp_path: Path, people: int) -> None:
    data_dir = Path(shutil.copytree(published, tmp_path / "data", symlinks=True))
    before = standing(data_dir)
    rows = read_feeds(SAMPLE)["store", "customers"][:people]
    anew = [{**row, "source_record_id": f"new-{place}"} for place, row in enumerate(rows)]
    landing = write_feeds(tmp_path / "landing", {("store", "customers"): anew})
    run(Places(landing, data_dir), RunOptions(accept=True), SilentProgress())
    assert standing(data_dir).manifest.kind == "delta"
    took = written(standing(data_dir).folder)
    assert took < room_for_a_refresh(before, people, 0) < 2 * took + LEAST_BYTES


@pytest.mark.parametrize(
    ("warehouse", "customers", "changed", "took"),
    [(698_363_904, 415_988, 10_602, 824_466_000), (73_150_464, 40_877, 45, 86_000_000)],
    ids=["a million records", "100,000 records"],
)
def test_what_was_measured_at_size_fits_and_little_more_is_asked(
    published: Path, warehouse: int, customers: int, changed: int, took: int
) -> None:
    of_size = standing(published)
    of_size = replace(of_size, manifest=replace(of_size.manifest, size_bytes=warehouse, customers=customers))
    assert took < room_for_a_refresh(of_size, changed, 0) < 1.15 * took + LEAST_BYTES


def test_what_is_copied_already_is_not_asked_for_again(published: Path) -> None:
    of_size = standing(published)
    size = of_size.manifest.size_bytes
    assert room_for_a_refresh(of_size, 5, 0) - room_for_a_refresh(of_size, 5, size) == size
