"""One small world, simulated and resolved once a test session."""

import shutil
from pathlib import Path

import pytest

from tests.end_to_end import worlds


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> worlds.Feeds:
    """Feeds of about 400 records with their events."""
    landing = tmp_path_factory.mktemp("world")
    ended = worlds.profiles("simulate", landing, "--records", "400", "--seed", "11", data_dir=landing)
    assert ended.status == 0, ended.err
    return worlds.read_feeds(landing)


@pytest.fixture(scope="session")
def halves(world: worlds.Feeds, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The world as two landing folders: three quarters of it, then the rest."""
    folder = tmp_path_factory.mktemp("halves")
    first, second = worlds.batches(world, [0, 0, 1, 0])
    return worlds.write_feeds(folder / "first", first), worlds.write_feeds(folder / "second", second)


@pytest.fixture(scope="session")
def after_first(halves: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data directory in which the first landing stands; copy it, do not write to it."""
    data_dir = tmp_path_factory.mktemp("after_first")
    worlds.run(halves[0], data_dir)
    return data_dir


@pytest.fixture(scope="session")
def sample(published: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data directory in which the sample stands; read it, do not write to it.

    A copy of its own: where a service of another test has the same file open, its settings are locked.
    """
    return Path(shutil.copytree(published, tmp_path_factory.mktemp("sample") / "data", symlinks=True))
