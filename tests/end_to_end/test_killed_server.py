"""The whole service killed under writes over HTTP: what was acknowledged is there, once, and audited."""

from __future__ import annotations

import os
import shutil
import signal
import time
from pathlib import Path

import pytest

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
