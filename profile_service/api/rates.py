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
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

RATES = "rates"  # the shared file, in the data directory
_SLOT = struct.Struct("<Qd")  # whose slot it is; the moment when its rate is full again
_SLOTS = 4096
_PROBES = 8
_WINDOW = 60.0  # seconds in which a key may send its rate
_SHARE = 0.1 / _WINDOW  # of the minute's rate, that a worker takes from the file at once
_LEASED = 0.5  # seconds that it may use it


class Rate(NamedTuple):
    """Where a key stands: its limit a minute, requests left now, seconds until full; ``retry_after`` 0 if admitted."""

    limit: int
    remaining: int
    reset: int
    retry_after: int


@dataclass(slots=True)
class _Lease:
    """Requests that this worker may still admit of itself: ``left``, since ``at``; ``full_at`` counts them as spent."""

    limit: int
    left: int
    at: float
    full_at: float


class Rates:
    """The generic cell rate algorithm over one small shared file: a minute's rate may come at once, then evenly.

    No more than the limit is ever admitted. Of a key that may send ten requests a second or more, a worker takes a
    tenth of a second's worth from the file at a time, so that workers seldom wait for each other; what it has not used
    of it half a second later it gives back with the key's next request.

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
        self._leases: dict[str, _Lease] = {}

    def take(self, name: str, limit: int) -> Rate:
        """Count one request of the key ``name``, which may send ``limit`` of them a minute."""
        now = self._clock()
        interval = _WINDOW / limit
        with self._turn:
            lease = self._leases.get(name)
            if lease is None or not lease.left or lease.limit != limit or not 0 <= now - lease.at < _LEASED:
                lease = self._leases[name] = self._lease(name, limit, now, lease)
            if not lease.left:
                wait = lease.full_at + interval - now - _WINDOW
                return Rate(limit, 0, math.ceil(lease.full_at - now), max(1, math.ceil(wait)))
            lease.left -= 1
            later = lease.full_at - lease.left * interval
        return Rate(limit, max(0, int((_WINDOW - (later - now)) / interval + 1e-9)), math.ceil(later - now), 0)

    def _lease(self, name: str, limit: int, now: float, former: _Lease | None) -> _Lease:
        """A tenth of a second's rate for this worker, or what is left of it; ``former``: what it had, given back."""
        owner = self._owners.get(name)
        if owner is None:
            owner = self._owners[name] = int.from_bytes(hashlib.blake2b(name.encode(), digest_size=8).digest()) or 1
        interval = _WINDOW / limit
        # the kernel's lock keeps other processes out, ours the other threads
        fcntl.lockf(self._file, fcntl.LOCK_EX, 1, 0)
        try:
            place = self._place(owner, now)
            whose, full_at = _SLOT.unpack_from(self._memory, place)
            # later than any rate can be full means that the clock was set back: nobody is shut out for that
            spent = whose == owner and now < full_at <= now + _WINDOW + 1
            later = full_at if spent else now
            if spent and former is not None and former.limit == limit:
                later = max(now, later - former.left * interval)
            free = int((_WINDOW - (later - now)) / interval + 1e-9)
            share = max(0, min(free, max(1, int(limit * _SHARE))))
            if share or later != full_at:
                later += share * interval
                _SLOT.pack_into(self._memory, place, owner, later)
        finally:
            fcntl.lockf(self._file, fcntl.LOCK_UN, 1, 0)
        return _Lease(limit, share, now, later)

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
