"""Reads of personal data on their way into the audit trail: noted in a file at once, soon folded into the chain."""

from __future__ import annotations

import logging
import os
import secrets
import threading
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from pathlib import Path

import orjson

from profile_service.audit import Act, Audit
from profile_service.errors import LedgerBusy, LedgerUnavailable
from profile_service.journal_file import LONGEST, JournalFile
from profile_service.store.ledger import Ledger
from profile_service.store.ledger.audit_rows import drop_folded_bytes, folded_bytes, put_folded_bytes
from profile_service.store.ledger.times import as_text, now_utc

_LOOK_FOR_ORPHANS = 50  # rounds between two looks for journals whose process is gone

_log = logging.getLogger(__name__)


class ReadJournal:
    """Notes reads so that none is answered unnoted and none is noted twice, whatever is killed when.

    ``note`` appends to this process's file; a thread folds the files into the chain, and how far each is folded is
    written in the same transaction. A file whose process is gone is folded by whoever looks first.
    """

    def __init__(self, ledger: Ledger, audit: Audit, folder: Path, seconds: float = 0.1) -> None:
        self._ledger = ledger
        self._audit = audit
        self._folder = folder
        self._seconds = seconds
        self._clock: Callable[[], datetime] = now_utc
        self._lock = threading.Lock()
        self._own: JournalFile | None = None
        self._full: list[JournalFile] = []
        self._folded: dict[Path, int] = {}
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)

    def note(self, act: Act) -> None:
        """Note a read before it is answered. Raises ``LedgerUnavailable`` when it cannot be: then do not answer."""
        line = orjson.dumps(
            [
                as_text(self._clock()),
                act.actor,
                act.action,
                act.customer_id,
                act.purpose,
                act.request_id,
                act.details,
            ],
            option=orjson.OPT_APPEND_NEWLINE,
        )
        try:
            with self._lock:
                own = self._own
                if own is None or not own.append(line):
                    if own is not None:
                        self._full.append(own)
                    self._own = None
                    self._own = own = self._begin(len(line))
                    own.append(line)
        except OSError as error:
            raise LedgerUnavailable(f"a read cannot be noted in the audit trail: {error.strerror or error}") from error

    def start(self) -> None:
        """Fold what former processes left, then go on folding in a thread of its own."""
        self.fold_orphans()
        self._thread = threading.Thread(target=self._fold_for_ever, name="audit-journal", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Fold all that is noted and end the thread."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.join()
        with self._lock:
            if self._own is not None:
                self._full.append(self._own)
                self._own = None
        self.fold()

    def fold(self) -> int:
        """Fold this process's journals; answers how many reads."""
        count = 0
        with self._lock:
            own = self._own
            full = list(self._full)
        for journal in full:
            count += self._fold_all(journal)
            self._put_away(journal)
            with self._lock:
                self._full.remove(journal)
        if own is not None:
            count += self._fold_all(own)
        return count

    def fold_orphans(self) -> int:
        """Fold the journals of processes that are gone; answers how many reads."""
        count = 0
        for path in sorted(self._folder.glob("reads-*.jsonl")):
            # one that lives holds its lock; one that another process just folded is gone
            with suppress(OSError):
                journal = JournalFile(path, make=False)
                if not path.exists():
                    journal.close()
                    continue
                count += self._fold_all(journal)
                self._put_away(journal)
        return count

    def _begin(self, least: int) -> JournalFile:
        path = self._folder / f"reads-{os.getpid()}-{secrets.token_hex(8)}.jsonl"
        return JournalFile(path, make=True, room=max(LONGEST, least))

    def _fold_all(self, journal: JournalFile) -> int:
        """Fold the rest of a journal."""
        count = 0
        lines: list[bytes]
        while self._folded.get(journal.path, -1) < journal.size():
            with self._ledger.write() as tx:
                start = folded_bytes(tx.session, journal.path.name)
                lines, end = journal.lines_from(start)
                if lines:
                    # somebody wrote into the file: the chain says so rather than stop
                    strange = [line for line in lines if not _is_read(line)]
                    told = [Act("audit", "journal.unreadable", details={"bytes": len(line)}) for line in strange]
                    self._audit.append(tx, [(as_text(tx.now), act) for act in told])
                    self._audit.append_reads(tx, [line for line in lines if line not in strange])
                    put_folded_bytes(tx.session, journal.path.name, end)
            self._folded[journal.path] = end
            count += len(lines)
            if not lines:
                break
        return count

    def _put_away(self, journal: JournalFile) -> None:
        """Remove a journal that is folded whole: first the file, so that no one folds it from its beginning."""
        journal.path.unlink(missing_ok=True)
        with self._ledger.write() as tx:
            drop_folded_bytes(tx.session, journal.path.name)
        self._folded.pop(journal.path, None)
        journal.close()

    def _fold_for_ever(self) -> None:
        rounds = 0
        while not self._stopping.wait(self._seconds):
            rounds += 1
            try:
                self.fold()
                if rounds % _LOOK_FOR_ORPHANS == 0:
                    self.fold_orphans()
            except (LedgerBusy, LedgerUnavailable) as error:
                # the reads are noted on the disk and go into the chain in a later round
                _log.warning("the audit trail waits: %s", error)


def _is_read(line: bytes) -> bool:
    """Whether ``note`` may have written it."""
    try:
        at, actor, action, customer_id, purpose, request_id, details = orjson.loads(line)
    except (ValueError, TypeError):
        return False
    texts = (at, actor, action)
    maybe = (customer_id, purpose, request_id)
    return (
        all(isinstance(text, str) for text in texts)
        and all(text is None or isinstance(text, str) for text in maybe)
        and isinstance(details, dict)
    )
