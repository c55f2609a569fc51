"""Patterns get their match weight once, and pairs through them."""

from __future__ import annotations

import json

import pytest

from pipelines.score import score_pairs, score_patterns
from profile_service.identity.model import packaged_model
from profile_service.identity.score import score_pair
from tests.linkage_world import Learned, LinkageWorld


def test_a_pattern_is_scored_once_and_every_pair_through_it(learned: Learned) -> None:
    model = learned.model
    levels = tuple(1 if comparison.name in ("email", "phone") else 0 for comparison in model.comparisons)
    pattern = model.pack(levels)
    with LinkageWorld(learned.models) as world:
        world.work.execute(
            f"CREATE TABLE compared AS SELECT 1 AS l, 2 AS r, {pattern} AS pattern UNION ALL SELECT 1, 3, 0"
        )
        for _ in range(2):
            score_patterns(world.work, model, "compared")
        assert world.all("SELECT count(*) FROM patterns") == [(2,)]
        score_pairs(world.work, "compared")
        ((bits, probability, names),) = world.all(
            f"SELECT s.bits, p.probability, p.levels FROM scored_pairs s JOIN patterns p USING (pattern) "
            f"WHERE pattern = {pattern}"
        )
    score = score_pair(levels, model)
    assert bits == pytest.approx(score.bits, abs=1e-4)
    assert probability == pytest.approx(score.probability)
    assert json.loads(names) == {"email": "exact", "phone": "exact"}


def test_an_untrained_model_cannot_score(learned: Learned) -> None:
    with pytest.raises(ValueError, match="untrained"):
        score_pair((0,), packaged_model())
    with LinkageWorld(learned.models) as world, pytest.raises(ValueError, match="untrained"):
        score_patterns(world.work, packaged_model(), "compared")
