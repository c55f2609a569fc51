"""Traits and segments of everyone, or, in a refresh, of those who changed or whom passing time changes."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

import duckdb

from pipelines.relations import CHANGED
from profile_service.identity.survivorship import quoted
from profile_service.store.schema_traits import DEFINITIONS, VALUES
from profile_service.store.stored import moment_sql
from profile_service.traits import Condition, Segment, Trait, Traits

SAID = "publish_traits"
_DUE = "due_traits"
_DAY_US = 86_400_000_000
_STORE = f"generation.main.{VALUES}"


@dataclass(frozen=True)
class Told:
    """What is told: the declaration, the channels that there are, each group's event types as spelled, and as of when.

    ``groups``: by the types of a group as declared, those that stand for it among the events. ``as_of``: microseconds.
    """

    traits: Traits
    channels: tuple[str, ...]
    groups: Mapping[tuple[str, ...], tuple[str, ...]]
    as_of: int

    @property
    def spelled(self) -> list[str]:
        """Every event type that anything is counted over; one that is none, where there is none."""
        return sorted({each for spelled in self.groups.values() for each in spelled}) or [""]

    def kind(self, types: tuple[str, ...]) -> str:
        """The column that says of an event whether it is one of a group."""
        return f"k{list(self.groups).index(types)}"

    def within(self, days: int | None) -> str:
        """SQL: the event has happened, and within the days; one without a moment only counts where none are asked."""
        if days is None:
            return f"(us <= {self.as_of} OR us IS NULL)"
        return f"us <= {self.as_of} AND us > {self.as_of - days * _DAY_US}"


def fill_traits(work: duckdb.DuckDBPyConnection, traits: Traits, now: datetime, *, whole: bool) -> tuple[str, ...]:
    """Bring ``customer_trait_values`` of the attached ``generation`` to the moment ``now``; answers what to warn of.

    To be called when the other relations are filled. Leaves the temp table ``publish_traits``: (cno, customer_id,
    segments, said) of every row that is written, said as JSON text, cno NULL for a customer who has not changed
    otherwise. A row holds until ``changes_at``, so that a refresh says what computing everyone anew would.
    """
    found = work.execute("SELECT DISTINCT channel FROM generation.main.customer_events ORDER BY channel").fetchall()
    channels = tuple(str(name) for (name,) in found)
    as_of = int(now.timestamp()) * 1_000_000 + now.microsecond
    events, who = _changed_events(work, as_of, whole=whole)
    told = Told(traits, channels, _spellings(work, traits), as_of)
    work.execute(f"CREATE OR REPLACE TEMP TABLE {SAID} AS {_rows_sql(told, events, who)}")
    if not whole:
        work.execute(f"DELETE FROM {_STORE} WHERE customer_id IN (SELECT customer_id FROM {SAID})")
    kept = ", ".join(["customer_id", *(f'"{trait.name}"' for trait in traits.served), "segments", "changes_at"])
    work.execute(f"INSERT INTO {_STORE} ({kept}) SELECT {kept} FROM {SAID}")
    work.execute(f"DROP TABLE IF EXISTS temp.{_DUE}")
    if whole:
        work.executemany(
            f"INSERT INTO generation.main.{DEFINITIONS} VALUES (?, ?, ?, ?, ?, ?, ?, ?)", _definitions(traits)
        )
    return _warnings(work, told)


def _changed_events(work: duckdb.DuckDBPyConnection, as_of: int, *, whole: bool) -> tuple[str, str]:
    """SQL of the events of everyone to be told of, by number, and of (cno, customer_id) of these.

    Customers who changed have the number of the build; those who are only due have one below zero.
    """
    events = "SELECT cno, channel, event_type, occurred_at, amount, currency FROM publish_events WHERE cno IS NOT NULL"
    who = f"SELECT cno, customer_id FROM {CHANGED}"
    if whole:
        return events, who
    work.execute(f"""
        CREATE OR REPLACE TEMP TABLE {_DUE} AS
        SELECT -row_number() OVER ()::INTEGER AS cno, customer_id FROM {_STORE}
        WHERE epoch_us(changes_at) <= {as_of} AND customer_id NOT IN (SELECT customer_id FROM {CHANGED})""")
    if not work.execute(f"SELECT 1 FROM {_DUE} LIMIT 1").fetchall():
        return events, who
    due = f"""SELECT d.cno, e.channel, e.event_type, e.occurred_at, e.amount, e.currency
        FROM generation.main.customer_events e JOIN {_DUE} d USING (customer_id)"""
    return f"{events} UNION ALL {due}", f"{who} UNION ALL SELECT cno, customer_id FROM {_DUE}"


def _spellings(work: duckdb.DuckDBPyConnection, traits: Traits) -> dict[tuple[str, ...], tuple[str, ...]]:
    """Each group of event types that traits are counted over, with how the channels spell them."""
    rows = work.execute("SELECT DISTINCT event_type FROM generation.main.customer_events WHERE event_type IS NOT NULL")
    spelled = sorted(str(kind) for (kind,) in rows.fetchall())
    groups = [types for trait in traits.served for types in (trait.events, trait.less) if types]
    return {types: tuple(each for each in spelled if each.strip().lower() in types) for types in groups}


def _rows_sql(told: Told, events: str, who: str) -> str:
    """A row for each cno among the events: traits, segments, when time alone changes them, and what a profile says."""
    traits = told.traits
    over = [trait for trait in traits.served if trait.measure != "share"]
    counted = "".join(f', {_measured(told, trait)} AS "{trait.name}"' for trait in over)
    shares = "".join(f', {_share(trait)} AS "{trait.name}"' for trait in traits.served if trait.measure == "share")
    inside = "".join(
        f", {f'event_type IN ({_list(spelled)})' if spelled else 'false'} AS {told.kind(types)}"
        for types, spelled in told.groups.items()
    )
    # strings are compared once an event, not once for each trait
    code = " ".join(f"WHEN {quoted(name)} THEN {place}" for place, name in enumerate(told.channels))
    worth = " ".join(
        f"WHEN {quoted(name)} THEN {'amount' if rate == 1 else f'amount * {rate:f}'}"
        for name, rate in traits.rates.items()
    )
    segments = ", ".join(f"CASE WHEN {_met(told, each)} THEN {quoted(each.name)} END" for each in traits.segments)
    said = ", ".join(f"{quoted(trait.name)}: {_said(trait)}" for trait in traits.served)
    columns = ", ".join(f'"{trait.name}"' for trait in traits.served)
    return f"""
        WITH told AS (
            SELECT cno, {f"(CASE channel {code} END)::UTINYINT" if code else "0"} AS c, epoch_us(occurred_at) AS us,
                   TRY_CAST(round(CASE currency {worth} END, 2) AS DECIMAL(18, 2)) AS worth{inside}
            FROM ({events}) WHERE event_type IN ({_list(told.spelled)})),
        counted AS (SELECT cno, least({", ".join(_ends(told, over))}) AS ends{counted} FROM told GROUP BY cno),
        shared AS (SELECT *{shares} FROM counted),
        whole AS (FROM shared{_named_sql(traits, who)})
        SELECT CASE WHEN cno > 0 THEN cno END AS cno, w.customer_id, {columns},
               list_filter([{segments}]::VARCHAR[], lambda name: name IS NOT NULL) AS segments,
               make_timestamptz(least({", ".join(["ends", *_turns(told)])})) AS changes_at,
               {{{said}}}::JSON AS said
        FROM whole JOIN ({who}) w USING (cno)"""


def _ends(told: Told, over: Iterable[Trait]) -> list[str]:
    """Aggregates: when an event that lies ahead comes, and when one leaves the days that a trait looks at."""
    ends = [f"min(us) FILTER (us > {told.as_of})"]
    for trait in over:
        if trait.within_days is not None:
            within, after = told.within(trait.within_days), trait.within_days * _DAY_US
            groups = (types for types in (trait.events, trait.less) if types)
            ends += [f"min(us) FILTER ({told.kind(types)} AND {within}) + {after}" for types in groups]
    return ends


def _list(types: Iterable[str]) -> str:
    return ", ".join(quoted(each) for each in types)


def _measured(told: Told, trait: Trait) -> str:
    """An aggregate over the events of a customer."""
    counts = f"{told.kind(trait.events)} AND {told.within(trait.within_days)}"
    if trait.measure == "count":
        return f"count(*) FILTER ({counts})"
    if trait.measure in ("first", "last"):
        which = "min" if trait.measure == "first" else "max"
        return f"make_timestamptz({which}(us) FILTER ({counts}))"
    if trait.measure == "average_amount":
        return f"round(avg(worth) FILTER ({counts}), 2)::DECIMAL(38, 2)"
    if trait.measure == "amount":
        bought = f"sum(worth) FILTER ({counts})"
        if not trait.less:
            return f"({bought})::DECIMAL(38, 2)"
        returned = f"sum(abs(worth)) FILTER ({told.kind(trait.less)} AND {told.within(trait.within_days)})"
        return f"coalesce({bought} - coalesce({returned}, 0), -({returned}))::DECIMAL(38, 2)"
    each = [(quoted(name), f"count(*) FILTER ({counts} AND c = {place})") for place, name in enumerate(told.channels)]
    if trait.measure == "channels":
        met = ", ".join(f"CASE WHEN {count} > 0 THEN {name} END" for name, count in each)
        return f"nullif(list_filter([{met}]::VARCHAR[], lambda name: name IS NOT NULL), [])"
    if not each:
        return "NULL::VARCHAR"
    most = f"greatest({', '.join(count for _, count in each)})"
    return f"CASE {most} WHEN 0 THEN NULL {' '.join(f'WHEN {count} THEN {name}' for name, count in each)} END"


def _share(trait: Trait) -> str:
    return f'round("{trait.share}"::DOUBLE / nullif("{trait.of}", 0), 4)'


def _named_sql(traits: Traits, who: str) -> str:
    """SQL of the join that brings columns of customers; empty where no segment asks for one."""
    asked = {condition.trait for segment in traits.segments for condition in segment.when}
    columns = [trait for trait in traits.traits if trait.column and trait.name in asked]
    if not columns:
        return ""
    named = "".join(f', u."{trait.column}" AS "of {trait.name}"' for trait in columns)
    return f""" LEFT JOIN (
        SELECT w.cno{named} FROM ({who}) w JOIN generation.main.customers u USING (customer_id)) USING (cno)"""


def _met(told: Told, segment: Segment) -> str:
    return " AND ".join(f"({_holds(told, condition)})" for condition in segment.when)


def _holds(told: Told, condition: Condition) -> str:
    """SQL of a condition; a missing trait makes it NULL, which meets nothing."""
    trait, as_of = _cell(told.traits, condition.trait), told.as_of
    number = f"len({trait})" if _is_list(told.traits, condition.trait) else trait
    asked = []
    if condition.at_least is not None:
        asked.append(f"{number} >= {condition.at_least:f}")
    if condition.below is not None:
        asked.append(f"{number} < {condition.below:f}")
    if condition.within_days is not None:
        asked.append(f"epoch_us({trait}) > {as_of - condition.within_days * _DAY_US} AND epoch_us({trait}) <= {as_of}")
    if condition.before_days is not None:
        asked.append(f"epoch_us({trait}) <= {as_of - condition.before_days * _DAY_US}")
    if condition.equals is not None:
        asked.append(f"{trait} = {quoted(condition.equals)}")
    return " AND ".join(asked)


def _turns(told: Told) -> list[str]:
    """SQL of the moments, in microseconds, at which a condition on a moment will turn by itself."""
    asked = {
        (condition.trait, days)
        for segment in told.traits.segments
        for condition in segment.when
        for days in (condition.within_days, condition.before_days)
        if days is not None
    }
    turns = []
    for name, days in sorted(asked):
        moment = f"epoch_us({_cell(told.traits, name)})"
        for after in (days * _DAY_US, 0):
            turns.append(f"CASE WHEN {moment} + {after} > {told.as_of} THEN {moment} + {after} END")
    return turns


def _cell(traits: Traits, name: str) -> str:
    of_customers = any(trait.column for trait in traits.traits if trait.name == name)
    return f'"of {name}"' if of_customers else f'"{name}"'


def _is_list(traits: Traits, name: str) -> bool:
    return any(
        trait.measure == "channels" or trait.column == "channels" for trait in traits.traits if trait.name == name
    )


def _said(trait: Trait) -> str:
    """A value as a profile shows it: exact decimals and moments as text."""
    if "amount" in trait.measure:
        return f'"{trait.name}"::VARCHAR'
    return moment_sql(f'"{trait.name}"') if trait.measure in ("first", "last") else f'"{trait.name}"'


def _definitions(traits: Traits) -> list[tuple[str | int | None, ...]]:
    """The rows of ``trait_definitions``."""
    rows: list[tuple[str | int | None, ...]] = []
    for trait in traits.traits:
        one, several = (words or None for words in trait.in_words)
        place = traits.told.index(trait.name) if trait.name in traits.told else None
        currency = traits.currency if "amount" in trait.measure else None
        rule = _rule(vars(trait), ("name", "why", "in_words"))
        rows.append(("trait", trait.name, several, one, place, currency, trait.why, rule))
    for segment in traits.segments:
        rule = json.dumps([json.loads(_rule(vars(condition), ())) for condition in segment.when])
        rows.append(("segment", segment.name, segment.in_words, None, None, None, segment.why, rule))
    return rows


def _rule(said: dict[str, object], but: tuple[str, ...]) -> str:
    return json.dumps({name: each for name, each in said.items() if each and name not in but}, default=str)


def _warnings(work: duckdb.DuckDBPyConnection, told: Told) -> tuple[str, ...]:
    """Currencies without a rate, by how many of the events at hand have them."""
    known, counted = _list(told.traits.rates), _list(told.spelled)
    rows = work.execute(
        f"""SELECT currency, count(*) FROM publish_events
        WHERE amount IS NOT NULL AND currency NOT IN ({known}) AND event_type IN ({counted})
        GROUP BY currency ORDER BY count(*) DESC, currency LIMIT 5"""
    ).fetchall()
    return tuple(
        f"{count:,} amounts in {currency} count in no trait: give its rate in [money.rates] of the traits"
        for currency, count in rows
    )
