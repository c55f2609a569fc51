"""What a training takes part in and learns, from small data of every shape."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

import duckdb
import numpy as np
import pytest

from pipelines.train import _chance_of_agreeing, parts_of, stop_among, taking_part
from profile_service.identity.mixture import CLASSES
from profile_service.identity.model import Model, packaged_model
from profile_service.identity.model_files import standing_model
from profile_service.identity.records import RawRecord
from tests.linkage_world import SAMPLE, Learned, LinkageWorld, raw, standard, standardised_table

PACKAGED = packaged_model()


def trained_on(records: list[RawRecord], folder: Path) -> Model:
    """The model that these records teach."""
    with LinkageWorld(folder) as world:
        world.put(records)
        world.resolve()
    model = standing_model(folder)
    assert model is not None
    assert model.trained is not None
    return model


@pytest.mark.parametrize(
    ("cities", "takes_part"),
    [
        (["a", "b", "c", "d"] * 25, True),
        (["a"] * 100, False),
        (["a"] * 91 + ["b"] * 9, False),
        ([None] * 100, False),
        (["a", "b", *[None] * 98], True),
        (["a", *[None] * 99], False),
    ],
    ids=["all kinds", "one value all over", "nearly one value", "empty", "just enough", "nearly empty"],
)
def test_a_column_that_says_nothing_takes_no_part(cities: list[str | None], takes_part: bool, tmp_path: Path) -> None:
    with LinkageWorld(tmp_path) as world:
        standardised_table(world.work, PACKAGED, [standard(city=city) for city in cities])
        assert ("city" in taking_part(world.work, PACKAGED)) is takes_part


@pytest.mark.parametrize(("partners", "stop"), [(0.0, 0.0), (1.0, -0.6), (2.0, -1.2), (2.4, -1.2), (50.0, -1.2)])
def test_the_more_partners_a_record_has_the_weaker_a_single_pair_may_be(partners: float, stop: float) -> None:
    clustering = replace(PACKAGED.clustering, stop=0.0, stop_dense=-1.2, dense=2.0)
    assert stop_among(clustering, partners) == stop


def test_fewer_than_three_comparisons_keep_the_packaged_parameters(learned: Learned, tmp_path: Path) -> None:
    named = [
        raw(r.key, given_name=(r.value("given_name") or "Ann").split()[0], family_name=r.value("family_name"))
        for r in learned.records[:600]
    ]
    model = trained_on(named, tmp_path)
    assert model.trained is not None
    assert model.trained.facts["comparisons"] == ["given_name", "family_name", "whole_name"]
    settings = PACKAGED.settings["mixture"]
    match = model.trained.mixture.probability[0][CLASSES.index("match")]
    kinds = np.array(model.trained.mixture.parts[0].kinds)
    assert match[kinds == "exact"].sum() == pytest.approx(settings["exact"], abs=1e-3)
    assert match[kinds == "differ"].sum() == pytest.approx(settings["differ"], abs=1e-3)


def test_the_shares_of_all_classes_are_all_pairs(learned: Learned) -> None:
    assert learned.model.trained is not None
    assert learned.model.trained.mixture.shares.sum() == pytest.approx(1.0)
    pairs = learned.model.trained.facts["expected_pairs"]
    records = learned.model.trained.facts["records"]
    assert sum(pairs.values()) == pytest.approx(records * (records - 1) / 2)
    assert set(pairs) == set(CLASSES)


def test_the_pairs_of_one_person_in_the_sample_are_counted_without_labels(learned: Learned) -> None:
    assert learned.model.trained is not None
    pairs = learned.model.trained.facts["expected_pairs"]
    assert pairs["match"] + pairs["mover"] == pytest.approx(_true_pairs(), rel=0.25)


def _true_pairs() -> int:
    people = Counter(line.rsplit(",", 1)[1] for line in (SAMPLE / "truth.csv").read_text().splitlines()[1:])
    return sum(n * (n - 1) // 2 for n in people.values())


def test_a_hundred_records_give_a_usable_model(learned: Learned, tmp_path: Path) -> None:
    model = trained_on(learned.records[:100], tmp_path)
    assert model.trained is not None
    same = np.array([[1 if p.role in ("given", "family", "birth") else 0 for p in parts_of(model)]])
    differ = np.array([[len(p.kinds) - 1 if p.role in ("given", "family", "birth") else 0 for p in parts_of(model)]])
    assert model.trained.mixture.log_odds(same)[0] > 0
    assert model.trained.mixture.log_odds(differ)[0] < 0


def test_the_usual_country_is_that_of_most_records(learned: Learned, tmp_path: Path) -> None:
    assert learned.model.trained is not None
    assert learned.model.trained.default_country == "US"
    here = [raw(f"web:{n}", given_name="Ann", phone=f"+44 20 7946 0{n:03d}") for n in range(20)]
    model = trained_on(here, tmp_path)
    assert model.trained is not None
    assert model.trained.default_country == "GB"


def test_pairs_within_a_channel_that_holds_nobody_twice_are_no_pairs_to_explain(
    learned: Learned, tmp_path: Path
) -> None:
    records = [*learned.records[:200], *learned.records[-200:]]
    sizes = Counter(record.channel for record in records)
    assert len(sizes) > 1
    channel = min(sizes)
    with LinkageWorld(tmp_path, duplicate_free=[channel]) as world:
        world.put(records)
        world.resolve()
    model = standing_model(tmp_path)
    assert model is not None
    assert model.trained is not None
    within = sizes[channel] * (sizes[channel] - 1) / 2
    assert sum(model.trained.facts["expected_pairs"].values()) == pytest.approx(400 * 399 / 2 - within)


@pytest.mark.parametrize("bins", [[4, 1, 4], [4, 4, 1], [1, 4, 4]], ids=str)
def test_a_value_in_several_bins_counts_in_the_commonest_whatever_the_order_of_its_records(bins: list[int]) -> None:
    with duckdb.connect() as work:
        work.execute(
            "CREATE TEMP TABLE drawn_records AS SELECT 'j' AS given_name, unnest($bins::UTINYINT[]) AS given_fixed_bin",
            {"bins": bins},
        )
        assert _chance_of_agreeing(work, "given_name", "given_fixed_bin") == {1: 1.0}
