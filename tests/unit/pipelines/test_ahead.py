"""The warehouse is copied while a run links; whatever becomes of the run, of the copy only what is taken stays."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from pipelines.ahead import BUILDING, WarehouseCopy
from profile_service.store.generation import GENERATIONS, WAREHOUSE, Generation, Manifest

CONTENT = bytes(range(256)) * 300


@pytest.fixture
def standing(tmp_path: Path) -> Generation:
    """A published generation as far as a copy looks at it."""
    folder = tmp_path / GENERATIONS / "run_1"
    folder.mkdir(parents=True)
    (folder / WAREHOUSE).write_bytes(CONTENT)
    manifest = Manifest("run_1", 1, "full", "model_1", "s", 1, 1, len(CONTENT), len(CONTENT))
    manifest.write(folder)
    (tmp_path / WAREHOUSE).symlink_to(folder / WAREHOUSE)
    return Generation(folder, manifest)


def left_behind(data_dir: Path) -> list[Path]:
    return list((data_dir / GENERATIONS).glob(f"{BUILDING}*"))


def test_a_copy_that_is_taken_is_the_warehouse_byte_by_byte(standing: Generation, tmp_path: Path) -> None:
    with WarehouseCopy(tmp_path) as ahead:
        ahead.begin("run_2", "model_1")
        assert ahead.take(standing.warehouse, tmp_path / "taken")
    assert (tmp_path / "taken").read_bytes() == standing.warehouse.read_bytes() == CONTENT
    assert left_behind(tmp_path) == []


def test_where_the_kernel_does_not_copy_the_bytes_are_read_and_written(
    standing: Generation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: object) -> int:
        raise OSError("cross-device link")

    monkeypatch.setattr(os, "copy_file_range", refused, raising=False)
    with WarehouseCopy(tmp_path) as ahead:
        ahead.begin("run_2", "model_1")
        assert ahead.take(standing.warehouse, tmp_path / "taken")
    assert (tmp_path / "taken").read_bytes() == CONTENT


def test_a_run_that_fails_leaves_no_copy_behind(standing: Generation, tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="firewall"), WarehouseCopy(tmp_path) as ahead:
        ahead.begin("run_2", "model_1")
        raise RuntimeError("the firewall objects")
    assert left_behind(tmp_path) == []
    assert standing.warehouse.read_bytes() == CONTENT


def test_nothing_is_copied_where_everyone_will_be_published_anew(standing: Generation, tmp_path: Path) -> None:
    with WarehouseCopy(tmp_path) as ahead:
        ahead.begin("run_2", "another model")
        assert left_behind(tmp_path) == []
        assert not ahead.take(standing.warehouse, tmp_path / "taken")


def test_a_copy_of_another_generation_is_not_taken(standing: Generation, tmp_path: Path) -> None:
    with WarehouseCopy(tmp_path) as ahead:
        ahead.begin("run_2", "model_1")
        assert not ahead.take(standing.folder.parent / "run_0" / WAREHOUSE, tmp_path / "taken")


def test_a_copy_for_which_there_is_no_room_is_left_to_whoever_says_so(
    standing: Generation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with WarehouseCopy(tmp_path) as ahead:
        ahead.begin("run_2", "model_1")
        assert not ahead.take(standing.warehouse, tmp_path / "taken")
    assert left_behind(tmp_path) == []


def test_what_a_dead_run_left_is_gone_before_anything_is_copied(standing: Generation, tmp_path: Path) -> None:
    (tmp_path / GENERATIONS / f"{BUILDING}run_2-copy").mkdir()
    (tmp_path / GENERATIONS / f"{BUILDING}run_2-copy" / WAREHOUSE).write_bytes(CONTENT)
    with WarehouseCopy(tmp_path):
        assert left_behind(tmp_path) == []
    assert standing.warehouse.read_bytes() == CONTENT
