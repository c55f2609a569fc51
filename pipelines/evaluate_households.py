"""Published households are held against who really lives together."""

from __future__ import annotations

from pathlib import Path

import duckdb

from pipelines.work import whole_number
from profile_service.errors import UnusableInput

Desk = duckdb.DuckDBPyConnection


def household_shares(desk: Desk, homes: Path) -> tuple[float, float]:
    """Precision and recall over pairs of people, by ``homes`` (CSV: person_id, household_id).

    A customer stands for the person of most of its records. Precision: of the pairs of customers told as one household,
    those whose people live together; two customers of one person are no pair. Recall: of the pairs of people who live
    together and have a customer each, those that are told. Reads the tables ``held`` and the attached ``published``.
    Raises UnusableInput when the file cannot be read or names none of these people.
    """
    try:
        desk.execute(
            "CREATE TABLE homes AS SELECT person_id AS person, any_value(household_id) AS home "
            "FROM read_csv($homes, all_varchar = true, header = true, delim = ',', quote = '\"', escape = '\"') "
            "GROUP BY person_id",
            {"homes": str(homes)},
        )
    except duckdb.Error as error:
        first = str(error).splitlines()[0]
        raise UnusableInput(
            f"{homes} cannot be read as a CSV with the columns person_id, household_id: {first}"
        ) from error
    desk.execute(
        """CREATE TABLE residents AS
        SELECT cluster, person, home FROM (
            SELECT cluster, arg_max(person, (n, person)) AS person FROM (
                SELECT cluster, person, count(*) AS n FROM held GROUP BY ALL) GROUP BY cluster)
        JOIN homes USING (person)"""
    )
    if not whole_number(desk, "SELECT count(*) FROM residents"):
        raise UnusableInput(f"{homes} names nobody who is published: are these the households of another landing?")
    desk.execute(
        """CREATE TABLE told AS
        SELECT least(a.person, b.person) AS one, greatest(a.person, b.person) AS other, a.home = b.home AS right_one
        FROM published.customer_households x JOIN published.customer_households y
            ON x.household_id = y.household_id AND x.customer_id < y.customer_id
        JOIN residents a ON a.cluster = x.customer_id JOIN residents b ON b.cluster = y.customer_id
        WHERE a.person <> b.person"""
    )
    told = whole_number(desk, "SELECT count(*) FROM told")
    right = whole_number(desk, "SELECT count(*) FROM told WHERE right_one")
    found = whole_number(desk, "SELECT count(*) FROM (SELECT DISTINCT one, other FROM told WHERE right_one)")
    there = whole_number(
        desk,
        """SELECT coalesce(sum(n * (n - 1) // 2), 0)::BIGINT
        FROM (SELECT count(DISTINCT person) AS n FROM residents GROUP BY home)""",
    )
    return right / told if told else 1.0, found / there if there else 1.0
