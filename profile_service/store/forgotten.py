"""Every erasure stands beside the ledger, too, without names: a ledger put back from a backup is told of it again."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterable, Mapping
from pathlib import Path

import orjson

from profile_service.errors import WrongUsage
from profile_service.privacy import Erasure
from profile_service.settings import FORGOTTEN, ledger_file
from profile_service.store.ledger import Log
from profile_service.store.ledger.erasures import erasures_after
from profile_service.store.stored import moment_of, moment_text


def place_of(ledger: str | Path, data_dir: Path) -> Path:
    """Where the erasures of a ledger are kept: beside its file, or in the data directory where it is a database's."""
    file = ledger_file(ledger)
    return data_dir / FORGOTTEN if file is None else file.with_suffix(f".{FORGOTTEN}")


def forgotten(path: Path) -> dict[str, Erasure]:
    """The erasures that are kept at ``path``, by customer. Raises WrongUsage for a line that is none."""
    if not path.exists():
        return {}
    found = {}
    lines = path.read_bytes().split(b"\n")
    # what follows the last end of a line was broken off while it was written: the log knows it still
    for number, line in enumerate(lines[:-1], 1):
        try:
            said = orjson.loads(line)
            at = moment_of(said["at"])
            if at is None:
                raise ValueError("no time")
            erasure = Erasure.of(said["customer_id"], at, {**said, "keys": []})
        except (KeyError, TypeError, ValueError) as error:
            raise WrongUsage(f"{path}, line {number}, tells of no erasure: put the file back as saved") from error
        found[erasure.customer_id] = erasure
    return found


def keep_forgotten(path: Path, erasures: Iterable[Erasure]) -> None:
    """Add erasures to the file at ``path``; they are on the disk when this returns. Raises OSError when it is full."""
    lines = b"".join(orjson.dumps(_line(each)) + b"\n" for each in erasures)
    if not lines:
        return
    descriptor = os.open(path, os.O_CREAT | os.O_RDWR, 0o600)
    with os.fdopen(descriptor, "r+b") as file:
        # one process at a time: a line that another broke off is cut away, one that it still writes is not
        fcntl.flock(file, fcntl.LOCK_EX)
        file.seek(file.read().rfind(b"\n") + 1)
        file.truncate()
        file.write(lines)
        file.flush()
        os.fsync(file.fileno())


def keep_what_the_log_tells(path: Path, log: Log) -> list[Erasure]:
    """Add what only the log knows to the file; answers what only the file knows: the log was put back from a backup."""
    kept, logged = forgotten(path), _logged(log)
    keep_forgotten(path, _beyond(logged, kept))
    return _beyond(kept, logged)


def untold(path: Path, log: Log) -> list[Erasure]:
    """What only the file at ``path`` knows, for who writes neither."""
    return _beyond(forgotten(path), _logged(log))


def _logged(log: Log) -> dict[str, Erasure]:
    return {one.erasure.customer_id: one.erasure for one in erasures_after(log)}


def _beyond(known: Mapping[str, Erasure], others: Mapping[str, Erasure]) -> list[Erasure]:
    return [erasure for customer_id, erasure in known.items() if customer_id not in others]


def _line(erasure: Erasure) -> dict[str, object]:
    return {
        "customer_id": erasure.customer_id,
        "at": moment_text(erasure.at),
        **{name: value for name, value in erasure.payload().items() if name != "keys"},
    }
