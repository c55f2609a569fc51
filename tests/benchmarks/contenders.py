"""Who is measured, each in processes of its own: this project and its peers; what they found is judged afterwards."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path

import duckdb
import numpy as np

from tests.benchmarks import peer
from tests.benchmarks.commands import Budget, Measured, OverBudget, measure, profiles, run_by_stage, summed
from tests.benchmarks.inputs import Input
from tests.benchmarks.judge import Integers, Verdict, best, components, judge, pair_completeness, persons
from tests.benchmarks.people import candidates, clean, read
from tests.benchmarks.results import Result

LINKING = ("standardise", "block", "compare", "train", "score", "cluster")
OURS = "ours"
NAMES: Mapping[str, str] = {  # with the module that it needs
    OURS: "pipelines",
    "splink": "splink",
    "dedupe": "dedupe",
    "recordlinkage": "recordlinkage",
    "rules": "duckdb",
}
_READING = "read"


def installed(who: str) -> bool:
    """Whether the peer's library is here; dedupe must be built, see ``make bench-peers``."""
    return find_spec(NAMES[who]) is not None


def contend(who: str, given: Input, folder: Path, budget: Budget) -> Result:
    """Measure one contender on one input; one that is stopped for its budget has ``over`` and nothing else."""
    try:
        return _ours(given, folder, budget) if who == OURS else _peer(who, given, folder, budget)
    except OverBudget as stopped:
        return {"over": str(stopped)}


def again_and_later(given: Input, data_dir: Path) -> tuple[Measured, Measured]:
    """After a whole run into ``data_dir``: the same landing again, then the ten thousand records more."""
    assert given.later is not None, "only invented retailers grow"
    return profiles("run", given.landing, data_dir=data_dir), profiles("run", given.later, data_dir=data_dir)


def _ours(given: Input, folder: Path, budget: Budget) -> Result:
    """A whole run, from files to the published warehouse and the service's index; its own threshold, no labels."""
    data_dir = folder / "data"
    run = run_by_stage(given.arguments(), data_dir, budget)
    keys = folder / "keys.parquet"
    with duckdb.connect() as desk:
        desk.execute(f"ATTACH {_text(data_dir / 'customers.duckdb')} AS published (READ_ONLY)")
        desk.execute(f"ATTACH {_text(data_dir / 'work' / 'pipeline.duckdb')} AS work (READ_ONLY)")
        desk.execute(
            """CREATE TABLE known AS SELECT row_number() OVER (ORDER BY channel, source_record_id) - 1 AS place, w.rid,
                dense_rank() OVER (ORDER BY customer_id) - 1 AS cluster, channel, source_record_id
            FROM published.customer_records JOIN work.records w USING (channel, source_record_id)"""
        )
        desk.execute(f"COPY (SELECT channel, source_record_id FROM known ORDER BY place) TO {_text(keys)}")
        cluster = desk.execute("SELECT cluster FROM known ORDER BY place").fetchnumpy()["cluster"]
        pairs = desk.execute(
            """SELECT a.place AS l, b.place AS r FROM work.scored_pairs p
            JOIN known a ON a.rid = p.l JOIN known b ON b.rid = p.r"""
        ).fetchnumpy()
    person = persons(given.truth, keys)
    return {
        **_measured(run, "durations", LINKING, "ingest"),
        **_judged(person, judge(cluster, person)),
        **_pairs_of(len(pairs["l"]), pair_completeness(pairs["l"], pairs["r"], person)),
        "whole_seconds": run.answer["seconds"],
        "whole_processor": round(run.processor_seconds, 2),
    }


def _peer(who: str, given: Input, folder: Path, budget: Budget) -> Result:
    """A peer's own process; of its thresholds the best by the truth, which is a gift."""
    script = [sys.executable, "-m", f"tests.benchmarks.{who}_peer"]
    run = measure(*script, *given.arguments(), "--truth", given.truth, "--out", folder, budget=budget)
    linked, person = peer.load(folder), persons(given.truth, folder / "keys.parquet")
    threshold, verdict = best([(each, judge(_clusters(linked, each, person), person)) for each in linked.thresholds])
    linking = [phase for phase in run.answer["seconds"] if phase != _READING]
    return {
        **_measured(run, "seconds", linking, _READING),
        **_judged(person, verdict),
        **_compared(linked, given, person),
        "threshold": threshold,
    }


def _clusters(linked: peer.Linked, threshold: float, person: Integers) -> Integers:
    if threshold in linked.clusters:
        return linked.clusters[threshold]
    kept = linked.score >= threshold
    return components(linked.left[kept], linked.right[kept], len(person))


def _compared(linked: peer.Linked, given: Input, person: Integers) -> Result:
    """How many pairs were compared: those kept, or those of the blocking rules where a peer drops the unlikely."""
    if not linked.rules:
        return _pairs_of(len(linked.left), pair_completeness(linked.left, linked.right, person))
    with duckdb.connect() as connection:
        read(connection, given.landing, given.channels)
        left, right = candidates(clean(connection), linked.rules)
    return _pairs_of(len(left), pair_completeness(left, right, person))


def _measured(run: Measured, clock: str, linking: Sequence[str], reading: str) -> Result:
    """Seconds on the clock and of the processor, for linking alone and from the files on."""
    result: Result = {
        "seconds": run.answer[clock],
        "processor": run.answer["processor"],
        "peak_gb": round(run.peak_gb, 3),
    }
    for name in ("seconds", "processor"):
        result[f"linking_{name}"] = round(summed(result[name], linking), 3)
        result[f"to_clusters_{name}"] = round(summed(result[name], [*linking, reading]), 3)
    return result


def _judged(person: Integers, verdict: Verdict) -> Result:
    return {
        "records": len(person),
        "true_largest_cluster": int(np.bincount(person).max()),
        **verdict.as_json(),
    }


def _pairs_of(count: int, completeness: float) -> Result:
    return {"candidate_pairs": count, "pair_completeness": completeness}


def _text(path: Path) -> str:
    return "'" + str(path).replace("'", "''") + "'"
