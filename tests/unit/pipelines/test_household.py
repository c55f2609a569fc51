"""Who is told as a household: what must be shared, how an id lasts, and who is left out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

import duckdb
import numpy as np
import pytest

from pipelines.household import HouseholdCounts, find_households
from pipelines.work import TABLES
from profile_service.identity.ids import HOUSEHOLD, IdSource
from profile_service.identity.mixture import LOG2
from profile_service.identity.model import Model
from tests.linkage_world import Learned, run_context

HOME = {"given_name": "differ", "family_name": "exact (rare)", "street": "exact", "postcode": "exact (rarest)"}


class Homes:
    """A work store of customers with a record each, named alike, and the pairs between them."""

    def __init__(self, model: Model) -> None:
        self.model = model
        self.seq = 0
        self.work = duckdb.connect()
        self.work.execute("SET TimeZone = 'UTC'")
        for name, columns in TABLES.items():
            self.work.execute(f"CREATE TABLE {name} ({columns})")

    def people(self, *names: str) -> None:
        """Customers, in the order in which their ids were given."""
        for rid, name in enumerate(names):
            self.work.execute("INSERT INTO membership VALUES (?, ?)", [rid, name])
            self.work.execute("INSERT INTO customer_ids VALUES (?, true, ?, 1, 1)", [name, name])

    def pair(self, one: str, other: str, said: Mapping[str, str] = HOME) -> None:
        """A scored pair of two customers' records: comparison = the level it is on, the others silent."""
        levels = tuple(
            next(number for number, outcome in enumerate(outcomes) if outcome.name == said.get(c.name, "missing"))
            for c, outcomes in zip(self.model.comparisons, self.model.outcomes, strict=True)
        )
        pattern = self.model.pack(levels)
        assert self.model.trained is not None
        bits = float(self.model.trained.mixture.log_odds(np.array([levels]))[0]) / LOG2
        rids = sorted(self.rid(name) for name in (one, other))
        self.work.execute("INSERT INTO scored_pairs VALUES (?, ?, ?, ?)", [*rids, pattern, bits])
        self.work.execute("DELETE FROM patterns WHERE pattern = ?", [pattern])
        self.work.execute("INSERT INTO patterns VALUES (?, ?, NULL, NULL)", [pattern, bits])

    def rid(self, name: str) -> int:
        (row,) = self.work.execute("SELECT rid FROM membership WHERE customer_id = ?", [name]).fetchall()
        return int(row[0])

    def part(self, one: str, other: str) -> None:
        """The pair of two customers' records is gone."""
        self.work.execute("DELETE FROM scored_pairs WHERE l = ? AND r = ?", sorted([self.rid(one), self.rid(other)]))

    def merge(self, loser: str, winner: str) -> None:
        """One customer becomes part of another."""
        self.work.execute("UPDATE membership SET customer_id = ? WHERE customer_id = ?", [winner, loser])
        self.work.execute(
            "UPDATE customer_ids SET standing = false, stands_as = ? WHERE stands_as = ?", [winner, loser]
        )

    def find(self) -> HouseholdCounts:
        """The next run's households."""
        self.seq += 1
        return find_households(self.work, self.model, run_context(self.seq), IdSource(prefix=HOUSEHOLD))

    def told(self) -> dict[str, set[str]]:
        """Household = its customers."""
        rows = self.work.execute("SELECT household_id, list(customer_id) FROM households GROUP BY 1").fetchall()
        return {household: set(customers) for household, customers in rows}

    def members(self) -> list[set[str]]:
        return sorted(self.told().values(), key=sorted)


@pytest.fixture
def homes(learned: Learned) -> Iterator[Homes]:
    made = Homes(learned.model)
    yield made
    made.work.close()


STRANGERS = {"given_name": "differ", "family_name": "differ", "birth_date": "differ"}
FAR = {"street": "differ", "postcode": "differ", "city": "differ"}
PAIRS = [
    ("a couple with one name at one address", HOME, ["address", "family name"]),
    ("two of one name with a joint e-mail address", {**HOME, "street": "missing", "email": "exact"}, ["email"]),
    ("flat-mates at one address", {**STRANGERS, "street": "exact", "postcode": "exact (rarest)"}, ["address"]),
    ("twins at one address", {**HOME, "birth_date": "exact (rarest)"}, ["address", "family name"]),
    ("a slip in the street of one family", {**HOME, "street": "close"}, ["address", "family name"]),
    ("neighbours: flats of one house", {**STRANGERS, "street": "close", "postcode": "exact (rarest)"}, None),
    ("strangers in one street", {**STRANGERS, "street": "name", "postcode": "exact (rarest)"}, None),
    ("people of one name in one town", {**HOME, "street": "missing", "postcode": "missing", "city": "close"}, None),
    ("a handed-on number", {**STRANGERS, **FAR, "phone": "exact"}, None),
    ("one person twice", {**HOME, "given_name": "exact (rare)", "birth_date": "exact (rarest)"}, None),
]  # fmt: skip


