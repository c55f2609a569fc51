"""When ids are trusted to teach, when not, and that what they taught is told and stored with the model."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipelines.anchor import Anchoring, anchor, id_agreement, look_at_ids
from pipelines.compare import level_numbers
from profile_service.identity.mixture import LOG2, Mixture
from profile_service.identity.model import Model
from profile_service.identity.model_files import load_model, save_model
from profile_service.identity.score import ANCHORED, score_pair
from tests.linkage_world import Learned, LinkageWorld


@pytest.fixture(scope="module")
def sample(learned: Learned) -> Iterator[LinkageWorld]:
    """The sample, resolved."""
    with LinkageWorld(learned.models) as world:
        world.put(learned.records)
        world.resolve()
        yield world


def asking(model: Model, **settings: Any) -> Model:
    """A model that asks otherwise for its ids."""
    return replace(model, settings={**model.settings, "anchors": {**model.settings["anchors"], **settings}})


def mixture_of(model: Model) -> Any:
    assert model.trained is not None
    return model.trained.mixture


def taught(world: LinkageWorld, model: Model, mixture: Mixture) -> Anchoring:
    return anchor(model, mixture, look_at_ids(world.work, model, "scored_pairs"))


EVER = {"least_agreement": 0.0, "least_pairs_of_both": 1, "least_pairs": 5}


def pattern(model: Model, said: Mapping[str, str]) -> tuple[int, ...]:
    """Level numbers: comparison = kind of its first such outcome, the others missing."""
    return tuple(
        [outcome.kind for outcome in outcomes].index(said.get(comparison.name, "missing"))
        for comparison, outcomes in zip(model.comparisons, model.outcomes, strict=True)
    )


def test_two_kinds_agree_as_often_as_one_is_equal_where_the_other_is(learned: Learned) -> None:
    model = learned.model
    names = [comparison.name for comparison in model.comparisons]
    met = [
        ({"loyalty_id": "exact", "device_id": "exact"}, 96),
        ({"loyalty_id": "differ", "device_id": "exact"}, 4),
        ({"device_id": "exact"}, 1000),  # knows no card, so tells nothing of cards
        ({"loyalty_id": "exact", "device_id": "differ"}, 300),
    ]
    levels = np.array([pattern(model, said) for said, _ in met])
    pairs = np.array([float(count) for _, count in met])
    found = id_agreement(model, [names.index("loyalty_id"), names.index("device_id")], levels, pairs)
    assert found == {
        "loyalty_id is equal where device_id is,": (0.96, 100),
        "device_id is equal where loyalty_id is,": (pytest.approx(96 / 396), 396),
    }


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"use": "never"}, ""),
        ({"least_pairs_of_both": 10**9}, "off, too few pairs know two kinds of id"),
        ({"least_pairs_of_both": 1, "least_agreement": 1.01}, "off, ids of two kinds disagree: .* is equal where"),
        (EVER, "on, .* it learned from"),
    ],
)
def test_ids_teach_only_where_they_are_asked_for_and_agree(
    sample: LinkageWorld, learned: Learned, settings: Mapping[str, Any], said: str
) -> None:
    done = taught(sample, asking(learned.model, **settings), mixture_of(learned.model))
    assert (done.anchors is not None) == said.startswith("on")
    assert re.fullmatch(f"anchored model: {said}.*" if said else "", done.said)


@pytest.fixture(scope="module")
def anchored(sample: LinkageWorld, learned: Learned) -> Model:
    """A model that has learned from the sample's ids, trusted or not."""
    mixture = mixture_of(learned.model)
    done = taught(sample, asking(learned.model, **EVER), mixture)
    assert done.anchors is not None
    assert learned.model.trained is not None
    return replace(
        learned.model, trained=replace(learned.model.trained, mixture=replace(mixture, anchors=done.anchors))
    )


def test_the_trees_never_look_at_the_ids_they_learned_from(sample: LinkageWorld, anchored: Model) -> None:
    patterns = np.array([row[0] for row in sample.all("SELECT pattern FROM patterns ORDER BY 1")])
    levels = level_numbers(anchored, patterns)
    ids = [place for place, part in enumerate(anchored.comparisons) if part.role == "identifier"]
    other = levels.copy()
    other[:, ids] = 0
    added = mixture_of(anchored).anchored(levels)
    assert np.abs(added).max() > 0.1
    assert added.tolist() == mixture_of(anchored).anchored(other).tolist()


def test_one_pair_weighs_what_everyone_does_and_its_contributions_add_up(sample: LinkageWorld, anchored: Model) -> None:
    patterns = np.array([row[0] for row in sample.all("SELECT pattern FROM patterns ORDER BY 1 LIMIT 200")])
    levels = level_numbers(anchored, patterns)
    silent = score_pair((0,) * levels.shape[1], anchored)
    before = silent.bits - silent.contributions[-1].bits
    for row, bits in zip(levels, mixture_of(anchored).log_odds(levels) / LOG2, strict=True):
        score = score_pair(tuple(row.tolist()), anchored)
        assert score.bits == pytest.approx(bits)
        assert score.contributions[-1].comparison == ANCHORED
        assert before + sum(one.bits for one in score.contributions) == pytest.approx(bits)


def test_a_stored_model_has_its_trees_and_another_version(anchored: Model, learned: Learned, tmp_path: Path) -> None:
    stored = save_model(anchored, tmp_path / "models", "20260101T000000")
    plain = save_model(learned.model, tmp_path / "plain", "20260101T000000")
    assert stored.version != plain.version
    again = load_model(tmp_path / "models" / stored.version)
    levels = np.random.default_rng(3).integers(0, 2, (100, len(anchored.comparisons)))
    assert mixture_of(again).log_odds(levels).tolist() == mixture_of(anchored).log_odds(levels).tolist()
