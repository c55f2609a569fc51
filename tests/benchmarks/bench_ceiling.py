"""What labels could reach at best on one run's candidate pairs: boosted trees that know the truth of the other half.

``python -m tests.benchmarks.bench_ceiling DATA_DIR TRUTH``; needs the ``bench`` extra. The trees see the level of each
comparison, are grown on half of the components and asked of the other, and cluster as the run did, at their best stop.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier

from pipelines.compare import level_numbers
from pipelines.work import connect_work
from profile_service.identity.cluster import Bounds, Judged, Pairs, bounds_of, cluster_records
from profile_service.identity.mixture import LOG2
from profile_service.identity.model_files import standing_model
from tests.benchmarks.judge import Floats, Integers, Verdict, components, judge, persons

STOPS = (-1.0, -0.75, -0.5, -0.25, 0.0, 0.5)
_BELOW = -6.0  # bits: pairs that weigh more keep two records on one side


def read(data_dir: Path, truth: Path) -> tuple[Pairs, Integers, Integers]:
    """The run's scored pairs by place, their packed patterns, and each record's person."""
    keys = data_dir / "keys.parquet"
    with connect_work(data_dir, read_only=True) as work:
        work.execute(
            """CREATE TEMP TABLE known AS SELECT rid, channel, source_record_id,
                row_number() OVER (ORDER BY channel, source_record_id) - 1 AS place
            FROM standardised JOIN records USING (rid)"""
        )
        work.execute(f"COPY (SELECT channel, source_record_id FROM known ORDER BY place) TO '{keys}'")
        scored = work.execute(
            """SELECT a.place AS l, b.place AS r, pattern, bits FROM scored_pairs p
            JOIN known a ON a.rid = p.l JOIN known b ON b.rid = p.r"""
        ).fetchnumpy()
    person = persons(truth, keys)
    keys.unlink()
    left, right = np.minimum(scored["l"], scored["r"]), np.maximum(scored["l"], scored["r"])
    log_odds = np.asarray(scored["bits"], dtype=np.float64) * LOG2
    return Pairs(len(person), left, right, log_odds), np.asarray(scored["pattern"], dtype=np.int64), person


def taught(pairs: Pairs, levels: Integers, same: np.ndarray) -> Floats:
    """Log-odds of each pair by trees that were grown on the other half."""
    near = pairs.log_odds > _BELOW * LOG2
    component = components(pairs.left[near], pairs.right[near], pairs.records)
    half = np.random.default_rng(1).integers(2, size=pairs.records)[component[pairs.left]]
    found = np.zeros(len(same))
    features = np.column_stack([levels, pairs.log_odds])
    for side in (0, 1):
        trees = HistGradientBoostingClassifier(max_iter=300, learning_rate=0.06, max_leaf_nodes=48, random_state=0)
        trees.fit(features[half != side], same[half != side])
        found[half == side] = trees.predict_proba(features[half == side])[:, 1]
    found = np.clip(found, 1e-9, 1 - 1e-9)
    odds: Floats = np.log(found / (1 - found))
    return odds


def clustered(pairs: Pairs, bounds: Bounds, person: Integers) -> Verdict:
    """What clustering makes of the pairs, held against the truth."""
    order = np.arange(pairs.records, dtype=np.int64)
    return judge(cluster_records(pairs, bounds, Judged.nothing(pairs.records), order), person)


def main() -> None:
    """Print F1 over pairs of the run's own weights, of the trees, and of a judge of candidates who never errs."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data_dir", type=Path)
    parser.add_argument("truth", type=Path)
    asked = parser.parse_args()
    model = standing_model(asked.data_dir / "models")
    if model is None:
        parser.error(f"nothing was run in {asked.data_dir}")
    pairs, patterns, person = read(asked.data_dir, asked.truth)
    bounds = bounds_of(model)
    same = person[pairs.left] == person[pairs.right]
    levels = level_numbers(model, patterns)
    weighed = Pairs(pairs.records, pairs.left, pairs.right, taught(pairs, levels[:, levels.any(axis=0)], same))
    trees = max(
        (
            clustered(weighed, Bounds(bounds.clip, bounds.absent, stop, against), person)
            for stop in STOPS
            for against in (1.0, bounds.against)
        ),
        key=lambda verdict: verdict.pairwise.f1,
    )
    perfect = judge(components(pairs.left[same], pairs.right[same], pairs.records), person)
    for name, verdict in (("this run", clustered(pairs, bounds, person)), ("labels", trees), ("no error", perfect)):
        found = verdict.pairwise
        print(f"{name:10} F1 {found.f1:.4f}  precision {found.precision:.4f}  recall {found.recall:.4f}")


if __name__ == "__main__":
    main()
