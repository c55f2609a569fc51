"""A full disk: one clear line, and what stood before still stands; with room again, the run ends as it should."""

import os
import resource
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.end_to_end import worlds

MEGABYTE = 1_000_000


@pytest.fixture
def small_disk(after_first: Path, tmp_path: Path) -> Iterator[Path]:
    """A file system of its own in memory, where the first landing stands and next to nothing is free."""
    mount = tmp_path / "disk"
    mount.mkdir()
    used = sum(path.stat().st_size for path in after_first.rglob("*") if path.is_file() and not path.is_symlink())
    size = used + 2 * MEGABYTE
    made = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", mount], capture_output=True, check=False
    )
    if made.returncode != 0:
        pytest.skip("no file system can be mounted here")
    try:
        shutil.copytree(after_first, mount / "data", symlinks=True)
        yield mount
    finally:
        subprocess.run(["umount", mount], check=True)


def test_a_full_disk_stops_a_run_and_room_lets_it_go_on(
    small_disk: Path, after_first: Path, halves: tuple[Path, Path]
) -> None:
    data_dir = small_disk / "data"
    ended = worlds.profiles("run", halves[1], data_dir=data_dir)
    assert ended.status == 1, ended.err
    assert "Traceback" not in ended.err
    assert "free" in ended.last_error
    assert worlds.ids(data_dir) == worlds.ids(after_first)
    subprocess.run(["mount", "-o", f"remount,size={400 * MEGABYTE}", small_disk], check=True)
    assert worlds.run(halves[1], data_dir)["outcome"] in ("published", "caught up")
    assert set(worlds.ids(after_first)) < set(worlds.ids(data_dir))


def test_a_file_that_may_not_grow_further_is_told_like_a_full_disk(
    after_first: Path, halves: tuple[Path, Path], tmp_path: Path
) -> None:
    data_dir = tmp_path / "data"
    shutil.copytree(after_first, data_dir, symlinks=True)
    most = (data_dir / "work" / "pipeline.duckdb").stat().st_size // 2
    done = subprocess.run(
        [worlds.PROFILES, "run", str(halves[1])],
        env=worlds.environment(data_dir),
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (most, most)),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1, done.stderr
    assert "Traceback" not in done.stderr
    assert "the disk is full" in done.stderr.splitlines()[-1]
    assert worlds.ids(data_dir) == worlds.ids(after_first)
    worlds.run(halves[1], data_dir)
    assert set(worlds.ids(after_first)) < set(worlds.ids(data_dir))


def test_a_data_directory_that_cannot_be_written_is_wrong_usage(tmp_path: Path, halves: tuple[Path, Path]) -> None:
    (tmp_path / "data").write_text("a file, no folder")
    ended = worlds.profiles("run", halves[0], data_dir=tmp_path / "data")
    assert ended.status == 2
    assert "Traceback" not in ended.err
    if os.geteuid() != 0:
        (tmp_path / "closed").mkdir(mode=0o500)
        ended = worlds.profiles("run", halves[0], data_dir=tmp_path / "closed")
        assert (ended.status, "cannot write" in ended.err) == (2, True)
