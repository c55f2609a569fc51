"""Generations: what stands in them, refreshed or whole, and what never happens to the standing one."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import duckdb
import pytest

from pipelines import publish as publishing
from pipelines.causes import enter_causes
from pipelines.flip import keep_only_standing
from pipelines.publish import MOST_GROWTH, Policy, PublishReport, publish
from pipelines.run_context import RunContext
from profile_service.errors import NotEnoughDisk, PromiseBroken, RunFailed
from profile_service.identity.model import packaged_model
from profile_service.store.generation import MANIFEST, open_standing, standing_generation
from profile_service.store.schema import RELATIONS
from tests.work_world import WorkWorld, moment, run_context

MODEL = packaged_model()


@pytest.fixture(scope="module")
def resolved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data directory of a first run up to publishing; to be copied, for each publishing takes half a second."""
    made = WorkWorld(tmp_path_factory.mktemp("resolved"))
    context = made.begin()
    made.record("store:1", 1, given_name="ANN", family_name="Lee", email="Ann@X.example", marketing_consent="no")
    made.record("web:1", 5, given_name="Ann", family_name="Lee", email="ann@x.example", phone="+441")
    made.record("web:2", 2, given_name="Bob", phone="+441", street="1 high st", postcode="n1", city="leeds")
    crowd = made.crowd("mobile", 50)
    made.link("store:1", "web:1", 14.5)
    made.link("web:1", "web:2", 1.0)
    made.link("store:1", "web:2", -20.0)
    made.event("store:1", "e1", 4, amount=10.5)
    made.event("web:1", "e2", 9, amount=2, currency="USD")
    made.event("web:9", "e3", 6)
    made.near_miss("web:1", "web:2", -2.0)
    made.near_miss("mobile:0", "mobile:7", -3.0)
    made.identify(context, ["store:1 web:1", "web:2", *crowd])
    made.household("web:1 web:2", ["phone"])
    made.household("mobile:7 mobile:8", ["address"])
    made.household("mobile:9 mobile:10", ["address"])
    made.work.close()
    return made.data_dir


