"""Values that too many families share, and names that too many people do, are found, withheld and let in again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import duckdb

from pipelines.frequency import rarest_bin
from pipelines.standardise import NAME_PAIR, TEXT_FIELDS, joined_phones, lost_with
from pipelines.work import whole_number
from profile_service.errors import UnusableInput
from profile_service.identity.model import Model
from profile_service.identity.rulings import generic_sql

Work = duckdb.DuckDBPyConnection
NAME = "name_pair"
# Who holds a name, or a value without a name, is told apart by what else the record says.
PEOPLE = ("birth_date", "email", "phone", "postcode")


def people_sql(column: str) -> str:
    """A number for what else than ``column`` tells the record apart, missing when nothing does."""
    others = ", ".join(name for name in PEOPLE if name != column)
    # a hash of nothing is a number, too
    return f"CASE WHEN coalesce({others}) IS NOT NULL THEN hash({others}) END"


def generic_thresholds(work: Work, model: Model) -> dict[str, int]:
    """For each generic column how many may share a value: family names, or for names people; see ``threshold``.

    Needs what ``find_holders`` makes.
    """
    rule = model.settings["generic"]
    shared = work.execute(
        f"""SELECT field, list(families) FROM (
            SELECT field, value, count(DISTINCT coalesce(family, people)) AS families FROM holders
            WHERE field <> '{NAME}' GROUP BY field, value) GROUP BY field"""
    )
    families = dict(shared.fetchall())
    thresholds = {}
    for column in rule["columns"]:
        if column == NAME:
            thresholds[column] = _threshold_of_names(work, rule)
            continue
        value = dictionary_of(column)[1]
        values = whole_number(work, f"SELECT count(DISTINCT {value}) FROM dict_{column}")
        thresholds[column] = threshold(rule, values, families.get(column, []))
    return thresholds


def _threshold_of_names(work: Work, rule: Mapping[str, Any]) -> int:
    """``least_people``, or a multiple of the quantile of how many records hold a name."""
    held = work.execute(
        f"""SELECT n FROM name_counts ORDER BY n DESC LIMIT 1 OFFSET greatest(
            {int(rule["most_junk"])}, (SELECT floor(count(*) * {1 - rule["quantile"]}) FROM name_counts)::BIGINT)"""
    ).fetchone()
    return max(int(rule["least_people"]), int(rule["times_quantile_names"] * (held[0] if held else 0)))


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


def find_holders(work: Work, model: Model, rows: str) -> None:
    """Make ``holders(rid, field, value, family, name, people)`` of every value of ``rows`` that several hold.

    Needs the dictionaries and names of ``rows``. ``family``: a number for the corrected family name; ``name``: the
    record's name, if many hold it; ``people``: see ``people_sql``, where no family name vouches for the record.
    """
    rule = model.settings["generic"]
    default_country = model.trained.default_country if model.trained else None
    _find_names(work, int(rule["least_people"]) if NAME in rule["columns"] else None)
    work.execute("CREATE OR REPLACE TEMP TABLE held_now (rid INTEGER, field VARCHAR, value VARCHAR)")
    for column in rule["columns"]:
        if column == NAME:
            work.execute(f"INSERT INTO held_now SELECT rid, '{NAME}', name FROM often_named")
            continue
        columns, value = dictionary_of(column)
        work.execute(
            f"""CREATE OR REPLACE TEMP TABLE often AS
            SELECT {columns}, {value} AS value FROM dict_{column} SEMI JOIN (
                SELECT {value} FROM dict_{column} WHERE {value} IS NOT NULL GROUP BY 1
                HAVING sum(n) * {rule["times_quantile"]} > {rule["least_families"]}
                UNION SELECT value FROM generic_rulings WHERE field = '{column}') USING ({value})"""
        )
        joined = f"often o ON f.{column} = o.raw"
        if column == "phone":
            joined = joined_phones("o", "often")
        country = "LEFT JOIN dict_country d_country ON f.country = d_country.raw" if column == "phone" else ""
        work.execute(
            f"INSERT INTO held_now SELECT f.rid, '{column}', o.value FROM {rows} f {country} JOIN {joined}",
            {"country": default_country} if column == "phone" else {},
        )
    # once for all columns: for each, everyone's family names would be put into a join's table anew
    work.execute(
        f"""CREATE OR REPLACE TEMP TABLE held AS
        SELECT h.*, CASE WHEN field <> '{NAME}' THEN a.family END AS family
        FROM held_now h LEFT JOIN families a USING (rid)"""
    )
    known = ", ".join(f"d_{name}.value AS {name}" for name in PEOPLE if name != "phone")
    dictionaries = " ".join(
        f"LEFT JOIN dict_{name} d_{name} ON f.{name} = d_{name}.raw" for name in (*PEOPLE, "country") if name != "phone"
    )
    work.execute(
        f"""CREATE OR REPLACE TEMP TABLE told_apart AS
        SELECT f.rid, n.name, {known}, p.value AS phone
        FROM (FROM {rows} SEMI JOIN (
            SELECT rid FROM held WHERE family IS NULL UNION SELECT rid FROM often_named) USING (rid)) f
        LEFT JOIN often_named n ON n.rid = f.rid {dictionaries} LEFT JOIN {joined_phones("p")}""",
        {"country": default_country},
    )
    people = " ".join(f"WHEN '{column}' THEN {people_sql(column)}" for column in rule["columns"])
    work.execute(
        f"""CREATE OR REPLACE TEMP VIEW holders AS
        SELECT h.rid, field, value, family, name, CASE field {people} END AS people
        FROM held h LEFT JOIN told_apart t ON t.rid = h.rid"""
    )
    for table in ("families", "often", "often_named", "held_now"):
        work.execute(f"DROP TABLE IF EXISTS {table}")


def _find_names(work: Work, least: int | None) -> None:
    """Make ``families(rid, family, pair)``, ``name_counts(pair, n)`` and ``often_named(rid, name)``.

    The last are names that more than ``least`` records hold, and those ruled on; none without it. ``pair``: a number
    for a name.
    """
    names = "fresh_names n LEFT JOIN spelled_given g ON n.given_name = g.name LEFT JOIN spelled_family a ON "
    names += "n.family_name = a.name"
    pair = f"CASE WHEN g.fixed IS NOT NULL THEN hash({NAME_PAIR}) END" if least is not None else "NULL::UBIGINT"
    work.execute(
        f"""CREATE OR REPLACE TEMP TABLE families AS
        SELECT rid, hash(a.fixed) AS family, {pair} AS pair FROM {names} WHERE a.fixed IS NOT NULL"""
    )
    work.execute(
        """CREATE OR REPLACE TEMP TABLE name_counts AS
        SELECT pair, count(*) AS n FROM families WHERE pair IS NOT NULL GROUP BY pair"""
    )
    work.execute(
        f"""CREATE OR REPLACE TEMP TABLE often_named AS
        SELECT rid, {NAME_PAIR} AS name FROM {names} SEMI JOIN (
            SELECT rid FROM families SEMI JOIN (
                SELECT pair FROM name_counts WHERE n > {least or 0} UNION
                SELECT hash(value) FROM generic_rulings WHERE field = '{NAME}') USING (pair)) USING (rid)"""
    )


def withhold_from_everyone(work: Work, model: Model) -> None:
    """Fill ``generic_values`` and ``withheld``, and make generic values missing in the dictionaries and names."""
    count_generic(work, model)
    work.execute("INSERT INTO generic_values FROM generic_now")
    work.execute("INSERT INTO ruled_values FROM ruled_now")
    work.execute(
        "INSERT INTO withheld SELECT rid, field, value FROM holders SEMI JOIN generic_values USING (field, value)"
    )
    for column in model.settings["generic"]["columns"]:
        if column == NAME:
            _withhold_names(work)
            continue
        value = dictionary_of(column)[1]
        lost = ", ".join(f"{name} = NULL" for name in (("line", "number", "name") if value == "line" else ("value",)))
        work.execute(
            f"UPDATE dict_{column} SET {lost} "
            f"WHERE {value} IN (SELECT value FROM generic_values WHERE field = '{column}')"
        )
    work.execute("DROP VIEW holders")
    for table in ("held", "told_apart", "name_counts", "generic_now", "ruled_now"):
        work.execute(f"DROP TABLE {table}")


def _withhold_names(work: Work) -> None:
    nameless = f"rid IN (SELECT rid FROM withheld WHERE field = '{NAME}')"
    # the counts of all other columns need it
    work.execute(
        f"""INSERT INTO withheld SELECT rid, 'family_fixed', fixed
        FROM fresh_names JOIN spelled_family ON family_name = name WHERE {nameless}"""
    )
    lost = ", ".join(f"{name} = NULL" for name in ("given_name", "family_name", "middle_name", "suffix"))
    work.execute(f"UPDATE fresh_names SET {lost} WHERE {nameless}")


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


def count_generic(work: Work, model: Model, met: str | None = None) -> None:
    """Make ``generic_now(field, value, holders, distinct_family_names)`` from ``holders``, as stewards have ruled.

    The last is the number of different people for a name, and where a family name is missing. A generic name is no
    name: a phone and a name that both come from one till would vouch for each other. ``met``: a relation
    ``(field, value)`` of what ``holders`` is complete for; other names are as generic as they stand. Makes
    ``ruled_now``, too: rows of ``ruled_values``, which say of a ruled value what the count alone would.
    """
    for table, like in (
        ("counted_now", "ruled_values"),
        ("ruled_now", "ruled_values"),
        ("generic_now", "generic_values"),
    ):
        work.execute(f"CREATE OR REPLACE TEMP TABLE {table} AS FROM {like} WHERE false")
    _count(work, model, [NAME], "people")
    unmet = f"ANTI JOIN {met} USING (field, value)" if met else ""
    named = f"""name IS NOT NULL AND name IN (
        SELECT value FROM generic_now UNION ALL SELECT value FROM generic_values {unmet} WHERE field = '{NAME}')"""
    others = [column for column in model.settings["generic"]["columns"] if column != NAME]
    _count(work, model, others, f"CASE WHEN {named} THEN people ELSE coalesce(family, people) END")
    work.execute("DROP TABLE counted_now")


def _count(work: Work, model: Model, columns: Sequence[str], witness: str) -> None:
    """Add the values of some columns to ``generic_now`` and ``ruled_now``."""
    work.execute(f"INSERT INTO counted_now {_counted_sql(model, columns, witness)}")
    work.execute(
        f"""INSERT INTO generic_now SELECT c.* EXCLUDE (counted)
        FROM counted_now c LEFT JOIN generic_rulings r USING (field, value)
        WHERE {generic_sql("counted", "verdict")}"""
    )
    work.execute("INSERT INTO ruled_now FROM counted_now SEMI JOIN generic_rulings USING (field, value)")
    work.execute("DELETE FROM counted_now")


def _counted_sql(model: Model, columns: Sequence[str], witness: str) -> str:
    """Values of some columns that too many share or that are ruled on; a column that the model does not count has none.

    Rows as those of ``generic_now``, and whether too many share the value.
    """
    assert model.trained is not None
    thresholds = model.trained.generic_threshold
    counted = [column for column in columns if column in model.settings["generic"]["columns"]]
    allowed = " ".join(f"WHEN '{column}' THEN {thresholds[column]}" for column in counted)
    among = ", ".join(f"'{column}'" for column in counted)
    allows = f"CASE field {allowed} END" if counted else "0"
    # few values have so many holders, and only those need a distinct count
    return f"""
        SELECT field, value, count(*) AS holders, count(DISTINCT {witness}) AS distinct_family_names,
            distinct_family_names > {allows} AS counted
        FROM holders SEMI JOIN (
            SELECT field, value FROM holders WHERE {f"field IN ({among})" if counted else "false"}
            GROUP BY field, value HAVING count(*) > {allows}
            UNION SELECT field, value FROM generic_rulings
            WHERE {f"field IN ({among})" if counted else "false"}) USING (field, value)
        GROUP BY field, value
        HAVING counted OR (field, value) IN (SELECT (field, value) FROM generic_rulings)"""


def withhold(work: Work, model: Model, table: str) -> None:
    """Make the values in ``generic_values`` missing in ``table``, keeping who held them in ``withheld``."""
    for (column,) in work.execute("SELECT DISTINCT field FROM generic_values ORDER BY field").fetchall():
        shared = f"SELECT value FROM generic_values WHERE field = '{column}'"
        # with a name its family name goes, too, which the counts of all other columns need
        for kept in (column, "family_fixed") if column == NAME else (column,):
            work.execute(f"INSERT INTO withheld SELECT rid, '{kept}', {kept} FROM {table} WHERE {column} IN ({shared})")
        gone = dict.fromkeys(lost_with(column), "NULL")
        for name in lost_with(column):
            gone |= rarest_bin(model, name)
        lost = ", ".join(f"{name} = {instead}" for name, instead in gone.items())
        work.execute(f"UPDATE {table} SET {lost} WHERE {column} IN ({shared})")
