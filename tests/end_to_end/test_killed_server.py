"""The whole service, or one worker, killed under writes over HTTP: what was acknowledged is there, once."""

from __future__ import annotations

import os
import shutil
import signal
import threading
import time
from contextlib import suppress
from pathlib import Path

import duckdb
import httpx
import pytest

from tests.end_to_end import worlds
from tests.end_to_end.callers import Callers, calling
from tests.end_to_end.served import new_key, served
from tests.linkage_world import SAMPLE

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


@pytest.mark.slow
def test_a_decision_taken_back_gives_each_its_id_however_a_run_or_a_kill_comes_between(
    published: Path, tmp_path: Path
) -> None:
    data_dir = tmp_path / "data"
    shutil.copytree(published, data_dir, symlinks=True)
    key = new_key(data_dir, "steward", "profiles:read", "reviews")
    with duckdb.connect(str(data_dir / "customers.duckdb"), read_only=True) as warehouse:
        rows = warehouse.execute(
            "SELECT customer_id, record_count FROM customers ORDER BY hash(customer_id)"
        ).fetchall()
    pairs = list(zip(rows[::2], rows[1::2], strict=False))
    back: list[int] = []  # pairs whose merge was acknowledged, and then its undoing

    def decide(client: httpx.Client) -> None:
        with suppress(httpx.TransportError):
            for place, ((one, _), (other, _)) in enumerate(pairs):
                merged = client.post(f"/v1/profiles/{one}/merge", json={"customer_ids": [other], "reason": "alike"})
                decision = merged.raise_for_status().json()["decision_id"]
                client.post(f"/v1/judgements/{decision}/undo", json={"reason": "not so"}).raise_for_status()
                back.append(place)

    def check(client: httpx.Client) -> None:
        for place in back:
            for customer_id, records in pairs[place]:
                stands = client.get(f"/v1/profiles/{customer_id}")
                assert (stands.status_code, stands.json()["record_count"]) == (200, records), customer_id

    with served(data_dir, tmp_path / "killed.log") as server, server.client(key) as client:
        deciding = threading.Thread(target=decide, args=(client,))
        deciding.start()
        assert worlds.profiles("run", SAMPLE, "--accept", data_dir=data_dir).status == 0
        with_run = len(back)
        until = time.monotonic() + 20
        while len(back) <= with_run + 2 and time.monotonic() < until:
            time.sleep(0.01)
        os.killpg(server.process.pid, signal.SIGKILL)
        deciding.join(30)
    assert 0 < with_run < len(back) < len(pairs)
    with served(data_dir, tmp_path / "log") as server, server.client(key) as client:
        check(client)
        assert worlds.profiles("run", SAMPLE, "--accept", data_dir=data_dir).status == 0
        check(client)


def _workers(server: int) -> list[int]:
    """The processes that answer for a server: those of its children that are called as it is."""
    children = Path(f"/proc/{server}/task/{server}/children").read_text().split()
    command = Path(f"/proc/{server}/cmdline").read_bytes()
    return [int(child) for child in children if Path(f"/proc/{child}/cmdline").read_bytes() == command]
