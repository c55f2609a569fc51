"""Names that records leave out are read in their e-mail addresses, once what too many share is missing."""

from __future__ import annotations

import duckdb
import numpy as np

from pipelines.names import spelled_sql
from profile_service.identity.mailbox import NOTHING, KnownNames, names_in_mailbox
from profile_service.identity.model import Model
from profile_service.identity.vocabulary import packaged_vocabulary

Work = duckdb.DuckDBPyConnection
# What a name is made of that a mailbox tells: the rule stands in ``identity.mailbox``; what cannot tell is not asked.
_LACKS = "(s.family_fixed IS NULL OR s.given_fixed IS NULL OR length(s.given_fixed) = 1)"
_COLUMNS = {"given": ("fixed", "root", "roots", "sound"), "family": ("fixed", "sound")}
# What each record says itself; a mailbox adds to these columns alone.
SAID_FAMILY = "CASE WHEN {0}.family_name IS NOT NULL THEN {0}.family_fixed END"
SAID_PAIR = """CASE WHEN {0}.given_name IS NULL OR {0}.family_name IS NULL THEN NULL
    WHEN length({0}.given_name) > 1 THEN {0}.name_pair
    WHEN {0}.given_name <= {0}.family_fixed THEN {0}.given_name || ' ' || {0}.family_fixed
    ELSE {0}.family_fixed || ' ' || {0}.given_name END"""


def read_mailboxes(work: Work, model: Model, table: str) -> None:
    """Complete the names of ``table``, standard values without generic ones; ``given_name``, ``family_name`` stay.

    Needs ``withheld``: a record whose own name is generic is not given another.
    """
    known = KnownNames(model.spellings["given_name"], model.spellings["family_name"], packaged_vocabulary())
    asked = work.execute(
        f"""SELECT rid, email_local, given_fixed, family_fixed FROM {table} s
        WHERE email_local IS NOT NULL AND {_LACKS}
        AND rid NOT IN (SELECT rid FROM withheld WHERE field = 'name_pair')"""
    ).fetchall()
    told = [(rid, *names_in_mailbox(local, given, family, known)) for rid, local, given, family in asked]
    told = [each for each in told if each[1:] != NOTHING]
    if not told:
        return
    rids, given, family = zip(*told, strict=True)
    # missing is an empty text meanwhile: of an array DuckDB looks at few values to tell its type
    columns = {
        name: np.array([each or "" for each in names], dtype=object)
        for name, names in (("given", given), ("family", family))
    }
    work.register("told_rows", {"rid": np.array(rids, dtype=np.int32), **columns})
    work.execute(
        """CREATE OR REPLACE TEMP TABLE told_by_mailbox AS
        SELECT rid, nullif(given, '') AS given, nullif(family, '') AS family FROM told_rows"""
    )
    work.unregister("told_rows")
    _complete(work, model, table)
    work.execute("DROP TABLE told_by_mailbox")


def _complete(work: Work, model: Model, table: str) -> None:
    """Write what ``told_by_mailbox`` tells into the rows of ``table``."""
    binned = model.settings["frequency"]["columns"]
    sets, joins, told = [], [], "FROM told_by_mailbox"
    for name, columns in _COLUMNS.items():
        work.execute(
            f"""CREATE OR REPLACE TEMP TABLE told_{name} AS SELECT *, split_part(roots, ' ', 1) AS root FROM (
            {spelled_sql(name, f"SELECT DISTINCT {name} AS name, NULL AS known {told} WHERE {name} IS NOT NULL")})"""
        )
        own = [f"{name}_{column} = coalesce(t.{name}_{column}, s.{name}_{column})" for column in columns]
        if f"{name}_fixed" in binned:
            _enter_bins(work, model, name)
            own.append(f"{name}_fixed_bin = coalesce(t.{name}_bin, s.{name}_fixed_bin)")
        sets += own
        joins.append(f"LEFT JOIN told_{name} {name} ON {name}.name = m.{name}")
    selected = [f"{name}.{column} AS {name}_{column}" for name, columns in _COLUMNS.items() for column in columns]
    selected += [f"{name}.bin AS {name}_bin" for name in _COLUMNS if f"{name}_fixed" in binned]
    given, family = (f"coalesce(t.{name}_fixed, s.{name}_fixed)" for name in _COLUMNS)
    pair = f"CASE WHEN {given} <= {family} THEN {given} || ' ' || {family} ELSE {family} || ' ' || {given} END"
    work.execute(
        f"""UPDATE {table} s SET {", ".join(sets)}, name_pair = {pair}
        FROM (SELECT m.rid, {", ".join(selected)} FROM told_by_mailbox m {" ".join(joins)}) t WHERE t.rid = s.rid"""
    )
    for name in _COLUMNS:
        work.execute(f"DROP TABLE told_{name}")


def _enter_bins(work: Work, model: Model, name: str) -> None:
    fixed = [value for (value,) in work.execute(f"SELECT DISTINCT fixed FROM told_{name}").fetchall()]
    bins = np.array([model.bin_of(f"{name}_fixed", value) for value in fixed], dtype=np.uint8)
    work.execute(f"ALTER TABLE told_{name} ADD COLUMN bin UTINYINT")
    if fixed:
        work.register("bins_of_told", {"value": np.array(fixed, dtype=object), "bin": bins})
        work.execute(f"UPDATE told_{name} SET bin = b.bin FROM bins_of_told b WHERE b.value = fixed")
        work.unregister("bins_of_told")
