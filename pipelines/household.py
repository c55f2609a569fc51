"""Customers who live together are told as one household, with an id that lasts; they stay customers of their own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import duckdb
import numpy as np

from pipelines.compare import level_numbers
from pipelines.work import whole_number
from profile_service.identity.claims import Edge, claim
from profile_service.identity.components import components_of
from profile_service.identity.household import HouseholdRule, living_together
from profile_service.identity.ids import IdSource
from profile_service.identity.model import Model

if TYPE_CHECKING:
    from pipelines.run_context import RunContext

Work = duckdb.DuckDBPyConnection
_TEMPORARY = ("tied_customers", "home_members", "home_edges", "home_claims", "homes", "households_now")


@dataclass(frozen=True)
class HouseholdCounts:
    """Households that stand, customers in them, and households that a run gave an id."""

    households: int = 0
    customers: int = 0
    created: int = 0


def find_households(work: Work, model: Model, run: RunContext, ids: IdSource) -> HouseholdCounts:
    """Bring ``households`` to what ``scored_pairs`` and ``membership`` say now, in the caller's transaction.

    To be called when every record has its customer. Everyone is looked at in every run: the answer is the same however
    the records came, and households of people who are gone go with them. A model that is not trained, or says nothing
    of households, leaves none.
    """
    rule = model.household
    if rule is None or model.trained is None:
        work.execute("DELETE FROM households")
        return HouseholdCounts()
    _tie_customers(work, model, rule)
    _members(work, rule)
    created = _name(work, ids)
    _now(work, rule, run)
    work.execute(
        """DELETE FROM households
        WHERE customer_id IN (SELECT customer_id FROM (FROM households EXCEPT FROM households_now))"""
    )
    work.execute("INSERT INTO households (FROM households_now EXCEPT FROM households)")
    for table in _TEMPORARY:
        work.execute(f"DROP TABLE temp.{table}")
    return HouseholdCounts(
        households=whole_number(work, "SELECT count(DISTINCT household_id) FROM households"),
        customers=whole_number(work, "SELECT count(*) FROM households"),
        created=created,
    )


def _tie_customers(work: Work, model: Model, rule: HouseholdRule) -> None:
    """Temp table ``tied_customers`` (one, other, probability, shared): pairs of customers who live together."""
    assert model.trained is not None
    # a pair that is sooner one person than this cannot be people of one household as surely as the rule asks
    least = max(rule.least_probability, 1e-6)
    most_bits = float(np.log2((1 - least) / least)) if least < 1 else -np.inf
    rows = work.execute("SELECT pattern FROM patterns WHERE bits <= $most ORDER BY pattern", {"most": most_bits + 0.01})
    patterns = np.asarray(rows.fetchnumpy()["pattern"], dtype=np.int64)
    levels = level_numbers(model, patterns)
    named = {
        comparison.name: (place, [outcome.level.name if outcome.level else "" for outcome in outcomes])
        for place, (comparison, outcomes) in enumerate(zip(model.comparisons, model.outcomes, strict=True))
    }
    shared = rule.shared(levels, named)
    patterns, levels, shared = patterns[shared > 0], levels[shared > 0], shared[shared > 0]
    chance = living_together(model.trained.mixture, levels)
    sure = chance >= least
    table = {"pattern": patterns[sure], "probability": chance[sure].astype(np.float32), "shared": shared[sure]}
    work.register("home_patterns", table)
    work.execute(
        """CREATE OR REPLACE TEMP TABLE tied_customers AS
        WITH tied AS MATERIALIZED (SELECT p.l, p.r, h.probability, h.shared FROM scored_pairs p
                                   JOIN home_patterns h USING (pattern))
        SELECT least(a.customer_id, b.customer_id) AS one, greatest(a.customer_id, b.customer_id) AS other,
               max(probability) AS probability, bit_or(shared) AS shared
        FROM tied JOIN membership a ON a.rid = tied.l JOIN membership b ON b.rid = tied.r
        WHERE a.customer_id <> b.customer_id GROUP BY ALL"""
    )
    work.unregister("home_patterns")


def _members(work: Work, rule: HouseholdRule) -> None:
    """Temp table ``home_members`` (customer_id, home): who hangs together, by the place of a group's first customer."""
    customers = """SELECT customer_id, row_number() OVER (ORDER BY customer_id) - 1 AS place FROM (
        SELECT one AS customer_id FROM tied_customers UNION SELECT other FROM tied_customers)"""
    work.execute(f"CREATE OR REPLACE TEMP TABLE home_members AS {customers}")
    ties = work.execute(
        """SELECT a.place AS one, b.place AS other FROM tied_customers t
        JOIN home_members a ON a.customer_id = t.one JOIN home_members b ON b.customer_id = t.other"""
    ).fetchnumpy()
    size = whole_number(work, "SELECT count(*) FROM home_members")
    one, other = (np.asarray(ties[end], dtype=np.int64) for end in ("one", "other"))
    group = components_of(one, other, size)
    first = np.full(size, size, dtype=np.int64)
    np.minimum.at(first, group, np.arange(size))
    small = np.bincount(group, minlength=size)[group] <= rule.most_members
    work.register("home_groups", {"place": np.arange(size)[small], "home": first[group][small]})
    work.execute(
        """CREATE OR REPLACE TEMP TABLE home_members AS
        SELECT customer_id, home FROM home_members JOIN home_groups USING (place)"""
    )
    work.unregister("home_groups")


