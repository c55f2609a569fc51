"""A real server: `profiles serve` as a process of its own, on a data directory, until the test is done."""

from __future__ import annotations

import os
import re
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from tests.command_line import profiles_command

PROFILES = (str(Path(sys.executable).with_name("profiles")),)
_LONGEST_START = 60.0


@dataclass
class Server:
    """A server that runs: its address, its process, and where its log is written."""

    address: str
    process: subprocess.Popen[str]
    data_dir: Path
    log: Path

    def client(self, key: str | None = None, **options: Any) -> httpx.Client:
        """A client with a key."""
        headers = {} if key is None else {"Authorization": f"Bearer {key}"}
        return httpx.Client(base_url=self.address, headers=headers, timeout=30, **options)

    def stop(self, how: int = signal.SIGTERM) -> int:
        """End it; answers its exit status."""
        self.process.send_signal(how)
        return self.process.wait(30)


def command(*arguments: str, data_dir: Path) -> str:
    """Run one command to its end; answers the last line of what it prints."""
    done = profiles_command([*arguments, "--data-dir", str(data_dir)], os.environ, data_dir.parent)
    assert done.status == 0, done.err
    return done.out.strip().splitlines()[-1]


def new_key(data_dir: Path, name: str, *scopes: str, options: tuple[str, ...] = ()) -> str:
    """A key as `profiles keys create` prints it."""
    asked = [part for scope in scopes for part in ("--scope", scope)]
    return command("keys", "create", name, *asked, *options, data_dir=data_dir)


@contextmanager
def served(data_dir: Path, log: Path, *options: str, **environment: str) -> Iterator[Server]:
    """Serve ``data_dir`` on a free port; whatever is left of it is killed at the end."""
    with log.open("w") as errors:
        process = subprocess.Popen(
            [*PROFILES, "serve", "--data-dir", str(data_dir), "--port", "0", *options],
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            env={**os.environ, **environment},
            start_new_session=True,
        )
    try:
        yield Server(_address(process, log), process, data_dir, log)
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait(10)
        if process.stdout is not None:
            process.stdout.close()


def _address(process: subprocess.Popen[str], log: Path) -> str:
    assert process.stdout is not None
    until = time.monotonic() + _LONGEST_START
    while time.monotonic() < until and process.poll() is None:
        # a server that never says where it is must not hold the test for ever
        if not select.select([process.stdout], [], [], 1.0)[0]:
            continue
        line = process.stdout.readline()
        found = re.search(r"http://[^\s,]+", line)
        if found:
            return found[0]
    raise AssertionError(f"the server did not start: {log.read_text()}")
