"""Whether anybody has committed to a SQLite database: seen in the head of its log's index, without asking SQLite.

Every request asks. SQLite's own count of changes lets go of the interpreter's lock on its way: with four threads at
work each time another one is woken up, and a look-up waited as long for its turn as it worked.
"""

from __future__ import annotations

import mmap
import os
import threading
from pathlib import Path

# https://sqlite.org/walformat.html: the first copy of the head, which is the last to be written at each commit: a count
# of transactions, how much of the log is valid, and its checksum.
_HEAD = 48

_turn = threading.Lock()
_shared: dict[tuple[int, int], _Mapped] = {}
_inherited: list[_Mapped] = []


class _Mapped:
    """The head of one file, mapped once in a process.

    Closing any descriptor of the file would drop the locks that SQLite holds on it for the whole process: it is closed
    when the last ledger of the process that reads it has closed its connections.
    """

    def __init__(self, path: Path) -> None:
        self.file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        self.memory = mmap.mmap(self.file, _HEAD, access=mmap.ACCESS_READ)
        self.readers = 0

    def close(self) -> None:
        self.memory.close()
        os.close(self.file)


class LogIndex:
    """The index beside one database, ``-shm``; to be made while a connection of this process has the database open."""

    def __init__(self, path: Path) -> None:
        """Raises OSError or ValueError where there is none."""
        with _turn:
            found = path.stat()
            self._place = (found.st_dev, found.st_ino)
            mapped = _shared.get(self._place)
            if mapped is None:
                mapped = _shared[self._place] = _Mapped(path)
            mapped.readers += 1
        self._memory = mapped.memory
        self._pid = os.getpid()

    def head(self) -> bytes:
        """Bytes that differ from all that stood here before whenever a transaction has been committed since.

        Who reads the database after this sees at least the commits that this tells of.
        """
        return self._memory[:_HEAD]

    def close(self) -> None:
        """To be called once, after the connections to the database are closed."""
        if self._pid != os.getpid():
            # inherited over a fork: the parent's to close
            return
        with _turn:
            mapped = _shared[self._place]
            mapped.readers -= 1
            if not mapped.readers:
                del _shared[self._place]
                mapped.close()


def _forget_the_parents() -> None:
    """A forked process maps anew what it opens itself; what it has inherited it never closes."""
    global _turn
    _turn = threading.Lock()
    _inherited.extend(_shared.values())
    _shared.clear()


os.register_at_fork(after_in_child=_forget_the_parents)
