"""One model, trained on the sample once a test session."""

from __future__ import annotations

import pytest

from profile_service.identity.model import standing_model
from tests.linkage_world import SAMPLE, Learned, LinkageWorld, sent_records


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