@pytest.mark.parametrize(("who", "said", "shares"), PAIRS, ids=[pair[0] for pair in PAIRS])
def test_who_lives_together_shares_more_than_a_name(
    homes: Homes, who: str, said: Mapping[str, str], shares: list[str] | None
) -> None:
    homes.people("ann", "bob")
    homes.pair("ann", "bob", said)
    homes.find()
    assert homes.members() == ([{"ann", "bob"}] if shares else []), who
    told = homes.work.execute("SELECT DISTINCT shares, members FROM households").fetchall()
    for names, members in told:
        assert (set(shares or ()) <= set(names), members) == (True, 2)


def test_a_second_run_over_the_same_changes_nothing(homes: Homes) -> None:
    homes.people("ann", "bob", "cyd")
    homes.pair("ann", "bob")
    assert homes.find() == HouseholdCounts(households=1, customers=2, created=1)
    before = homes.work.execute("FROM households ORDER BY ALL").fetchall()
    assert homes.find() == HouseholdCounts(households=1, customers=2, created=0)
    assert homes.work.execute("FROM households ORDER BY ALL").fetchall() == before


def test_who_joins_is_told_since_then_and_the_others_since_before(homes: Homes) -> None:
    homes.people("ann", "bob", "cyd")
    homes.pair("ann", "bob")
    homes.find()
    (household,) = homes.told()
    homes.work.execute("UPDATE households SET since = '2020-01-01'")
    homes.pair("bob", "cyd")
    homes.find()
    assert homes.told() == {household: {"ann", "bob", "cyd"}}
    since = dict(homes.work.execute("SELECT customer_id, year(since) FROM households").fetchall())
    assert since == {"ann": 2020, "bob": 2020, "cyd": 2026}


def test_the_id_stays_with_the_larger_part(homes: Homes) -> None:
    homes.people("ann", "bob", "cyd", "dee", "eve")
    for one, other in (("ann", "bob"), ("bob", "cyd"), ("cyd", "dee"), ("dee", "eve")):
        homes.pair(one, other)
    homes.find()
    (household,) = homes.told()
    homes.part("bob", "cyd")
    assert homes.find().created == 1
    assert homes.told()[household] == {"cyd", "dee", "eve"}
    assert homes.members() == [{"ann", "bob"}, {"cyd", "dee", "eve"}]


def test_two_households_that_become_one_keep_the_id_of_the_larger(homes: Homes) -> None:
    homes.people("ann", "bob", "cyd", "dee", "eve")
    for one, other in (("ann", "bob"), ("cyd", "dee"), ("dee", "eve")):
        homes.pair(one, other)
    homes.find()
    (larger,) = [household for household, customers in homes.told().items() if len(customers) == 3]
    homes.pair("ann", "eve")
    assert homes.find().created == 0
    assert list(homes.told()) == [larger]


def test_a_member_merged_away_stays_as_the_customer_it_became(homes: Homes) -> None:
    homes.people("ann", "bob", "cyd", "annie")
    homes.pair("annie", "bob")
    homes.find()
    (household,) = homes.told()
    homes.work.execute("UPDATE households SET since = '2020-01-01'")
    homes.merge("annie", "ann")
    homes.find()
    assert homes.told() == {household: {"ann", "bob"}}
    assert homes.work.execute("SELECT DISTINCT year(since) FROM households").fetchall() == [(2020,)]


def test_two_who_turn_out_to_be_one_are_no_household(homes: Homes) -> None:
    homes.people("ann", "bob")
    homes.pair("ann", "bob")
    homes.find()
    homes.merge("bob", "ann")
    assert homes.find() == HouseholdCounts()


def test_nobody_is_told_of_those_who_hang_together_in_a_crowd(homes: Homes) -> None:
    assert homes.model.household is not None
    most = homes.model.household.most_members
    homes.people(*(f"p{number}" for number in range(most + 1)))
    for number in range(most - 1):
        homes.pair(f"p{number}", f"p{number + 1}")
    assert homes.find().customers == most
    homes.pair(f"p{most - 1}", f"p{most}")
    assert homes.find() == HouseholdCounts()


def test_a_model_that_says_nothing_of_households_leaves_none(homes: Homes, learned: Learned) -> None:
    homes.people("ann", "bob")
    homes.pair("ann", "bob")
    homes.find()
    homes.model = replace(learned.model, household=None)
    assert homes.find() == HouseholdCounts()
    assert homes.told() == {}
