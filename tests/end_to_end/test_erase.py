"""An erased person is in no file any more: looked for in every table and every byte, and kept away from then on."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import pytest

from pipelines import erase as erasing
from pipelines.erase import carry_out
from pipelines.progress import SilentProgress
from pipelines.residue import Marks, in_bytes, in_duckdb, in_sqlite
from pipelines.run import Places, RunOptions, run
from pipelines.work import connect_work
from profile_service.audit import Act, Audit
from profile_service.correct import Wish, merge
from profile_service.erase import erase, erasure_of_customer
from profile_service.errors import Refused
from profile_service.live.rule import Ruling, ruling_of, rulings_after
from profile_service.lookup import Erased, by_id
from profile_service.notes import write_note
from profile_service.rulings import rule
from profile_service.settings import Settings
from profile_service.store.forgotten import place_of
from profile_service.store.generation import PROFILES, standing_generation
from profile_service.store.ledger import Ledger
from profile_service.store.ledger.desk_rows import NoteRow, add_note
from profile_service.store.ledger.erasures import rows_holding
from profile_service.take import SentRecord, take_record
from profile_service.world import World
from tests.end_to_end.worlds import profiles
from tests.linkage_world import SAMPLE

WISH = Wish("dpo", "asked by letter")


@dataclass
class Forgetting:
    """A data directory with a service's ledger, and the person whom a test erases; ``former``: an id merged into it."""

    data_dir: Path
    customer_id: str
    former: str
    keys: tuple[str, ...]
    email: str

    def world(self) -> World:
        return World.open(Settings(data_dir=self.data_dir))

    def run(self, landing: Path | None = None) -> str:
        return run(Places(landing, self.data_dir), RunOptions(accept=True), SilentProgress()).outcome

    def erase(self) -> None:
        world = self.world()
        with world.write() as hand:
            erase(hand, self.customer_id, WISH)
        world.close()

    def note(self) -> None:
        """A colleague's note on the person."""
        channel, _, name = self.keys[0].partition(":")
        ledger = Ledger.open(self.data_dir / "ledger.sqlite")
        with ledger.write() as tx:
            said = f"rather call than write to {self.email}"
            add_note(tx.session, NoteRow("note_1", channel, name, "ada", "2026-11-26T10:00:00Z", said, 0))
        ledger.close()

    def named(self) -> dict[str, int]:
        """Tables of the ledger that name the person or a record of it, and in how many rows."""
        parts = [key.partition(":") for key in self.keys]
        names = [json.dumps([channel, name], separators=(",", ":"))[1:-1] for channel, _, name in parts]
        ledger = Ledger.open(self.data_dir / "ledger.sqlite")
        keys = [(channel, name) for channel, _, name in parts]
        found = rows_holding(ledger.read(), [self.email, *self.keys, *names], keys)
        ledger.close()
        return {table: count for table, count in found.items() if count}

    def state(self) -> tuple[str, dict[str, object] | None]:
        """How far the erasure is, and its receipt."""
        ledger = Ledger.open(self.data_dir / "ledger.sqlite")
        told = erasure_of_customer(ledger.log(), self.customer_id)
        ledger.close()
        return told["state"], told["receipt"]

    def marks(self) -> Marks:
        return Marks((self.customer_id,), self.keys, (self.email,))

    def left(self) -> dict[str, int]:
        """Where anything of the person is, in this data directory as it stands."""
        generation = standing_generation(self.data_dir)
        assert generation is not None
        marks = self.marks()
        found = in_duckdb(self.data_dir / "work" / "pipeline.duckdb", marks, "work")
        found += in_duckdb(generation.warehouse, marks, "warehouse")
        found += in_sqlite(generation.folder / PROFILES, marks, "profiles")
        files = (path for path in self.data_dir.rglob("*") if path.is_file() and not path.is_symlink())
        found += in_bytes(files, marks, self.data_dir)
        return {one.where: one.count for one in found if one.count}


