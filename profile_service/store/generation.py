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


@dataclass(frozen=True)
class Manifest:
    """What a generation says of itself; sizes in bytes, ``full_bytes`` that of the last one built as a whole."""

    run_id: str
    run_seq: int
    kind: str
    model_version: str | None
    schema_version: str
    customers: int
    largest_customer: int
    size_bytes: int
    full_bytes: int

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
        whole = (folder / WAREHOUSE).stat().st_size == manifest.size_bytes
    except (OSError, ValueError, TypeError):
        return None
    return Generation(folder, manifest) if whole else None


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
