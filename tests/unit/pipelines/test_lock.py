"""One run at a time, told by name; a dead holder holds nothing."""

import os
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

from pipelines.lock import RunLock, lock_holder
from profile_service.errors import RunLocked

SINCE = datetime(2026, 11, 21, 6, 30, tzinfo=UTC)

HOLD = """
import sys, time
from datetime import UTC, datetime
from pathlib import Path
from pipelines.lock import RunLock
with RunLock(Path(sys.argv[1]), datetime(2026, 1, 1, tzinfo=UTC)) as lock:
    lock.name_run("run_x")
    print("held", flush=True)
    time.sleep(60)
"""


def test_a_second_run_is_told_who_holds_the_lock(tmp_path: Path) -> None:
    with RunLock(tmp_path, SINCE) as lock:
        lock.name_run("run_20261121T063000Z_0001")
        with pytest.raises(RunLocked) as refused, RunLock(tmp_path, SINCE):
            raise AssertionError("two runs held one lock")
    said = str(refused.value)
    assert "run_20261121T063000Z_0001" in said
    assert f"process {os.getpid()}" in said
    assert "2026-11-21T06:30:00+00:00" in said
    assert refused.value.exit_status == 2


def test_a_lock_let_go_can_be_taken_again(tmp_path: Path) -> None:
    for _ in range(2):
        with RunLock(tmp_path, SINCE):
            assert "process" in lock_holder(tmp_path)
    assert lock_holder(tmp_path) == "another run is at work"


@pytest.mark.parametrize("said", ["", "not json", "[]", '{"pid": 1}'])
def test_a_lock_file_that_says_nothing_useful_is_still_only_a_file(tmp_path: Path, said: str) -> None:
    (tmp_path / "work").mkdir()
    (tmp_path / "work" / "lock").write_text(said)
    assert lock_holder(tmp_path) == "another run is at work"
    with RunLock(tmp_path, SINCE):
        pass


def test_a_killed_holder_frees_its_lock(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", HOLD, str(tmp_path)], stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(RunLocked, match="run_x"), RunLock(tmp_path, SINCE):
            raise AssertionError("a held lock was taken")
        holder.send_signal(signal.SIGKILL)
        holder.wait()
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        try:
            with RunLock(tmp_path, SINCE):
                return
        except RunLocked:
            time.sleep(0.05)
    raise AssertionError("the lock of a dead process was never free")
