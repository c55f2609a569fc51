"""A real PostgreSQL server for tests: in a temporary folder, reached through a socket in it, gone afterwards."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

import psycopg

BINARIES = [*sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True), *map(Path, os.get_exec_path())]
QUICK = "-c fsync=off -c listen_addresses= -c max_connections=200 -c timezone=Australia/Sydney"


def binaries() -> Path | None:
    """The folder that holds initdb and pg_ctl."""
    return next((folder for folder in BINARIES if (folder / "initdb").exists()), None)


def unprivileged() -> str | None:
    """Whom the server runs as: PostgreSQL refuses root."""
    if os.getuid() != 0:
        return None
    known = {entry.pw_name for entry in pwd.getpwall()}
    return next(name for name in ("postgres", "nobody") if name in known)


class PostgresWorld:
    """A server that tests may stop and start again."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.data = folder / "data"
        found = binaries()
        assert found is not None
        self._binaries = found
        self._user = unprivileged()
        if self._user is not None:
            shutil.chown(folder, self._user)
        self._run(
            "initdb", "-D", str(self.data), "-U", "profiles", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "-N"
        )
        self._schemas = 0

    def start(self) -> None:
        options = f"{QUICK} -k {self.folder}"
        self._run("pg_ctl", "-D", str(self.data), "-l", str(self.folder / "log"), "-w", "-o", options, "start")

    def stop(self, how: str = "fast") -> None:
        self._run("pg_ctl", "-D", str(self.data), "-w", "-m", how, "stop")

    def new_ledger(self) -> str:
        """The URL of an empty schema of its own."""
        self._schemas += 1
        name = f"ledger_{self._schemas}"
        with psycopg.connect(self.url(), autocommit=True) as connection:
            connection.execute(f"CREATE SCHEMA {name}".encode())
        return self.url() + "&options=" + quote(f"-csearch_path={name}")

    def url(self) -> str:
        return f"postgresql://profiles@/postgres?host={quote(str(self.folder), safe='')}"

    def _run(self, program: str, *arguments: str) -> None:
        # not captured through a pipe: the server would hold its end open
        with tempfile.TemporaryFile() as said:
            ended = subprocess.run(
                [str(self._binaries / program), *arguments],
                cwd=self.folder,
                user=self._user,
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=subprocess.STDOUT,
                check=False,
            )
            said.seek(0)
            assert ended.returncode == 0, said.read().decode()


@contextmanager
def postgres_server() -> Iterator[PostgresWorld]:
    """A running server."""
    # not in pytest's own folder, which only its owner may enter; and short, for a socket's path may not be long
    folder = Path(tempfile.mkdtemp(prefix="pg-", dir=tempfile.gettempdir()))
    try:
        world = PostgresWorld(folder)
        world.start()
        try:
            yield world
        finally:
            world.stop("immediate")
    finally:
        shutil.rmtree(folder, ignore_errors=True)
