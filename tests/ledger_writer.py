"""A process that writes a ledger and says what is acknowledged: `python -m tests.ledger_writer WHERE JOURNALS COUNT`.

A line is `write SEQ` once entry SEQ is committed, or `read NUMBER` once a read is noted. COUNT 0: until killed.
"""

from __future__ import annotations

import os
import subprocess
import sys
from itertools import count
from pathlib import Path

from profile_service.audit import Act, Audit
from profile_service.journal import ReadJournal
from profile_service.store.ledger import About, Ledger, OverlayWriter, StandingCustomer

SECRET = b"a secret that only tests know, and they tell"
ROOT = Path(__file__).parents[1]


def start_writer(where: str | Path, journals: Path, how_many: int) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "tests.ledger_writer", str(where), str(journals), str(how_many)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )


def acknowledged(lines: list[str], kind: str) -> list[str]:
    """What came after ``kind`` in the lines that a writer finished."""
    return [line.split()[1] for line in lines if line.startswith(kind) and line.endswith("\n")]


def main(where: str, journals: str, how_many: int) -> None:
    ledger = Ledger.open(where if "://" in where else Path(where), wait_seconds=60)
    audit = Audit(ledger, SECRET)
    journal = ReadJournal(ledger, audit, Path(journals), seconds=0.01)
    journal.start()
    me = f"writer-{os.getpid()}"
    for number in count(1) if how_many == 0 else range(1, how_many + 1):
        with ledger.write() as tx:
            customer_id = f"cus_{me}_{number}"
            seq = tx.append("record", {"number": number}, About("web", f"{me}-{number}", customer_id), actor=me)
            writer = OverlayWriter(tx, "run_1", 0)
            writer.put_customer(StandingCustomer(customer_id, b"{}" * 500, [("email", customer_id)]), seq)
            audit.change(tx, Act(me, "record.write", customer_id))
        print("write", seq, flush=True)
        journal.note(Act(me, "profile.read", customer_id, request_id=f"{me}-{number}"))
        print("read", f"{me}-{number}", flush=True)
    journal.stop()
    ledger.close()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
