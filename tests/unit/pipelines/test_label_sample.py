"""Pairs to judge: most where the model is unsure, and drawn so that what they say of all pairs is without bias."""

from __future__ import annotations

import pytest

from pipelines.label_sample import allotted, draw_pairs
from tests.work_world import WorkWorld


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> WorkWorld:
    """Sixty pairs of records: forty customers of two by weights from -5 to 34 bits, and twenty pairs kept apart."""
    made = WorkWorld(tmp_path_factory.mktemp("pairs"))
    context = made.begin()
    clusters = []
    for n in range(60):
        made.record(f"store:{n}", given_name=f"Name{n}")
        made.record(f"web:{n}", given_name=f"Name{n}")
        if n < 40:
            clusters.append(f"store:{n} web:{n}")
        if n != 39:
            made.link(f"store:{n}", f"web:{n}", n - 5.0 if n < 40 else (n - 50) / 2)
    made.identify(context, clusters)
    return made


def test_every_pair_inside_a_customer_and_every_doubtful_one_outside_can_be_drawn(world: WorkWorld) -> None:
    drawn = draw_pairs(world.work, 1000, 1)
    linked = [pair for pair in drawn if pair.linked]
    assert len(linked) == 40
    assert [pair.bits for pair in linked].count(None) == 1
    assert len(drawn) - len(linked) == 20
    assert all(pair.sampling_probability == 1 for pair in drawn)


def test_the_most_doubtful_stand_first(world: WorkWorld) -> None:
    doubts = [abs(pair.bits or 0) for pair in draw_pairs(world.work, 30, 1)]
    assert doubts == sorted(doubts)


def test_the_same_seed_draws_the_same_and_another_seed_others(world: WorkWorld) -> None:
    assert draw_pairs(world.work, 20, 7) == draw_pairs(world.work, 20, 7)
    assert draw_pairs(world.work, 20, 7) != draw_pairs(world.work, 20, 8)


def test_weighed_by_their_probability_the_drawn_pairs_stand_for_all(world: WorkWorld) -> None:
    for seed in range(5):
        drawn = draw_pairs(world.work, 25, seed)
        assert len(drawn) == 25
        assert sum(1 / pair.sampling_probability for pair in drawn) == pytest.approx(60)
        for pair in drawn:
            same = [other for other in drawn if other.stratum == pair.stratum]
            assert pair.sampling_probability == pytest.approx(len(same) / pair.stratum_pairs)


def test_over_many_draws_the_estimate_of_a_share_is_right_on_average(world: WorkWorld) -> None:
    """Pretend that linked pairs below 9 bits, and the one never compared, are wrong: 15 of 40."""
    estimates = []
    for seed in range(200):
        linked = [pair for pair in draw_pairs(world.work, 25, seed) if pair.linked]
        wrong = sum(1 / pair.sampling_probability for pair in linked if (pair.bits or 0) < 9)
        estimates.append(wrong / sum(1 / pair.sampling_probability for pair in linked))
    assert sum(estimates) / len(estimates) == pytest.approx(15 / 40, abs=0.02)


@pytest.mark.parametrize(
    ("sizes", "worth", "labels", "given"),
    [
        ({"a": 100, "b": 100}, {"a": 3.0, "b": 1.0}, 40, {"a": 30, "b": 10}),
        ({"a": 5, "b": 100}, {"a": 30.0, "b": 1.0}, 40, {"a": 5, "b": 35}),
        ({"a": 5, "b": 3}, {"a": 1.0, "b": 1.0}, 40, {"a": 5, "b": 3}),
        ({"a": 1000, "b": 1000}, {"a": 1.0, "b": 0.0001}, 100, {"a": 96, "b": 4}),
        ({"a": 10, "b": 10, "c": 10}, {"a": 1.0, "b": 1.0, "c": 1.0}, 2, None),
        ({}, {}, 10, {}),
    ],
    ids=["by worth", "no more than it has", "all there are", "a share at least", "fewer labels than strata", "nothing"],
)
def test_labels_go_where_they_tell_most(
    sizes: dict[str, int], worth: dict[str, float], labels: int, given: dict[str, int] | None
) -> None:
    found = allotted(sizes, worth, labels)
    assert sum(found.values()) == min(labels, sum(sizes.values()))
    if given is not None:
        assert all(abs(found[stratum] - count) <= 1 for stratum, count in given.items()), found
