"""Values that too many families share are found among everyone, withheld from comparison, and let in again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import duckdb

from pipelines.frequency import rarest_bin
from pipelines.standardise import TEXT_FIELDS, joined_phones, lost_with
from pipelines.work import whole_number
from profile_service.errors import UnusableInput
from profile_service.identity.model import Model

Work = duckdb.DuckDBPyConnection


def generic_thresholds(work: Work, model: Model) -> dict[str, int]:
    """For each generic column the number of distinct family names above which a value is generic; see ``threshold``."""
    rule = model.settings["generic"]
    thresholds = {}
    for column in rule["columns"]:
        value = dictionary_of(column)[1]
        values = whole_number(work, f"SELECT count(DISTINCT {value}) FROM dict_{column}")
        families = work.execute("SELECT families FROM shared_values WHERE field = $field", {"field": column}).fetchall()
        thresholds[column] = threshold(rule, values, [count for (count,) in families])
    return thresholds


def threshold(rule: Mapping[str, Any], values: int, families: Sequence[int]) -> int:
    """How many families may share a value of a column of ``values`` distinct ones, of which some have many holders.

    At least ``least_families``; otherwise a multiple of a high quantile over the column's own values, so that a column
    in which sharing is usual is not emptied. ``families``: of each value with more than ``least_families`` /
    ``times_quantile`` holders; a value with fewer has fewer families and decides nothing.
    """
    counts = sorted(families, reverse=True)
    # a column with few values has no rare extremes: without this its worst junk would set the limit for itself
    beyond = max(int(rule["most_junk"]), int(values * (1 - rule["quantile"])))
    quantile = counts[beyond] if beyond < len(counts) else 0
    return max(int(rule["least_families"]), int(rule["times_quantile"] * quantile))


def count_shared(work: Work, model: Model, rows: str) -> None:
    """Make ``holders(rid, field, value, family)`` of every value of ``rows`` that several hold, and ``shared_values``.

    Needs the dictionaries and names of ``rows``. ``family`` is a number for the corrected family name.
    """
    rule = model.settings["generic"]
    default_country = model.trained.default_country if model.trained else None
    work.execute(
        """CREATE OR REPLACE TEMP TABLE families AS
        SELECT rid, hash(fixed) AS family FROM fresh_names JOIN spelled_family ON family_name = name"""
    )
    work.execute("CREATE OR REPLACE TEMP TABLE holders (rid INTEGER, field VARCHAR, value VARCHAR, family UBIGINT)")
    for column in rule["columns"]:
        columns, value = dictionary_of(column)
        work.execute(
            f"""CREATE OR REPLACE TEMP TABLE often AS
            SELECT {columns}, {value} AS value FROM dict_{column} SEMI JOIN (
                SELECT {value} FROM dict_{column} WHERE {value} IS NOT NULL GROUP BY 1
                HAVING sum(n) * {rule["times_quantile"]} > {rule["least_families"]}) USING ({value})"""
        )
        joined = f"often o ON f.{column} = o.raw"
        if column == "phone":
            joined = joined_phones("o", "often")
        country = "LEFT JOIN dict_country d_country ON f.country = d_country.raw" if column == "phone" else ""
        work.execute(
            f"""INSERT INTO holders SELECT f.rid, '{column}', o.value, a.family
            FROM {rows} f {country} JOIN {joined} LEFT JOIN families a ON a.rid = f.rid""",
            {"country": default_country} if column == "phone" else {},
        )
    work.execute(
        """CREATE OR REPLACE TEMP TABLE shared_values AS
        SELECT field, value, count(*) AS holders, count(DISTINCT family) AS families
        FROM holders GROUP BY field, value"""
    )
    for table in ("families", "often"):
        work.execute(f"DROP TABLE IF EXISTS {table}")


def withhold_from_everyone(work: Work, model: Model) -> None:
    """Fill ``generic_values`` and ``withheld``, and make generic values missing in the dictionaries."""
    assert model.trained is not None
    for column in model.settings["generic"]["columns"]:
        value = dictionary_of(column)[1]
        work.execute(
            f"""INSERT INTO generic_values SELECT field, value, holders, families FROM shared_values
            WHERE field = '{column}' AND families > {model.trained.generic_threshold[column]}"""
        )
        lost = ", ".join(f"{name} = NULL" for name in (("line", "number", "name") if value == "line" else ("value",)))
        work.execute(
            f"UPDATE dict_{column} SET {lost} "
            f"WHERE {value} IN (SELECT value FROM generic_values WHERE field = '{column}')"
        )
    work.execute(
        "INSERT INTO withheld SELECT rid, field, value FROM holders SEMI JOIN generic_values USING (field, value)"
    )
    for table in ("holders", "shared_values"):
        work.execute(f"DROP TABLE {table}")


def dictionary_of(column: str) -> tuple[str, str]:
    """By what a dictionary's rows are found, and the name of the standard value in it.

    Raises ``UnusableInput`` for a column without a dictionary of its own.
    """
    if column in ("street", "street_2"):
        return "raw", "line"
    if column == "phone":
        return "raw, country", "value"
    if column not in TEXT_FIELDS:
        raise UnusableInput(
            f"[generic] columns: {column} cannot be shared; choose email, phone, street or another as sent"
        )
    return "raw", "value"


def generic_among(work: Work, model: Model, rows: str, holding: str | None = None) -> None:
    """Make ``generic_now(field, value, holders, distinct_family_names)`` from relation ``rows``.

    ``holding``: a relation ``(field, value)``; only those values are counted.
    """
    assert model.trained is not None
    counts = []
    for column in model.settings["generic"]["columns"]:
        threshold = model.trained.generic_threshold[column]
        only = f"SEMI JOIN {holding} h ON h.field = '{column}' AND h.value = s.{column}" if holding else ""
        counts.append(
            f"""SELECT '{column}' AS field, s.{column} AS value, count(*) AS holders,
                count(DISTINCT s.family_fixed) AS distinct_family_names
            FROM {rows} s {only} SEMI JOIN (SELECT {column} FROM {rows} WHERE {column} IS NOT NULL
                GROUP BY 1 HAVING count(*) > {threshold}) o ON o.{column} = s.{column}
            GROUP BY s.{column} HAVING distinct_family_names > {threshold}"""
        )
    work.execute(f"CREATE OR REPLACE TEMP TABLE generic_now AS {' UNION ALL '.join(counts)}")


def withhold(work: Work, model: Model, table: str) -> None:
    """Make the values in ``generic_values`` missing in ``table``, keeping who held them in ``withheld``."""
    for (column,) in work.execute("SELECT DISTINCT field FROM generic_values ORDER BY field").fetchall():
        shared = f"SELECT value FROM generic_values WHERE field = '{column}'"
        work.execute(f"INSERT INTO withheld SELECT rid, '{column}', {column} FROM {table} WHERE {column} IN ({shared})")
        gone = dict.fromkeys(lost_with(column), "NULL") | dict(rarest_bin(model, column))
        lost = ", ".join(f"{name} = {instead}" for name, instead in gone.items())
        work.execute(f"UPDATE {table} SET {lost} WHERE {column} IN ({shared})")


def revise_generic_values(work: Work, model: Model, fresh: str) -> dict[str, int]:
    """Bring ``generic_values`` up to date for what relation ``fresh`` (not withheld yet) changes.

    Looks only at values that a changed record held before or holds now, or that a record of ``gone_records`` held.
    Makes ``status_changed(rid)``: records beyond ``fresh`` whose values became generic or ordinary, and
    ``flipped(field, value, generic)``, those values; answers how many a field.
    """
    columns = model.settings["generic"]["columns"]
    work.execute(
        f"CREATE OR REPLACE TEMP TABLE stale_records AS SELECT rid FROM {fresh} UNION SELECT rid FROM gone_records"
    )
    held = " UNION ".join(
        f"SELECT '{column}' AS field, {column} AS value FROM {rows} WHERE {column} IS NOT NULL"
        for column in columns
        for rows in (fresh, "(FROM standardised SEMI JOIN stale_records USING (rid))")
    )
    work.execute(
        f"""CREATE OR REPLACE TEMP TABLE values_met AS {held}
        UNION SELECT field, value FROM withheld SEMI JOIN stale_records USING (rid)"""
    )
    # Everyone's values as read: withheld ones put back, changed records as they are now.
    back = ", ".join(f"coalesce(s.{column}, w_{column}.value) AS {column}" for column in columns)
    joins = " ".join(
        f"LEFT JOIN (SELECT * FROM withheld WHERE field = '{column}') w_{column} ON w_{column}.rid = s.rid"
        for column in columns
    )
    names = ", ".join(columns)
    held_now = " OR ".join(
        f"coalesce(s.{column}, w_{column}.value) IN (SELECT value FROM values_met WHERE field = '{column}')"
        for column in columns
    )
    work.execute(
        f"""CREATE OR REPLACE TEMP TABLE holders AS
        SELECT rid, family_fixed, {names} FROM {fresh}
        UNION ALL
        SELECT s.rid, s.family_fixed, {back} FROM standardised s {joins}
        WHERE s.rid NOT IN (SELECT rid FROM stale_records) AND ({held_now})"""
    )
    generic_among(work, model, "holders", "values_met")
    work.execute(
        """CREATE OR REPLACE TEMP TABLE flipped AS
        SELECT field, value, true AS generic FROM generic_now ANTI JOIN generic_values USING (field, value)
        UNION ALL
        SELECT field, value, false FROM generic_values SEMI JOIN values_met USING (field, value)
            ANTI JOIN generic_now USING (field, value)"""
    )
    work.execute("DELETE FROM generic_values g USING values_met m WHERE g.field = m.field AND g.value = m.value")
    work.execute("INSERT INTO generic_values SELECT * FROM generic_now")
    revised = " UNION ".join(
        f"SELECT h.rid FROM holders h JOIN flipped f ON f.field = '{column}' AND f.value = h.{column}"
        for column in columns
    )
    work.execute(
        f"CREATE OR REPLACE TEMP TABLE status_changed AS SELECT rid FROM ({revised}) ANTI JOIN {fresh} USING (rid)"
    )
    flips = work.execute("SELECT field, count(*) FROM flipped GROUP BY field").fetchall()
    for table in ("stale_records", "values_met", "holders", "generic_now"):
        work.execute(f"DROP TABLE {table}")
    return dict(flips)
