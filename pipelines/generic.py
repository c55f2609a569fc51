"""Values that too many families share are found among everyone, withheld from comparison, and let in again."""

from __future__ import annotations

import duckdb

from pipelines.standardise import lost_with
from profile_service.identity.model import Model

Work = duckdb.DuckDBPyConnection


def generic_thresholds(work: Work, model: Model, rows: str) -> dict[str, int]:
    """For each generic column the number of distinct family names above which a value is generic.

    At least ``least_families``; otherwise a multiple of a high quantile over the column's own values, so that a column
    in which sharing is usual is not emptied.
    """
    rule = model.settings["generic"]
    least = int(rule["least_families"])
    thresholds = {}
    for column in rule["columns"]:
        # A value with few holders has few families, so only the others need a distinct count.
        row = work.execute(
            f"""WITH held AS (
                SELECT {column} AS value, count(*) AS n FROM {rows} WHERE {column} IS NOT NULL GROUP BY 1),
            often AS (SELECT value FROM held WHERE n * {rule["times_quantile"]} > {least}),
            families AS (
                SELECT count(DISTINCT family_fixed) AS n FROM {rows} s SEMI JOIN often ON s.{column} = often.value
                GROUP BY s.{column})
            SELECT (SELECT count(*) FROM held), list(n ORDER BY n DESC) FROM families"""
        ).fetchone()
        assert row is not None
        values, counts = row
        # a column with few values has no rare extremes: without this its worst junk would set the limit for itself
        beyond = max(int(rule["most_junk"]), int(values * (1 - rule["quantile"])))
        quantile = counts[beyond] if counts and beyond < len(counts) else 0
        thresholds[column] = max(least, int(rule["times_quantile"] * quantile))
    return thresholds


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
        lost = ", ".join(f"{name} = NULL" for name in lost_with(column))
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