def _name(work: Work, ids: IdSource) -> int:
    """Temp table ``homes`` (home, household_id): the id that most members had, or a new one; answers how many new."""
    work.execute(
        """CREATE OR REPLACE TEMP TABLE home_edges AS
        SELECT m.home, o.household_id, count(*)::INTEGER AS members, min(m.customer_id) AS key
        FROM home_members m JOIN (
            SELECT DISTINCT h.household_id, i.stands_as AS customer_id
            FROM households h JOIN customer_ids i USING (customer_id)) o USING (customer_id) GROUP BY ALL"""
    )
    work.execute(
        """CREATE OR REPLACE TEMP TABLE home_claims AS SELECT home, household_id FROM home_edges
        WHERE home NOT IN (SELECT home FROM home_edges GROUP BY home HAVING count(*) > 1)
          AND household_id NOT IN (SELECT household_id FROM home_edges GROUP BY household_id HAVING count(*) > 1)"""
    )
    contested = work.execute("FROM home_edges WHERE home NOT IN (SELECT home FROM home_claims)").fetchall()
    settled = claim(Edge(*row) for row in contested)
    if settled:
        work.executemany("INSERT INTO home_claims VALUES (?, ?)", list(settled.items()))
    new = "SELECT DISTINCT home FROM home_members ANTI JOIN home_claims USING (home)"
    homes = np.asarray(work.execute(f"{new} ORDER BY home").fetchnumpy()["home"], dtype=np.int64)
    given = {"home": homes, "household_id": np.array(ids.batch(len(homes)), dtype=object)}
    work.execute("CREATE OR REPLACE TEMP TABLE homes AS FROM home_claims")
    if len(homes):
        work.register("given_homes", given)
        work.execute("INSERT INTO homes FROM given_homes")
        work.unregister("given_homes")
    return len(homes)


def _now(work: Work, rule: HouseholdRule, run: RunContext) -> None:
    """Temp table ``households_now``: ``households`` as they are from now on."""
    names = ", ".join(f"'{name}'" for name in rule.names)
    work.execute(
        f"""CREATE OR REPLACE TEMP TABLE households_now AS
        WITH said AS (
            SELECT customer_id, max(probability) AS probability, bit_or(shared) AS shared FROM (
                SELECT one AS customer_id, probability, shared FROM tied_customers
                UNION ALL SELECT other, probability, shared FROM tied_customers) GROUP BY customer_id),
        before AS (
            SELECT h.household_id, i.stands_as AS customer_id, min(h.since) AS since
            FROM households h JOIN customer_ids i USING (customer_id) GROUP BY ALL)
        SELECT n.household_id, m.customer_id,
               list_filter([{names}], lambda name, place: (s.shared >> (place - 1)::INTEGER) & 1 = 1) AS shares,
               s.probability::FLOAT AS probability, (count(*) OVER (PARTITION BY m.home))::INTEGER AS members,
               coalesce(b.since, $now::TIMESTAMPTZ) AS since
        FROM home_members m JOIN homes n USING (home) JOIN said s USING (customer_id)
        LEFT JOIN before b ON b.household_id = n.household_id AND b.customer_id = m.customer_id""",
        {"now": run.now},
    )
