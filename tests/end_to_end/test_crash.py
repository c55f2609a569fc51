"""Killed at any moment, a run has happened or it has not; the next one ends where an unbroken one would have."""

import random
import shutil
import time
from pathlib import Path

import pytest

from tests.command_line import killed_command
from tests.end_to_end import worlds

SEED = 20261121
DRAW = random.Random(SEED)
# shares of the time that an unbroken run takes: some before it begins to write, some after it has flipped
FIRST_RUN = [round(DRAW.uniform(0.1, 1.05), 3) for _ in range(10)]
SECOND_RUN = [round(DRAW.uniform(0.1, 1.05), 3) for _ in range(14)]


def killed_after(seconds: float, landing: Path, data_dir: Path) -> bool:
    """Start a run and kill it; False when it had ended before."""
    command = ["run", str(landing), "--json"]
    return killed_command(command, worlds.environment(data_dir), worlds.ROOT, after=seconds)


def timed(landing: Path, data_dir: Path) -> float:
    began = time.perf_counter()
    worlds.run(landing, data_dir)
    return time.perf_counter() - began


@pytest.fixture(scope="module")
def unbroken_first(
    halves: tuple[Path, Path], after_first: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, float]:
    """The first landing resolved without a break, and the seconds that took."""
    data_dir = worlds.copy_models(after_first, tmp_path_factory.mktemp("unbroken_first"))
    return data_dir, timed(halves[0], data_dir)


@pytest.fixture(scope="module")
def unbroken_second(
    halves: tuple[Path, Path], after_first: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, float]:
    """Both landings resolved without a break, and the seconds that the second took."""
    data_dir = tmp_path_factory.mktemp("unbroken_second") / "data"
    shutil.copytree(after_first, data_dir, symlinks=True)
    repoint(data_dir)
    return data_dir, timed(halves[1], data_dir)


def repoint(data_dir: Path) -> None:
    """A copied link points into the directory it was copied from where it is absolute."""
    link = data_dir / "customers.duckdb"
    target = Path(link.readlink())
    if target.is_absolute():
        link.unlink()
        link.symlink_to(Path("generations") / target.parent.name / target.name)


@pytest.mark.parametrize("share", FIRST_RUN)
def test_a_first_run_killed_leaves_nothing_or_everything(
    share: float, halves: tuple[Path, Path], unbroken_first: tuple[Path, float], tmp_path: Path
) -> None:
    whole, seconds = unbroken_first
    data_dir = worlds.copy_models(whole, tmp_path / "data")
    killed_after(share * seconds, halves[0], data_dir)
    if (data_dir / "customers.duckdb").exists():
        assert worlds.customers(data_dir) == worlds.customers(whole)
    worlds.run(halves[0], data_dir)
    assert worlds.customers(data_dir) == worlds.customers(whole), f"seed {SEED}, share {share}"
    assert worlds.golden(data_dir) == worlds.golden(whole), f"seed {SEED}, share {share}"
    assert_tidy(data_dir)


@pytest.mark.parametrize("share", SECOND_RUN)
def test_a_later_run_killed_leaves_the_old_generation_or_the_new_one(
    share: float,
    halves: tuple[Path, Path],
    after_first: Path,
    unbroken_second: tuple[Path, float],
    tmp_path: Path,
) -> None:
    whole, seconds = unbroken_second
    data_dir = tmp_path / "data"
    shutil.copytree(after_first, data_dir, symlinks=True)
    repoint(data_dir)
    killed_after(share * seconds, halves[1], data_dir)
    assert worlds.customers(data_dir) in (worlds.customers(after_first), worlds.customers(whole))
    worlds.run(halves[1], data_dir)
    assert worlds.customers(data_dir) == worlds.customers(whole), f"seed {SEED}, share {share}"
    assert worlds.golden(data_dir) == worlds.golden(whole), f"seed {SEED}, share {share}"
    before, after = worlds.ids(after_first), worlds.ids(data_dir)
    untouched = worlds.customers(after_first) & worlds.customers(data_dir)
    assert all(before[key] == after[key] for customer in untouched for key in customer)
    assert_tidy(data_dir)


def assert_tidy(data_dir: Path) -> None:
    """Nothing half-built is left after a run that ended well."""
    assert not list((data_dir / "generations").glob(".*"))
