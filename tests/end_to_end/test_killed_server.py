"""The whole service, or one worker, killed under writes over HTTP: what was acknowledged is there, once."""

from __future__ import annotations

import os
import shutil
import signal
import time
from pathlib import Path

import pytest

from tests.end_to_end import worlds
from tests.end_to_end.callers import Callers, calling
from tests.end_to_end.served import new_key, served

SCOPES = ("profiles:read", "records:write", "events:write", "consents:write")


@pytest.mark.parametrize("seconds", [0.7, pytest.param(1.9, marks=pytest.mark.slow)])
def test_a_server_killed_under_writes_keeps_what_it_acknowledged(
    seconds: float, published: Path, tmp_path: Path
) -> None:
    data_dir = tmp_path / "data"
    shutil.copytree(published, data_dir, symlinks=True)
    callers = Callers(new_key(data_dir, "shop", *SCOPES, options=("--trusted",)))
    with served(data_dir, tmp_path / "killed.log") as server, calling(server, callers):
        until = time.monotonic() + 30
        while not callers.records and time.monotonic() < until:
            time.sleep(0.01)
        time.sleep(seconds)
        os.killpg(server.process.pid, signal.SIGKILL)
    assert (callers.failed, bool(callers.lost), bool(callers.records)) == ([], True, True)
    with served(data_dir, tmp_path / "log") as server, server.client(callers.key) as client:
        callers.check_answers(client)
        assert server.stop() == 0
    callers.check_ledger(data_dir)


@pytest.mark.slow
def test_two_workers_write_one_ledger_while_a_run_publishes_and_one_of_them_is_killed(
    published: Path, tmp_path: Path
) -> None:
    data_dir = tmp_path / "data"
    shutil.copytree(published, data_dir, symlinks=True)
    callers = Callers(new_key(data_dir, "shop", *SCOPES, options=("--trusted",)))
    landing = worlds.write_feeds(tmp_path / "landing", {("store", "customers"): [{"source_record_id": "S-new"}]})
    with served(data_dir, tmp_path / "log", "--workers", "2") as server, server.client(callers.key) as client:
        with calling(server, callers, writers=2):
            assert worlds.profiles("run", landing, data_dir=data_dir).status == 0
            known = len(callers.records)
            os.kill(_workers(server.process.pid)[0], signal.SIGKILL)
            until = time.monotonic() + 15
            while len(callers.records) < known + 10 and time.monotonic() < until:
                time.sleep(0.05)
            assert len(callers.records) >= known + 10 > 10
        callers.check_answers(client)
    # what was on its way to the worker that was killed is not known to be done; nothing else failed
    assert callers.failed == []
    assert len(callers.lost) <= 2
    callers.check_ledger(data_dir)


def _workers(server: int) -> list[int]:
    """The processes that answer for a server: those of its children that are called as it is."""
    children = Path(f"/proc/{server}/task/{server}/children").read_text().split()
    command = Path(f"/proc/{server}/cmdline").read_bytes()
    return [int(child) for child in children if Path(f"/proc/{child}/cmdline").read_bytes() == command]
