"""A finished generation is written through to the disk, named and flipped to; old ones make room."""

from __future__ import annotations

import os
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from pipelines.ahead import sweep
from profile_service.store.generation import (
    ARRAYS,
    GENERATIONS,
    PROFILES,
    WAREHOUSE,
    Generation,
    Manifest,
    generation_in,
    standing_generation,
)

# Files that wait for the disk at one time.
_SYNCS = 4


def settle(folder: Path, manifest: Manifest, place: Path) -> Generation:
    """Write the finished folder through to the disk, make it read-only and give it its name."""
    own = [folder / PROFILES, *(folder / ARRAYS).iterdir()]
    paths = [folder / WAREHOUSE, manifest.write(folder), *own]
    for path in paths:
        # analysts read the warehouse; what the service reads by key is for its own account
        path.chmod(0o400 if path in own else 0o444)
    with ThreadPoolExecutor(_SYNCS) as at_once:
        list(at_once.map(sync, paths))
    (folder / ARRAYS).chmod(0o700)
    folder.chmod(0o755)
    if place.exists():
        shutil.rmtree(place)
    folder.rename(place)
    sync(place)
    sync(place.parent)
    return Generation(place, manifest)


def flip(data_dir: Path, generation: Generation) -> None:
    """Let ``customers.duckdb`` name the new generation: one rename, so that a reader finds the old or the new."""
    new = data_dir / f".{WAREHOUSE}.new"
    new.unlink(missing_ok=True)
    new.symlink_to(Path(GENERATIONS) / generation.folder.name / WAREHOUSE)
    os.replace(new, data_dir / WAREHOUSE)  # noqa: PTH105  (Path.replace follows nothing either; os.replace says atomic)
    sync(data_dir)


def sync(path: Path) -> None:
    """Wait until the disk holds a file, or a folder's names."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def prune(generations: Path, standing: Generation, keep: int) -> tuple[str, ...]:
    """Remove all but the standing and the newest others, ``keep`` in all."""
    # by name: the standing one may be known by its resolved path, and these by a relative one or through a link
    folders = (folder for folder in generations.iterdir() if folder.is_dir() and folder.name != standing.folder.name)
    others = [found for folder in folders if (found := generation_in(folder)) is not None]
    others.sort(key=lambda other: (other.manifest.run_seq, other.manifest.run_id), reverse=True)
    gone = others[max(keep - 1, 0) :]
    for generation in gone:
        shutil.rmtree(generation.folder)
    return tuple(generation.folder.name for generation in gone)


def keep_only_standing(data_dir: Path) -> tuple[str, ...]:
    """Remove every generation but the one that stands; answers their names. The caller holds the lock."""
    standing = standing_generation(data_dir)
    if standing is None:
        return ()
    generations = data_dir / GENERATIONS
    sweep(generations)
    return prune(generations, standing, 1)
