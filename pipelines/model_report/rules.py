"""What each blocking rule contributes: its pairs, those it alone found, its largest keys, and what they all missed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import duckdb
import numpy as np

from pipelines.hidden import keep_hidden
from pipelines.model_report.report import LargestKey, RuleYield
from pipelines.work import whole_number
from profile_service.identity.block import key_sql
from profile_service.identity.blocking_rule import BlockingRule, part_sql, same_key_sql
from profile_service.identity.mixture import Floats, Integers
from profile_service.identity.model import Model

Work = duckdb.DuckDBPyConnection
_DRAWN = 200_000
_LARGEST = 3
# Rules that read one of these have a fact in common, in this order: by it they are told into families.
_FAMILIES = (
    ("loyalty_id", "cookie_id", "device_id"),
    ("email", "email_local", "phone", "phone_tail"),
    ("birth_date",),
    ("name_pair", "family_fixed", "given_sound"),
    ("street", "street_name", "postcode", "city", "region"),
)


@dataclass(frozen=True)
class KeyCounts:
    """The keys of one rule: pairs they make, keys beyond the cap and who holds one, the largest keys that are shown.

    Shown are keys that two records hold which are not hidden (``hidden.hide``), with how many of those do.
    """

    pairs: int
    capped_keys: int
    capped_records: int
    largest: tuple[LargestKey, ...]


def count_keys(work: Work, model: Model) -> dict[str, KeyCounts]:
    """By live rule what its keys in ``standardised`` are like; makes ``capped_keys(key)``, those beyond the cap."""
    work.execute("CREATE OR REPLACE TEMP TABLE capped_keys (key UBIGINT)")
    keep_hidden(work)
    hidden = whole_number(work, "SELECT count(*) FROM hidden_records") > 0
    shown = "s.rid NOT IN (FROM hidden_records)" if hidden else "true"
    return {rule.name: _count_keys(work, model, rule, shown) for rule in model.live_rules}


def _count_keys(work: Work, model: Model, rule: BlockingRule, shown: str) -> KeyCounts:
    """``shown``: SQL true of a record ``s`` that may be shown."""
    cap = model.blocking_cap
    row = work.execute(
        f"""WITH held AS (
            SELECT key, count(*) AS n, count(*) FILTER (shown) AS seen, min(rid) FILTER (shown) AS rid
            FROM (SELECT {key_sql(rule)} AS key, s.rid, {shown} AS shown FROM standardised s) WHERE key IS NOT NULL
            GROUP BY key HAVING n > 1)
        SELECT coalesce(sum(n * (n - 1) // 2) FILTER (n <= {cap}), 0)::BIGINT, list(key) FILTER (n > {cap}),
               coalesce(sum(n) FILTER (n > {cap}), 0)::BIGINT,
               max({{'n': seen, 'rid': -rid}}, {_LARGEST}) FILTER (seen > 1) FROM held"""
    ).fetchall()[0]
    capped = row[1] or []
    if capped:
        work.execute("INSERT INTO capped_keys SELECT unnest($keys::UBIGINT[])", {"keys": capped})
    largest = tuple(LargestKey(_key_of(work, rule, -each["rid"]), each["n"]) for each in row[3] or ())
    return KeyCounts(row[0], len(capped), row[2], largest)


def _key_of(work: Work, rule: BlockingRule, rid: int) -> str:
    """The key as people read it, from a record that holds it."""
    values = work.execute(
        f"SELECT {', '.join(part_sql(part, 's') for part in rule.key)} FROM standardised s WHERE rid = {rid}"
    ).fetchall()[0]
    return ", ".join(map(str, values))


def rule_yields(model: Model, keys: Mapping[str, KeyCounts], drawn: DrawnPairs) -> Iterator[RuleYield]:
    """Every blocking rule of the model, in its order."""
    place = {rule.name: number for number, rule in enumerate(model.live_rules)}
    for rule in model.blocking_rules:
        if rule.name not in keys:
            yield RuleYield(rule.name, rule.key, False, 0, 0, 0.0, 0, 0, ())
            continue
        of_rule = keys[rule.name]
        only = drawn.found_by == 1 << place[rule.name]
        yield RuleYield(
            name=rule.name,
            key=rule.key,
            live=True,
            pairs=of_rule.pairs,
            alone=round(float(only.sum()) * drawn.step),
            alone_same=float(drawn.probability[only].sum()) * drawn.step,
            capped_keys=of_rule.capped_keys,
            capped_records=of_rule.capped_records,
            largest=of_rule.largest,
        )


class DrawnPairs:
    """Every ``step``-th scored pair, by a hash: which live rules found it (a bit each), and its probability."""

    def __init__(self, work: Work, model: Model, keys: Mapping[str, KeyCounts]) -> None:
        self.step = max(1, whole_number(work, "SELECT count(*) FROM scored_pairs") // _DRAWN)
        self.rules = model.live_rules
        columns = sorted({column for rule in self.rules for column in rule.columns})
        found_by = " | ".join(
            f"CASE WHEN {_finds(rule, keys)} THEN {1 << place} ELSE 0 END" for place, rule in enumerate(self.rules)
        )
        work.execute(
            f"CREATE OR REPLACE TEMP TABLE drawn_pairs AS SELECT l, r, bits FROM scored_pairs "
            f"WHERE hash(l, r) % {self.step} = 0"
        )
        work.execute(
            f"""CREATE OR REPLACE TEMP TABLE drawn_ends AS SELECT {", ".join(["rid", *columns])} FROM standardised
            SEMI JOIN (SELECT unnest([l, r]) AS rid FROM drawn_pairs) USING (rid)"""
        )
        rows = work.execute(
            f"""SELECT ({found_by or "0"})::BIGINT AS found_by, 1 / (1 + pow(2, -p.bits::DOUBLE)) AS probability
            FROM drawn_pairs p JOIN drawn_ends l ON l.rid = p.l JOIN drawn_ends r ON r.rid = p.r"""
        ).fetchnumpy()
        for table in ("drawn_pairs", "drawn_ends"):
            work.execute(f"DROP TABLE {table}")
        self.found_by: Integers = np.asarray(rows["found_by"], dtype=np.int64)
        self.probability: Floats = np.asarray(rows["probability"], dtype=np.float64)

    def never_met(self) -> float:
        """How many pairs of one person no rule found, from how many families of rules found the others.

        Chao's (1987) estimate for capture and recapture: with f1 found by one family only and f2 by two, f1²/2f2 were
        found by none. Families that tend to fail together make it too low; rules of one family count as one, for
        what one misses the others mostly miss too.
        """
        families: Integers = np.zeros(len(self.found_by), dtype=np.int64)
        for family in {_family(rule) for rule in self.rules}:
            mask = sum(1 << place for place, rule in enumerate(self.rules) if _family(rule) == family)
            families += (self.found_by & mask) != 0
        once, twice = (float(self.probability[families == times].sum()) * self.step for times in (1, 2))
        return once * once / (2 * twice) if twice else 0.0


def _finds(rule: BlockingRule, keys: Mapping[str, KeyCounts]) -> str:
    """SQL: this rule brings records ``l`` and ``r`` together."""
    same = same_key_sql(rule)
    return f"{same} AND {key_sql(rule, 'l')} NOT IN (FROM capped_keys)" if keys[rule.name].capped_keys else same


def _family(rule: BlockingRule) -> int:
    return next((place for place, columns in enumerate(_FAMILIES) if set(columns) & set(rule.columns)), len(_FAMILIES))
