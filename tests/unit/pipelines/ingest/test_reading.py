"""A file that is still being written is told as that, whatever reading it came upon."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from pipelines.ingest.early import look_into
from pipelines.ingest.landing import FeedFile
from pipelines.ingest.reading import Reader, create_arriving
from pipelines.ingest.rejected import RejectedRows
from pipelines.ingest.suppressions import Suppressions
from profile_service.contracts.channels import load_channels
from profile_service.errors import UnusableInput
from tests.landing_world import LandingWorld, csv_of, customer

FILE = "store/customers.csv"
CONTENT = csv_of(*(customer(source_record_id=str(number)) for number in range(9)))


def put_in_place(path: Path) -> None:
    other, stat = path.with_name("arriving"), path.stat()
    other.write_bytes(CONTENT)
    os.utime(other, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    other.replace(path)
    assert (path.stat().st_size, path.stat().st_mtime_ns) == (stat.st_size, stat.st_mtime_ns)


CHANGES: list[tuple[str, Callable[[Path], object], str]] = [
    ("cut short", lambda path: path.write_bytes(CONTENT[:200]), "changed while it was read"),
    ("longer", lambda path: path.write_bytes(CONTENT + b"10,Bo\n"), "changed while it was read"),
    ("no text any more", lambda path: path.write_bytes(bytes(range(256))), "changed while it was read"),
    ("another of its size and time", put_in_place, "changed while it was read"),
    ("gone", Path.unlink, "cannot be read: No such file or directory"),
]


@pytest.mark.parametrize(("change", "said"), [each[1:] for each in CHANGES], ids=[each[0] for each in CHANGES])
def test_a_file_that_changes_after_the_look_at_it_is_unusable(
    change: Callable[[Path], object], said: str, tmp_path: Path
) -> None:
    world = LandingWorld(tmp_path)
    path = world.put(FILE, CONTENT)
    looked = look_into(FeedFile(load_channels()[0], "customers", path, FILE), set(), tmp_path / "scratch")
    create_arriving(world.work, "customers")
    bad = RejectedRows(world.work, 1, Suppressions(world.work))
    change(path)
    with pytest.raises(UnusableInput, match=f"^{FILE} {said}"):
        Reader(world.work, bad, datetime(2024, 6, 1, tzinfo=UTC)).read(looked, 1)
