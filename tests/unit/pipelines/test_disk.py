"""A full disk is told from everything else, however it was met."""

import errno
from pathlib import Path

import duckdb
import pytest

from pipelines.disk import disk_errors_named
from profile_service.errors import NotEnoughDisk, RunFailed, WrongUsage

FULL = [
    ("the system says so", OSError(errno.ENOSPC, "No space left on device")),
    ("a quota is reached", OSError(errno.EDQUOT, "Disk quota exceeded")),
    ("a file size limit is reached", OSError(errno.EFBIG, "File too large")),
    ("DuckDB met it", duckdb.IOException('IO Error: Could not write file "x": No space left on device')),
    ("DuckDB may not spill", duckdb.OutOfMemoryException("failed to offload data block of size 256 KiB")),
]


@pytest.mark.parametrize("error", [case[1] for case in FULL], ids=[case[0] for case in FULL])
def test_a_full_disk_says_what_stands_and_what_to_do(error: Exception, tmp_path: Path) -> None:
    with pytest.raises(NotEnoughDisk, match="what stood still stands; make room"), disk_errors_named(tmp_path):
        raise error


def test_a_full_disk_is_found_behind_the_error_it_caused(tmp_path: Path) -> None:
    with pytest.raises(NotEnoughDisk), disk_errors_named(tmp_path):
        try:
            raise OSError(errno.ENOSPC, "No space left on device")
        except OSError as full:
            raise duckdb.TransactionException("the commit failed") from full


def test_a_closed_folder_is_wrong_usage(tmp_path: Path) -> None:
    with pytest.raises(WrongUsage, match="cannot write in"), disk_errors_named(tmp_path):
        raise PermissionError(errno.EACCES, "Permission denied", "x")


@pytest.mark.parametrize("error", [RunFailed("an audit"), duckdb.ParserException("syntax"), ValueError("else")])
def test_every_other_error_stays_what_it_is(error: Exception, tmp_path: Path) -> None:
    with pytest.raises(type(error)) as raised, disk_errors_named(tmp_path):
        raise error
    assert raised.value is error
