"""Pairs worth a person's judgement are drawn by strata of match weight, so that what they say measures without bias."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import sqrt

import duckdb

from pipelines.hidden import keep_hidden

Work = duckdb.DuckDBPyConnection
# Bounds of the strata in bits: narrow where the model is unsure, for there a label tells most.
_BOUNDS = (-6.0, -2.0, 0.0, 2.0, 6.0, 12.0, 20.0)
_LEAST_SHARE = 0.04  # of the labels go to every stratum at least: where the model is sure it may be wrong, too
_NEVER_COMPARED = "never compared"
_NEVER_COMPARED_P = 0.9  # of pairs that others hold together; it decides only how many of them are asked about


@dataclass(frozen=True)
class DrawnPair:
    """Two records by number, and how they were drawn: ``stratum_pairs`` pairs are in the stratum, each as likely.

    ``bits`` is None where the pair was never compared; ``linked``: both are one customer.
    """

    left: int
    right: int
    bits: float | None
    linked: bool
    stratum: str
    stratum_pairs: int
    sampling_probability: float


def draw_pairs(work: Work, pairs: int, seed: int) -> list[DrawnPair]:
    """At most ``pairs`` pairs of records, those nearest to one to one first; the same seed draws the same.

    None is drawn of a record that is hidden (``hidden.hide``). Every pair inside a customer, and every other pair that
    was compared and weighs more than -6 bits, is in one stratum. Strata get labels by how many pairs they hold times
    how unsure the model is of them (Neyman 1934), none fewer than a twenty-fifth, or all it has.
    """
    _make_population(work)
    try:
        strata = work.execute(
            """SELECT stratum, count(*), avg(p * (1 - p)) FROM label_population GROUP BY stratum ORDER BY stratum"""
        ).fetchall()
        sizes = {stratum: count for stratum, count, _ in strata}
        worth = {stratum: count * sqrt(max(spread, 1e-4)) for stratum, count, spread in strata}
        wanted = allotted(sizes, worth, pairs)
        rows = work.execute(
            """SELECT l, r, bits, linked, stratum FROM (
                SELECT *, row_number() OVER (PARTITION BY stratum ORDER BY hash($seed, one, other), one, other) AS place
                FROM label_population)
            WHERE place <= (SELECT n FROM (SELECT unnest($strata) AS name, unnest($counts) AS n) WHERE name = stratum)
            ORDER BY abs(coalesce(bits, 0)), one, other""",
            {"seed": seed, "strata": list(wanted), "counts": list(wanted.values())},
        ).fetchall()
    finally:
        work.execute("DROP TABLE label_population")
    return [
        DrawnPair(left, right, bits, linked, stratum, sizes[stratum], wanted[stratum] / sizes[stratum])
        for left, right, bits, linked, stratum in rows
    ]


def allotted(sizes: Mapping[str, int], worth: Mapping[str, float], labels: int) -> dict[str, int]:
    """How many labels each stratum gets: by worth, at least a share each, and no more than it has pairs."""
    labels = min(labels, sum(sizes.values()))
    given = {stratum: min(size, max(1, int(labels * _LEAST_SHARE))) for stratum, size in sizes.items()}
    while sum(given.values()) > labels:
        most = max(given, key=lambda stratum: (given[stratum], stratum))
        given[most] -= 1
    while (left := labels - sum(given.values())) > 0:
        open_strata = [stratum for stratum in sizes if given[stratum] < sizes[stratum]]
        total = sum(worth[stratum] for stratum in open_strata)
        before = dict(given)
        for stratum in open_strata:
            given[stratum] += min(int(left * worth[stratum] / total), sizes[stratum] - given[stratum])
        if given == before:
            given[max(open_strata, key=lambda stratum: (worth[stratum] / (given[stratum] + 1), stratum))] += 1
    return {stratum: count for stratum, count in given.items() if count}


def _make_population(work: Work) -> None:
    """Make ``label_population(l, r, one, other, bits, linked, p, stratum)``; ``one`` and ``other`` are record keys."""
    cases = _cases("bits", _BOUNDS)
    keep_hidden(work)
    named = "SELECT rid, channel || ':' || source_record_id AS key FROM records ANTI JOIN hidden_records USING (rid)"
    work.execute(
        f"""CREATE OR REPLACE TEMP TABLE label_population AS
        WITH inside AS (
            SELECT a.rid AS l, b.rid AS r, true AS linked FROM membership a JOIN membership b
            ON a.customer_id = b.customer_id AND a.rid < b.rid),
        beside AS (
            SELECT l, r, false AS linked FROM scored_pairs ANTI JOIN inside USING (l, r)
            WHERE bits > {_BOUNDS[0]}),
        everyone AS (FROM inside UNION ALL FROM beside)
        SELECT e.l, e.r, least(a.key, b.key) AS one, greatest(a.key, b.key) AS other, s.bits, e.linked,
               coalesce(1 / (1 + pow(2, -s.bits)), {_NEVER_COMPARED_P}) AS p,
               CASE WHEN e.linked THEN 'linked' ELSE 'apart' END || ', ' || {cases} AS stratum
        FROM everyone e LEFT JOIN scored_pairs s ON s.l = e.l AND s.r = e.r
        JOIN ({named}) a ON a.rid = e.l JOIN ({named}) b ON b.rid = e.r"""
    )


def _cases(bits: str, bounds: Sequence[float]) -> str:
    """SQL that names the stratum of a weight."""
    steps = [
        f"WHEN {bits} IS NULL THEN '{_NEVER_COMPARED}'",
        f"WHEN {bits} <= {bounds[0]} THEN 'up to {bounds[0]:g} bits'",
    ]
    for low, high in pairwise(bounds):
        steps.append(f"WHEN {bits} <= {high} THEN '{low:g} to {high:g} bits'")
    return f"CASE {' '.join(steps)} ELSE 'over {bounds[-1]:g} bits' END"
