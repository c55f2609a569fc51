"""Customer ids: ``cus_`` and 26 base-32 letters that sort by time of making and tell nothing else; so are others."""

from __future__ import annotations

import os
import time
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

PREFIX = "cus_"
HOUSEHOLD = "hou_"
LETTERS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
LENGTH = len(PREFIX) + 26

_ALPHABET = np.frombuffer(LETTERS.encode(), dtype=np.uint8)
_RANDOM_BYTES = 10


def _system_milliseconds() -> int:
    return time.time_ns() // 1_000_000


class IdSource:
    """Gives ids: 48 bits of milliseconds, then 80 random bits.

    Ids of one batch share a millisecond and ascend; a later batch always sorts after an earlier one, even when
    the clock stands still or steps back. ``entropy(n)`` answers ``n`` random bytes.
    """

    def __init__(
        self,
        clock: Callable[[], int] = _system_milliseconds,
        entropy: Callable[[int], bytes] = os.urandom,
        prefix: str = PREFIX,
    ) -> None:
        self._prefix = prefix
        self._clock = clock
        self._entropy = entropy
        self._last = -1

    def batch(self, count: int) -> list[str]:
        """``count`` new ids in ascending order."""
        if count == 0:
            return []
        high, low = self._draw(count)
        return _encode((np.uint64(self._tick()) << np.uint64(16)) | high, low, self._prefix)

    def one(self) -> str:
        """One new id, for a customer that arrives alone."""
        value = (self._tick() << 80) | int.from_bytes(self._entropy(_RANDOM_BYTES), "big")
        return self._prefix + "".join(LETTERS[(value >> shift) & 31] for shift in range(125, -1, -5))

    def _tick(self) -> int:
        self._last = max(self._clock(), self._last + 1)
        return self._last

    def _draw(self, count: int) -> tuple[NDArray[np.uint64], NDArray[np.uint64]]:
        # Sorted draws ascend without being neighbours, so that no id can be guessed from the one before it.
        while True:
            raw = np.frombuffer(self._entropy(_RANDOM_BYTES * count), dtype=np.uint8).reshape(count, _RANDOM_BYTES)
            high = raw[:, :2].copy().view(">u2").ravel().astype(np.uint64)
            low = raw[:, 2:].copy().view(">u8").ravel().astype(np.uint64)
            order = np.lexsort((low, high))
            high, low = high[order], low[order]
            if not np.any((high[1:] == high[:-1]) & (low[1:] == low[:-1])):
                return high, low


def _encode(high: NDArray[np.uint64], low: NDArray[np.uint64], prefix: str) -> list[str]:
    """Two 64-bit halves a row as the text of an id, most significant letter first."""
    length = len(prefix) + 26
    letters = np.empty((len(high), length), dtype=np.uint8)
    letters[:, : len(prefix)] = np.frombuffer(prefix.encode(), dtype=np.uint8)
    for place, shift in enumerate(range(125, -1, -5)):
        if shift >= 64:
            part = high >> np.uint64(shift - 64)
        elif shift > 59:
            part = (high << np.uint64(64 - shift)) | (low >> np.uint64(shift))
        else:
            part = low >> np.uint64(shift)
        letters[:, len(prefix) + place] = _ALPHABET[(part & np.uint64(31)).astype(np.intp)]
    text = letters.tobytes().decode("ascii")
    return [text[start : start + length] for start in range(0, len(text), length)]
