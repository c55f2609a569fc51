"""How often each value stands among everyone, and the frequency bin that follows, beside each value as read."""

from __future__ import annotations

from collections.abc import Mapping

import duckdb

from pipelines.standardise import TEXT_FIELDS
from profile_service.errors import UnusableInput
from profile_service.identity.model import WHOLE_NAME, Frequencies, Model

Work = duckdb.DuckDBPyConnection

# Column = the table in which its values stand, their column there, and who joins that table under which name.
_STANDS = {field: (f"dict_{field}", "value", f"d_{field}") for field in TEXT_FIELDS} | {
    "given_fixed": ("spelled_given", "fixed", "g"),
    "family_fixed": ("spelled_family", "fixed", "a"),
    "middle_name": ("fresh_names", "middle_name", "n"),
}
_COUNTED = {
    "given_fixed": "SELECT fixed AS value, count(*) AS n FROM fresh_names JOIN spelled_given ON given_name = name",
    "family_fixed": "SELECT fixed AS value, count(*) AS n FROM fresh_names JOIN spelled_family ON family_name = name",
    "middle_name": "SELECT middle_name AS value, count(*) AS n FROM fresh_names",
}


def binned_columns(model: Model) -> list[str]:
    """The columns that have bins. Raises ``UnusableInput`` for one whose values are read with those of another."""
    columns = list(model.settings["frequency"]["columns"])
    for column in columns:
        if column not in _STANDS:
            raise UnusableInput(f"[frequency] columns: {column} cannot be counted; choose among {', '.join(_STANDS)}")
    return columns


def count_frequencies(work: Work, model: Model) -> dict[str, Frequencies]:
    """How often each of the more frequent values was read, for the columns that have bins."""
    settings = model.settings["frequency"]
    frequencies = {}
    for column in binned_columns(model):
        counted = _COUNTED.get(column, f"SELECT value, sum(n)::BIGINT AS n FROM dict_{column}")
        work.execute(f"CREATE OR REPLACE TEMP TABLE counted AS FROM ({counted} GROUP BY value) WHERE value IS NOT NULL")
        total = int(work.execute("SELECT coalesce(sum(n), 0)::BIGINT FROM counted").fetchall()[0][0])
        least = max(settings["least_count"], int(total * settings["bins"][-1]))
        rows = work.execute(f"SELECT value, n FROM counted WHERE n >= {least}").fetchall()
        frequencies[column] = Frequencies(total, dict(rows))
    work.execute("DROP TABLE IF EXISTS counted")
    return frequencies


def enter_bins(work: Work, model: Model) -> dict[str, str]:
    """Put its bin beside every value of the binned columns; answers bin column = its SQL in ``put_together``."""
    last = model.bins - 1
    bins = {}
    for column in binned_columns(model):
        table, value, alias = _STANDS[column]
        known = model.trained.frequencies[column].counts if model.trained else {}
        work.execute("CREATE OR REPLACE TEMP TABLE bins (value VARCHAR, bin UTINYINT)")
        if known:
            numbers = {"values": list(known), "bins": [model.bin_of(column, each) for each in known]}
            work.execute("INSERT INTO bins SELECT unnest($values), unnest($bins)", numbers)
        work.execute(f"ALTER TABLE {table} ADD COLUMN bin UTINYINT")
        work.execute(f"UPDATE {table} SET bin = bins.bin FROM bins WHERE {table}.{value} = bins.value")
        bins[f"{column}_bin"] = f"coalesce({alias}.bin, {last})::UTINYINT"
    work.execute("DROP TABLE IF EXISTS bins")
    if WHOLE_NAME in model.binned:
        bins[f"{WHOLE_NAME}_bin"] = f"{last}::UTINYINT"  # until ``enter_whole_names``: mailboxes tell names, too
    return bins


def rarest_bin(model: Model, column: str) -> Mapping[str, str]:
    """What becomes of the bin of a column whose value goes missing."""
    return {f"{column}_bin": str(model.bins - 1)} if column in model.binned else {}