@pytest.fixture(scope="module")
def before(tmp_path_factory: pytest.TempPathFactory) -> Forgetting:
    """The sample published, somebody merged from two customers, with a live record, all folded by a second run."""
    data_dir = tmp_path_factory.mktemp("forgetting") / "data"
    run(Places(SAMPLE, data_dir), RunOptions(), SilentProgress())
    world = World.open(Settings(data_dir=data_dir))
    rows = (
        world.state()
        .generation.warehouse()
        .execute(
            """SELECT c.customer_id, any_value(i.value) FROM customers c JOIN customer_identifiers i USING (customer_id)
        WHERE i.identifier_type = 'email' AND i.held_by = 1 AND c.record_count >= 3 AND c.event_count > 1
        GROUP BY c.customer_id ORDER BY 1 LIMIT 2"""
        )
    )
    (one, email), (other, _) = rows.fetchall()
    with world.write() as hand:
        merged = merge(hand, one, [other], WISH)
    customer_id = merged.after[0]["customer_id"]
    like = next(record for record in world.state().records_of(customer_id) if record.standard["email"] == email)
    with world.write() as hand:
        taken = take_record(hand, SentRecord("kiosk", "K-31415926", like.fields), "kiosk")
    assert taken.customer_id == customer_id
    world.close()
    run(Places(None, data_dir), RunOptions(accept=True), SilentProgress())
    world = World.open(Settings(data_dir=data_dir))
    keys = tuple(sorted(record.key for record in world.state().records_of(customer_id)))
    world.close()
    assert "kiosk:K-31415926" in keys
    former = other if customer_id == one else one
    return Forgetting(data_dir, customer_id, former, keys, email)


@pytest.fixture
def somebody(before: Forgetting, tmp_path: Path) -> Iterator[Forgetting]:
    data_dir = tmp_path / "data"
    shutil.copytree(before.data_dir, data_dir, symlinks=True)
    yield Forgetting(data_dir, before.customer_id, before.former, before.keys, before.email)


@pytest.fixture(scope="module")
def after(before: Forgetting, tmp_path_factory: pytest.TempPathFactory) -> Forgetting:
    """A run has erased the person, of whom there was a note; beside that, in ``backup``, all as it was before."""
    folder = tmp_path_factory.mktemp("after")
    erased = replace(before, data_dir=folder / "data")
    shutil.copytree(before.data_dir, erased.data_dir, symlinks=True)
    erased.note()
    shutil.copytree(erased.data_dir, folder / "backup", symlinks=True)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(erasing, "GRACE_SECONDS", 0.0)
        erased.erase()
        assert erased.run() == "published"
    assert erased.state()[0] == "complete"
    return erased


@pytest.fixture
def erased(after: Forgetting, tmp_path: Path) -> Forgetting:
    """A copy of both: an erasure and its run take three seconds."""
    shutil.copytree(after.data_dir.parent, tmp_path, symlinks=True, dirs_exist_ok=True)
    return replace(after, data_dir=tmp_path / "data")


def test_before_an_erasure_the_search_finds_the_person_in_every_store(somebody: Forgetting) -> None:
    left = somebody.left()
    assert {where.partition(":")[0] for where in left if ":" in where} == {"work", "warehouse"}
    # what the service reads by key names people in its documents and records, its SQLite file only those under review
    for texts in ("documents", "records"):
        assert any(f"{texts}-" in where and "bytes" in where for where in left), left


