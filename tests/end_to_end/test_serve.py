"""`profiles serve` as a process: it answers every read, follows new generations, ends in good order."""

from __future__ import annotations

import json
import os
import re
import select
import shutil
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import duckdb
import httpx
import pytest

from tests.end_to_end.served import PROFILES, Server, command, new_key, served
from tests.end_to_end.worlds import profiles, run
from tests.linkage_world import SAMPLE
from tests.service_app import borrowed

READS = ("profiles:read", "profiles:search", "profiles:explain")


@pytest.fixture(scope="module")
def server(published: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("served")
    shutil.copytree(published, folder / "data", symlinks=True)
    with served(folder / "data", folder / "log") as running:
        yield running


def some_customer(data_dir: Path) -> tuple[str, str, str]:
    with duckdb.connect(str(data_dir / "customers.duckdb"), read_only=True) as warehouse:
        row = warehouse.execute(
            "SELECT customer_id, email, full_name FROM customers JOIN customer_identifiers i USING (customer_id) "
            "WHERE i.value = email AND NOT i.shared AND record_count > 2 AND full_name IS NOT NULL ORDER BY 1 LIMIT 1"
        ).fetchone()
    assert row is not None
    return row


def test_every_read_is_answered_with_a_key_from_the_command_line(server: Server) -> None:
    customer_id, email, name = some_customer(server.data_dir)
    with server.client(new_key(server.data_dir, "reader", *READS)) as client:
        for path in ("", "/timeline", "/explain"):
            assert client.get(f"/v1/profiles/{customer_id}{path}").status_code == 200
        assert client.get(f"/v1/profiles/by/email/{email}").json()["customer_id"] == customer_id
        asked = {"identifiers": [{"type": "email", "value": email}]}
        assert client.post("/v1/profiles/lookup", json=asked).json()["customer_id"] == customer_id
        hits = client.post("/v1/profiles/search", json={"query": name}).json()["data"]
        assert customer_id in [hit["customer_id"] for hit in hits]


def test_operators_get_health_readiness_and_metrics_of_all_workers(server: Server) -> None:
    with server.client() as client:
        assert client.get("/healthz").json() == {"status": "ok"}
        assert client.get("/readyz").json()["status"] == "ready"
        page = client.get("/metrics").text
        deadline = time.monotonic() + 10
        while page.count("profiles_worker_memory_bytes{") < 2 and time.monotonic() < deadline:
            time.sleep(0.2)
            page = client.get("/metrics").text
    assert page.count("profiles_worker_memory_bytes{") == 2
    assert "profiles_ready 1.0" in page


def test_the_documentation_needs_nothing_from_elsewhere(server: Server) -> None:
    with server.client() as client:
        page = client.get("/docs").text
        assert "http" not in page
        for asset in ("swagger-ui.css", "swagger-ui-bundle.js", "start.js"):
            assert f"/docs/{asset}" in page
            assert client.get(f"/docs/{asset}").status_code == 200
        # an older one answers "unable to render this definition" to OpenAPI 3.1
        shown_by = re.search(r'PACKAGE_VERSION:"(\d+)', client.get("/docs/swagger-ui-bundle.js").text)
        assert shown_by is not None and int(shown_by[1]) >= 5


def test_neither_log_nor_metrics_name_a_customer(server: Server) -> None:
    customer_id, email, _ = some_customer(server.data_dir)
    with server.client(new_key(server.data_dir, "watched", *READS)) as client:
        for path in (f"/v1/profiles/{customer_id}", f"/v1/profiles/by/email/{email}", f"/nowhere/{email}"):
            client.get(path)
        page = client.get("/metrics").text
    until = time.monotonic() + 20
    while server.log.read_text().count('"watched"') < 2 and time.monotonic() < until:
        time.sleep(0.1)
    for text in (page, server.log.read_text()):
        assert email not in text
        assert customer_id not in text
    lines = [json.loads(line) for line in server.log.read_text().splitlines()]
    assert {line["route"] for line in lines if line["event"] == "request" and line["key"] == "watched"} == {
        "/v1/profiles/<customer_id>",
        "/v1/profiles/by/<identifier_type>/<path:value>",
    }


def test_the_calls_to_copy_work_as_they_stand(server: Server, tmp_path: Path) -> None:
    with served(server.data_dir, tmp_path / "log", "--try") as tried:
        printed = tried.process.stdout
        assert printed is not None
        calls: list[str] = []
        while len(calls) < 5:
            line = printed.readline()
            calls += [line] if line.startswith("curl ") else []
        for call in calls:
            done = subprocess.run(
                ["sh", "-c", f"{call.strip()} -w '\\n%{{http_code}}'"], capture_output=True, text=True, check=True
            )
            assert done.stdout.splitlines()[-1] in ("200", "201"), (call, done.stdout)
        key = calls[0].split("Bearer ")[1].split("'")[0]
    with server.client(key) as client:
        assert client.get("/v1/profiles/cus_none").status_code == 401


def test_strangers_who_stall_their_bodies_stop_nobody(server: Server) -> None:
    host, port = server.address.removeprefix("http://").rsplit(":", 1)
    form = "Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 100"
    with ExitStack() as held:
        waiting = [held.enter_context(socket.create_connection((host, int(port)), timeout=30)) for _ in range(24)]
        for each in waiting:
            each.sendall(f"POST /console/sign-in HTTP/1.1\r\nHost: {host}:{port}\r\n{form}\r\n\r\nna".encode())
        until = time.monotonic() + 30
        # two workers of four threads read two bodies each; the others have waited for their turn
        while len(waiting) > 4 and time.monotonic() < until:
            for answered in select.select(waiting, [], [], 1)[0]:
                assert b"503" in answered.recv(12)
                waiting.remove(answered)
        assert len(waiting) == 4
        assert [httpx.get(f"{server.address}/healthz", timeout=10).status_code for _ in range(8)] == [200] * 8


def test_a_port_that_is_taken_is_said_in_one_line(server: Server) -> None:
    port = server.address.rsplit(":", 1)[1]
    done = subprocess.run(
        [*PROFILES, "serve", "--data-dir", str(server.data_dir), "--port", port],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1
    assert "--port" in done.stderr


def test_a_wrong_setting_is_named_in_one_line(tmp_path: Path) -> None:
    done = subprocess.run(
        [*PROFILES, "serve", "--data-dir", str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        env={**os.environ, "PROFILES_MAX_PAGE": "many"},
    )
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "PROFILES_MAX_PAGE" in done.stderr


@pytest.mark.slow
def test_a_new_generation_is_followed_without_a_failed_request(tmp_path: Path) -> None:
    data = tmp_path / "data"
    with served(data, tmp_path / "log") as server:
        key = new_key(data, "reader", *READS)
        with server.client(key) as client:
            assert client.get("/readyz").status_code == 503
            refused = client.get("/v1/profiles/cus_none")
            assert (refused.status_code, refused.headers["Retry-After"]) == (503, "1")
            command("run", str(SAMPLE), data_dir=data)
            deadline = time.monotonic() + 20
            while client.get("/readyz").status_code != 200:
                assert time.monotonic() < deadline
                time.sleep(0.1)
        customer_id, email, _ = some_customer(data)
        failed: list[str] = []
        seen: list[str] = []
        done = threading.Event()

        def ask() -> None:
            with server.client(key) as mine:
                while not done.is_set():
                    for path in (customer_id, f"by/email/{email}"):
                        answer = mine.get(f"/v1/profiles/{path}")
                        if answer.status_code != 200 or answer.json()["customer_id"] != customer_id:
                            failed.append(answer.text)
                        else:
                            seen.append(answer.json()["snapshot_id"])

        askers = [threading.Thread(target=ask) for _ in range(4)]
        for asker in askers:
            asker.start()
        command("run", str(SAMPLE), "--rebuild", data_dir=data)
        # by every worker: the last hundred answers are all of one generation, and not of the first
        until = time.monotonic() + 30
        while (set(seen[-100:]) == {seen[0]} or len(set(seen[-100:])) > 1) and time.monotonic() < until:
            time.sleep(0.1)
        done.set()
        for asker in askers:
            asker.join()
        assert not failed
        assert len(set(seen)) == 2


@pytest.mark.slow
@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_a_server_that_is_told_to_end_ends_in_good_order(published: Path, tmp_path: Path, how: int) -> None:
    with served(borrowed(published, tmp_path / "data"), tmp_path / "log") as server:
        with server.client(new_key(server.data_dir, "reader", *READS)) as client:
            assert client.get("/v1/profiles/cus_none").status_code == 404
        assert server.stop(how) == 0
    assert "error" not in {json.loads(line)["level"] for line in server.log.read_text().splitlines()}


def taken(port: int) -> bool:
    """Whether a server cannot have the port: a worker on its way out may hold it although it listens no more."""
    with socket.socket() as asking:
        asking.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            asking.bind(("127.0.0.1", port))
        except OSError:
            return True
    return False


@pytest.mark.slow
def test_a_service_whose_first_process_was_killed_lets_the_next_one_have_its_port(
    published: Path, tmp_path: Path
) -> None:
    with served(borrowed(published, tmp_path / "data"), tmp_path / "log") as server:
        port = server.address.rpartition(":")[2]
        assert server.stop(signal.SIGKILL) == -signal.SIGKILL
        deadline = time.monotonic() + 20
        while taken(int(port)) and time.monotonic() < deadline:
            time.sleep(0.2)
        with served(server.data_dir, tmp_path / "next", "--port", port) as again, again.client() as client:
            assert client.get("/readyz").status_code == 200


@pytest.mark.slow
def test_a_request_that_is_under_way_is_answered_before_the_end(published: Path, tmp_path: Path) -> None:
    body = json.dumps({"identifiers": [{"type": "email", "value": "nobody@example.org"}]}).encode()
    with served(borrowed(published, tmp_path / "data"), tmp_path / "log") as server:
        key = new_key(server.data_dir, "reader", *READS)
        host, port = server.address.removeprefix("http://").split(":")
        head = (
            f"POST /v1/profiles/lookup HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {key}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        with socket.create_connection((host, int(port)), timeout=20) as line:
            line.sendall(head.encode() + body[:9])
            time.sleep(0.5)
            server.process.send_signal(signal.SIGTERM)
            time.sleep(0.5)
            line.sendall(body[9:])
            assert line.recv(1000).startswith(b"HTTP/1.1 404")
        assert server.process.wait(30) == 0


def test_a_damaged_generation_is_said_in_one_line_and_the_next_run_publishes_it_anew(
    published: Path, tmp_path: Path
) -> None:
    data_dir = tmp_path / "data"
    shutil.copytree(published, data_dir, symlinks=True)
    (path,) = data_dir.glob("generations/*/arrays/pair_bits.npy")
    path.unlink()
    ended = profiles("serve", "--port", "0", data_dir=data_dir)
    assert ended.status == 2
    (line,) = ended.err.strip().splitlines()
    assert "--rebuild" in line and "damaged" in line
    assert run(SAMPLE, data_dir, "--rebuild")["outcome"] == "published"
    assert list(data_dir.glob("generations/*/arrays/pair_bits.npy"))
