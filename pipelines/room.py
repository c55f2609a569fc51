"""Room for the next generation is asked for before it is built."""

from __future__ import annotations

import shutil
from pathlib import Path

from pipelines.ahead import WarehouseCopy
from profile_service.errors import NotEnoughDisk
from profile_service.store.generation import Generation

# Measured at 3,000, 100,000 and a million records: a whole generation, warehouse and all that the service reads, takes
# 1.7 to 2.2 times the work store it is made from; a sort may spill half a work store again.
SHARE_OF_WORK_STORE = 2.8
# Beside a copy of the warehouse, measured likewise and as shares of it: the arrays that are written anew whoever
# changed, and, times the share of customers who changed, 1.4 that the copy grows by and 2.0 of documents and keys.
SHARE_WHOEVER_CHANGED = 0.10
SHARE_OF_THE_CHANGED = 3.4
MARGIN = 1.25
# Whatever the size: a copy grows by 5 MB for a single customer, and the file system itself needs some.
LEAST_BYTES = 32_000_000


def room_for_everyone(data_dir: Path) -> int:
    """Bytes that a generation of everyone may take."""
    store = sum(path.stat().st_size for path in (data_dir / "work").glob("pipeline.duckdb*"))
    return int(SHARE_OF_WORK_STORE * store) + LEAST_BYTES


def room_for_a_refresh(standing: Generation, changed: int, copied: int) -> int:
    """Bytes that a refresh by so many ``changed`` customers may still take.

    ``copied``: bytes of the warehouse that are copied already, and no longer free.
    """
    size = standing.manifest.size_bytes
    share = min(changed / max(standing.manifest.customers, 1), 1.0)
    anew = MARGIN * (SHARE_WHOEVER_CHANGED + SHARE_OF_THE_CHANGED * share) * size
    return max(size - copied, 0) + int(anew) + LEAST_BYTES


def check_room(data_dir: Path, standing: Generation | None, changed: int, ahead: WarehouseCopy | None) -> None:
    """Raises NotEnoughDisk, with the figures, when the next generation would not fit beside what is there.

    ``standing``: the generation that is refreshed by so many ``changed`` customers; None: everyone is published.
    """
    if standing is None:
        needed = room_for_everyone(data_dir)
    else:
        # asked before what is free is: a copy under way makes both numbers smaller
        needed = room_for_a_refresh(standing, changed, ahead.copied_bytes if ahead else 0)
    free = shutil.disk_usage(data_dir).free
    if free < needed:
        raise NotEnoughDisk(
            f"a new generation needs about {_megabytes(needed)} in {data_dir} and {_megabytes(free)} are free: "
            "make room or run with a smaller --keep; what is published still stands"
        )


def _megabytes(size: int) -> str:
    return f"{size / 1_000_000:,.0f} MB"