def test_an_erased_person_is_in_no_file_any_more(somebody: Forgetting, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(erasing, "GRACE_SECONDS", 0.0)
    somebody.erase()
    assert somebody.state()[0] == "invisible"
    assert somebody.run() == "published"
    state, receipt = somebody.state()
    assert state == "complete"
    assert receipt is not None
    assert receipt["residue"] == 0
    assert receipt["deleted"]["records"] >= len(somebody.keys)  # type: ignore[index]
    assert somebody.left() == {}
    assert len(list((somebody.data_dir / "generations").iterdir())) == 1
    assert somebody.run(SAMPLE) == "nothing new"
    assert somebody.left() == {}
    world = somebody.world()
    assert isinstance(by_id(world.state(), somebody.customer_id), Erased)
    world.close()


@pytest.mark.parametrize("folded", [True, False], ids=["a run has obeyed", "no run has met"])
def test_a_ruling_on_what_only_the_person_had_goes_with_the_person(
    somebody: Forgetting, folded: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(erasing, "GRACE_SECONDS", 0.0)
    world = somebody.world()
    with world.write() as hand:
        rule(hand, Ruling("email", somebody.email, "generic"), Wish("ada", f"{somebody.email} is the shop's"))
        rule(hand, Ruling("email", "andrea.solomon@hotmail.com", "generic"), Wish("ada", "the shop's"))
    world.close()
    if folded:
        somebody.run()
        assert any("generic_rulings" in where for where in somebody.left())
    somebody.erase()
    somebody.run()
    assert somebody.state()[0] == "complete"
    assert somebody.left() == {}
    ledger = Ledger.open(somebody.data_dir / "ledger.sqlite")
    kept = [ruling_of(entry).value for entry in rulings_after(ledger.log())]
    assert not any(rows_holding(ledger.read(), [somebody.email], ()).values())
    ledger.close()
    assert kept == ["andrea.solomon@hotmail.com"], "what others hold stays ruled"
    with connect_work(somebody.data_dir, read_only=True) as work:
        assert work.execute("SELECT value FROM generic_rulings").fetchall() == [(kept[0],)]


@pytest.mark.parametrize("folded", [True, False], ids=["a run has obeyed", "no run has met"])
def test_words_about_others_name_the_erased_no_more(
    somebody: Forgetting, folded: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(erasing, "GRACE_SECONDS", 0.0)
    world = somebody.world()
    ask = world.state().generation.warehouse().execute
    others = ask("SELECT customer_id FROM customers WHERE record_count = 1 ORDER BY 1 LIMIT 3").fetchall()
    one, two, three = (world.state().records_of(customer_id)[0] for (customer_id,) in others)
    wish = Wish("ada", f"as {somebody.email.upper()} told us on the phone")
    said_of_them = "as [erased] told us on the phone"
    with world.write() as hand:
        merge(hand, one.customer_id, [two.customer_id], wish)
        rule(hand, Ruling("email", "andrea.solomon@hotmail.com", "generic"), wish)
        write_note(hand.tx, [three], "web", "ada", wish.reason)
        audit = Audit(world.ledger, world.settings.server_secret())
        audit.change(hand.tx, Act("ada", "customer.reveal", three.customer_id, wish.reason), Act("ada", "x"))
    world.close()
    if folded:
        somebody.run()
    somebody.erase()
    somebody.run()
    assert somebody.state()[0] == "complete"
    assert somebody.left() == {}
    ledger = Ledger.open(somebody.data_dir / "ledger.sqlite")
    assert not any(rows_holding(ledger.read(), [somebody.email], ()).values())
    audit = Audit(ledger, Settings(data_dir=somebody.data_dir).server_secret())
    assert [row.purpose for row in audit.rows() if row.action == "customer.reveal"] == [said_of_them]
    assert audit.verify().broken_at is None
    ledger.close()
    with duckdb.connect(str(somebody.data_dir / "customers.duckdb"), read_only=True) as warehouse:
        said = warehouse.execute("SELECT DISTINCT reason FROM match_judgements WHERE author = 'ada'").fetchall()
    assert said == [(said_of_them,)], "the decision and the rest of its reason stay"


def answers(somebody: Forgetting, *customer_ids: str) -> set[str]:
    """How those ids answer."""
    world = somebody.world()
    kinds = {type(by_id(world.state(), customer_id)).__name__ for customer_id in customer_ids}
    world.close()
    return kinds


def test_ids_merged_into_an_erased_one_answer_gone_now_and_after_every_run(
    somebody: Forgetting, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(erasing, "GRACE_SECONDS", 0.0)
    world = somebody.world()
    with world.write() as hand:
        sent = SentRecord("kiosk", "K-27182818", {"given_name": "Ottoline", "family_name": "Quintrell"})
        given_live = take_record(hand, sent, "kiosk").customer_id
    with world.write() as hand:
        merged = merge(hand, somebody.customer_id, [given_live], WISH)
    assert [each["customer_id"] for each in merged.after] == [somebody.customer_id]
    world.close()
    # one merged away before the last run, one since then that no run has ever seen
    merged_away = (somebody.former, given_live)
    assert answers(somebody, *merged_away) == {"Retired"}
    somebody.erase()
    assert answers(somebody, somebody.customer_id, *merged_away) == {"Erased"}
    assert somebody.run() == "published"
    assert answers(somebody, somebody.customer_id, *merged_away) == {"Erased"}
    (tmp_path / "more" / "web").mkdir(parents=True)
    (tmp_path / "more" / "web" / "customers.csv").write_text("source_record_id,family_name\nW-NEW,Achterberg\n")
    assert somebody.run(tmp_path / "more") == "published"
    assert answers(somebody, somebody.customer_id, *merged_away) == {"Erased"}


def test_a_later_feed_does_not_bring_the_person_back(
    erased: Forgetting, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(erasing, "GRACE_SECONDS", 0.0)
    landing = tmp_path / "landing"
    for key in erased.keys:
        channel, _, name = key.partition(":")
        (landing / channel).mkdir(parents=True, exist_ok=True)
        rows = f"source_record_id,email\n{name},{erased.email}\n"
        (landing / channel / f"customers-{name}.csv").write_text(rows)
    channels = tmp_path / "channels.toml"
    channels.write_text('[channels.kiosk]\ncustomers = "kiosk/*.csv"\n')
    summary = run(Places(landing, erased.data_dir), RunOptions(accept=True, channels=channels), SilentProgress())
    assert summary.total("suppressed") == len(erased.keys)
    assert erased.left() == {}


def test_a_work_store_restored_from_a_backup_forgets_again(
    erased: Forgetting, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(erasing, "GRACE_SECONDS", 0.0)
    backup = tmp_path / "backup"
    for name in ("work", "generations", "customers.duckdb"):
        place = erased.data_dir / name
        shutil.rmtree(place) if place.is_dir() and not place.is_symlink() else place.unlink()
        (backup / name).rename(place)
    world = erased.world()
    assert isinstance(by_id(world.state(), erased.customer_id), Erased), "at once, before any run"
    assert [key for key in erased.keys if world.state().holders("email", erased.email)] == []
    world.close()
    assert erased.run(SAMPLE) == "published"
    assert erased.left() == {}


@pytest.mark.parametrize("lost", [("ledger.sqlite*",), ("ledger.sqlite*", "work", "generations", "customers.duckdb")])
def test_a_ledger_restored_from_a_backup_is_told_of_the_erasure_again(
    erased: Forgetting, lost: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(erasing, "GRACE_SECONDS", 0.0)
    backup = tmp_path / "backup"
    # listed first: a link whose folder has gone is not found any more
    for place in [place for pattern in lost for place in erased.data_dir.glob(pattern)]:
        shutil.rmtree(place) if place.is_dir() and not place.is_symlink() else place.unlink()
    for saved in [saved for pattern in lost for saved in backup.glob(pattern)]:
        saved.rename(erased.data_dir / saved.name)
    world = erased.world()
    assert isinstance(by_id(world.state(), erased.customer_id), Erased), "at once, before any run"
    assert world.state().holders("email", erased.email) == []
    with pytest.raises(Refused, match="erased"), world.write() as hand:
        take_record(hand, SentRecord("kiosk", "K-31415926", {"email": erased.email}), "kiosk")
    world.close()
    assert erased.state()[0] == "invisible"
    erased.run(SAMPLE)
    assert erased.state()[0] == "complete"
    assert erased.left() == {}
    assert erased.named() == {}
    kept = place_of(erased.data_dir / "ledger.sqlite", erased.data_dir)
    assert len(kept.read_bytes().splitlines()) == 1
    assert kept.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("published", [0, 1])
def test_an_id_merged_live_into_somebody_who_was_erased_is_erased_with_them(
    somebody: Forgetting, published: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(erasing, "GRACE_SECONDS", 0.0)
    people = [("Zebulon", "Quackenbush", "z.q@example.org"), ("Xanthippe", "Vandersloot", "x.v@example.org")]
    ids = []
    for given, family, email in people:
        if len(ids) == published:
            somebody.run()
        world = somebody.world()
        fields = {"given_name": given, "family_name": family, "email": email}
        with world.write() as hand:
            ids.append(take_record(hand, SentRecord("kiosk", family, fields), "kiosk").customer_id)
        world.close()
    world = somebody.world()
    with world.write() as hand:
        merged = merge(hand, ids[-1], ids[:1], WISH)
    with world.write() as hand:
        erase(hand, merged.after[0]["customer_id"], WISH)
    world.close()
    assert somebody.run() == "published"
    world = somebody.world()
    assert len(set(ids)) == 2
    assert [type(by_id(world.state(), each)) for each in ids] == [Erased, Erased]
    world.close()


def _damage_the_generation(data_dir: Path) -> None:
    generation = standing_generation(data_dir)
    assert generation is not None
    (generation.folder / PROFILES).chmod(0o644)
    (generation.folder / PROFILES).write_bytes(b"no database")


def _lose_all_but_the_ledger(data_dir: Path) -> None:
    (data_dir / "customers.duckdb").unlink()
    for name in ("work", "generations", "models"):
        shutil.rmtree(data_dir / name)


@pytest.mark.parametrize("befall", [_damage_the_generation, _lose_all_but_the_ledger])
def test_a_ledger_restored_beside_no_readable_generation_is_told_by_the_run(
    erased: Forgetting, befall: Callable[[Path], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(erasing, "GRACE_SECONDS", 0.0)
    for place in erased.data_dir.glob("ledger.sqlite*"):
        place.unlink()
    shutil.move(tmp_path / "backup" / "ledger.sqlite", erased.data_dir)
    befall(erased.data_dir)
    assert erased.run(SAMPLE) == "published"
    assert erased.state()[0] == "complete"
    assert erased.left() == {}
    world = erased.world()
    assert isinstance(by_id(world.state(), erased.customer_id), Erased)
    assert [key for key in erased.keys if world.state().record(*key.split(":", 1))] == []
    world.close()
    assert erased.named() == {}


def test_an_erasure_broken_off_is_finished_by_the_next_run(
    somebody: Forgetting, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(erasing, "GRACE_SECONDS", 0.0)
    somebody.erase()
    with monkeypatch.context() as broken:
        broken.setattr("pipelines.erase.finish_erasures", lambda *_: None)
        somebody.run()
    assert somebody.state()[0] == "invisible"
    with connect_work(somebody.data_dir, read_only=True) as work:
        assert work.execute("SELECT count(*) > 0 FROM erasing").fetchall() == [(True,)]
    somebody.run(SAMPLE)
    assert somebody.state()[0] == "complete"
    assert somebody.left() == {}


def test_something_that_is_left_is_told_and_no_receipt_is_given(
    somebody: Forgetting, monkeypatch: pytest.MonkeyPatch
) -> None:
    somebody.erase()
    with monkeypatch.context() as broken:
        broken.setattr("pipelines.erase.finish_erasures", lambda *_: None)
        somebody.run()
    note = somebody.data_dir / "models" / "note.txt"
    note.write_text(f"call {somebody.email} back")
    ledger = Ledger.open(somebody.data_dir / "ledger.sqlite")
    with pytest.raises(Exception, match=r"models/note.txt \(bytes\): 1"):
        carry_out(somebody.data_dir, ledger, SilentProgress(), datetime.now(UTC), 0.0)
    ledger.close()
    assert somebody.state()[0] == "invisible"
    note.unlink()
    somebody.run()
    assert somebody.state()[0] == "complete"


def test_the_command_erases_prints_the_receipt_and_says_it_again(somebody: Forgetting) -> None:
    ended = profiles("erase", somebody.customer_id, "--reason", "letter of 12 May", data_dir=somebody.data_dir)
    assert ended.status == 0, ended.err
    receipt = json.loads(ended.out)
    assert (receipt["residue"], receipt["reason"]) == (0, "letter of 12 May")
    again = profiles("erase", somebody.customer_id, data_dir=somebody.data_dir)
    assert json.loads(again.out) == receipt
    assert profiles("erase", "cus_nobody", data_dir=somebody.data_dir).status == 2
    assert profiles("export", somebody.customer_id, data_dir=somebody.data_dir).status == 2
    assert profiles("audit", "verify", data_dir=somebody.data_dir).status == 0


def test_the_command_exports_json_and_a_page(somebody: Forgetting, tmp_path: Path) -> None:
    ended = profiles("export", somebody.customer_id, data_dir=somebody.data_dir)
    assert ended.status == 0, ended.err
    told = json.loads(ended.out)
    assert {f"{each['channel']}:{each['source_record_id']}" for each in told["records"]} == set(somebody.keys)
    page = tmp_path / "page.html"
    ended = profiles("export", somebody.customer_id, "--html", page, data_dir=somebody.data_dir)
    assert ended.status == 0, ended.err
    assert somebody.email in page.read_text()
    assert page.stat().st_mode & 0o077 == 0
