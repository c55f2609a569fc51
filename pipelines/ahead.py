"""The standing warehouse is copied while a run still links: a refresh changes the copy, and need not wait for it."""

from __future__ import annotations

import os
import shutil
import threading
from pathlib import Path
from types import TracebackType
from typing import BinaryIO

from profile_service.store.generation import GENERATIONS, standing_generation

# Folders of generations that are being built begin so; what dead runs left of them is swept away by the next.
BUILDING = ".building-"
_AT_ONCE = 1 << 25
# A copy that would fill the disk is left to whoever builds the generation, who says so in words.
_ROOM = 1.2


class WarehouseCopy:
    """A copy under way beside the generations, by a thread of its own; at the end nothing of it stays behind."""

    def __init__(self, data_dir: Path) -> None:
        self._data_dir = data_dir
        self._of: Path | None = None
        self._path: Path | None = None
        self._whole = False
        self._unwanted = threading.Event()
        self._at_work: threading.Thread | None = None

    def begin(self, run_id: str, model_version: str | None) -> None:
        """Copy the standing warehouse, where a refresh of it is to be expected: one made with the same model."""
        standing = standing_generation(self._data_dir)
        if standing is None or standing.manifest.model_version != model_version:
            return
        if shutil.disk_usage(self._data_dir).free < _ROOM * standing.manifest.size_bytes:
            return
        folder = self._data_dir / GENERATIONS / f"{BUILDING}{run_id}-copy"
        folder.mkdir(mode=0o700, exist_ok=True)
        self._of, self._path = standing.warehouse, folder / standing.warehouse.name
        self._at_work = threading.Thread(target=self._copy, args=(self._of, self._path), name="warehouse copy")
        self._at_work.start()

    @property
    def folder(self) -> Path | None:
        """Where the copy is made."""
        return self._path.parent if self._path else None

    @property
    def copied_bytes(self) -> int:
        """How much of the copy is on the disk by now."""
        try:
            return self._path.stat().st_blocks * 512 if self._path else 0
        except OSError:
            return 0

    def take(self, warehouse: Path, target: Path) -> bool:
        """Move the copy of ``warehouse`` to ``target`` once it is whole; False where there is none."""
        if self._at_work is not None:
            self._at_work.join()
        if self._path is None or self._of != warehouse or not self._whole:
            return False
        self._path.rename(target)
        return True

    def __enter__(self) -> WarehouseCopy:
        # not only when a generation is built: a run that finds nothing new would leave a dead one's copy on the disk
        sweep(self._data_dir / GENERATIONS)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop, and remove what has not been taken."""
        self._unwanted.set()
        if self._at_work is not None:
            self._at_work.join()
        if self._path is not None:
            shutil.rmtree(self._path.parent, ignore_errors=True)

    def _copy(self, warehouse: Path, path: Path) -> None:
        try:
            with warehouse.open("rb") as source, path.open("wb") as target:
                copy_bytes(source, target, self._unwanted)
                # on its way to the disk already: what the refresh leaves as it is need not be waited for at the end
                target.flush()
                if not self._unwanted.is_set():
                    os.fsync(target.fileno())
            self._whole = not self._unwanted.is_set()
        except OSError:
            # a full disk, most likely: whoever builds the generation meets it too, and names it
            return


def sweep(generations: Path, but: Path | None = None) -> None:
    """Remove half-built generations of runs that died; the caller holds the lock, so no one is building them."""
    for folder in generations.glob(f"{BUILDING}*"):
        if folder != but:
            shutil.rmtree(folder)


def copy_bytes(source: BinaryIO, target: BinaryIO, unwanted: threading.Event) -> None:
    """All bytes from one file into another: inside the kernel, and by shared blocks, where that can be."""
    while not unwanted.is_set():
        try:
            if not os.copy_file_range(source.fileno(), target.fileno(), _AT_ONCE):
                return
        except (AttributeError, OSError):
            # no Linux, or another file system
            if not (portion := source.read(_AT_ONCE)):
                return
            target.write(portion)
