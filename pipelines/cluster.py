"""Everyone who is touched gets a cluster, from the scored pairs and from what people have decided."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import duckdb
import numpy as np
from numpy.typing import NDArray

from pipelines.components import cluster_components
from pipelines.work import whole_number
from profile_service.identity.cluster import (
    Clustered,
    Integers,
    Judged,
    Pairs,
    bounds_of,
    cluster_with_history,
)
from profile_service.identity.components import components_of
from profile_service.identity.judgements import Decision, SetAside, reconcile
from profile_service.identity.mixture import LOG2
from profile_service.identity.model import Model

Work = duckdb.DuckDBPyConnection
_PAIRS_AT_ONCE = 8_000_000  # a tenth of a gigabyte
_STEPS = 32  # from pair to pair: few components are as long, and finding all of them takes as much as so many steps
# what is told of records that are clustered anew, and of those that are gone
_STALE = "l IN (SELECT rid FROM stale_ends) OR r IN (SELECT rid FROM stale_ends)"
_STALE_ENDS = "SELECT rid FROM touched UNION ALL SELECT rid FROM gone_records"


def touch_components(work: Work, model: Model, seeds: str) -> int:
    """Make ``touched(rid)``: every record of a component that holds a record of relation ``seeds(rid)``."""
    rids = np.sort(np.asarray(work.execute("SELECT rid FROM standardised").fetchnumpy()["rid"]))
    seed = np.asarray(work.execute(f"SELECT DISTINCT rid FROM {seeds}").fetchnumpy()["rid"])
    left, right = _edges(work, model)
    hit = np.zeros(int(rids[-1]) + 1 if len(rids) else 0, dtype=bool)
    hit[seed] = True
    for _ in range(_STEPS):
        across = np.flatnonzero(hit[left] != hit[right])
        if not len(across):
            break
        hit[left[across]] = hit[right[across]] = True
    else:
        component = components_of(left, right, len(hit))
        of_seeds = np.zeros(len(hit), dtype=bool)
        of_seeds[component[seed]] = True
        hit = of_seeds[component]
    touched = rids[hit[rids]]
    work.register("touched_rids", {"rid": touched.astype(np.int32)})
    work.execute("CREATE OR REPLACE TEMP TABLE touched AS SELECT rid FROM touched_rids")
    work.unregister("touched_rids")
    return len(touched)


def holds_together_sql(model: Model) -> str:
    """Of a scored pair: whether it alone could make two groups merge, so that components hang together by it."""
    return f"bits >= {bounds_of(model).stop / LOG2 - 0.01}"


def _edges(work: Work, model: Model) -> tuple[NDArray[Any], NDArray[Any]]:
    """What components hang together by: those pairs, and must-links."""
    edges = work.execute(
        f"""SELECT l, r FROM scored_pairs WHERE {holds_together_sql(model)}
        UNION ALL SELECT l, r FROM judged WHERE verdict = 'same'"""
    ).fetchnumpy()
    return np.asarray(edges["l"]), np.asarray(edges["r"])


def _components(work: Work, model: Model, size: int) -> NDArray[np.int32]:
    """For each record number below ``size`` its component, shape (size,)."""
    return components_of(*_edges(work, model), size)


def _deciding_pairs(work: Work, component: NDArray[np.int32]) -> Mapping[str, Any]:
    """Ends and bits of the scored pairs inside a component (of each record number): clustering looks at no others.

    So many are looked at as arrays at once: a hundred million pairs take ten times the memory.
    """
    parts = 1 + whole_number(work, "SELECT count(*) FROM scored_pairs") // _PAIRS_AT_ONCE
    kept: dict[str, list[Any]] = {"l": [], "r": [], "bits": []}
    for part in range(parts):
        rows = work.execute(f"SELECT l, r, bits FROM scored_pairs WHERE l % {parts} = {part}").fetchnumpy()
        inside = np.nonzero(component.take(rows["l"]) == component.take(rows["r"]))[0]
        for name, columns in kept.items():
            columns.append(np.asarray(rows[name]).take(inside))
    return {name: np.concatenate(columns) for name, columns in kept.items()}


def cluster_touched(work: Work, model: Model, *, everyone: bool) -> int:
    """Make ``new_clusters(rid, cluster)`` for the records in ``touched``; answers the number of clusters.

    ``everyone``: ``touched`` holds every record; otherwise ``gone_records(rid)`` holds those that are no more.
    """
    # Ties go by the record's own key, never by the order in which records happened to arrive.
    records = work.execute(
        """SELECT t.rid, s.apart, hash(r.channel, r.source_record_id) AS place
        FROM touched t JOIN standardised s USING (rid) JOIN records r USING (rid) ORDER BY rid"""
    ).fetchnumpy()
    rids = np.asarray(records["rid"], dtype=np.int64)
    size = int(rids[-1]) + 1 if len(rids) else 0
    component = _components(work, model, size) if everyone else None
    scored = _among_touched(work) if component is None else _deciding_pairs(work, component)
    position = np.full(size, -1, dtype=np.int64)
    position[rids] = np.arange(len(rids))
    pairs = Pairs(
        len(rids),
        position[np.asarray(scored["l"], dtype=np.int64)],
        position[np.asarray(scored["r"], dtype=np.int64)],
        np.asarray(scored["bits"], dtype=np.float64) * LOG2,
    )
    order = np.empty(len(rids), dtype=np.int64)
    order[np.argsort(np.asarray(records["place"], dtype=np.uint64))] = np.arange(len(rids))
    apart = np.ma.filled(np.ma.asarray(records["apart"]), 0).astype(np.int64)
    masks = np.where(apart > 0, np.left_shift(np.int64(1), np.maximum(apart - 1, 0)), 0)
    judged = Judged(_judged(work, "same", position), _judged(work, "different", position), masks)
    if component is None:
        clustered = cluster_with_history(pairs, bounds_of(model), judged, order)
    else:
        clustered = cluster_components(pairs, component.take(rids), bounds_of(model), judged, order)
    label = clustered.label
    table = {"rid": rids.astype(np.int32), "cluster": rids[label].astype(np.int32)}
    work.register("labels", table)
    work.execute("CREATE OR REPLACE TEMP TABLE new_clusters AS SELECT rid, cluster FROM labels")
    work.unregister("labels")
    if not everyone:
        work.execute(f"CREATE OR REPLACE TEMP TABLE stale_ends AS {_STALE_ENDS}")
    for told in ("merges", "near_misses"):
        work.execute(f"DELETE FROM {told} WHERE {'true' if everyone else _STALE}")
    _keep_history(work, clustered, rids, bounds_of(model).stop)
    return int(np.count_nonzero(label == np.arange(len(label))))


def _among_touched(work: Work) -> Mapping[str, Any]:
    """Ends and bits of the scored pairs of two records in ``touched``."""
    return work.execute(
        """SELECT l, r, bits FROM scored_pairs p
        SEMI JOIN touched a ON a.rid = p.l SEMI JOIN touched b ON b.rid = p.r"""
    ).fetchnumpy()


def _keep_history(work: Work, clustered: Clustered, rids: Integers, stop: float) -> None:
    """Append to ``merges`` and ``near_misses`` how the clusters came about; stop in natural log-odds."""
    merges, near = clustered.merges, clustered.near_misses
    merged = {
        "l": rids[merges.left],
        "r": rids[merges.right],
        "bits": (merges.average / LOG2).astype(np.float32),
        "round": merges.round,
    }
    apart = {
        "l": rids[near.left],
        "r": rids[near.right],
        "bits": (near.average / LOG2).astype(np.float32),
        "short_bits": ((stop - near.average) / LOG2).astype(np.float32),
        "judged": near.judged,
        "apart": near.apart,
    }
    for name, columns in (("merges", merged), ("near_misses", apart)):
        work.register("clustered", columns)
        work.execute(f"INSERT INTO {name} SELECT * REPLACE (nullif(bits, 'nan') AS bits) FROM clustered")
        work.unregister("clustered")


def _judged(work: Work, verdict: str, position: Integers) -> Integers:
    rows = work.execute("SELECT l, r FROM judged WHERE verdict = $verdict", {"verdict": verdict}).fetchnumpy()
    ends = np.stack([np.asarray(rows["l"], dtype=np.int64), np.asarray(rows["r"], dtype=np.int64)], axis=1)
    ends = ends[(ends < len(position)).all(axis=1)]
    placed = position[ends]
    result: Integers = placed[(placed >= 0).all(axis=1)]
    return result


def read_judgements(work: Work) -> list[str]:
    """Make ``judged(l, r, verdict)`` from the constraints between records that are there; answers warnings.

    Of several decisions on two records the latest binds; their ids are in the order of time. Those that contradict
    later ones all the same, over other records, are left out and kept in ``set_aside``. Makes ``judged_before`` too,
    from what the last run obeyed: a judgement taken back binds no longer.
    """
    rows = _decisions(work)
    standing, set_aside = reconcile(
        Decision(left, right, verdict, decision_id, (*one, *other))
        for left, right, verdict, decision_id, one, other in rows
    )
    columns = {
        "l": [each.left for each in standing],
        "r": [each.right for each in standing],
        "verdict": [each.verdict for each in standing],
    }
    work.execute(
        """CREATE OR REPLACE TEMP TABLE judged AS
        SELECT unnest($l::INTEGER[]) AS l, unnest($r::INTEGER[]) AS r, unnest($verdict::VARCHAR[]) AS verdict""",
        columns,
    )
    work.execute("CREATE OR REPLACE TEMP TABLE judged_before AS SELECT * FROM obeyed")
    work.execute("DELETE FROM obeyed")
    work.execute("INSERT INTO obeyed SELECT * FROM judged")
    work.execute("DELETE FROM set_aside")
    for each in set_aside:
        said = each.decision
        work.execute(
            "INSERT INTO set_aside VALUES (?, ?, ?, ?, ?)",
            [said.left, said.right, said.verdict, said.decision_id, list(each.against)],
        )
    return [_contradiction(set_aside)] if set_aside else []


def _decisions(work: Work) -> list[tuple[Any, ...]]:
    """Of each two records that are there the decision that binds: l, r, verdict, its id, and the keys of both."""
    if not work.execute("SELECT 1 FROM constraints LIMIT 1").fetchall():
        # without a decision everyone would be looked through all the same, twice
        return []
    return work.execute(
        """SELECT least(a.rid, b.rid) AS l, greatest(a.rid, b.rid) AS r, c.verdict, coalesce(c.decision_id, ''),
            least((a.channel, a.source_record_id), (b.channel, b.source_record_id)),
            greatest((a.channel, a.source_record_id), (b.channel, b.source_record_id))
        FROM constraints c
        JOIN records a ON a.channel = c.left_channel AND a.source_record_id = c.left_id
        JOIN records b ON b.channel = c.right_channel AND b.source_record_id = c.right_id
        WHERE a.rid <> b.rid
        QUALIFY row_number() OVER (
            PARTITION BY least(a.rid, b.rid), greatest(a.rid, b.rid)
            ORDER BY c.decision_id DESC NULLS LAST, c.decided_at DESC NULLS LAST, c.verdict DESC) = 1"""
    ).fetchall()


def _contradiction(set_aside: Sequence[SetAside]) -> str:
    # by the decisions' ids: a run's warnings outlive the people they are about
    first = set_aside[0]
    named = first.decision.decision_id or "a decision"
    against = ", ".join(filter(None, first.against)) or "later ones"
    return (
        f"1 judgement contradicts later ones and is set aside, {named} against {against}: match_judgements lists it, "
        "and `GET /v1/reviews?kind=conflict` lets a steward settle it"
        if len(set_aside) == 1
        else f"{len(set_aside):,} judgements contradict later ones and are set aside, such as {named} against "
        f"{against}: match_judgements lists them, and `GET /v1/reviews?kind=conflict` lets a steward settle them"
    )
