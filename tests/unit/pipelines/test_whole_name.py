"""A whole name weighs less the more records hold it than hold others as frequent in given and family name."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from pipelines.whole_name import crowding, enter_whole_names, learn_crowded
from profile_service.identity.compare import compare_pair
from profile_service.identity.hashing import hash_text
from profile_service.identity.model import WHOLE_NAME, Model
from profile_service.identity.model_files import load_model, save_model
from tests.linkage_world import Learned, LinkageWorld, standard, standardised_table

RARE = 5
PLACE = 2  # of the comparison


def held(*times: tuple[str, int], given_bin: int = RARE) -> list[tuple[str, int]]:
    return [(name, given_bin) for name, count in times for _ in range(count)]


def world_of(world: LinkageWorld, model: Model, names: list[tuple[str, int]]) -> Model:
    """``standardised`` holds these whole names, each with the bin of its given name; answers the model that learned."""
    rows = []
    for name, given_bin in names:
        row = standard(model, name_pair=name)
        rows.append(replace(row, bins={**row.bins, "given_fixed": given_bin}))
    standardised_table(world.work, model, rows)
    assert model.trained is not None
    model = replace(model, trained=replace(model.trained, crowded={}))
    assert model.trained is not None
    model = replace(model, trained=replace(model.trained, crowded=learn_crowded(world.work, model)))
    enter_whole_names(world.work, model, "standardised")
    return model


def times(model: Model, name: str) -> float | None:
    assert model.trained is not None
    return model.trained.crowded.get(hash_text(name))


def test_a_name_is_crowded_beside_names_of_its_own_kind(learned: Learned) -> None:
    usual = held(*((f"common {number}", 20) for number in range(300)), given_bin=0)
    few = held(*((f"rare {number}", 5) for number in range(300)))
    with LinkageWorld(learned.models) as world:
        names = [*usual, *few, *held(("linh nguyen", 20)), *held(("ann smith", 20), given_bin=0)]
        model = world_of(world, learned.model, names)
        assert times(model, "linh nguyen") == pytest.approx(20 / 5.2, abs=0.1)
        assert times(model, "ann smith") is None, "so many hold any name as frequent in given and family name"
        assert world.all(f"SELECT DISTINCT {WHOLE_NAME}_bin FROM standardised WHERE name_pair = 'linh nguyen'") == [
            (2,)
        ]
        assert world.all(f"SELECT DISTINCT {WHOLE_NAME}_bin FROM standardised WHERE name_pair <> 'linh nguyen'") == [
            (5,)
        ]


def test_as_many_as_one_person_leaves_crowd_no_name(learned: Learned) -> None:
    with LinkageWorld(learned.models) as world:
        alone = held(*((f"lone {number}", 1) for number in range(300)))
        model = world_of(world, learned.model, [*alone, *held(("ada marchetti", 5), ("grace hopper", 6))])
        assert times(model, "ada marchetti") is None
        assert times(model, "grace hopper") == pytest.approx(1.5)


def test_strangers_meet_in_a_name_as_often_as_it_is_crowded(learned: Learned) -> None:
    with LinkageWorld(learned.models) as world:
        lone = held(*((f"lone {number}", 4) for number in range(500)))
        model = world_of(world, learned.model, [*lone, *held(("linh nguyen", 40))])
        itself, strangers = crowding(world.work, model)
        assert itself.sum() == pytest.approx(1.0)
        assert strangers.sum() == pytest.approx(1.0)
        at = model.bin_of(WHOLE_NAME, "linh nguyen")
        assert itself[at] == pytest.approx(40 / 2040, rel=0.1)
        assert strangers[at] / itself[at] == pytest.approx(times(model, "linh nguyen"), rel=0.1)
        assert (itself / strangers)[:-1].max() < 1 < (itself / strangers)[-1]


def test_a_whole_name_speaks_only_where_it_agrees(learned: Learned) -> None:
    model = learned.model
    ann, bea = (
        standard(model, given_fixed=name, family_fixed="lee", name_pair=f"{name} lee") for name in ("ann", "bea")
    )
    crowded = replace(ann, bins={**ann.bins, WHOLE_NAME: 1})
    assert compare_pair(ann, bea, model)[PLACE] == 0
    assert compare_pair(ann, standard(model, given_fixed="ann"), model)[PLACE] == 0
    assert model.level_names(compare_pair(ann, ann, model))["whole_name"] == "same (as usual)"
    said = model.level_names(compare_pair(crowded, crowded, model))["whole_name"]
    assert said == "same (4 times usual)"


def test_crowded_names_are_stored_as_hashes(learned: Learned, tmp_path: Path) -> None:
    assert learned.model.trained is not None
    crowded = {hash_text("linh nguyen"): 3.2}
    model = replace(learned.model, trained=replace(learned.model.trained, crowded=crowded))
    stored = save_model(model, tmp_path, "20260101T000000")
    files = [path for path in (tmp_path / stored.version).iterdir() if path.is_file()]
    assert not [path.name for path in files if "linh nguyen" in path.read_text()]
    again = load_model(tmp_path / stored.version)
    assert (again.bin_of(WHOLE_NAME, "linh nguyen"), again.bin_of(WHOLE_NAME, "ann lee")) == (2, 5)


def test_a_declaration_without_whole_names_knows_no_crowd(learned: Learned) -> None:
    settings = {name: section for name, section in learned.model.settings.items() if name != "whole_name"}
    comparisons = tuple(each for each in learned.model.comparisons if each.name != "whole_name")
    older = replace(learned.model, settings=settings, comparisons=comparisons)
    assert WHOLE_NAME not in older.binned
    with LinkageWorld(learned.models) as world:
        standardised_table(world.work, older, [standard(older, name_pair="linh nguyen")] * 50)
        assert learn_crowded(world.work, older) == {}
        enter_whole_names(world.work, older, "standardised")
