"""How many requests a key has left, counted by all workers of a machine together."""

from __future__ import annotations

import fcntl
import hashlib
import math
import mmap
import os
import struct
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

RATES = "rates"  # the shared file, in the data directory
_SLOT = struct.Struct("<Qd")  # whose slot it is; the moment when its rate is full again
_SLOTS = 4096
_PROBES = 8
_WINDOW = 60.0  # seconds in which a key may send its rate


class Rate(NamedTuple):
    """Where a key stands: its limit a minute, requests left now, seconds until full; ``retry_after`` 0 if admitted."""

    limit: int
    remaining: int
    reset: int
    retry_after: int


class Rates:
    """The generic cell rate algorithm over one small shared file: a minute's rate may come at once, then evenly.

    ``path``: the file that all workers share; ``clock``: seconds, the same for all of them.
    """

    def __init__(self, path: Path, clock: Callable[[], float] = time.time) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        size = _SLOTS * _SLOT.size
        if os.fstat(self._file).st_size != size:
            os.ftruncate(self._file, size)
        self._memory = mmap.mmap(self._file, size)
        self._clock = clock
        self._turn = threading.Lock()
        self._owners: dict[str, int] = {}

    def take(self, name: str, limit: int) -> Rate:
        """Count one request of the key ``name``, which may send ``limit`` of them a minute."""
        owner = self._owners.get(name)
        if owner is None:
            owner = self._owners[name] = int.from_bytes(hashlib.blake2b(name.encode(), digest_size=8).digest()) or 1
        interval = _WINDOW / limit
        now = self._clock()
        # the kernel's lock keeps other processes out, ours the other threads
        with self._turn:
            fcntl.lockf(self._file, fcntl.LOCK_EX, 1, 0)
            try:
                place = self._place(owner, now)
                whose, full_at = _SLOT.unpack_from(self._memory, place)
                # later than any rate can be full means that the clock was set back: nobody is shut out for that
                spent = whose == owner and now < full_at <= now + _WINDOW + 1
                later = full_at if spent else now
                wait = later + interval - now - _WINDOW
                if wait <= 1e-9:
                    later += interval
                    _SLOT.pack_into(self._memory, place, owner, later)
            finally:
                fcntl.lockf(self._file, fcntl.LOCK_UN, 1, 0)
        left = int((_WINDOW - (later - now)) / interval + 1e-9)
        return Rate(limit, max(0, left), math.ceil(later - now), 0 if wait <= 1e-9 else max(1, math.ceil(wait)))

    def close(self) -> None:
        """Let go of the file."""
        self._memory.close()
        os.close(self._file)

    def _place(self, owner: int, now: float) -> int:
        """The key's own slot, else a free or forgotten one, else its first."""
        free = -1
        for probe in range(_PROBES):
            place = (owner + probe) % _SLOTS * _SLOT.size
            whose, full_at = _SLOT.unpack_from(self._memory, place)
            if whose == owner:
                return place
            if free < 0 and full_at <= now:
                free = place
        return free if free >= 0 else owner % _SLOTS * _SLOT.size
