"""Every pair of records that shares a live blocking key becomes a candidate pair, once, smaller rid on the left."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import duckdb
import numpy as np
from numpy.typing import NDArray

from pipelines.work import whole_number
from profile_service.identity.block import key_sql
from profile_service.identity.blocking_rule import BlockingRule, same_key_sql
from profile_service.identity.mixture import Integers
from profile_service.identity.model import Model

Work = duckdb.DuckDBPyConnection
Flags = NDArray[np.bool_]
KEYS = "blocking_keys"
SAMPLED_PAIRS = 200_000


def keys_sql(model: Model, rows: str) -> str:
    """A query of ``(key, rid)``: every blocking key of every row of relation ``rows``."""
    return " UNION ALL ".join(
        f"SELECT key, rid FROM (SELECT {key_sql(rule)} AS key, s.rid FROM {rows} s) WHERE key IS NOT NULL"
        for rule in model.live_rules
    )


def keep_keys(work: Work, model: Model) -> None:
    """Make ``blocking_keys(key, rid)`` of everyone in ``standardised``, unless it stands: the next run starts from it.

    Whoever makes ``standardised`` anew drops it; whoever changes rows of the one changes those of the other.
    """
    if work.execute(f"SELECT 1 FROM duckdb_tables() WHERE table_name = '{KEYS}'").fetchall():
        return
    columns = work.execute("SELECT column_name FROM duckdb_columns() WHERE table_name = 'standardised'").fetchall()
    known = {name for (name,) in columns}
    rules = tuple(rule for rule in model.blocking_rules if known.issuperset(rule.columns))
    query = keys_sql(replace(model, blocking_rules=rules), "standardised")
    work.execute(f"CREATE TABLE {KEYS} AS {query or 'SELECT 0::UBIGINT AS key, 0::INTEGER AS rid WHERE false'}")


def block_all(work: Work, model: Model) -> int:
    """Make ``candidates(l, r)`` from everyone in ``standardised``; answers how many pairs.

    A key held by more records than the model's cap is not live: it finds nothing.
    """
    work.execute(f"CREATE OR REPLACE TEMP TABLE all_keys AS {keys_sql(model, 'standardised')}")
    work.execute(
        f"""CREATE OR REPLACE TEMP TABLE live_keys AS
        SELECT k.key, k.rid FROM all_keys k SEMI JOIN (
            SELECT key FROM all_keys GROUP BY key
            HAVING count(*) BETWEEN 2 AND {model.blocking_cap}) USING (key)"""
    )
    work.execute(
        """CREATE OR REPLACE TEMP TABLE candidates AS
        SELECT DISTINCT a.rid AS l, b.rid AS r FROM live_keys a JOIN live_keys b ON a.key = b.key AND a.rid < b.rid"""
    )
    keep_channels_apart(work)
    work.execute("DROP TABLE all_keys")
    work.execute("DROP TABLE live_keys")
    return count(work, "candidates")


def too_wide(work: Work, model: Model) -> list[str]:
    """The wide rules that find more pairs of their own than the model's budget allows.

    A pair that a rule before it finds too is none of its own: where records have many true partners, those who share a
    key are mostly these. Counted on a sample of keys where a rule has more pairs than the budget in all.
    """
    records = count(work, "standardised")
    return rules_beyond_budget(model, records, lambda rule, taken: _own_pairs(work, model, rule, taken))


def rules_beyond_budget(
    model: Model, records: int, own_pairs: Callable[[BlockingRule, Sequence[BlockingRule]], float]
) -> list[str]:
    """Names of the rules that are left out among so many records.

    ``own_pairs``: how many pairs a rule finds that none of some others does. Few records have the budget of more.
    """
    bounds = model.settings["blocking"]
    most = max(bounds["budget"] * records, bounds.get("least_pairs", 0))
    taken = [rule for rule in model.blocking_rules if not (rule.wide or rule.few)]
    worth_counting = rules_worth_counting(model, records)
    names = []
    for rule in (rule for rule in model.blocking_rules if rule.wide or rule.few):
        if rule not in worth_counting or own_pairs(rule, taken) > most:
            names.append(rule.name)
        else:
            taken.append(rule)
    return names


def rules_worth_counting(model: Model, records: int) -> tuple[BlockingRule, ...]:
    """The blocking rules without those that are for fewer records."""
    few = model.settings["blocking"].get("few", 0)
    return tuple(rule for rule in model.blocking_rules if not rule.few or records <= few)


def _own_pairs(work: Work, model: Model, rule: BlockingRule, others: Sequence[BlockingRule]) -> float:
    """About how many pairs ``rule`` finds that none of ``others`` does; never fewer when it is cheap to know."""
    columns = sorted({column for each in (rule, *others) for column in each.columns})
    live = f"""FROM (SELECT {key_sql(rule)} AS key FROM standardised s) WHERE key IS NOT NULL
        GROUP BY key HAVING n BETWEEN 2 AND {model.blocking_cap}"""
    row = work.execute(f"SELECT coalesce(sum(n * (n - 1) // 2), 0) FROM (SELECT key, count(*) AS n {live})").fetchone()
    pairs = int(row[0]) if row else 0
    step = max(1, pairs // SAMPLED_PAIRS)
    work.execute(
        f"""CREATE OR REPLACE TEMP TABLE sampled_rows AS
        SELECT {key_sql(rule)} AS key, rid, {", ".join(columns)} FROM standardised s
        WHERE key IN (SELECT key FROM (SELECT key, count(*) AS n {live}) WHERE key % {step} = 0)"""
    )
    found = " OR ".join(f"coalesce({same_key_sql(other)}, false)" for other in others)
    own = whole_number(
        work,
        f"SELECT count(*) FROM sampled_rows l JOIN sampled_rows r ON l.key = r.key AND l.rid < r.rid "
        f"WHERE NOT ({found or 'false'})",
    )
    work.execute("DROP TABLE sampled_rows")
    return float(own * step)


def found_again(work: Work, model: Model, left: Integers, right: Integers) -> Flags:
    """Which pairs of rids share a key of any live rule, however many records hold it, shape (pairs,)."""
    found = " OR ".join(f"coalesce({same_key_sql(rule, 'a', 'b')}, false)" for rule in model.live_rules)
    columns = {"l": left.astype(np.int32), "r": right.astype(np.int32), "place": np.arange(len(left))}
    work.register("asked_pairs", columns)
    rows = work.execute(
        "SELECT place FROM asked_pairs JOIN standardised a ON a.rid = l JOIN standardised b ON b.rid = r "
        f"WHERE {found or 'false'}"
    ).fetchnumpy()
    work.unregister("asked_pairs")
    result = np.zeros(len(left), dtype=bool)
    result[np.asarray(rows["place"])] = True
    return result


def keep_channels_apart(work: Work) -> None:
    """Two records of one duplicate-free channel are never one person, so they are no candidates."""
    if work.execute("SELECT 1 FROM duplicate_free LIMIT 1").fetchone():
        work.execute(
            """DELETE FROM candidates c USING standardised a, standardised b
            WHERE a.rid = c.l AND b.rid = c.r AND a.apart = b.apart"""
        )


def count(work: Work, table: str) -> int:
    """Rows of a table."""
    return whole_number(work, f"SELECT count(*) FROM {table}")
