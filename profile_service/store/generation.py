"""The standing generation: which one it is, what it says of itself, and how to read it."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

import duckdb

from profile_service.errors import NotFound

WAREHOUSE = "customers.duckdb"
MANIFEST = "generation.json"
GENERATIONS = "generations"
# Beside the warehouse: what the service reads by key, and arrays for resolving a record now.
PROFILES = "profiles.sqlite"
ARRAYS = "arrays"


@dataclass(frozen=True)
class Manifest:
    """What a generation says of itself; sizes in bytes, ``full_bytes`` that of the last one built as a whole.

    ``ledger_seq``: the last entry of the ledger that it holds. ``as_of``: the moment of its run, RFC 3339.
    ``profiles_bytes``: the size of the file that the service reads, 0 where there is none.
    """

    run_id: str
    run_seq: int
    kind: str
    model_version: str | None
    schema_version: str
    customers: int
    largest_customer: int
    size_bytes: int
    full_bytes: int
    ledger_seq: int = 0
    as_of: str = ""
    profiles_bytes: int = 0

    def write(self, folder: Path) -> Path:
        """Put the manifest into ``folder``; answers its path."""
        path = folder / MANIFEST
        path.write_text(json.dumps(asdict(self), indent=1) + "\n", encoding="utf-8")
        return path


@dataclass(frozen=True)
class Generation:
    """A published generation: its folder, its warehouse file and its manifest."""

    folder: Path
    manifest: Manifest

    @property
    def warehouse(self) -> Path:
        """The DuckDB file, by its own name: a path that never names another file."""
        return self.folder / WAREHOUSE


def standing_generation(data_dir: Path) -> Generation | None:
    """The generation that ``data_dir/customers.duckdb`` points to, or ``None`` before the first is published."""
    link = data_dir / WAREHOUSE
    if not link.exists():
        return None
    return generation_in(link.resolve().parent)


def generation_in(folder: Path) -> Generation | None:
    """The generation in ``folder``, or ``None`` when the folder does not hold a whole one: one cut short is none."""
    try:
        content = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        manifest = Manifest(**content)
        whole = (folder / WAREHOUSE).stat().st_size == manifest.size_bytes and (
            not manifest.profiles_bytes or (folder / PROFILES).stat().st_size == manifest.profiles_bytes
        )
    except (OSError, ValueError, TypeError):
        return None
    return Generation(folder, manifest) if whole else None


def shut_in(warehouse: duckdb.DuckDBPyConnection) -> None:
    """UTC for every cursor, no other file in reach; where this process has the file open already, that is so."""
    if warehouse.execute("SELECT current_setting('lock_configuration')").fetchall()[0][0]:
        return
    # globally: a cursor does not inherit what its connection has set for itself
    for setting in ("TimeZone = 'UTC'", "enable_external_access = false", "lock_configuration = true"):
        warehouse.execute(f"SET GLOBAL {setting}")


def open_standing(data_dir: Path) -> duckdb.DuckDBPyConnection:
    """A read-only connection to the standing warehouse that may run SQL from outside.

    It reaches no other file and its settings cannot be changed. Raises ``NotFound`` when nothing is published yet.
    """
    generation = standing_generation(data_dir)
    if generation is None:
        raise NotFound(f"nothing is published in {data_dir} yet: run `profiles run LANDING` first")
    connection = duckdb.connect(str(generation.warehouse), read_only=True)
    connection.execute("SET TimeZone = 'UTC'")
    connection.execute("SET enable_external_access = false")
    connection.execute("SET lock_configuration = true")
    return connection
