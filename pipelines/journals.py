"""What a process has noted of reads, and the audit trail holds by now, names an erased person no more."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from profile_service.store.ledger import Ledger
from profile_service.store.ledger.audit_rows import folded_bytes

_UNSAID = b"*"  # for each byte: the notes that follow keep their place


def unsay_folded(folder: Path, ledger: Ledger, values: Iterable[bytes]) -> int:
    """Overwrite ``values``, in either case, in the journals of ``folder``, as far as the trail holds these.

    Their processes may live: nobody reads that part again, and what they add stands behind it. Answers how many places.
    """
    wanted = sorted(set(values), key=len, reverse=True)
    if not wanted:
        return 0
    pattern = re.compile(b"|".join(map(re.escape, wanted)), re.IGNORECASE)
    count = 0
    for path in sorted(folder.glob("reads-*.jsonl")):
        end = folded_bytes(ledger.read(), path.name)
        # one that is in the trail whole may go at any moment
        with suppress(FileNotFoundError), path.open("r+b") as journal:
            for found in pattern.finditer(journal.read(end)):
                journal.seek(found.start())
                journal.write(_UNSAID * len(found[0]))
                count += 1
            journal.flush()
            os.fsync(journal.fileno())
    return count
