"""A full disk is named as such, whichever library met it first."""

from __future__ import annotations

import errno
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb

from profile_service.errors import NotEnoughDisk, ProfileError, WrongUsage

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_FULL_IN_WORDS = ("no space left", "disk quota exceeded", "file too large", "failed to offload data block")
_FORBIDDEN = (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.EEXIST)


@contextmanager
def disk_errors_named(data_dir: Path) -> Iterator[None]:
    """Turn a full disk into NotEnoughDisk, and a folder that cannot be written into WrongUsage."""
    try:
        yield
    except ProfileError:
        raise
    except (OSError, duckdb.Error) as error:
        if is_full(error):
            raise NotEnoughDisk(
                f"the disk is full at {data_dir} ({_free(data_dir)} free now): what stood still stands; "
                "make room and run again"
            ) from error
        if isinstance(error, OSError) and error.errno in _FORBIDDEN:
            raise WrongUsage(f"cannot write in {data_dir}: {error.strerror} ({error.filename})") from error
        raise


def is_full(error: BaseException) -> bool:
    """Whether ``error``, or what caused it, is a disk, quota or file size limit reached."""
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, OSError) and seen.errno in _FULL:
            return True
        if isinstance(seen, duckdb.Error) and any(words in str(seen).lower() for words in _FULL_IN_WORDS):
            return True
        seen = seen.__cause__ or seen.__context__
    return False


def _free(folder: Path) -> str:
    try:
        return f"{shutil.disk_usage(folder).free / 1e6:,.0f} MB"
    except OSError:
        return "nothing"
