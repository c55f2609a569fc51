"""One process's journal of reads: a file of lines that outlive it, each there before anybody is answered.

The file is mapped: what is written there is the system's to keep, as what is written by a call is, whoever is killed. A
call a read would let go of the interpreter's lock, and its caller would wait for all other threads' turns.
"""

from __future__ import annotations

import fcntl
import mmap
import os
from pathlib import Path

LONGEST = 4_000_000  # bytes, before a journal is put away and another begun
_LINES_AT_ONCE = 500  # in one transaction: others wait for it some milliseconds
_BYTES_AT_ONCE = 1 << 20
_END = ord("\n")


class JournalFile:
    """Lines appended by one process alone, under a lock that ends with the process; behind them stand zeros."""

    def __init__(self, path: Path, *, make: bool, room: int = LONGEST) -> None:
        """Open and lock a journal, a new one of ``room`` bytes.

        Raises ``BlockingIOError`` while its process lives, ``OSError`` as usual: also for a disk on which there is no
        room, since none would be left when it is needed.
        """
        self.path = path
        flags = os.O_RDWR | (os.O_CREAT | os.O_EXCL if make else 0)
        self._file = os.open(path, flags, 0o600)
        self._memory: mmap.mmap | None = None
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if make:
                os.posix_fallocate(self._file, 0, room)
                self._memory = mmap.mmap(self._file, room)
            self._end = 0 if make else self._found()
        except OSError:
            os.close(self._file)
            if make:
                path.unlink(missing_ok=True)
            raise

    def append(self, line: bytes) -> bool:
        """Add a line that ends in a line break; false when there is no room for it any more."""
        memory, start = self._memory, self._end
        end = start + len(line)
        if memory is None or end > len(memory):
            return False
        # its end comes last: a line that has one is whole, whenever its writer is killed
        memory[start : end - 1] = line[:-1]
        memory[end - 1] = _END
        self._end = end
        return True

    def size(self) -> int:
        """Bytes written."""
        return self._end

    def lines_from(self, start: int) -> tuple[list[bytes], int]:
        """The next whole lines from byte ``start``, and the byte after them."""
        content = os.pread(self._file, min(_BYTES_AT_ONCE, self._end - start), start)
        if b"\n" not in content:
            content = os.pread(self._file, self._end - start, start)
        lines = content.splitlines(keepends=True)[:_LINES_AT_ONCE]
        if lines and not lines[-1].endswith(b"\n"):
            # cut short: its writer was killed before it answered anybody, or there is more of it
            lines.pop()
        return lines, start + sum(len(line) for line in lines)

    def close(self) -> None:
        """Unlock and close."""
        if self._memory is not None:
            self._memory.close()
        os.close(self._file)

    def _found(self) -> int:
        """The end of what a process that is gone has written."""
        end = os.fstat(self._file).st_size
        while end:
            start = max(0, end - _BYTES_AT_ONCE)
            written = len(os.pread(self._file, end - start, start).rstrip(b"\0"))
            if written:
                return start + written
            end = start
        return 0
