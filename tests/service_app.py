"""The service as an application in this process, on the published sample and a ledger of its own."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
from flask import Flask
from flask.testing import FlaskClient

from profile_service.app import CLOSE, create_app
from profile_service.keys import KeyGrant, Keys
from profile_service.settings import Settings
from profile_service.store.ledger import Ledger


def borrowed(published: Path, folder: Path) -> Path:
    """A data directory whose generations and models are those of ``published``; what is written lands in ``folder``."""
    folder.mkdir()
    for name in ("generations", "models"):
        (folder / name).symlink_to(published / name)
    (folder / "customers.duckdb").symlink_to((published / "customers.duckdb").resolve())
    return folder


@dataclass
class ServiceApp:
    """The application, a client of it, and the keys it takes."""

    app: Flask
    client: FlaskClient
    keys: Keys
    settings: Settings

    def key(self, *scopes: str, **grant: Any) -> dict[str, str]:
        """The headers of a new key."""
        name = grant.pop("name", f"key-{secrets.token_hex(6)}")
        return {"Authorization": f"Bearer {self.keys.create(KeyGrant(name, scopes, **grant))}"}

    def sql(self, query: str) -> list[tuple[Any, ...]]:
        """What the warehouse says."""
        with duckdb.connect(str(self.settings.data_dir / "customers.duckdb"), read_only=True) as warehouse:
            return warehouse.execute(query).fetchall()


@contextmanager
def service_app(published: Path, folder: Path, **settings: Any) -> Iterator[ServiceApp]:
    """Open the application; closing it ends its threads."""
    set_up = Settings(data_dir=borrowed(published, folder), log_level="ERROR", **settings)
    app = create_app(set_up)
    ledger = Ledger.open(set_up.ledger)
    try:
        yield ServiceApp(app, app.test_client(), Keys(ledger, set_up.server_secret()), set_up)
    finally:
        ledger.close()
        app.extensions[CLOSE]()