@pytest.fixture(scope="module")
def standing(resolved: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same, published; to be copied too."""
    made = WorkWorld.copied(resolved, tmp_path_factory.mktemp("standing"))
    assert do_publish(made).kind == "full"
    made.work.close()
    return made.data_dir


@pytest.fixture
def unpublished(resolved: Path, tmp_path: Path) -> Iterator[WorkWorld]:
    """A first run that has not published yet."""
    made = WorkWorld.copied(resolved, tmp_path)
    yield made
    made.work.close()


@pytest.fixture
def world(standing: Path, tmp_path: Path) -> Iterator[WorkWorld]:
    """A first run that has."""
    made = WorkWorld.copied(standing, tmp_path)
    yield made
    made.work.close()


def do_publish(world: WorkWorld, context: RunContext | None = None, *, keep: int = 3) -> PublishReport:
    run = context or run_context(world.seq)
    return publish(world.work, world.data_dir, run, MODEL, Policy(keep))


def ask(world: WorkWorld, query: str) -> list[Any]:
    """Answer of the standing generation, through the link."""
    with open_standing(world.data_dir) as reader:
        return reader.execute(query).fetchall()


def everything(world: WorkWorld) -> dict[str, list[Any]]:
    """All rows of all relations that a build fills, whatever their order."""
    return {relation.name: sorted(ask(world, f"FROM {relation.name}"), key=repr) for relation in RELATIONS}


def next_run(world: WorkWorld) -> RunContext:
    """A second run: a new record joins, one changes, two customers merge, an event comes and one finds its record."""
    context = world.begin()
    world.record("web:2", 9, given_name="Bob", phone="+449", street="2 Low St", postcode="N2", city="York")
    world.link("web:1", "web:2", 1.0)
    world.record("web:9", 8, given_name="Anne", family_name="Lee", email="ann@x.example")
    world.link("web:9", "web:1", 9.0)
    world.link("mobile:0", "mobile:1", 7.5)
    world.event("mobile:5", "e4", 7, amount=1)
    world.event("store:9", "e1", 4, amount=10.5)
    world.event("nobody:1", "e5", 4)
    world.identify(context, ["store:1 web:1 web:9", "web:2", "mobile:0 mobile:1"])
    # one household grows by a customer who is as before, one is no more, one stays, one is new
    world.household("mobile:7 mobile:8 mobile:11", ["address", "email"])
    world.work.execute("DELETE FROM households WHERE customer_id = ?", [world.customer_of("web:1")])
    world.work.execute("DELETE FROM households WHERE customer_id = ?", [world.customer_of("web:2")])
    world.household("web:9 mobile:0", ["email", "family name"])
    enter_causes(world.work, context, "model-1")
    return context


def test_a_customer_is_one_row_with_its_best_values(world: WorkWorld) -> None:
    customer = world.customer_of("web:1")
    (row,) = ask(
        world,
        f"""SELECT full_name, given_name, email, phone, marketing_consent, channels, channel_count, record_count,
                event_count, amount_by_currency, first_seen, last_seen, weakest_link_bits, run_id
            FROM customers WHERE customer_id = '{customer}'""",
    )
    assert row[:9] == ("Ann Lee", "Ann", "ann@x.example", "+441", "no", ["store", "web"], 2, 2, 2)
    assert {currency: float(amount) for currency, amount in row[9].items()} == {"EUR": 10.5, "USD": 2.0}
    assert (row[10], row[11], row[12], row[13]) == (moment(1), moment(9), 14.5, "run_0001")


def test_households_are_told_as_they_are_now(world: WorkWorld) -> None:
    do_publish(world, next_run(world))
    told = ask(world, "SELECT list(customer_id ORDER BY customer_id) FROM customer_households GROUP BY household_id")
    living = ["mobile:7 mobile:8 mobile:11", "mobile:9 mobile:10", "web:1 mobile:0"]
    assert sorted(told) == sorted((sorted(map(world.customer_of, keys.split())),) for keys in living)


def test_a_value_held_by_two_customers_is_marked_as_shared(world: WorkWorld) -> None:
    assert ask(world, "SELECT value, held_by, records FROM customer_identifiers WHERE shared") == [("+441", 2, 1)] * 2


def test_links_inside_a_customer_are_accepted_and_doubtful_ones_borderline(world: WorkWorld) -> None:
    links = ask(world, "SELECT left_record, right_record, status, levels->>'email' FROM match_links ORDER BY ALL")
    assert links == [("store:1", "web:1", "accepted", "exact"), ("web:1", "web:2", "borderline", "exact")]


def test_sql_tells_how_a_customer_came_about_and_whom_it_nearly_is(world: WorkWorld) -> None:
    merges = ask(world, "SELECT customer_id, step, left_record, right_record, joined_by FROM customer_merges")
    assert merges == [(world.customer_of("web:1"), 1, "store:1", "web:1", "weight")]
    near = ask(
        world, "SELECT left_customer_id, right_customer_id, average_bits, kept_apart_by FROM customer_near_misses"
    )
    both = (world.customer_of("web:1"), world.customer_of("web:2"))
    assert (*both, -2.0, "weight") in near


def test_sql_tells_why_an_id_was_merged_away(world: WorkWorld) -> None:
    loser = max(world.customer_of("mobile:0"), world.customer_of("mobile:1"))
    do_publish(world, next_run(world))
    told = ask(world, "SELECT event, run_id, cause, record, other_record, bits FROM customer_changes")
    winner = world.customer_of("mobile:0")
    assert told == [("merged_into", "run_0002", "other_records", "mobile:0", "mobile:1", 7.5)]
    assert ask(world, "SELECT customer_id, other_customer_id FROM customer_changes") == [(loser, winner)]


def test_an_event_without_a_record_is_kept_without_a_customer(world: WorkWorld) -> None:
    assert ask(world, "SELECT event_id FROM customer_events WHERE customer_id IS NULL") == [("e3",)]


def test_a_refreshed_copy_holds_what_a_whole_build_would(world: WorkWorld) -> None:
    context = next_run(world)
    report = do_publish(world, context)
    assert report.kind == "delta"
    refreshed = everything(world)
    shutil.rmtree(world.data_dir / "generations")
    (world.data_dir / "customers.duckdb").unlink()
    assert do_publish(world, context).kind == "full"
    assert everything(world) == refreshed
    assert ask(world, "SELECT event_count FROM customers WHERE 'web' IN channels AND 'store' IN channels") == [(2,)]


def test_a_run_that_died_before_publishing_is_made_good_by_the_next(world: WorkWorld) -> None:
    next_run(world)
    last = world.begin()
    world.record("mobile:19", 9, given_name="Zoe")
    world.identify(last, ["mobile:19"])
    assert do_publish(world, last).kind == "delta"
    assert ask(world, "SELECT count(*) FROM customer_records") == [(54,)]
    assert ask(world, "SELECT run_id, state FROM runs ORDER BY 1") == [
        (f"run_{seq:04d}", "published") for seq in (1, 2, 3)
    ]


def test_what_stands_already_is_not_published_again(unpublished: WorkWorld) -> None:
    first = do_publish(unpublished)
    again = do_publish(unpublished)
    assert (again.kind, again.generation) == ("nothing", first.generation)


def test_many_changes_are_built_whole(world: WorkWorld) -> None:
    context = world.begin()
    world.identify(context, world.crowd("kiosk", 20))
    assert do_publish(world, context).kind == "full"


@pytest.mark.parametrize(("grown", "kind"), [(0.9 * MOST_GROWTH, "delta"), (1.1 * MOST_GROWTH, "full")])
def test_a_warehouse_that_refreshes_let_grow_beyond_a_bound_is_built_whole(
    world: WorkWorld, grown: float, kind: str
) -> None:
    before = standing_generation(world.data_dir)
    assert before is not None
    (before.folder / MANIFEST).chmod(0o644)
    last_built = int(before.manifest.size_bytes / grown)
    replace(before.manifest, full_bytes=last_built).write(before.folder)
    report = do_publish(world, next_run(world))
    assert report.kind == kind
    built = report.generation.manifest.size_bytes if kind == "full" else last_built
    assert report.generation.manifest.full_bytes == built


def test_a_generation_from_another_work_store_is_not_refreshed(world: WorkWorld) -> None:
    context = next_run(world)
    world.work.execute("UPDATE runs SET run_id = 'run_of_another_store' WHERE run_seq = 1")
    assert publish(world.work, world.data_dir, context, MODEL, Policy(accept=True)).kind == "full"


def test_the_link_is_relative_and_the_files_cannot_be_written(unpublished: WorkWorld) -> None:
    report = do_publish(unpublished)
    link = unpublished.data_dir / "customers.duckdb"
    assert link.readlink() == Path("generations/run_0001/customers.duckdb")
    files = [path for path in report.generation.folder.rglob("*") if path.is_file()]
    assert {path.name for path in files} >= {"customers.duckdb", "profiles.sqlite", "keys.npy", "generation.json"}
    modes = {path.name: path.stat().st_mode & 0o777 for path in files}
    assert {modes.pop(name) for name in ("customers.duckdb", "generation.json")} == {0o444}
    # what is for the service's own account alone
    assert set(modes.values()) == {0o400}
    folders = [unpublished.data_dir / "work", report.generation.folder / "arrays", report.generation.folder]
    assert [folder.stat().st_mode & 0o777 for folder in folders] == [0o700, 0o700, 0o755]


@pytest.mark.parametrize("wrong", ["missing", "cut short", "of another kind", "no table"])
def test_a_damaged_generation_is_not_refreshed_but_published_whole(world: WorkWorld, wrong: str) -> None:
    generation = standing_generation(world.data_dir)
    assert generation is not None
    folder = generation.folder
    path = folder / "arrays" / "keys.npy"
    path.chmod(0o600)
    if wrong == "missing":
        path.unlink()
    elif wrong == "no table":
        index = folder / "profiles.sqlite"
        index.chmod(0o600)
        with closing(sqlite3.connect(index)) as connection:
            connection.execute("ALTER TABLE former_ids RENAME TO earlier_ids")
            connection.commit()
        assert index.stat().st_size == generation.manifest.profiles_bytes
    else:
        path.write_bytes(path.read_bytes()[:100] if wrong == "cut short" else b"x" * 500)
    context = next_run(world)
    assert do_publish(world, context).kind == "full"
    assert do_publish(world, context).kind == "nothing"


def test_versions_that_stand_no_more_are_kept_with_their_customer(world: WorkWorld) -> None:
    do_publish(world, next_run(world))
    versions = ask(world, "SELECT customer_id, phone, street, updated_at, run_id FROM customer_record_versions")
    assert versions == [(world.customer_of("web:2"), "+441", "1 high st", moment(2), "run_0002")]


def test_old_generations_go_and_the_standing_one_never(unpublished: WorkWorld) -> None:
    for _ in range(3):
        context = unpublished.begin()
        unpublished.record("web:2", unpublished.seq, phone=f"+44{unpublished.seq}")
        unpublished.identify(context, ["web:2"])
        report = do_publish(unpublished, context, keep=2)
    assert report.pruned == ("run_0002",)
    names = sorted(path.name for path in (unpublished.data_dir / "generations").iterdir())
    assert names == ["run_0003", "run_0004"]
    assert do_publish(unpublished, keep=0).generation.folder.exists()


@pytest.mark.parametrize("named", ["whole", "relative", "through a link"])
def test_all_but_the_standing_generation_are_removed_however_the_data_directory_is_named(
    world: WorkWorld, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, named: str
) -> None:
    standing = do_publish(world, next_run(world)).generation.folder.name
    (tmp_path / "link").symlink_to(world.data_dir, target_is_directory=True)
    monkeypatch.chdir(tmp_path)
    names = {"whole": world.data_dir, "relative": world.data_dir.relative_to(tmp_path), "through a link": Path("link")}
    assert len(keep_only_standing(names[named])) == 1
    assert [folder.name for folder in (world.data_dir / "generations").iterdir()] == [standing]


def test_a_reader_of_the_old_generation_reads_on_while_it_is_replaced_and_pruned(world: WorkWorld) -> None:
    with open_standing(world.data_dir) as reader:
        do_publish(world, next_run(world), keep=1)
        assert reader.execute("SELECT count(*) FROM customer_records").fetchall() == [(53,)]
    assert ask(world, "SELECT count(*) FROM customer_records") == [(54,)]


@pytest.mark.parametrize("step", ["fill_relations", "audit_generation", "audit_delivery", "settle", "flip"])
def test_a_build_that_dies_leaves_the_old_generation_and_the_next_one_starts_clean(
    world: WorkWorld, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    standing = standing_generation(world.data_dir)
    context = next_run(world)

    def die(*_: object, **__: object) -> None:
        raise RuntimeError("killed here")

    with monkeypatch.context() as patched:
        patched.setattr(publishing, step, die)
        with pytest.raises(RuntimeError, match="killed here"):
            do_publish(world, context)
    assert standing_generation(world.data_dir) == standing
    assert ask(world, "SELECT count(*) FROM customer_records") == [(53,)]
    do_publish(world, context)
    assert ask(world, "SELECT count(*) FROM customer_records") == [(54,)]
    assert not list((world.data_dir / "generations").glob(".*"))


def test_a_half_built_folder_of_a_dead_run_is_swept_away(unpublished: WorkWorld) -> None:
    leftover = unpublished.data_dir / "generations" / ".building-run_0000"
    leftover.mkdir(parents=True)
    (leftover / "customers.duckdb").write_bytes(b"half")
    do_publish(unpublished)
    assert not leftover.exists()


def test_a_broken_promise_stops_the_flip(world: WorkWorld) -> None:
    standing = standing_generation(world.data_dir)
    context = next_run(world)
    world.work.execute("DELETE FROM membership WHERE rid = ?", [world.rid("web:2")])
    with pytest.raises(PromiseBroken):
        do_publish(world, context)
    assert standing_generation(world.data_dir) == standing


def test_too_little_room_is_said_with_figures_before_anything_is_built(
    unpublished: WorkWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = shutil.disk_usage(unpublished.data_dir)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=1_000_000))
    with pytest.raises(NotEnoughDisk, match=r"needs about [\d,]+ MB .* and 1 MB are free"):
        do_publish(unpublished)
    assert not (unpublished.data_dir / "customers.duckdb").exists()
    assert not list((unpublished.data_dir / "generations").iterdir())


def test_a_disk_that_fills_up_on_the_way_is_said_too(unpublished: WorkWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise duckdb.IOException('Could not write file "x": No space left on device')

    monkeypatch.setattr(publishing, "fill_relations", full)
    with pytest.raises(NotEnoughDisk):
        do_publish(unpublished)
    assert not list((unpublished.data_dir / "generations").iterdir())


def test_the_firewall_stops_a_giant_customer_unless_it_is_accepted(unpublished: WorkWorld) -> None:
    context = unpublished.begin()
    unpublished.identify(context, [" ".join(unpublished.crowd("kiosk", 60))])
    with pytest.raises(RunFailed, match="60 records, more than the plausible 50"):
        do_publish(unpublished, context)
    assert standing_generation(unpublished.data_dir) is None
    publish(unpublished.work, unpublished.data_dir, context, MODEL, Policy(accept=True))
    assert ask(unpublished, "SELECT max(record_count) FROM customers") == [(60,)]


def test_a_blank_or_a_repetition_never_turns_a_no_into_a_yes(unpublished: WorkWorld) -> None:
    context = unpublished.begin()
    unpublished.record("store:1", 6, given_name="Ann")
    unpublished.record("mobile:0", 1, marketing_consent="yes")
    unpublished.record("mobile:0", 8, marketing_consent="yes", phone="+442")
    unpublished.record("mobile:1", 5, marketing_consent="no")
    unpublished.identify(context, ["store:1 web:1", "mobile:0 mobile:1"])
    do_publish(unpublished, context)
    told = "SELECT channel, consent, customer_consent, stated_at FROM customer_consents ORDER BY 1"
    consents = ask(unpublished, told)
    assert consents[0] == ("mobile", "no", "no", moment(5))
    assert consents[1][:3] == ("store", "no", "no")
    assert ask(unpublished, "SELECT DISTINCT marketing_consent FROM customers ORDER BY 1") == [("no",), (None,)]


@pytest.mark.skipif("DUCKDB_1_5" not in os.environ, reason="DUCKDB_1_5 names a Python that has DuckDB 1.5")
@pytest.mark.slow
def test_duckdb_1_5_opens_the_file(world: WorkWorld) -> None:
    program = "import duckdb, sys; print(duckdb.connect(sys.argv[1], read_only=True).sql('FROM customers').fetchall())"
    path = str(world.data_dir / "customers.duckdb")
    done = subprocess.run([os.environ["DUCKDB_1_5"], "-c", program, path], capture_output=True, text=True, check=True)
    assert "Ann" in done.stdout
