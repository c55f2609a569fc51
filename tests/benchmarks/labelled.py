"""Labelled people data as landings: ``NAME/records.parquet`` becomes feeds, a channels TOML and a truth."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import duckdb

# what a record may not be matched on: the truth itself, and a number that would give it away
_WITHHELD = ("entity_id", "soc_sec_id", "date_of_birth_raw")
# sources in which no two records are the same person, as the data's makers say
_DUPLICATE_FREE = {"febrl4": True}
_COLUMNS = {
    "source_record_id": "record_id",
    "family_name": "surname",
    "birth_date": "date_of_birth",
    "street": "address_1",
}
# name: pairwise F1 to reach, and whose figure that is
TO_BEAT = {
    "febrl3": (0.9955, "to reach"),
    "febrl4": (0.9955, "to reach"),
    "splink_fake_1000": (0.794, "Splink, generic"),
    "splink_historical_50k": (0.827, "GoldenMatch, as published"),
}


@dataclass(frozen=True)
class Labelled:
    """One data set, ready to run."""

    landing: Path
    channels: Path
    truth: Path


def found(datasets: Path) -> list[str]:
    """The data sets that are there, in the order of ``TO_BEAT``."""
    return [name for name in TO_BEAT if (datasets / name / "records.parquet").is_file()]


def as_landing(datasets: Path, name: str, out: Path) -> Labelled:
    """Write the data set's landing below ``out``; every source becomes a channel."""
    records = str(datasets / name / "records.parquet").replace("'", "''")
    landing = out / name
    landing.mkdir(parents=True, exist_ok=True)
    with duckdb.connect() as connection:
        columns = [row[0] for row in connection.execute(f"DESCRIBE SELECT * FROM '{records}'").fetchall()]
        kept = ", ".join(column for column in columns if column not in (*_WITHHELD, "source"))
        sources = connection.execute(f"SELECT DISTINCT source FROM '{records}' ORDER BY 1").fetchall()
        tables = []
        for (source,) in sources:
            folder = landing / f"{name}_{source}"
            folder.mkdir(exist_ok=True)
            connection.execute(
                f"COPY (SELECT {kept} FROM '{records}' WHERE source = '{source}') TO '{folder}/customers.csv' (HEADER)"
            )
            tables.append(_declared(folder.name, _DUPLICATE_FREE.get(name, False)))
        truth = landing / "truth.csv"
        connection.execute(
            f"""COPY (SELECT '{name}_' || source AS channel, record_id AS source_record_id, entity_id AS person_id
                FROM '{records}') TO '{truth}' (HEADER)"""
        )
    channels = landing / "channels.toml"
    channels.write_text("\n".join(tables), encoding="utf-8")
    return Labelled(landing, channels, truth)


def _declared(channel: str, duplicate_free: bool) -> str:
    columns = "\n".join(f'{field} = "{column}"' for field, column in _COLUMNS.items())
    return (
        f'[channels.{channel}]\ncustomers = "{channel}/*.csv"\nduplicate_free = {str(duplicate_free).lower()}\n'
        f"[channels.{channel}.columns]\n{columns}\n"
    )
