"""Splink 5: comparisons as its own guides choose them, trained by EM in sessions, clustered by connected components."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import splink.comparison_level_library as cll
import splink.comparison_library as cl
from splink import DuckDBAPI, Linker, SettingsCreator, block_on

from tests.benchmarks.peer import Linked, Watch, main, rules_for
from tests.benchmarks.people import People, live

# samples that are large enough: ten times as many change F1 by less than .001 and take five times as long
U_PAIRS, EM_PAIRS = 2e6, 1e6
THRESHOLDS = tuple(np.arange(-6.0, 24.1, 1.0).tolist())  # bits
_SURE = (("email", "given_name"), ("phone", "family_name"), ("given_name", "family_name", "birth_date"))
_SESSIONS = (("given_name", "family_name"), ("birth_date",), ("email",), ("postcode",))
_MOST_SESSIONS = 3


def comparisons() -> Mapping[str, Any]:
    """A comparison for each field, as Splink's own guides choose them."""

    def place(column: str) -> Any:
        return cl.CustomComparison(
            output_column_name=column,
            comparison_levels=[
                cll.NullLevel(column),
                cll.ExactMatchLevel(column, term_frequency_adjustments=True),
                cll.JaroWinklerLevel(column, 0.92),
                cll.ElseLevel(),
            ],
        )

    return {
        "given_name": cl.NameComparison("given_name").configure(term_frequency_adjustments=True),
        "family_name": cl.NameComparison("family_name").configure(term_frequency_adjustments=True),
        "birth_date": cl.DateOfBirthComparison("birth_date", input_is_string=True),
        "email": cl.EmailComparison("email").configure(term_frequency_adjustments=True),
        "phone": cl.LevenshteinAtThresholds("phone", [1]).configure(term_frequency_adjustments=True),
        "street": cl.JaroWinklerAtThresholds("street", [0.92, 0.85]),
        "street_2": cl.JaroWinklerAtThresholds("street_2", [0.92, 0.85]),
        "postcode": cl.LevenshteinAtThresholds("postcode", [1]),
        "city": place("city"),
        "loyalty_id": cl.ExactMatch("loyalty_id"),
        "device": cl.ExactMatch("device").configure(term_frequency_adjustments=True),
        "birth_place": place("birth_place"),
        "occupation": cl.ExactMatch("occupation").configure(term_frequency_adjustments=True),
    }


def settings(people: People) -> SettingsCreator:
    """The comparisons and blocking rules whose fields are filled."""
    return SettingsCreator(
        link_type="link_only" if people.duplicate_free else "dedupe_only",
        unique_id_column_name="unique_id",
        source_dataset_column_name="channel",
        comparisons=[comparison for name, comparison in comparisons().items() if name in people.fields],
        blocking_rules_to_generate_predictions=[block_on(*rule) for rule in rules_for(people, wide=True)],
        retain_matching_columns=False,
        retain_intermediate_calculation_columns=False,
    )


def train(linker: Linker, people: People) -> None:
    """λ from deterministic rules, u by random sampling, m by EM in three sessions blocked on different fields."""
    training = linker.training
    sure = [block_on(*columns) for columns in live(_SURE, people.fields)]
    training.estimate_probability_two_random_records_match(sure, recall=0.5)
    training.estimate_u_using_random_sampling(max_pairs=U_PAIRS)
    for columns in live(_SESSIONS, people.fields)[:_MOST_SESSIONS]:
        training.estimate_parameters_using_expectation_maximisation(block_on(*columns), max_pairs=EM_PAIRS)


def link(people: People, watch: Watch, truth: Path) -> Linked:
    """Train, predict, cluster at 6 bits; the pairs from the lowest threshold on. Labels are not read."""
    connection = people.connection
    with watch.phase("train"):
        api = DuckDBAPI(connection=connection)
        linker = Linker(api.register(connection.table("people")), settings(people), log_level=None)
        train(linker, people)
    with watch.phase("predict"):
        scored = linker.inference.predict(threshold_match_weight=THRESHOLDS[0])
    with watch.phase("cluster"):
        linker.clustering.cluster_pairwise_predictions_at_threshold(scored, threshold_match_weight=6.0)
    pairs = connection.execute(
        f"SELECT unique_id_l AS l, unique_id_r AS r, match_weight FROM {scored.physical_name}"
    ).fetchnumpy()
    rules = tuple(rules_for(people, wide=True))
    return Linked(pairs["l"], pairs["r"], pairs["match_weight"].astype(np.float32), THRESHOLDS, rules=rules)


if __name__ == "__main__":
    main(link, __doc__)
