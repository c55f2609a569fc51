"""Every page of what is mapped is read once, unless there is no room for it or it is to stop."""

from __future__ import annotations

import mmap
import threading
from pathlib import Path

import numpy as np
import pytest

from profile_service.state import State
from profile_service.store import touch as touching
from profile_service.store.touch import touch


def test_every_page_of_arrays_and_files_is_read() -> None:
    pages = 3 * mmap.PAGESIZE
    assert touch([np.zeros(pages + 1, np.uint8), b"", bytes(pages), np.zeros((0, 2))], threading.Event()) == 4 + 3


def test_a_generation_is_read_whole(sample_state: State) -> None:
    folder = sample_state.generation.generation.folder / "arrays"
    size = sum(path.stat().st_size for path in folder.iterdir())
    pages = sample_state.generation.touch(threading.Event())
    assert 0 < pages <= size / mmap.PAGESIZE + len(list(folder.iterdir()))


def test_who_stops_does_not_wait_for_the_rest() -> None:
    stopping = threading.Event()
    stopping.set()
    assert touch([bytes(mmap.PAGESIZE)], stopping) == 0


def test_what_would_drive_itself_out_of_memory_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(touching, "_available_bytes", lambda: mmap.PAGESIZE)
    assert touch([bytes(mmap.PAGESIZE)], threading.Event()) == 0


def test_the_system_says_how_much_memory_it_can_give() -> None:
    available = touching._available_bytes()
    assert available is None or (available > 0 and Path("/proc/meminfo").exists())
