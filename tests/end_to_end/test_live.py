"""Records written live end in the customers of the batch, keep the ids they were answered with, and are folded in."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pipelines.progress import SilentProgress
from pipelines.run import Places, RunOptions, run
from pipelines.summary import RunSummary
from profile_service.correct import Wish, split
from profile_service.erase import erase
from profile_service.lookup import Erased, Found, Retired, by_id
from profile_service.settings import Settings
from profile_service.store.stored import moment_of
from profile_service.take import SentConsent, SentEvent, SentRecord, take_consents
from profile_service.world import World
from tests.end_to_end import worlds
from tests.live_world import live_customers, partition, shuffled, write_all

# What a profile says of the generation, or as its run computed it, not of the customer at this moment.
GIVEN_BY_A_RUN = ("run_id", "segments", "traits")


def fold(data_dir: Path, landing: Path | None = None) -> RunSummary:
    return run(Places(landing, data_dir), RunOptions(accept=True), SilentProgress())


def documents(world: World, ids: set[str]) -> dict[str, dict[str, Any]]:
    found = {}
    for customer_id in ids:
        outcome = by_id(world.state(), customer_id)
        assert isinstance(outcome, Found), customer_id
        table = outcome.profile
        found[customer_id] = {name: value for name, value in table.items() if name not in GIVEN_BY_A_RUN}
    return found


@pytest.fixture(scope="module")
def two_thirds(published: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, worlds.Feeds]:
    """Two thirds of the sample published with the model of the whole, to be copied, and the rest."""
    folder = tmp_path_factory.mktemp("two_thirds")
    first, second = worlds.batches(worlds.read_feeds(worlds.SAMPLE), [0, 0, 1])
    data_dir = worlds.copy_models(published, folder / "data")
    run(Places(worlds.write_feeds(folder / "landing", first), data_dir), RunOptions(), SilentProgress())
    return data_dir, second


@pytest.fixture
def begun(two_thirds: tuple[Path, worlds.Feeds], tmp_path: Path) -> Iterator[tuple[World, worlds.Feeds, Path]]:
    """A service on two thirds of the sample, and the rest still to be written."""
    made, second = two_thirds
    data_dir = Path(shutil.copytree(made, tmp_path / "data", symlinks=True))
    world = World.open(Settings(data_dir=data_dir))
    yield world, second, data_dir
    world.close()


def test_a_third_of_the_sample_written_live_ends_in_the_customers_of_one_batch(
    begun: tuple[World, worlds.Feeds, Path], published: Path
) -> None:
    world, rest, data_dir = begun
    rows = shuffled(rest, seed=5)
    at = len(rows) // 2
    answered = write_all(world, rows[:at])
    summary = fold(data_dir)
    assert (summary.outcome, summary.folded["ledger_seq"]) == ("published", at)
    # written while that run was at work: the world has not followed yet
    answered |= write_all(world, rows[at:])
    owners = live_customers(world, worlds.ids(published))
    assert partition(owners) == worlds.customers(published)
    before = documents(world, set(owners.values()))

    # brought onto the generation that has folded the first half, nobody has another id or another profile
    assert world.follow()
    assert world.state().generation.ledger_seq == at
    assert live_customers(world, owners) == owners
    assert documents(world, set(owners.values())) == before

    # and folded in whole, the batch says the same
    summary = fold(data_dir)
    assert (summary.ids["churn"], summary.ids["created"], summary.ids["split"]) == (0, 0, 0)
    assert worlds.ids(data_dir) == owners
    assert world.follow()
    assert world.state().overlay.customers_after("", 1) == []
    assert documents(world, set(owners.values())) == before
    # every id that was ever answered still answers
    for customer_id in set(answered.values()):
        outcome = by_id(world.state(), customer_id)
        assert isinstance(outcome, Found | Retired)
        if isinstance(outcome, Retired):
            assert outcome.stands_as in before
    assert fold(data_dir).outcome == "nothing new"


def test_the_batch_folds_all_of_a_crashed_run_once(
    begun: tuple[World, worlds.Feeds, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    world, rest, data_dir = begun
    rows = shuffled(rest, seed=6)[:200]
    write_all(world, rows[:150])
    with monkeypatch.context() as patch:
        patch.setattr("pipelines.run.publish", _dies)
        with pytest.raises(KeyboardInterrupt):
            fold(data_dir)
    write_all(world, rows[150:])
    owners = live_customers(world, worlds.ids(data_dir))
    summary = fold(data_dir)
    assert (summary.outcome, summary.folded["ledger_seq"]) == ("published", 200)
    published = worlds.ids(data_dir)
    assert {key: published[key] for key in owners} == owners
    assert world.follow()
    assert live_customers(world, owners) == owners


def test_ids_given_live_stand_when_the_work_store_comes_from_a_backup(
    begun: tuple[World, worlds.Feeds, Path], tmp_path: Path
) -> None:
    world, rest, data_dir = begun
    shutil.copytree(data_dir / "work", tmp_path / "backup")
    answered = write_all(world, shuffled(rest, seed=7)[:100])
    fold(data_dir)
    owners = live_customers(world, answered)
    shutil.rmtree(data_dir / "work")
    shutil.copytree(tmp_path / "backup", data_dir / "work")
    assert fold(data_dir).outcome == "published"
    assert world.follow()
    assert live_customers(world, answered) == owners
    for customer_id in set(answered.values()):
        assert isinstance(by_id(world.state(), customer_id), Found | Retired)


def test_an_erasure_is_carried_out_under_a_service_that_has_not_followed_yet(
    begun: tuple[World, worlds.Feeds, Path],
) -> None:
    world, rest, data_dir = begun
    answered = write_all(world, shuffled(rest, seed=8)[:50])
    erased = min(set(worlds.ids(data_dir).values()) - set(answered.values()))
    with world.write() as hand:
        erase(hand, erased, Wish("test", "article 17"))
    owners = live_customers(world, answered)
    fold(data_dir)
    assert live_customers(world, answered) == owners
    assert isinstance(by_id(world.state(), erased), Erased)


def _dies(*_: object) -> None:
    raise KeyboardInterrupt


def test_of_a_landed_and_a_live_version_the_newer_stands_in_either_order(
    begun: tuple[World, worlds.Feeds, Path], tmp_path: Path
) -> None:
    world, _, data_dir = begun
    old = {"given_name": "Wanda", "family_name": "Okonkwo-Lindqvist", "email": "wanda.old@example.net"}
    new = old | {"email": "wanda.new@example.net"}
    early, late = moment_of("2026-01-01T00:00:00Z"), moment_of("2026-06-01T00:00:00Z")
    write_all(world, [SentRecord("web", "w-live-new", new, late), SentRecord("web", "w-live-old", old, early)])
    landed: worlds.Feeds = {
        ("web", "customers"): [
            {"source_record_id": "w-live-new", **old, "updated_at": "2026-01-01T00:00:00Z"},
            {"source_record_id": "w-live-old", **new, "updated_at": "2026-06-01T00:00:00Z"},
        ]
    }
    fold(data_dir, worlds.write_feeds(tmp_path / "more", landed))
    with worlds.published(data_dir) as warehouse:
        rows = warehouse.execute(
            "SELECT DISTINCT email FROM customer_records WHERE source_record_id LIKE 'w-live-%'"
        ).fetchall()
    assert rows == [("wanda.new@example.net",)]


def test_claims_consents_and_decisions_are_folded_as_they_were_answered(
    begun: tuple[World, worlds.Feeds, Path],
) -> None:
    world, _, data_dir = begun
    person = {"given_name": "Ludmila", "family_name": "Achterberg", "email": "l.achterberg@example.org"}
    at = moment_of("2026-10-01T00:00:00Z")
    bought = {"occurred_at": "2026-10-02T10:00:00Z", "amount": "7.5000", "currency": "EUR"}
    rows = [
        SentEvent("web", "e-early", "w-1", bought),
        SentRecord("web", "w-1", person | {"marketing_consent": "yes", "extra": '{"shoe_size":38}'}, at),
        SentRecord("web", "w-1", {"given_name": "Eve"}, moment_of("1900-01-01T00:00:00Z"), authenticated=False),
        SentRecord("store", "s-1", person, at),
        SentRecord("mobile", "m-claim", person | {"marketing_consent": "no"}, at, authenticated=False),
        SentEvent("mobile", "e-claim", "m-claim", bought),
    ]
    answered = write_all(world, rows)
    customer_id = answered["web:w-1"]
    with world.write() as hand:
        said = [SentConsent("marketing", "email", "no"), SentConsent("analytics", "web", "yes")]
        take_consents(hand, customer_id, said, "test")
    with world.write() as hand:
        split(hand, customer_id, [("store", "s-1")], Wish("test", "two people of one name"))
    owners = live_customers(world, answered)
    assert len(set(owners.values())) == 3
    before = documents(world, set(owners.values()))
    assert before[customer_id]["marketing_consent"] == "no"
    assert before[customer_id]["first_seen"] == "2026-10-01T00:00:00Z"
    summary = fold(data_dir)
    assert {name: summary.folded[name] for name in ("records", "events", "consents", "decisions")} == {
        "records": 4,
        "events": 2,
        "consents": 2,
        "decisions": 1,
    }
    published = worlds.ids(data_dir)
    assert {key: published[key] for key in owners} == owners
    assert world.follow()
    assert documents(world, set(owners.values())) == before
    with worlds.published(data_dir) as warehouse:
        kept = warehouse.execute("SELECT extra FROM customer_records WHERE source_record_id = 'w-1'").fetchall()
    assert kept == [('{"shoe_size":38}',)]
    # said again on the folded generation, and folded again
    with world.write() as hand:
        take_consents(hand, customer_id, [SentConsent("marketing", "email", "yes")], "test")
    before = documents(world, set(owners.values()))
    assert before[customer_id]["marketing_consent"] == "yes"
    fold(data_dir)
    assert world.follow()
    assert documents(world, set(owners.values())) == before
