"""What is made once a test session: a model trained on the sample, the sample published, a PostgreSQL server."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from profile_service.identity.model_files import standing_model
from profile_service.settings import Settings
from profile_service.state import State
from profile_service.world import World
from tests.linkage_world import SAMPLE, Learned, LinkageWorld, sent_records
from tests.postgres_world import PostgresWorld, binaries, postgres_server
from tests.served_world import opened_world, publish_sample


@pytest.fixture(scope="session")
def learned(tmp_path_factory: pytest.TempPathFactory) -> Learned:
    """The model trained on the sample; its folder is for reading only."""
    models = tmp_path_factory.mktemp("learned") / "models"
    with LinkageWorld(models) as world:
        world.ingest(SAMPLE)
        world.resolve()
        records = sent_records(world)
    model = standing_model(models)
    assert model is not None
    return Learned(model, models, records)


@pytest.fixture(scope="session")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data directory in which the sample is published; for reading only."""
    return publish_sample(tmp_path_factory.mktemp("published"))


@pytest.fixture
def data_dir(published: Path, tmp_path: Path) -> Path:
    """A data directory of the test's own, with the sample published."""
    return Path(shutil.copytree(published, tmp_path / "data", symlinks=True))


@pytest.fixture
def world(data_dir: Path) -> Iterator[World]:
    """That directory as the service has it open."""
    opened = World.open(Settings(data_dir=data_dir))
    yield opened
    opened.close()


@pytest.fixture(scope="session")
def sample_state(published: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[State]:
    """The published sample with nothing written since."""
    with opened_world(published, tmp_path_factory.mktemp("ledger") / "ledger.sqlite") as world:
        yield world.state()


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresWorld]:
    """A real server, started when the first test asks for it."""
    if binaries() is None:
        pytest.skip("no PostgreSQL server is installed here: initdb is in no folder of the path")
    with postgres_server() as world:
        yield world
