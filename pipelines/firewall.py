"""The over-merge firewall: what no retailer's customers do between two runs stops the run before it publishes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import duckdb

from profile_service.errors import RunFailed
from profile_service.store.generation import Generation

OBJECTS = "the over-merge firewall objects"


@dataclass(frozen=True)
class Thresholds:
    """The ``[firewall]`` section of the model; see there for the why of each number."""

    largest_customer: int
    times_previous: float
    merged_share: float
    merged_least: int
    conflicting_births: int
    conflicting_share: float
    conflicting_least: int
    # a model kept by an older version knows nothing of these
    restarted_share: float = 0.2
    restarted_least: int = 20
    rejected_share: float = 0.5
    rejected_least: int = 50

    @classmethod
    def from_settings(cls, settings: Mapping[str, Mapping[str, Any]]) -> Thresholds | None:
        """The thresholds in a model's settings, or None where its declaration has no firewall."""
        return cls(**settings["firewall"]) if "firewall" in settings else None


def object_to_over_merging(
    work: duckdb.DuckDBPyConnection, standing: Generation | None, thresholds: Thresholds | None
) -> None:
    """Raises RunFailed naming every objection to publishing ``work`` after the ``standing`` generation."""
    if thresholds is not None:
        object_to(objections(work, standing, thresholds))


def object_to(found: Sequence[str]) -> None:
    """Raises RunFailed naming the objections found, if there are any."""
    if found:
        raise RunFailed(
            f"{OBJECTS}: {'; '.join(found)}. Nothing was published; look with --dry-run, "
            "mend the feed, the model or the work store, or publish all the same with --accept"
        )


def objections(work: duckdb.DuckDBPyConnection, standing: Generation | None, thresholds: Thresholds) -> list[str]:
    """What speaks against publishing, a sentence each.

    Feeds first: rows refused for the most part, ids given to other people. Then customers: a giant one, hard conflicts,
    a jump in merges or splits.
    """
    since = standing.manifest.run_seq if standing else 0
    found = [*_refused(work, since, thresholds), *_given_anew(work, since, thresholds)]
    # small customers, nearly all there are, can be neither giants nor in conflict; all are told apart by hashes, which
    # takes half the time that ids do
    work.execute(
        f"""CREATE OR REPLACE TEMP TABLE larger_customers AS
        SELECT code, count(*) AS records FROM (SELECT hash(customer_id) AS code FROM membership) GROUP BY code
        HAVING count(*) > {min(thresholds.conflicting_births, thresholds.largest_customer)}"""
    )
    before = standing.manifest.largest_customer if standing else 0
    plausible = max(thresholds.largest_customer, int(thresholds.times_previous * before))
    found += _giants(work, plausible)
    (customers,) = _first(work, "SELECT count(*) FROM customer_ids WHERE standing", (0,))
    (conflicting,) = _first(
        work,
        f"""WITH theirs AS MATERIALIZED (
            SELECT rid, hash(customer_id) AS code FROM membership
            WHERE hash(customer_id) IN (SELECT code FROM larger_customers))
        SELECT count(*) FROM (
            SELECT code FROM (
                SELECT DISTINCT code, hash(birth_date) AS birth FROM theirs JOIN standardised USING (rid)
                WHERE birth_date IS NOT NULL)
            GROUP BY code HAVING count(*) > {thresholds.conflicting_births})""",
        (0,),
    )
    work.execute("DROP TABLE larger_customers")
    tolerated = max(thresholds.conflicting_least, int(thresholds.conflicting_share * customers))
    if conflicting > tolerated:
        found.append(
            f"{conflicting} customers have more than {thresholds.conflicting_births} birth dates, "
            f"more than the tolerated {tolerated}"
        )
    return found + _jumps(work, standing, thresholds)


def _giants(work: duckdb.DuckDBPyConnection, plausible: int) -> list[str]:
    """The largest customer, where it has more records than is plausible; reads ``larger_customers(code, records)``."""
    giants = f"SELECT code FROM larger_customers WHERE records > {plausible}"
    if not work.execute(f"{giants} LIMIT 1").fetchall():
        return []
    rows = work.execute(
        f"""SELECT customer_id, count(*) AS records FROM membership WHERE hash(customer_id) IN ({giants})
        GROUP BY customer_id HAVING records > {plausible} ORDER BY records DESC, customer_id LIMIT 1"""
    ).fetchall()
    return [
        f"customer {customer_id} has {records} records, more than the plausible {plausible}"
        for customer_id, records in rows
    ]


