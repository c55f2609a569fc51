"""The sample as published, for tests of the service: a data directory made once, a world of one's own on top of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pipelines.progress import SilentProgress, Stage
from pipelines.run import Places, RunOptions, run
from profile_service.live.apply import apply
from profile_service.settings import Settings
from profile_service.store.ledger import About
from profile_service.world import World
from tests.linkage_world import SAMPLE


def publish_sample(data_dir: Path) -> Path:
    """Run the batch on the sample; answers ``data_dir``."""
    run(Places(SAMPLE, data_dir), RunOptions(), SilentProgress())
    return data_dir


class Meanwhile(SilentProgress):
    """Does something once, when a stage begins."""

    def __init__(self, stage: str, what: Callable[[], None]) -> None:
        super().__init__()
        self._stage, self._what = stage, what

    def _open(self, name: str, total: int | None) -> Stage:
        if name == self._stage:
            self._stage = ""
            self._what()
        return super()._open(name, total)


@contextmanager
def opened_world(published: Path, ledger: Path) -> Iterator[World]:
    """A world on ``published``, which it only reads, with its ledger at ``ledger``."""
    world = World.open(Settings(data_dir=published, ledger_url=f"sqlite:///{ledger}"))
    try:
        yield world
    finally:
        world.close()


def take_record(world: World, channel: str, source_record_id: str, **fields: str) -> str:
    """Take an authenticated record in now; answers its customer."""
    with world.write() as hand:
        payload = {"fields": fields, "updated_at": "2026-11-20T08:00:00Z", "authenticated": True}
        taken = apply(hand.append("record", payload, About(channel, source_record_id), actor="test"))
    return str(taken.customer_id)


def take_event(world: World, channel: str, source_record_id: str, **event: Any) -> None:
    """Take an event of a record in now."""
    with world.write() as hand:
        apply(hand.append("event", event, About(channel, source_record_id), actor="test"))
