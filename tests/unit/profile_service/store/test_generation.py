"""Finding and opening the generation that stands."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import duckdb
import pytest

from profile_service.errors import NotFound
from profile_service.store.generation import WAREHOUSE, Manifest, generation_in, open_standing, standing_generation

MANIFEST = Manifest("run_1", 1, "full", "model-1", "schema-1", 5, 2, 100, 100)


def manifest_of(folder: Path) -> Manifest:
    return replace(MANIFEST, size_bytes=(folder / WAREHOUSE).stat().st_size)


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    """A data directory with one generation."""
    folder = tmp_path / "generations" / "run_1"
    folder.mkdir(parents=True)
    with duckdb.connect(str(folder / WAREHOUSE)) as connection:
        connection.execute("CREATE TABLE customers AS SELECT 'cus_1' AS customer_id")
    manifest_of(folder).write(folder)
    (tmp_path / WAREHOUSE).symlink_to(Path("generations/run_1") / WAREHOUSE)
    return tmp_path


def test_the_link_leads_to_the_generation_and_its_manifest(data_dir: Path) -> None:
    standing = standing_generation(data_dir)
    assert standing is not None
    assert standing.manifest == manifest_of(standing.folder)
    assert standing.warehouse.name == WAREHOUSE
    assert not standing.warehouse.is_symlink()


def test_before_the_first_publication_nothing_stands(tmp_path: Path) -> None:
    assert standing_generation(tmp_path) is None
    with pytest.raises(NotFound, match="profiles run"):
        open_standing(tmp_path)


def test_a_link_to_nowhere_counts_as_nothing(data_dir: Path) -> None:
    (data_dir / "generations" / "run_1" / WAREHOUSE).unlink()
    assert standing_generation(data_dir) is None


def test_a_warehouse_cut_short_is_no_generation(data_dir: Path) -> None:
    with (data_dir / WAREHOUSE).open("r+b") as warehouse:
        warehouse.truncate(5_000)
    assert standing_generation(data_dir) is None


@pytest.mark.parametrize("content", ["", "{", "{}", '{"run_id": 1}', "[]"])
def test_a_folder_without_a_whole_manifest_is_no_generation(data_dir: Path, content: str) -> None:
    folder = data_dir / "generations" / "run_1"
    (folder / "generation.json").write_text(content, encoding="utf-8")
    assert generation_in(folder) is None


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO customers VALUES ('cus_2')",
        "SELECT * FROM read_csv('/etc/hostname')",
        "COPY customers TO 'stolen.csv'",
        "ATTACH 'other.duckdb'",
        "SET enable_external_access = true",
        "SET memory_limit = '1TB'",
    ],
)
def test_sql_from_outside_reads_customers_and_nothing_else(data_dir: Path, statement: str) -> None:
    with open_standing(data_dir) as reader:
        assert reader.execute("FROM customers").fetchall() == [("cus_1",)]
        with pytest.raises(duckdb.Error):
            reader.execute(statement)
