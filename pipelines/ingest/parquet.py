"""A Parquet file's typed columns, as the text that the contract asks for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import duckdb

from pipelines.ingest.landing import FeedFile
from profile_service.contracts.feeds import FORMATTED, FeedContract
from profile_service.contracts.fields import quoted
from profile_service.errors import UnusableInput

_MOMENT = "%Y-%m-%dT%H:%M:%S.%fZ"
_DAY = "%Y-%m-%d"


def parquet_columns(
    work: duckdb.DuckDBPyConnection, file: FeedFile, contract: FeedContract
) -> tuple[list[str], Sequence[str], int]:
    """Names of the columns, each one's SQL as text, and the count of rows by the file's own footer."""
    path = quoted(str(file.path))
    try:
        described = work.execute(f"DESCRIBE SELECT * FROM read_parquet({path}, binary_as_string = true)").fetchall()
        counted = work.execute(f"SELECT sum(num_rows) FROM parquet_file_metadata({path})").fetchone()
    except duckdb.Error as error:
        raise UnusableInput(f"{file.name} cannot be read as Parquet: {str(error).splitlines()[0]}") from error
    names = [str(row[0]) for row in described]
    formats = _formats(file, contract)
    columns = [_text(str(row[0]), str(row[1]), formats.get(str(row[0]).casefold())) for row in described]
    return names, columns, int(counted[0] or 0) if counted else 0


def rows_as_json(work: duckdb.DuckDBPyConnection, file: FeedFile, lines: Sequence[int]) -> dict[int, str]:
    """The rows of these numbers (from 1), each as a JSON object."""
    table = f"read_parquet({quoted(str(file.path))}, file_row_number = true, binary_as_string = true)"
    wanted = ", ".join(str(line - 1) for line in lines)
    found = work.execute(
        f"SELECT numbered.n, to_json(columns_of)::VARCHAR FROM"
        f" (SELECT file_row_number + 1 AS n, * EXCLUDE (file_row_number) FROM {table}"
        f" WHERE file_row_number IN ({wanted})) AS numbered, LATERAL (SELECT numbered.* EXCLUDE (n)) AS columns_of"
    ).fetchall()
    return {int(line): str(row) for line, row in found}


def _formats(file: FeedFile, contract: FeedContract) -> Mapping[str, str]:
    """The format that the contract will read each column in, by column: a typed date is spelled so first."""
    formats = {}
    for name in FORMATTED:
        if name in contract.fields:
            standard = _DAY if name == "birth_date" else _MOMENT
            for column in (*file.channel.columns.get(name, ()), name):
                formats[column.casefold()] = file.channel.formats.get(name, standard)
    return formats


def _text(name: str, kind: str, spelling: str | None) -> str:
    column = '"' + name.replace('"', '""') + '"'
    if kind == "VARCHAR":
        return column
    if kind in ("DATE", "TIMESTAMP", "TIMESTAMP_S", "TIMESTAMP_MS", "TIMESTAMP_NS", "TIMESTAMP WITH TIME ZONE"):
        wanted = spelling or (_DAY if kind == "DATE" else _MOMENT)
        return f"strftime({column}::TIMESTAMP, {quoted(wanted)})"  # the work store's time zone is UTC
    if kind in ("DOUBLE", "FLOAT"):
        # a column of whole numbers with gaps is often written as floating-point ones: 12345.0
        whole = f"{column} = trunc({column}) AND abs({column}) < 1e15"
        number = f"WHEN {whole} THEN {column}::BIGINT::VARCHAR ELSE {column}::VARCHAR"
        return f"CASE WHEN isnan({column}) THEN NULL {number} END"
    if "[" in kind or kind.startswith(("STRUCT", "MAP", "UNION")):
        return f"to_json({column})::VARCHAR"
    return f"{column}::VARCHAR"
