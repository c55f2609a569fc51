"""Splink 5 on the same landing: ordinary cleaning, ten comparisons, ten blocking rules, its best threshold.

``python tests/benchmarks/splink_peer.py LANDING --truth FILE [--json]``; needs the ``bench`` extra. Time is taken from
reading the files to clusters; finding the best threshold with the truth in hand is Splink's gift and costs it nothing.
"""

from __future__ import annotations

import argparse
import json
import logging
import resource
import sys
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import splink.comparison_level_library as cll
import splink.comparison_library as cl
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components
from splink import DuckDBAPI, Linker, SettingsCreator, block_on

CHANNELS = ("store", "web", "mobile", "call_center")
COLUMNS = (
    "source_record_id", "given_name", "family_name", "email", "phone", "birth_date", "street", "city", "region",
    "postcode", "country", "loyalty_id", "cookie_id", "device_id",
)  # fmt: skip
BLANKS = "('', 'nan', 'n/a', 'null', 'none', '-')"
CLEANED = f"""
    CREATE TABLE people AS
    WITH trimmed AS (
        SELECT channel, source_record_id,
            COLUMNS(* EXCLUDE (channel, source_record_id)).trim().lower()
        FROM raw
    ), filled AS (
        SELECT channel, source_record_id,
            {", ".join(f"CASE WHEN {name} NOT IN {BLANKS} THEN {name} END AS {name}" for name in COLUMNS[1:])}
        FROM trimmed
    )
    SELECT row_number() OVER (ORDER BY channel, source_record_id) AS unique_id, channel, source_record_id,
        given_name, family_name, email, birth_date, street, city, loyalty_id,
        CASE WHEN length(digits) >= 7 THEN right(digits, 10) END AS phone,
        regexp_replace(regexp_replace(postcode, '-[0-9]{{4}}$', ''), '[^a-z0-9]', '', 'g') AS postcode,
        coalesce(device_id, cookie_id) AS device
    FROM (SELECT *, regexp_replace(phone, '[^0-9]', '', 'g') AS digits FROM filled)
"""
# samples that are large enough: ten times as many change F1 by less than .001 and take five times as long
U_PAIRS, EM_PAIRS = 2e6, 1e6
THRESHOLDS = np.arange(-6.0, 24.1, 1.0)  # bits


def settings() -> SettingsCreator:
    """Ten comparisons as Splink's own guides choose them, and ten blocking rules."""
    return SettingsCreator(
        link_type="dedupe_only",
        unique_id_column_name="unique_id",
        comparisons=[
            cl.NameComparison("given_name").configure(term_frequency_adjustments=True),
            cl.NameComparison("family_name").configure(term_frequency_adjustments=True),
            cl.DateOfBirthComparison("birth_date", input_is_string=True),
            cl.EmailComparison("email").configure(term_frequency_adjustments=True),
            cl.LevenshteinAtThresholds("phone", [1]).configure(term_frequency_adjustments=True),
            cl.JaroWinklerAtThresholds("street", [0.92, 0.85]),
            cl.LevenshteinAtThresholds("postcode", [1]),
            cl.CustomComparison(
                output_column_name="city",
                comparison_levels=[
                    cll.NullLevel("city"),
                    cll.ExactMatchLevel("city", term_frequency_adjustments=True),
                    cll.JaroWinklerLevel("city", 0.92),
                    cll.ElseLevel(),
                ],
            ),
            cl.ExactMatch("loyalty_id"),
            cl.ExactMatch("device").configure(term_frequency_adjustments=True),
        ],
        blocking_rules_to_generate_predictions=[
            block_on("email"),
            block_on("phone"),
            block_on("loyalty_id"),
            block_on("given_name", "family_name"),
            block_on("family_name", "birth_date"),
            block_on("given_name", "birth_date"),
            block_on("family_name", "postcode"),
            block_on("given_name", "postcode"),
            block_on("birth_date", "postcode"),
            block_on("street", "postcode"),
        ],
        retain_matching_columns=False,
        retain_intermediate_calculation_columns=False,
    )


def load(connection: duckdb.DuckDBPyConnection, landing: Path) -> None:
    """Read the four feeds' customers and clean them in SQL, into the table ``people``."""
    parts = []
    for channel in CHANNELS:
        for path in sorted((landing / channel).glob("customers*")):
            reader = (
                f"read_json('{path}', format='newline_delimited', "
                f"columns={{{', '.join(f'{name}: VARCHAR' for name in COLUMNS)}}})"
                if ".jsonl" in path.suffixes
                else f"read_csv('{path}', all_varchar=true, header=true)"
                if path.suffix != ".parquet"
                else f"read_parquet('{path}')"
            )
            parts.append(f"SELECT '{channel}' AS channel, * FROM {reader}")
    connection.execute(f"CREATE TABLE incoming AS {' UNION ALL BY NAME '.join(parts)}")
    present = {row[0] for row in connection.execute("DESCRIBE incoming").fetchall()}
    names = [name if name in present else f"NULL::VARCHAR AS {name}" for name in COLUMNS]
    connection.execute(f"CREATE VIEW raw AS SELECT channel, {', '.join(names)} FROM incoming")
    connection.execute(CLEANED)


