"""One run at a time in a data directory: a lock that the operating system frees however its holder ends."""

from __future__ import annotations

import fcntl
import json
import os
from datetime import datetime
from pathlib import Path
from types import TracebackType

from profile_service.errors import RunLocked


class RunLock:
    """``DATA_DIR/work/lock``, held while the ``with`` lasts; it names its holder as JSON: pid, run_id, since.

    The lock is the kernel's ``flock``, so one left behind by a killed run is free at once; what the file says is for
    people only. Raises RunLocked when another run holds it.
    """

    def __init__(self, data_dir: Path, since: datetime) -> None:
        self._data_dir = data_dir
        self._path = data_dir / "work" / "lock"
        self._since = since
        self._descriptor = -1

    def __enter__(self) -> RunLock:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = lock_holder(self._data_dir)
            self._let_go()
            raise RunLocked(f"{holder} in {self._data_dir}; wait for it to end, or use another --data-dir") from None
        self._say({"pid": os.getpid(), "run_id": None, "since": self._since.isoformat()})
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        # the file stays: removing it would let two later runs hold two different files of one name
        try:
            os.ftruncate(self._descriptor, 0)
        finally:
            self._let_go()

    def name_run(self, run_id: str) -> None:
        """Add the run's id to what the lock says of its holder."""
        self._say({"pid": os.getpid(), "run_id": run_id, "since": self._since.isoformat()})

    def _say(self, holder: dict[str, object]) -> None:
        line = json.dumps(holder).encode() + b"\n"
        os.pwrite(self._descriptor, line, 0)
        os.ftruncate(self._descriptor, len(line))

    def _let_go(self) -> None:
        os.close(self._descriptor)
        self._descriptor = -1


def lock_holder(data_dir: Path) -> str:
    """Who holds the lock, in words; holders that have not yet said so are "another run"."""
    try:
        holder = json.loads((data_dir / "work" / "lock").read_text(encoding="utf-8"))
        name = f"run {holder['run_id']}" if holder["run_id"] else "another run"
        return f"{name} (process {holder['pid']}, since {holder['since']}) is at work"
    except (OSError, ValueError, KeyError, TypeError):
        return "another run is at work"
