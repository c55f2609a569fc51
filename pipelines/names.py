"""Names are put right: out of each other's place, and rare spellings as what they are a slip of."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import duckdb
import numpy as np

from pipelines.standardise import define_rule, dictionaries
from profile_service.identity.model import Frequencies, Model
from profile_service.identity.spelling import in_each_others_place

Work = duckdb.DuckDBPyConnection
Corrections = Mapping[str, Mapping[str, str | None]]  # column = name = its correction


def learn_names(work: Work) -> dict[str, Frequencies]:
    """Records that carry each given and family name as read, uncorrected; names met twice or less are left out."""
    learned = {}
    for column, value in (("given_name", "first"), ("family_name", "last")):
        counts = work.execute(
            f"SELECT {value}, sum(n)::BIGINT AS n FROM dict_{column} WHERE {value} IS NOT NULL GROUP BY 1"
        ).fetchall()
        learned[column] = Frequencies(sum(n for _, n in counts), {name: n for name, n in sorted(counts) if n > 2})
    return learned


def spell_names(work: Work, model: Model, corrections: Corrections) -> None:
    """Make ``spelled_given`` and ``spelled_family``: each name of ``fresh_names`` with its correction and its sound.

    ``corrections``: for each of the two columns those known already.
    """
    for table, column in (("given", "given_name"), ("family", "family_name")):
        define_rule(work, f"rule_fix_{column}", model.spellings[column].correct, 1, "VARCHAR")
        known = corrections[column]
        names = f"SELECT DISTINCT {column} AS name FROM fresh_names WHERE {column} IS NOT NULL"
        if known:
            arrays = {"name": list(known), "fixed": [fixed or "" for fixed in known.values()]}
            work.register("corrections", {key: np.array(texts, dtype=object) for key, texts in arrays.items()})
            names = f"SELECT name, nullif(fixed, '') AS known FROM ({names}) LEFT JOIN corrections USING (name)"
        else:
            names = f"SELECT name, NULL::VARCHAR AS known FROM ({names})"
        work.execute(f"CREATE OR REPLACE TEMP TABLE spelled_{table} AS {spelled_sql(table, names)}")
        if known:
            work.unregister("corrections")


def spelled_sql(which: str, names: str) -> str:
    """A query ``(name, fixed, roots, sound)`` of query ``names(name, known)``, given names or family ones.

    ``known``: a name's correction, where it is known.
    """
    roots = "rule_roots(fixed)" if which == "given" else "NULL::VARCHAR"
    return f"""SELECT name, fixed, {roots} AS roots, rule_sound(fixed) AS sound FROM (
        SELECT name, coalesce(known, rule_fix_{which}_name(name)) AS fixed FROM ({names}))"""


def _table_of(work: Work, table: str, columns: str, rows: Mapping[str, int]) -> None:
    """Make a temporary table of a value and a number."""
    work.execute(f"CREATE OR REPLACE TEMP TABLE {table} ({columns})")
    if rows:
        # as arrays: as parameters they take eight times as long
        arrays = {"value": np.array(list(rows), dtype=object), "number": np.fromiter(rows.values(), np.int64)}
        work.register("rows_of_it", arrays)
        work.execute(f"INSERT INTO {table} SELECT value, number FROM rows_of_it")
        work.unregister("rows_of_it")


# The SQL of ``spelling.in_each_others_place``, over counts of the given (g) and family (f) tables. Where it may take a
# name for a slip, the rule itself is asked.
_SWAPPED_IN_RECORD = """CASE
    WHEN as_given + as_family = 0 AND their_given > their_family
        OR their_given + their_family = 0 AND as_family > as_given THEN rule_swapped(whole, family_name)
    ELSE as_family * their_given > 30 * (as_given + 1) * (their_family + 1) END"""
# Counted for each name in a dictionary: a record joined with the counts themselves six times took twice as long.
_WHOLE = "CASE WHEN rest IS NULL THEN first ELSE first || ' ' || rest END AS whole"
_FOREMOST = "split_part(last, ' ', 1) AS foremost"
_AS_GIVEN = "coalesce(gg.n, 0) AS as_given, greatest(coalesce(fw.n, 0), coalesce(fg.n, 0)) AS as_family"
_OF_GIVEN = """LEFT JOIN known_given gg ON gg.name = first
    LEFT JOIN known_family fw ON fw.name = whole LEFT JOIN known_family fg ON fg.name = first"""
_AS_FAMILY = "coalesce(gf.n, 0) AS their_given, greatest(coalesce(ff.n, 0), coalesce(ft.n, 0)) AS their_family"
_OF_FAMILY = """LEFT JOIN known_given gf ON gf.name = foremost
    LEFT JOIN known_family ff ON ff.name = last LEFT JOIN known_family ft ON ft.name = foremost"""
_SAID = f"""WITH given AS (
        SELECT raw, first, rest, suffix, whole, {_AS_GIVEN}
        FROM (SELECT *, {_WHOLE} FROM dict_given_name) {_OF_GIVEN}),
    family AS (
        SELECT raw, last, suffix, foremost, {_AS_FAMILY}
        FROM (SELECT *, {_FOREMOST} FROM dict_family_name) {_OF_FAMILY}),
    entire AS (
        SELECT raw, first, last, middle, first AS whole, foremost, {_AS_GIVEN}, {_AS_FAMILY}
        FROM (SELECT *, first AS whole, {_FOREMOST} FROM dict_full_name) {_OF_GIVEN} {_OF_FAMILY})"""


def _said(name: str, of: str, said: str) -> str:
    """A column of what a record says in its two names, or where it says neither in its full name."""
    return f"CASE WHEN g.first IS NULL AND a.last IS NULL THEN e.{said} ELSE {of} END AS {name}"


def read_names(work: Work, fresh: str, model: Model, corrections: Callable[[], Corrections]) -> None:
    """Make ``fresh_names``, ``spelled_given`` and ``spelled_family`` of relation ``fresh``.

    ``corrections`` are waited for when they are needed.
    """
    _put_names_right(work, fresh, model)
    spell_names(work, model, corrections())


def _put_names_right(work: Work, fresh: str, model: Model) -> None:
    """Make ``fresh_names(rid, given_name, family_name, middle_name, suffix)``: read, and out of each other's place."""
    givens, families = model.spellings["given_name"], model.spellings["family_name"]

    def swapped(given: str | None, family: str | None) -> bool:
        return in_each_others_place(given, family, givens, families)

    define_rule(work, "rule_swapped", swapped, 2, "BOOLEAN")
    for table, column in (("given", "given_name"), ("family", "family_name")):
        known = model.trained.frequencies[column].counts if model.trained else {}
        _table_of(work, f"known_{table}", "name VARCHAR, n BIGINT", known)
    said = (
        _said("given_name", "g.first", "first"),
        _said("whole", "g.whole", "whole"),
        _said("family_name", "a.last", "last"),
        _said("foremost", "a.foremost", "foremost"),
        *(_said(count, f"coalesce(g.{count}, 0)", count) for count in ("as_given", "as_family")),
        *(_said(count, f"coalesce(a.{count}, 0)", count) for count in ("their_given", "their_family")),
    )
    work.execute(
        f"""CREATE OR REPLACE TEMP TABLE fresh_names AS {_SAID}
        SELECT rid, suffix,
            CASE WHEN swapped THEN foremost ELSE given_name END AS given_name,
            CASE WHEN swapped THEN whole ELSE family_name END AS family_name,
            coalesce(middle_name, CASE WHEN NOT swapped THEN rest ELSE
                nullif(substr(family_name, instr(family_name || ' ', ' ') + 1), '') END, full_middle) AS middle_name
        FROM (SELECT *, {_SWAPPED_IN_RECORD} AS swapped FROM (
            SELECT f.rid, {", ".join(said)}, g.rest, e.middle AS full_middle, d_middle_name.value AS middle_name,
                coalesce(a.suffix, g.suffix) AS suffix
            FROM {fresh} f LEFT JOIN given g ON f.given_name = g.raw LEFT JOIN family a ON f.family_name = a.raw
            LEFT JOIN entire e ON f.full_name = e.raw {dictionaries(("middle_name",))}))"""
    )
