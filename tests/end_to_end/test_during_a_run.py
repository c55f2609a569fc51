"""Runs while the service is written to and read from: nothing fails, nothing is lost, and what was decided binds."""

from __future__ import annotations

import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from profile_service.store.generation import standing_generation
from tests.end_to_end import worlds
from tests.end_to_end.callers import Callers, calling, invented, settled
from tests.end_to_end.served import PROFILES, Server, new_key, served

pytestmark = pytest.mark.slow

SCOPES = ("profiles:read", "records:write", "events:write", "consents:write", "reviews", "privacy")


@contextmanager
def serving(published: Path, folder: Path) -> Iterator[tuple[Server, httpx.Client, str]]:
    """A service on the sample, a client of it, and its key; erasures wait for a run."""
    data_dir = folder / "data"
    shutil.copytree(published, data_dir, symlinks=True)
    key = new_key(data_dir, "shop", *SCOPES, options=("--trusted",))
    with (
        served(data_dir, folder / "log", PROFILES_ERASE_IN_BACKGROUND="no") as server,
        server.client(key, follow_redirects=True) as client,
    ):
        yield server, client, key


def run_meanwhile(data_dir: Path, landing: Path, *options: str, do: Callable[[], None]) -> str:
    """Run as a process of its own and ``do`` again and again until it ends; answers the standing generation."""
    command = [*PROFILES, "run", str(landing), "--accept", "--data-dir", str(data_dir), *options]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as running:
        while running.poll() is None:
            do()
        assert running.stderr is not None
        assert running.returncode == 0, running.stderr.read()
    standing = standing_generation(data_dir)
    assert standing is not None
    return standing.manifest.run_id


def landing_of(folder: Path, *names: str) -> Path:
    """A landing folder that brings these invented people under other names of records."""
    rows = [{**invented(name), "source_record_id": f"landed-{name}"} for name in names]
    for row in rows:
        del row["channel"]
    return worlds.write_feeds(folder, {("store", "customers"): rows})


def test_no_request_fails_and_no_write_is_lost_while_runs_work(published: Path, tmp_path: Path) -> None:
    with serving(published, tmp_path) as (server, client, key):
        readers = sorted(set(worlds.ids(server.data_dir).values()))[:20]
        callers = Callers(key, readers)
        with calling(server, callers, writers=2, readers=2):
            landing = landing_of(tmp_path / "landing", "somebody else")
            for options in ((), ("--rebuild",), ()):
                run_id = run_meanwhile(server.data_dir, landing, *options, do=lambda: time.sleep(0.1))
                settled(client, run_id, readers[0])
        assert (callers.failed, callers.lost) == ([], [])
        assert callers.reads > len(callers.records) > 0
        callers.check_answers(client)
        run_id = run_meanwhile(server.data_dir, landing, do=lambda: time.sleep(0.1))
        settled(client, run_id, readers[0])
        callers.check_answers(client)
    callers.check_ledger(server.data_dir)


def test_whoever_is_erased_during_a_run_stays_gone(published: Path, tmp_path: Path) -> None:
    with serving(published, tmp_path) as (server, client, _):
        names = [f"erased-{number}" for number in range(12)]
        given = {name: client.post("/v1/records", json=invented(name)).json()["customer_id"] for name in names}
        known = sorted(set(worlds.ids(server.data_dir).values()))
        waiting = [customer for pair in zip(given.values(), known, strict=False) for customer in pair]
        gone: list[str] = []

        def erase_one() -> None:
            if waiting:
                gone.append(waiting.pop(0))
                said = client.delete(f"/v1/profiles/{gone[-1]}", headers={"Purpose": "article 17"})
                assert said.status_code == 202, said.text
            check()
            time.sleep(0.1)

        def check() -> None:
            for customer_id in gone:
                answer = client.get(f"/v1/profiles/{customer_id}")
                assert answer.status_code == 410, answer.text
            for name in names:
                if given[name] in gone:
                    assert client.get(f"/v1/profiles/by/record/web:{name}").status_code == 404

        # the landing brings half of these people under another record, which nobody asked to erase
        landing = landing_of(tmp_path / "landing", *names[::2])
        other = known[-1]
        settled(client, run_meanwhile(server.data_dir, landing, do=erase_one), other)
        check()
        settled(client, run_meanwhile(server.data_dir, landing, do=lambda: time.sleep(0.1)), other)
        check()
        states = {client.get(f"/v1/profiles/{customer_id}/erasure").json()["state"] for customer_id in gone}
        assert states == {"complete"}


def test_a_merge_during_a_publish_binds(published: Path, tmp_path: Path) -> None:
    with serving(published, tmp_path) as (server, client, _):
        names = [f"merged-{number}" for number in range(40)]
        given = {name: client.post("/v1/records", json=invented(name)).json()["customer_id"] for name in names}
        waiting = list(zip(names[::2], names[1::2], strict=True))
        merged: list[tuple[str, str]] = []

        def merge_two() -> None:
            if waiting:
                left, right = waiting.pop()
                body = {"customer_ids": [given[right]], "reason": "the same person"}
                said = client.post(f"/v1/profiles/{given[left]}/merge", json=body)
                assert said.status_code == 200, said.text
                merged.append((left, right))
            check()
            time.sleep(0.1)

        def check() -> None:
            for left, right in merged:
                ids = [
                    client.get(f"/v1/profiles/{path}").json()["customer_id"]
                    for path in (given[left], given[right], f"by/record/web:{left}", f"by/record/web:{right}")
                ]
                assert len(set(ids)) == 1, (left, right, ids)

        landing = landing_of(tmp_path / "landing", "somebody else")
        other = sorted(worlds.ids(server.data_dir).values())[0]
        settled(client, run_meanwhile(server.data_dir, landing, do=merge_two), other)
        check()
        settled(client, run_meanwhile(server.data_dir, landing, do=lambda: time.sleep(0.1)), other)
        check()
        assert merged
