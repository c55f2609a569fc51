"""What a run of the linkage does: train once, then only what changed, with what people have decided."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from profile_service.identity.model_files import standing_model
from profile_service.identity.records import RawRecord
from tests.linkage_world import Learned, LinkageWorld, raw

KATE = {"given_name": "Katherine", "family_name": "Holloway", "phone": "212-555-0147", "birth_date": "1984-03-09"}
OMAR = {"given_name": "Omar", "family_name": "Reyes", "email": "omar.reyes@example.com", "birth_date": "1971-10-30"}


def person(key: str, fields: dict[str, str], **changed: str) -> RawRecord:
    """A record of somebody."""
    return raw(key, **{**fields, **changed})


@pytest.fixture
def world(learned: Learned) -> Iterator[LinkageWorld]:
    """Two people of two records each, resolved with the model that the sample taught."""
    with LinkageWorld(learned.models) as made:
        made.put([person("store:1", KATE), person("web:1", KATE), person("store:2", OMAR), person("web:2", OMAR)])
        made.resolve()
        yield made


def touched(world: LinkageWorld) -> set[str]:
    """The records the last run looked at."""
    rows = world.all("SELECT channel || ':' || source_record_id FROM touched JOIN records USING (rid)")
    return {name for (name,) in rows}


def test_two_people_are_two_customers(world: LinkageWorld) -> None:
    assert world.customers() == {frozenset({"store:1", "web:1"}), frozenset({"store:2", "web:2"})}


def test_nothing_new_touches_nobody(world: LinkageWorld) -> None:
    done = world.resolve()
    assert {name for name, count in done.counts.items() if count} <= {"generic_values"}


def test_a_new_record_touches_only_its_customer(world: LinkageWorld) -> None:
    world.put([person("mobile:1", KATE)])
    done = world.resolve()
    assert (done.trained, done.counts["standardised"]) == (False, 1)
    assert touched(world) == {"store:1", "web:1", "mobile:1"}
    assert world.together("store:1", "web:1", "mobile:1")


def test_a_changed_record_leaves_the_customer_it_no_longer_fits(world: LinkageWorld) -> None:
    world.put([person("web:1", OMAR)])
    world.resolve()
    assert world.customers() == {frozenset({"store:1"}), frozenset({"store:2", "web:2", "web:1"})}
    assert touched(world) == {"store:1", "web:1", "store:2", "web:2"}


@pytest.mark.parametrize("everyone", [True, False], ids=["everyone", "what changed"])
@pytest.mark.parametrize(
    ("decisions", "customers"),
    [
        ([("store:1", "store:2", "same")], ["store:1 web:1 store:2 web:2"]),
        ([("web:1", "store:1", "different")], ["store:1", "web:1", "store:2 web:2"]),
        (
            [("store:1", "store:2", "same"), ("store:1", "web:1", "different")],
            ["store:1 store:2 web:2", "web:1"],
        ),
        ([("store:1", "nowhere:9", "same")], ["store:1 web:1", "store:2 web:2"]),
        ([("store:1", "store:1", "different")], ["store:1 web:1", "store:2 web:2"]),
    ],
    ids=["same", "different", "both", "of a record that is not there", "of a record and itself"],
)
def test_what_a_steward_decides_is_obeyed(
    world: LinkageWorld, decisions: list[tuple[str, str, str]], customers: list[str], everyone: bool
) -> None:
    for decision in decisions:
        world.judge(*decision)
    world.resolve(rebuild=everyone)
    assert world.customers() == {frozenset(names.split()) for names in customers}


@pytest.mark.parametrize("verdict", ["same", "different"])
def test_what_a_steward_takes_back_no_longer_binds(world: LinkageWorld, verdict: str) -> None:
    before = world.customers()
    world.judge("store:1", "store:2" if verdict == "same" else "web:1", verdict)
    world.resolve()
    assert world.customers() != before
    world.work.execute("DELETE FROM constraints")
    world.resolve()
    assert world.customers() == before


@pytest.mark.parametrize("last", ["same", "different"])
def test_of_two_decisions_on_the_same_records_the_later_binds(world: LinkageWorld, last: str) -> None:
    verdicts = ["same", "different"] if last == "different" else ["different", "same"]
    for number, verdict in enumerate(verdicts):
        world.judge("store:1", "web:1", verdict)
        world.work.execute("UPDATE constraints SET decision_id = ? WHERE decision_id IS NULL", [f"jdg_{number}"])
    world.resolve()
    assert world.together("store:1", "web:1") == (last == "same")
    world.work.execute("DELETE FROM constraints WHERE decision_id = 'jdg_1'")
    world.resolve()
    assert world.together("store:1", "web:1") == (last != "same")


def test_a_decision_waits_for_its_records(world: LinkageWorld) -> None:
    world.judge("store:1", "mobile:7", "same")
    world.resolve()
    world.put([raw("mobile:7", given_name="Zed", family_name="Quill")])
    world.resolve()
    assert world.together("store:1", "web:1", "mobile:7")


def test_records_of_a_duplicate_free_channel_are_never_candidates(learned: Learned) -> None:
    with LinkageWorld(learned.models, duplicate_free=["store"]) as world:
        world.put([person("store:1", KATE), person("store:2", KATE), person("web:1", KATE)])
        world.resolve()
        assert not world.together("store:1", "store:2")
        assert len(world.customers()) == 2
        pairs = world.all(
            "SELECT a.channel, b.channel FROM scored_pairs JOIN records a ON a.rid = l JOIN records b ON b.rid = r"
        )
        assert ("store", "store") not in pairs


def test_a_channel_is_no_longer_duplicate_free_once_it_is_declared_so(learned: Learned) -> None:
    with LinkageWorld(learned.models, duplicate_free=["store"]) as world:
        world.put([person("store:1", KATE), person("store:2", KATE), person("web:1", KATE)])
        world.resolve()
        world.duplicate_free = {"web": False}
        world.put([person("web:2", KATE)])
        world.resolve()
        assert not world.together("store:1", "store:2"), "a channel that is not declared stays as it was"
        world.duplicate_free = {"store": False}
        world.put([person("web:3", KATE)])
        world.resolve()
        assert world.together("store:1", "store:2")


def test_the_first_run_trains_and_later_runs_reuse_the_stored_model(learned: Learned, tmp_path: Path) -> None:
    with LinkageWorld(tmp_path / "models") as world:
        world.put(learned.records[:300])
        first = world.resolve()
        world.put(learned.records[300:320])
        second = world.resolve()
        again = world.resolve(rebuild=True)
    assert (first.trained, second.trained, again.trained) == (True, False, False)
    assert first.model_version == second.model_version == again.model_version
    stored = standing_model(tmp_path / "models")
    assert stored is not None
    assert stored.version == first.model_version


def test_everyone_is_resolved_anew_when_another_model_stands(
    world: LinkageWorld, learned: Learned, tmp_path: Path
) -> None:
    with LinkageWorld(tmp_path / "models") as other:
        other.put(learned.records[:400])
        other.resolve()
    world.models = tmp_path / "models"
    done = world.resolve()
    assert done.counts["touched"] == 4
    assert done.model_version != learned.model.version


def test_training_again_on_the_same_records_gives_the_same_numbers(learned: Learned, tmp_path: Path) -> None:
    with LinkageWorld(tmp_path / "models") as world:
        world.put(reversed(learned.records))
        world.resolve()
    again = standing_model(tmp_path / "models")
    assert again is not None
    assert again.trained is not None
    assert learned.model.trained is not None
    assert again.trained.frequencies == learned.model.trained.frequencies
    assert again.trained.generic_threshold == learned.model.trained.generic_threshold
    expected = learned.model.trained.facts["expected_pairs"]
    for name, pairs in again.trained.facts["expected_pairs"].items():
        assert pairs == pytest.approx(expected[name], rel=0.01, abs=1.0)


def test_nobody_at_all_is_no_trouble(learned: Learned) -> None:
    with LinkageWorld(learned.models) as world:
        done = world.resolve()
        assert done.counts["clusters"] == 0
        assert world.customers() == set()


@pytest.mark.parametrize("count", [1, 2, 5])
def test_a_handful_of_records_can_be_trained_on(tmp_path: Path, count: int) -> None:
    with LinkageWorld(tmp_path) as world:
        world.put([person(f"store:{number}", KATE) for number in range(count)])
        done = world.resolve()
        assert done.trained
        assert sum(map(len, world.customers())) == count


def test_records_read_with_other_rules_are_told_of_until_everyone_is_read_anew(
    world: LinkageWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    def said() -> bool:
        return any("rules that values are read with" in warning for warning in world.resolve().warnings)

    assert not said()
    monkeypatch.setattr("pipelines.resolve.reading_rules", lambda: "those of the next version")
    assert said()
    assert said()
    assert not any("rules" in warning for warning in world.resolve(rebuild=True).warnings)
    assert not said()
