"""What changed makes values generic or ordinary for others who hold them: found from those values alone."""

from __future__ import annotations

import duckdb

from pipelines.generic import NAME, PEOPLE, count_generic, people_sql
from pipelines.mailbox import SAID_FAMILY, SAID_PAIR
from profile_service.identity.model import Model

Work = duckdb.DuckDBPyConnection
# A name that only a mailbox tells is nobody's witness, and is not counted.
_SAID = {NAME: SAID_PAIR, "family_fixed": SAID_FAMILY}


def _said(column: str, rows: str) -> str:
    """A column of standard values as the record itself says it, in SQL over ``rows``."""
    return _SAID.get(column, f"{{0}}.{column}").format(rows)


def revise_generic_values(work: Work, model: Model, fresh: str) -> dict[str, int]:
    """Bring ``generic_values`` up to date for what relation ``fresh`` (not withheld yet) changes.

    Looks only at values that a changed record held before or holds now, that a record of ``gone_records`` held, or that
    ``ruled_anew`` names: a ruling alone is change enough.
    Makes ``status_changed(rid)``: records beyond ``fresh`` whose values became generic or ordinary, and
    ``flipped(field, value, generic)``, those values; answers how many a field.
    """
    columns = model.settings["generic"]["columns"]
    work.execute(
        f"CREATE OR REPLACE TEMP TABLE stale_records AS SELECT rid FROM {fresh} UNION SELECT rid FROM gone_records"
    )
    held = " UNION ".join(
        f"SELECT '{column}' AS field, {_said(column, 's')} AS value FROM {rows} s WHERE value IS NOT NULL"
        for column in columns
        for rows in (fresh, "(FROM standardised SEMI JOIN stale_records USING (rid))")
    )
    work.execute(
        f"""CREATE OR REPLACE TEMP TABLE values_met AS {held}
        UNION SELECT field, value FROM withheld SEMI JOIN stale_records USING (rid)
        UNION SELECT field, value FROM ruled_anew"""
    )
    _count_met(work, model, fresh)
    if work.execute(f"SELECT 1 FROM flipped WHERE field = '{NAME}' LIMIT 1").fetchall():
        # who has a name by now, or none any more, witnesses otherwise for every value that it holds
        witnessed = " UNION ".join(
            f"""SELECT '{column}', {column} FROM as_read WHERE {column} IS NOT NULL
            AND {NAME} IN (SELECT value FROM flipped WHERE field = '{NAME}')"""
            for column in columns
        )
        work.execute(f"INSERT INTO values_met FROM ({witnessed}) EXCEPT FROM values_met")
        _count_met(work, model, fresh)
    for table, now in (("generic_values", "generic_now"), ("ruled_values", "ruled_now")):
        work.execute(f"DELETE FROM {table} g USING values_met m WHERE g.field = m.field AND g.value = m.value")
        work.execute(f"INSERT INTO {table} FROM {now}")
    work.execute(
        f"""CREATE OR REPLACE TEMP TABLE status_changed AS
        SELECT DISTINCT rid FROM holders SEMI JOIN flipped USING (field, value) ANTI JOIN {fresh} USING (rid)"""
    )
    flips = work.execute("SELECT field, count(*) FROM flipped GROUP BY field").fetchall()
    for table in ("stale_records", "values_met", "as_read", "holders", "generic_now", "ruled_now"):
        work.execute(f"DROP TABLE {table}")
    return dict(flips)


def _count_met(work: Work, model: Model, fresh: str) -> None:
    """Make ``holders`` of what in ``values_met`` may be generic, from ``as_read``; count it, and make ``flipped``."""
    columns = model.settings["generic"]["columns"]
    _find_often_met(work, model, fresh)
    # Everyone's values as read: withheld ones put back, changed records as they are now. Who holds one is found before
    # anything is put back: joining what is withheld to every record takes ten times as long.
    withheld = (*columns, "family_fixed")
    others = [name for name in (NAME, *PEOPLE) if name not in columns]
    back = ", ".join([f"coalesce({_said(name, 's')}, w_{name}.value) AS {name}" for name in withheld] + others)
    joins = " ".join(
        f"LEFT JOIN (SELECT * FROM withheld WHERE field = '{name}') w_{name} ON w_{name}.rid = s.rid"
        for name in withheld
    )
    # one column after the other: few values are sought in each, so that most rows are passed over unread
    held_now = " UNION ".join(
        f"SELECT rid FROM standardised s WHERE {_said(column, 's')} IN ("
        f"SELECT value FROM often_met WHERE field = '{column}')"
        for column in columns
    )
    work.execute(
        f"""CREATE OR REPLACE TEMP TABLE met_records AS
        SELECT rid FROM (
            {held_now} UNION SELECT rid FROM withheld SEMI JOIN often_met USING (field, value))
        ANTI JOIN stale_records USING (rid)"""
    )
    work.execute(
        f"""CREATE OR REPLACE TEMP TABLE as_read AS
        SELECT rid, {", ".join([*withheld, *others])} FROM {fresh}
        UNION ALL
        SELECT s.rid, {back} FROM (FROM standardised SEMI JOIN met_records USING (rid)) s {joins}"""
    )
    holders = " UNION ALL ".join(
        f"""SELECT rid, '{column}' AS field, a.{column} AS value,
            CASE WHEN family_fixed IS NOT NULL THEN hash(family_fixed) END AS family, {NAME} AS name,
            {people_sql(column)} AS people
        FROM as_read a SEMI JOIN often_met m ON m.field = '{column}' AND m.value = a.{column}"""
        for column in columns
    )
    work.execute(f"CREATE OR REPLACE TEMP TABLE holders AS {holders}")
    count_generic(work, model, "values_met")
    work.execute(
        """CREATE OR REPLACE TEMP TABLE flipped AS
        SELECT field, value, true AS generic FROM generic_now ANTI JOIN generic_values USING (field, value)
        UNION ALL
        SELECT field, value, false FROM generic_values SEMI JOIN values_met USING (field, value)
            ANTI JOIN generic_now USING (field, value)"""
    )
    for table in ("met_records", "often_met"):
        work.execute(f"DROP TABLE {table}")


def _find_often_met(work: Work, model: Model, fresh: str) -> None:
    """Make ``often_met(field, value)``: of ``values_met`` those that are generic or may be, by count or by a ruling.

    A value that no more records hold than families may share it is ordinary, whoever they are; most are.
    """
    assert model.trained is not None
    thresholds = model.trained.generic_threshold
    # by the hash: a value counted with another that has the same is looked at once too often
    counted = " UNION ALL ".join(
        f"""SELECT m.field, m.value FROM values_met m WHERE m.field = '{column}' AND hash(m.value) IN (
            SELECT code FROM (
                SELECT hash({_said(column, "s")}) AS code FROM standardised s WHERE {_said(column, "s")} IS NOT NULL
                UNION ALL SELECT hash({column}) FROM {fresh} WHERE {column} IS NOT NULL
                UNION ALL SELECT hash(value) FROM withheld WHERE field = '{column}')
            WHERE code IN (SELECT hash(value) FROM values_met WHERE field = '{column}')
            GROUP BY code HAVING count(*) > {thresholds.get(column, 0)})"""
        for column in model.settings["generic"]["columns"]
    )
    work.execute(
        f"""CREATE OR REPLACE TEMP TABLE often_met AS
        {counted} UNION SELECT field, value FROM generic_values SEMI JOIN values_met USING (field, value)
        UNION SELECT field, value FROM generic_rulings SEMI JOIN values_met USING (field, value)"""
    )
