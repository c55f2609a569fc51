"""Room for the next generation is asked for before it is built."""

from __future__ import annotations

import shutil
from pathlib import Path

from profile_service.errors import NotEnoughDisk
from profile_service.store.generation import Generation

# Measured at a million records: the warehouse takes as much as the work store it is made from, what the service reads
# by key three and a half times that, and a sort may spill half of it again.
SHARE_OF_WORK_STORE = 5.0
# A refreshed copy of the warehouse grows by what changed, a fifth at most; keys, pairs and identifiers are written anew
# beside it, documents and records only of those who changed.
SHARE_OF_GENERATION = 1.7
# Whatever the size: the manifest, the link, and what the file system itself needs.
LEAST_BYTES = 64_000_000


def check_room(data_dir: Path, standing: Generation | None, *, whole: bool) -> None:
    """Raises NotEnoughDisk, with the figures, when the next generation would not fit beside what is there."""
    if standing is not None and not whole:
        needed = SHARE_OF_GENERATION * standing.manifest.size_bytes
    else:
        store = data_dir / "work" / "pipeline.duckdb"
        needed = SHARE_OF_WORK_STORE * (store.stat().st_size if store.exists() else 0)
    needed = int(needed) + LEAST_BYTES
    free = shutil.disk_usage(data_dir).free
    if free < needed:
        raise NotEnoughDisk(
            f"a new generation needs about {_megabytes(needed)} in {data_dir} and {_megabytes(free)} are free: "
            "make room or run with a smaller --keep; what is published still stands"
        )


def _megabytes(size: int) -> str:
    return f"{size / 1_000_000:,.0f} MB"
