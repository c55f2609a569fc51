"""One console for the tests of a module."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.service_app import ServiceApp, service_app


@pytest.fixture(scope="module")
def service(published: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServiceApp]:
    """The application on the published sample."""
    with service_app(published, tmp_path_factory.mktemp("console") / "data") as opened:
        yield opened