class Watch:
    """Seconds by phase."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        begun = time.perf_counter()
        yield
        self.seconds[name] = round(time.perf_counter() - begun, 2)


def train(linker: Linker) -> None:
    """λ from deterministic rules, u by random sampling, m by EM in three sessions blocked on different fields."""
    training = linker.training
    sure = [("email", "given_name"), ("phone", "family_name"), ("given_name", "family_name", "birth_date")]
    training.estimate_probability_two_random_records_match([block_on(*columns) for columns in sure], recall=0.5)
    training.estimate_u_using_random_sampling(max_pairs=U_PAIRS)
    for columns in (("given_name", "family_name"), ("birth_date",), ("email",)):
        training.estimate_parameters_using_expectation_maximisation(block_on(*columns), max_pairs=EM_PAIRS)


def link(landing: Path, watch: Watch) -> tuple[duckdb.DuckDBPyConnection, Any]:
    """Load, train, predict, cluster; answers the connection and the scored pairs."""
    connection = duckdb.connect()
    with watch.phase("load"):
        load(connection, landing)
        api = DuckDBAPI(connection=connection)
        linker = Linker(api.register(connection.table("people")), settings(), log_level=None)
    with watch.phase("train"):
        train(linker)
    with watch.phase("predict"):
        scored = linker.inference.predict(threshold_match_weight=float(THRESHOLDS[0]))
    with watch.phase("cluster"):
        linker.clustering.cluster_pairwise_predictions_at_threshold(scored, threshold_match_weight=6.0)
    return connection, scored


def best_threshold(connection: duckdb.DuckDBPyConnection, scored: Any, truth: Path) -> dict[str, Any]:
    """Pairwise measures of the clusters at every threshold; the best by F1."""
    person = connection.execute(
        f"""SELECT dense_rank() OVER (ORDER BY person_id) - 1 AS person FROM people
            JOIN read_csv('{truth}', all_varchar=true) USING (channel, source_record_id) ORDER BY unique_id"""
    ).fetchnumpy()["person"]
    pairs = connection.execute(
        f"SELECT unique_id_l - 1 AS l, unique_id_r - 1 AS r, match_weight FROM {scored.physical_name}"
    ).fetchnumpy()
    tried = []
    for threshold in THRESHOLDS:
        kept = pairs["match_weight"] >= threshold
        tried.append(
            {"threshold": float(threshold), **clusters_against_truth(pairs["l"][kept], pairs["r"][kept], person)}
        )
    best = max(tried, key=lambda row: float(row["f1"]))
    return {
        "records": len(person),
        "true_largest_cluster": int(np.bincount(person).max()),
        "scored_pairs": len(pairs["l"]),
        "best": best,
        "tried": tried,
    }


def clusters_against_truth(left: Any, right: Any, person: Any) -> dict[str, float]:
    """Pairwise precision, recall, F1 and the largest of the connected components of pairs."""
    count = len(person)
    graph = coo_matrix((np.ones(len(left), dtype=np.int8), (left, right)), shape=(count, count))
    _, cluster = connected_components(graph, directed=False)
    both = np.unique(cluster.astype(np.int64) * (int(person.max()) + 1) + person, return_counts=True)[1]
    found, true = (_pairs(np.bincount(labels)) for labels in (cluster, person))
    right_ones = _pairs(both)
    precision, recall = right_ones / max(found, 1), right_ones / max(true, 1)
    return {
        "precision": round(precision, 4),
        "recall": round(recall, 4),
        "f1": round(2 * precision * recall / max(precision + recall, 1e-9), 4),
        "largest_cluster": int(np.bincount(cluster).max()),
    }


def _pairs(sizes: Any) -> float:
    return float((sizes.astype(np.float64) * (sizes - 1) / 2).sum())


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("landing", type=Path)
    parser.add_argument("--truth", type=Path)
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    warnings.simplefilter("ignore")
    logging.getLogger("splink").setLevel(logging.ERROR)
    watch = Watch()
    connection, scored = link(asked.landing, watch)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024**2
    found = best_threshold(connection, scored, asked.truth or asked.landing / "truth.csv")
    report = {"seconds": watch.seconds, "total_seconds": round(sum(watch.seconds.values()), 2)}
    report |= {"peak_gb": round(peak, 2), **found}
    if asked.json:
        json.dump(report, sys.stdout)
        print()
    else:
        show(report)


def show(report: dict[str, Any]) -> None:
    """The report for people."""
    for name, seconds in report["seconds"].items():
        print(f"{name:10} {seconds:7.1f} s")
    print(f"{'total':10} {report['total_seconds']:7.1f} s")
    print(f"peak {report['peak_gb']} GB, {report['scored_pairs']:,} pairs scored")
    best = report["best"]
    print(f"at its best threshold of {best['threshold']:+.0f} bits:")
    print(f"F1 {best['f1']}, precision {best['precision']}, recall {best['recall']}")
    print(f"largest cluster {best['largest_cluster']}, in truth {report['true_largest_cluster']}")


if __name__ == "__main__":
    main()
