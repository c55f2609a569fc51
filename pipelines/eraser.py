"""Whoever was erased is removed from every file: now, or, beside a service, soon after each erasure."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import sys
import time
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from profile_service.audit import Act, Audit
from profile_service.errors import LedgerBusy, ProfileError, RunLocked
from profile_service.settings import Settings, load_settings
from profile_service.store.ledger import Ledger
from profile_service.store.ledger.erasures import erasures_after, unfinished_erasures

# Runs load DuckDB, numpy and scipy: imported when there is somebody to remove, so that waiting costs little.

_COMPLETE = "profile.erase.complete"
_MOST_ROWS = 1_000_000
_PATIENCE = 600.0  # seconds that a run at work has to end
_BETWEEN_ATTEMPTS = 0.5
_BETWEEN_LOOKS = 2.0
_AFTER_FAILURE = 60.0
_LEDGER_VARIABLE = "PROFILES_LEDGER_URL"


def remove_erased(settings: Settings, say: Callable[[str], None]) -> list[dict[str, Any]]:
    """Remove everybody erased so far from the work store, the generations and the ledger; answers new receipts.

    Waits for a run at work to end. Raises RunLocked when it does not, RunFailed when something is left.
    """
    ledger = Ledger.open(settings.ledger, wait_seconds=settings.ledger_wait_seconds)
    try:
        waiting = {one.seq for one in unfinished_erasures(ledger.log())}
        if not waiting:
            return []
        _run(settings, say)
        done = [one for one in erasures_after(ledger.log()) if one.seq in waiting and one.receipt]
        receipts = [dict(one.receipt or {}) for one in done]
        audit = Audit(ledger, settings.server_secret())
        with ledger.write() as tx:
            # the process beside a service may have been waiting for the same run
            fresh = [receipt for receipt in receipts if not _is_audited(audit, receipt)]
            audit.change(tx, *map(_completed, fresh))
        return receipts
    finally:
        ledger.close()


def _is_audited(audit: Audit, receipt: Mapping[str, Any]) -> bool:
    rows = audit.rows(receipt["customer_id"], limit=_MOST_ROWS)
    return any(row.action == _COMPLETE and receipt["erasure_id"] in row.details for row in rows)


def _completed(receipt: Mapping[str, Any]) -> Act:
    """What the audit trail says of it: enough to know the receipt again."""
    text = json.dumps(receipt, sort_keys=True).encode()
    details = {"erasure_id": receipt["erasure_id"], "receipt_sha256": hashlib.sha256(text).hexdigest()}
    return Act("eraser", _COMPLETE, receipt["customer_id"], details=details)


def _run(settings: Settings, say: Callable[[str], None]) -> None:
    from pipelines.progress import shown_progress
    from pipelines.run import Places, RunOptions, run

    until = time.monotonic() + _PATIENCE
    told = False
    while True:
        try:
            with shown_progress() as progress:
                # what the law demands waits for no firewall: nothing but live writes is taken in
                run(Places(None, settings.data_dir, settings.ledger), RunOptions(accept=True), progress)
            return
        except RunLocked as error:
            if time.monotonic() >= until:
                raise
            if not told:
                say(f"gone from every answer; waiting to remove it from the files: {error}")
                told = True
            time.sleep(_BETWEEN_ATTEMPTS)


def watch(settings: Settings, say: Callable[[str], None], parent: int) -> None:
    """Remove people as they are erased, until the process ``parent`` is no more."""
    ledger = Ledger.open(settings.ledger, wait_seconds=settings.ledger_wait_seconds)
    rest = _BETWEEN_LOOKS
    try:
        while os.getppid() == parent:
            rest = _BETWEEN_LOOKS
            try:
                if unfinished_erasures(ledger.log()):
                    for receipt in remove_erased(settings, say):
                        say(f"erasure {receipt['erasure_id']} is complete")
            except LedgerBusy:
                pass
            except ProfileError as error:
                say(f"an erasure could not be completed, trying again in a minute: {error}")
                rest = _AFTER_FAILURE
            except Exception as error:
                # whoever waits to be forgotten must not wait for a restart; the message may quote a person's values
                say(f"an erasure could not be completed, trying again in a minute: {_kind_and_place(error)}")
                rest = _AFTER_FAILURE
            _sleep(rest, parent)
    finally:
        ledger.close()


def _kind_and_place(error: Exception) -> str:
    """What broke and where, without its message."""
    frames = traceback.extract_tb(error.__traceback__)
    return f"{type(error).__name__} in " + " < ".join(f"{each.name}:{each.lineno}" for each in reversed(frames[-4:]))


def _sleep(seconds: float, parent: int) -> None:
    until = time.monotonic() + seconds
    while time.monotonic() < until and os.getppid() == parent:
        time.sleep(min(_BETWEEN_ATTEMPTS, seconds))


@contextmanager
def eraser_beside(settings: Settings) -> Iterator[None]:
    """A process of its own that removes erased people from the files while the block lasts, if the settings want it."""
    if not settings.erase_in_background:
        yield
        return
    # told whose child it is: a service killed before this could ask would leave a process that outlives everybody
    command = [sys.executable, "-m", "pipelines.eraser", str(settings.data_dir), str(os.getpid())]
    # whoever lists processes reads their arguments: a database's password goes by the environment
    environment = {**os.environ, _LEDGER_VARIABLE: settings.ledger_url}
    beside = subprocess.Popen(command, stdin=subprocess.DEVNULL, env=environment)
    try:
        yield
    finally:
        beside.terminate()
        try:
            beside.wait(timeout=10)
        except subprocess.TimeoutExpired:
            beside.kill()
            beside.wait()


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    # Ctrl-C at a terminal reaches the whole group: the service ends this process when its own requests are answered
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _given = {"data_dir": Path(sys.argv[1]), "ledger_url": os.environ.get(_LEDGER_VARIABLE) or None}
    watch(load_settings(os.environ, _given), _say, int(sys.argv[2]))
