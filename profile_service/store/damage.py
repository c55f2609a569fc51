"""A generation that is not whole, or of another version, is named as such, whichever of its files shows it."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from profile_service.errors import NotFound

# What numpy, SQLite and the file system say of a file that is missing, cut short or something else.
_DAMAGE = (OSError, ValueError, EOFError, LookupError, sqlite3.Error)


@contextmanager
def damage_named(folder: Path) -> Iterator[None]:
    """Turn whatever reading the generation in ``folder`` meets in a damaged file into NotFound, which says the way."""
    try:
        yield
    except _DAMAGE as error:
        raise NotFound(
            f"the generation in {folder} is damaged or of another version of this program: publish it anew with "
            "`profiles run LANDING --rebuild`"
        ) from error