def _jumps(work: duckdb.DuckDBPyConnection, standing: Generation | None, thresholds: Thresholds) -> list[str]:
    if standing is None:
        return []
    before = standing.manifest.run_id
    if not work.execute("SELECT 1 FROM runs WHERE run_id = ?", [before]).fetchone():
        return [f"the work store knows nothing of {before}, which is published: every id it gave would be lost"]
    limit = max(thresholds.merged_least, int(thresholds.merged_share * standing.manifest.customers))
    counts = work.execute(
        # who gets back an id that was merged away is split off as much as who gets a new one
        """SELECT CASE event WHEN 'restored' THEN 'split_from' ELSE event END AS what, count(*) FROM id_history
           WHERE run_seq > ? AND event IN ('merged_into', 'split_from', 'restored') GROUP BY what ORDER BY what""",
        [standing.manifest.run_seq],
    ).fetchall()
    words = {"merged_into": "merged away", "split_from": "split off"}
    return [
        f"{count} customers are {words[event]} since the last generation, more than the plausible {limit}"
        for event, count in counts
        if count > limit
    ]


def _refused(work: duckdb.DuckDBPyConnection, since: int, thresholds: Thresholds) -> list[str]:
    """Feeds of which most rows broke the contract: their columns may have moved."""
    rows = work.execute(
        """WITH refused AS (
            SELECT channel, kind, count(*) AS refused, mode(reasons[1]) AS reason FROM rejected_rows
            WHERE run_seq > $since GROUP BY ALL),
        received AS (SELECT channel, kind, sum(rows) AS received FROM files WHERE run_seq > $since GROUP BY ALL)
        SELECT channel, kind, refused, received, reason FROM refused JOIN received USING (channel, kind)
        WHERE refused >= $least AND refused > $share * received ORDER BY ALL""",
        {"since": since, "least": thresholds.rejected_least, "share": thresholds.rejected_share},
    ).fetchall()
    return [
        f"{refused:,} of {received:,} rows of {channel} {kind} were refused, most often because {reason} (a file of "
        "another make, or one whose columns have moved)"
        for channel, kind, refused, received, reason in rows
    ]


# A version that came after another one of its record: is it the same person, married, mistyped or moved, or another?
_OTHER_PERSON = """
    jaro_winkler_similarity(was.given, now.given) < 0.8 AND jaro_winkler_similarity(was.family, now.family) < 0.8
    AND NOT (jaro_winkler_similarity(was.given, now.family) >= 0.8
        AND jaro_winkler_similarity(was.family, now.given) >= 0.8)
    AND (was.birth_date = now.birth_date) IS NOT TRUE AND (was.email = now.email) IS NOT TRUE
    AND (was.phone = now.phone) IS NOT TRUE"""


def _given_anew(work: duckdb.DuckDBPyConnection, since: int, thresholds: Thresholds) -> list[str]:
    """Channels whose ids name other people than before, over the versions that were replaced after run ``since``."""
    told = """rid, lower(coalesce(given_name, split_part(full_name, ' ', 1))) AS given,
        lower(coalesce(family_name, split_part(full_name, ' ', -1))) AS family,
        birth_date, lower(email) AS email, regexp_replace(phone, '[^0-9]', '', 'g') AS phone, channel"""
    rows = work.execute(
        f"""WITH was AS (SELECT {told} FROM record_history WHERE superseded_seq > $since),
        now AS (SELECT {told} FROM records SEMI JOIN was USING (rid))
        SELECT now.channel, count(*) FILTER (WHERE {_OTHER_PERSON}) AS others, count(*) AS replaced
        FROM was JOIN now USING (rid)
        WHERE was.given <> '' AND was.family <> '' AND now.given <> '' AND now.family <> ''
        GROUP BY ALL HAVING others >= $least AND others > $share * replaced ORDER BY ALL""",
        {"since": since, "least": thresholds.restarted_least, "share": thresholds.restarted_share},
    ).fetchall()
    return [
        f"{others:,} of {replaced:,} changed records of {channel} are of another person than before (a "
        "channel that gives its ids anew, or a file whose columns have moved)"
        for channel, others, replaced in rows
    ]


def _first(work: duckdb.DuckDBPyConnection, query: str, otherwise: tuple[Any, ...]) -> tuple[Any, ...]:
    rows = work.execute(query).fetchall()
    return tuple(rows[0]) if rows else otherwise
