"""Whoever waits to be removed is removed once, and the audit trail says so once."""

from __future__ import annotations

import os
import shutil
import subprocess
import threading
from pathlib import Path

import pytest

from pipelines import erase as erasing
from pipelines import eraser
from pipelines.eraser import eraser_beside, remove_erased, watch
from profile_service.audit import Audit
from profile_service.correct import Wish
from profile_service.erase import erase
from profile_service.settings import Settings
from profile_service.store.ledger import Ledger
from profile_service.world import World
from tests.postgres_world import PostgresWorld


@pytest.fixture(params=["sqlite", "postgres"])
def ledger_url(request: pytest.FixtureRequest) -> str:
    """Where the ledger is; empty: in the data directory."""
    if request.param == "sqlite":
        return ""
    world: PostgresWorld = request.getfixturevalue("postgres")
    return str(world.new_ledger())


def test_two_who_remove_the_same_people_at_once_do_it_once(
    published: Path, tmp_path: Path, ledger_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(erasing, "GRACE_SECONDS", 0.0)
    shutil.copytree(published, tmp_path / "data", symlinks=True)
    settings = Settings(data_dir=tmp_path / "data", ledger_url=ledger_url)
    world = World.open(settings)
    rows = world.state().generation.warehouse().execute("SELECT customer_id FROM customers ORDER BY 1 LIMIT 2")
    ids = [str(customer_id) for (customer_id,) in rows.fetchall()]
    for customer_id in ids:
        with world.write() as hand:
            erase(hand, customer_id, Wish("dpo", "asked"))
    world.close()
    receipts: list[list[str]] = []

    def remove() -> None:
        receipts.append([receipt["customer_id"] for receipt in remove_erased(settings, lambda line: None)])

    threads = [threading.Thread(target=remove) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(ids) in [sorted(each) for each in receipts]
    ledger = Ledger.open(settings.ledger)
    audit = Audit(ledger, settings.server_secret())
    for customer_id in ids:
        assert [row.action for row in audit.rows(customer_id)].count("profile.erase.complete") == 1
    assert audit.verify().broken_at is None
    ledger.close()
    assert remove_erased(settings, lambda line: None) == []


class _Enough(Exception):
    """The rest after a failure is over."""


def test_one_who_waits_to_be_removed_outlives_a_fault_that_nobody_foresaw(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []

    def fail(*_: object) -> None:
        raise RuntimeError("Ada Quillfeather cannot be cast to a date")

    def rest(seconds: float, parent: int) -> None:
        raise _Enough(seconds)

    monkeypatch.setattr(eraser, "unfinished_erasures", lambda log: [1])
    monkeypatch.setattr(eraser, "remove_erased", fail)
    monkeypatch.setattr(eraser, "_sleep", rest)
    with pytest.raises(_Enough, match=r"60\.0"):
        watch(Settings(data_dir=tmp_path), said.append, os.getppid())
    (line,) = said
    assert "RuntimeError in fail" in line
    assert "Ada" not in line


def test_a_database_password_stands_in_no_list_of_processes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    begun: list[tuple[list[str], dict[str, str]]] = []

    class Beside:
        """A process that does nothing."""

        def __init__(self, command: list[str], *, env: dict[str, str], **_: object) -> None:
            begun.append((command, env))

        def terminate(self) -> None:
            """Ended already."""

        def wait(self, timeout: float) -> None:
            """Ended already."""

    monkeypatch.setattr(subprocess, "Popen", Beside)
    with eraser_beside(Settings(data_dir=tmp_path, ledger_url="postgresql://user:hush@host/database")):
        pass
    ((command, environment),) = begun
    assert "hush" not in " ".join(command)
    assert environment["PROFILES_LEDGER_URL"] == "postgresql://user:hush@host/database"
