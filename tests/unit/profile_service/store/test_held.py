"""A connection ends with its thread, also with a thread that Python did not make."""

from __future__ import annotations

import _thread
import threading
import time
from pathlib import Path

from profile_service.state import State
from profile_service.store.ledger import Ledger


def open_files(name: str) -> int:
    """How many descriptors this process has on files of that name."""
    folder = Path("/proc/self/fd")
    found = 0
    for link in folder.iterdir():
        try:
            found += link.readlink().name == name
        except OSError:
            continue
    return found


def in_foreign_thread(do: object) -> None:
    """Run in a thread of which the ``threading`` module knows nothing, as a server's are, and see that thread end."""
    done = threading.Event()
    ran: list[int] = []

    def run() -> None:
        # asked who it is, Python invents somebody who never dies
        threading.current_thread()
        ran.append(threading.get_native_id())
        do()  # type: ignore[operator]
        done.set()

    _thread.start_new_thread(run, ())
    assert done.wait(10)
    # a thread says that it is done before it lets go of what it held: on a busy machine several would overlap
    deadline = time.monotonic() + 10
    while Path(f"/proc/self/task/{ran[0]}").exists():
        assert time.monotonic() < deadline, "the thread did not end"
        time.sleep(0.001)


def settled(name: str, most: int) -> bool:
    """Whether at most so many files come to be open, within a moment: a thread ends after it has said so."""
    deadline = time.monotonic() + 5
    while open_files(name) > most and time.monotonic() < deadline:
        time.sleep(0.01)
    return open_files(name) <= most


def test_a_ledgers_connection_ends_with_its_thread(tmp_path: Path) -> None:
    ledger = Ledger.open(tmp_path / "ended.sqlite")
    before = open_files("ended.sqlite")
    for _ in range(20):
        in_foreign_thread(lambda: ledger.log().last_seq())
    # SQLite keeps a closed descriptor for the next connection while another one holds a lock on the file
    assert settled("ended.sqlite", before + 2)
    ledger.close()


def test_a_generations_connection_ends_with_its_thread(sample_state: State) -> None:
    sample_state.generation.document("cus_none")
    before = open_files("profiles.sqlite")
    for _ in range(20):
        in_foreign_thread(lambda: sample_state.generation.document("cus_none"))
    assert settled("profiles.sqlite", before)
