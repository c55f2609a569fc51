"""Pairs of changed customers' records, how their clusters came about, and how sure each merge is."""

from __future__ import annotations

import duckdb

from pipelines.merge import RECORDS
from pipelines.weakest import Weakest, find_weakest
from profile_service.identity.survivorship import quoted

Work = duckdb.DuckDBPyConnection
# What is filled here, in the attached database ``generation``.
FILLED = ("match_pairs", "match_merges", "match_near_misses", "match_patterns")


def fill_links(work: Work, borderline_bits: tuple[float, float], model_version: str | None, *, whole: bool) -> Weakest:
    """Fill the relations of ``FILLED`` in the attached database ``generation``; answers what ``find_weakest`` does.

    Reads ``merge_records`` (cno, rid, position); ``whole``: of everyone.
    """
    work.execute(f"CREATE OR REPLACE TEMP TABLE publish_links AS {_links_sql(borderline_bits, whole=whole)}")
    weakest = find_weakest(work)
    for name, query in _fills(model_version, whole=whole).items():
        work.execute(f"INSERT INTO generation.main.{name} {query}")
    work.execute("DROP TABLE temp.publish_links")
    return weakest


def _links_sql(borderline_bits: tuple[float, float], *, whole: bool) -> str:
    low, high = borderline_bits
    pairs = f"""(FROM scored_pairs{_either(whole=whole)}) p
        LEFT JOIN {RECORDS} a ON a.rid = p.l LEFT JOIN {RECORDS} b ON b.rid = p.r"""
    kept = ""
    if whole:
        # every pair's records are there: looked up by place, in a seventh of the time of an outer join or of one that a
        # further condition finds its way into
        pairs = f"scored_pairs p JOIN {RECORDS} a ON a.rid = p.l JOIN {RECORDS} b ON b.rid = p.r"
        kept = "MATERIALIZED"
    # inside a customer the records' places say which of two stands on the left; elsewhere names are compared
    return f"""
        WITH met AS {kept} (
            SELECT p.*, a.cno, a.cno IS NOT DISTINCT FROM b.cno AS inside, a.position <= b.position AS in_order
            FROM {pairs}),
        placed AS (FROM met WHERE inside OR bits >= {low}),
        named AS (
            SELECT p.* REPLACE (
                (a.channel, a.source_record_id) < (b.channel, b.source_record_id) AS in_order, NULL AS cno)
            FROM placed p JOIN records a ON a.rid = p.l JOIN records b ON b.rid = p.r WHERE NOT inside)
        SELECT CASE WHEN in_order THEN l ELSE r END AS left_number,
               CASE WHEN in_order THEN r ELSE l END AS right_number,
               CASE WHEN inside THEN 'accepted' WHEN bits > {high} THEN 'cut' ELSE 'borderline' END AS status,
               pattern, bits, cno
        FROM (FROM placed WHERE inside UNION ALL FROM named)"""


def _fills(model_version: str | None, *, whole: bool) -> dict[str, str]:
    of_changed = "" if whole else f" WHERE l IN (SELECT rid FROM {RECORDS})"
    return {
        "match_pairs": "SELECT left_number, right_number, status, pattern FROM publish_links",
        "match_merges": f"SELECT l, r, bits, round FROM merges{of_changed}",
        "match_near_misses": f"""
            SELECT l, r, bits, short_bits, judged, apart FROM near_misses{_either(whole=whole)}""",
        "match_patterns": f"""
            SELECT pattern, bits, probability, levels, {quoted(model_version) if model_version else "NULL"}
            FROM patterns ANTI JOIN generation.main.match_patterns USING (pattern)""",
    }


def _either(*, whole: bool) -> str:
    """SQL: only where one of both records is a changed customer's; as one EXISTS, each row met every record."""
    mine = f"(SELECT rid FROM {RECORDS})"
    return "" if whole else f" WHERE l IN {mine} OR r IN {mine}"
