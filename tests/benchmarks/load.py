"""Load from other processes: as many requests as wrk can send, and a steady number a second."""

from __future__ import annotations

import http.client
import queue
import re
import subprocess
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

WRK_SCRIPT = Path(__file__).with_name("paths.lua")


@dataclass(frozen=True)
class Throughput:
    """What wrk saw: requests a second, how many failed (status or socket)."""

    per_second: float
    failed: int


def throughput(port: int, paths: Path, key: str, seconds: int = 10, connections: int = 32) -> Throughput:
    """Send the lines of ``paths`` in turn, as fast as the server answers. Raises ``FileNotFoundError`` without wrk."""
    done = subprocess.run(
        [
            "wrk",
            "-t1",
            f"-c{connections}",
            f"-d{seconds}s",
            "-s",
            WRK_SCRIPT,
            f"http://127.0.0.1:{port}",
            "--",
            paths,
            key,
        ],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    rate = re.search(r"Requests/sec:\s+([\d.]+)", done)
    if rate is None:
        raise ValueError(done)
    bad = re.search(r"Non-2xx or 3xx responses:\s+(\d+)", done)
    sockets = re.search(r"Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)", done)
    failed = (int(bad[1]) if bad else 0) + (sum(map(int, sockets.groups())) if sockets else 0)
    return Throughput(float(rate[1]), failed)


@dataclass
class Paced:
    """Requests sent at a steady rate: seconds each took from the moment it was due, and what failed, by status.

    ``examples``: paths that failed.
    """

    seconds: list[float] = field(default_factory=list)
    failed: dict[int, int] = field(default_factory=dict)
    examples: list[str] = field(default_factory=list)

    def quantile(self, share: float) -> float:
        """Seconds within which that share of the requests was answered."""
        ranked = sorted(self.seconds)
        return ranked[min(int(share * len(ranked)), len(ranked) - 1)] if ranked else 0.0


@dataclass(frozen=True)
class Request:
    """One request and the statuses that are no failure."""

    method: str
    path: str
    body: bytes | None = None
    expected: tuple[int, ...] = (200,)


def paced(port: int, key: str, requests: Sequence[Request], rate: float, until: Callable[[float], bool]) -> Paced:
    """Send ``requests`` in turn, ``rate`` a second, over 16 kept connections, while ``until(seconds so far)`` is false.

    Latency counts from when a request was due, so that a server that stands still cannot hide behind a waiting client.
    """
    due: queue.SimpleQueue[tuple[float, Request] | None] = queue.SimpleQueue()
    seen = Paced()
    senders = [threading.Thread(target=_send, args=(port, key, due, seen), daemon=True) for _ in range(16)]
    for sender in senders:
        sender.start()
    begun, sent = time.perf_counter(), 0
    while not until(time.perf_counter() - begun):
        moment = begun + sent / rate
        time.sleep(max(moment - time.perf_counter(), 0))
        due.put((moment, requests[sent % len(requests)]))
        sent += 1
    for _ in senders:
        due.put(None)
    for sender in senders:
        sender.join()
    return seen


def _send(port: int, key: str, due: queue.SimpleQueue[tuple[float, Request] | None], seen: Paced) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
    while (item := due.get()) is not None:
        moment, request = item
        try:
            connection.request(request.method, request.path, request.body, headers)
            answer = connection.getresponse()
            answer.read()
            status = answer.status
        except (OSError, http.client.HTTPException):
            connection.close()
            status = 0
        seen.seconds.append(time.perf_counter() - moment)
        if status not in request.expected:
            seen.failed[status] = seen.failed.get(status, 0) + 1
            seen.examples.append(request.path)
    connection.close()
