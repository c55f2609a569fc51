"""The sample as published, for tests of the service: a data directory made once, a world of one's own on top of it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pipelines.progress import SilentProgress
from pipelines.run import Places, RunOptions, run
from profile_service.settings import Settings
from profile_service.world import World
from tests.linkage_world import SAMPLE


def publish_sample(data_dir: Path) -> Path:
    """Run the batch on the sample; answers ``data_dir``."""
    run(Places(SAMPLE, data_dir), RunOptions(), SilentProgress())
    return data_dir


@contextmanager
def opened_world(published: Path, ledger: Path) -> Iterator[World]:
    """A world on ``published``, which it only reads, with its ledger at ``ledger``."""
    world = World.open(Settings(data_dir=published, ledger_url=f"sqlite:///{ledger}"))
    try:
        yield world
    finally:
        world.close()
