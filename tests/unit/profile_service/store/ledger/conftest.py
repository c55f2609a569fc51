"""The ledger in each of its databases."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from profile_service.store.ledger import Ledger
from tests.postgres_world import PostgresWorld

Opener = Callable[[], Ledger]


@pytest.fixture(params=["sqlite", "postgres"])
def where(request: pytest.FixtureRequest, tmp_path: Path) -> str | Path:
    """Where an empty ledger is."""
    if request.param == "sqlite":
        return tmp_path / "ledger.sqlite"
    world: PostgresWorld = request.getfixturevalue("postgres")
    return world.new_ledger()


@pytest.fixture
def ledger(where: str | Path) -> Iterator[Ledger]:
    opened = Ledger.open(where)
    yield opened
    opened.close()
