"""Nobody erased is shown by what is drawn from the work store, though no run has taken them out of the files yet."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from pipelines.changes import changes_between
from pipelines.evaluate import evaluate
from pipelines.hidden import hide
from pipelines.label_file import Exported, export_pairs
from pipelines.progress import SilentProgress
from pipelines.retrain import report_standing, retrain
from pipelines.run import Places, RunOptions, run
from profile_service.correct import Wish, merge
from profile_service.erase import erase
from profile_service.errors import LedgerUnavailable
from profile_service.privacy import Erasure, tokens_of
from profile_service.world import World
from tests.end_to_end.worlds import SAMPLE, profiles
from tests.served_world import Meanwhile
from tests.work_world import WorkWorld

WISH = Wish("dpo", "asked by letter")
LEFT_OUT = "1 erased customer left out: the next run takes what is left of them out of the files"
EVERY_PAIR = 100_000


def customers(world: World) -> list[str]:
    """Ids of customers with three records."""
    warehouse = world.state().generation.warehouse()
    rows = warehouse.execute("SELECT customer_id FROM customers WHERE record_count = 3 ORDER BY 1").fetchall()
    return [customer_id for (customer_id,) in rows]


def keys_of(world: World, customer_id: str) -> set[str]:
    return {record.key for record in world.state().records_of(customer_id)}


def forget(world: World, customer_id: str) -> None:
    with world.write() as hand:
        erase(hand, customer_id, WISH)


def asked_about(path: Path) -> set[str]:
    """The records of whom a file of pairs asks."""
    with path.open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    return {f"{row[f'{side}_channel']}:{row[f'{side}_id']}" for row in rows for side in ("left", "right")}


def inside(exported: Exported) -> int:
    """How many pairs inside customers the drawn ones stand for."""
    return sum({pair.stratum: pair.stratum_pairs for pair in exported.drawn if pair.linked}.values())


def test_no_pair_is_drawn_of_a_person_who_is_erased(world: World, data_dir: Path, tmp_path: Path) -> None:
    somebody = customers(world)[0]
    keys = keys_of(world, somebody)
    before = export_pairs(tmp_path / "before.csv", data_dir, EVERY_PAIR, 1)
    assert keys <= asked_about(tmp_path / "before.csv")
    assert before.left_out == ()
    forget(world, somebody)
    said = profiles("labels", "export", tmp_path / "after.csv", "--pairs", str(EVERY_PAIR), data_dir=data_dir)
    assert asked_about(tmp_path / "after.csv") == asked_about(tmp_path / "before.csv") - keys
    assert LEFT_OUT in said.out
    assert not [key for key in (*keys, somebody) if key in said.out]
    after = export_pairs(tmp_path / "again.csv", data_dir, EVERY_PAIR, 1)
    assert inside(before) - inside(after) == 3, "what is drawn stands for the pairs of those who stay"


@pytest.mark.parametrize("reported", [report_standing, retrain], ids=["report", "train"])
def test_no_key_of_a_person_who_is_erased_stands_in_a_report(
    reported: Callable[..., object], world: World, data_dir: Path
) -> None:
    report, _ = report_standing(data_dir)
    card = next(rule for rule in report.rules if rule.key == ("loyalty_id",)).largest[0]
    warehouse = world.state().generation.warehouse()
    holders = warehouse.execute(
        "SELECT DISTINCT customer_id FROM customer_records WHERE standard_loyalty_id = $1", [card.value]
    ).fetchall()
    assert len(holders) == 1
    assert card.value in json.dumps(report.as_json())
    forget(world, holders[0][0])
    if reported is retrain:
        trained = retrain(data_dir, SilentProgress())
        shown = json.dumps(trained.findings.as_json()) + trained.report.read_text(encoding="utf-8")
    else:
        said = profiles("report", data_dir=data_dir)
        shown = said.out + (data_dir / "models" / report.model_version / "report.json").read_text(encoding="utf-8")
    assert card.value not in shown
    assert LEFT_OUT in shown


def test_a_training_asks_for_the_erased_before_it_learns(published: Path, tmp_path: Path) -> None:
    damaged = tmp_path / "ledger.sqlite"
    damaged.write_bytes(b"no database " * 1_000)
    progress = SilentProgress()
    with pytest.raises(LedgerUnavailable):
        retrain(published, progress, ledger=damaged)
    assert progress.durations == {}, "nothing was begun"


def test_who_is_erased_while_a_model_is_learned_stands_in_no_report(world: World, data_dir: Path) -> None:
    meanwhile = Meanwhile("train", lambda: forget(world, customers(world)[0]))
    assert LEFT_OUT in retrain(data_dir, meanwhile).findings.warnings


def test_no_change_of_a_person_who_is_erased_is_told(world: World, data_dir: Path) -> None:
    one, other, third, fourth = customers(world)[:4]
    keys = keys_of(world, one) | keys_of(world, other)
    with world.write() as hand:
        merge(hand, one, [other], WISH)
    with world.write() as hand:
        merge(hand, third, [fourth], WISH)
    run(Places(None, data_dir), RunOptions(accept=True), SilentProgress())
    before = changes_between(data_dir, None, None)
    assert (before.counts(), before.left_out) == ({"merged_into": 2}, ())
    told = next(change for change in before.changes if keys & set(change.records))
    assert told.other_customer_id is not None
    forget(world, told.other_customer_id)
    said = profiles("changes", data_dir=data_dir)
    assert LEFT_OUT in said.out
    assert not [name for name in (one, other, *keys, *told.names) if name in said.out]
    assert third in said.out, "of others all is told"
    assert changes_between(data_dir, None, None).counts() == {"merged_into": 1}


def test_no_error_of_a_person_who_is_erased_is_named_though_it_is_counted(
    world: World, data_dir: Path, tmp_path: Path
) -> None:
    before = evaluate(SAMPLE / "truth.csv", data_dir)
    channel, source_record_id = before.missed[0].example[0].split(":")
    record = world.state().record(channel, source_record_id)
    assert record is not None
    keys = keys_of(world, record.customer_id)
    forget(world, record.customer_id)
    after = evaluate(SAMPLE / "truth.csv", data_dir)
    assert [(kind.shared, kind.pairs) for kind in after.missed] == [(kind.shared, kind.pairs) for kind in before.missed]
    assert (after.pairwise, after.records) == (before.pairwise, before.records)
    rest = tmp_path / "rest.csv"
    lines = (SAMPLE / "truth.csv").read_text(encoding="utf-8").splitlines()
    theirs = [line for line in lines if line.startswith(tuple(f"{key.replace(':', ',')}," for key in keys))]
    assert len(theirs) == len(keys)
    rest.write_text("\n".join(line for line in lines if line not in theirs) + "\n", encoding="utf-8")
    for file in (SAMPLE / "truth.csv", rest):
        said = profiles("evaluate", "--truth", file, data_dir=data_dir)
        assert "1 erased customer counted and not named" in said.out
        assert not [key for key in keys if key in said.out]
    assert f"{len(keys)} published records are not in the truth\n" in said.out, "counted all the same"
    run(Places(None, data_dir), RunOptions(accept=True), SilentProgress())
    assert evaluate(SAMPLE / "truth.csv", data_dir).not_named == ()


@pytest.mark.parametrize(
    "command",
    [
        ["labels", "export", "pairs.csv"],
        ["report"],
        ["train"],
        ["changes"],
        ["explain", "web:W00000152"],
        ["evaluate", "--truth", SAMPLE / "truth.csv"],
        ["run", SAMPLE],
        ["run", SAMPLE, "--dry-run"],
        ["keys", "list"],
        ["users", "list"],
        ["audit", "show"],
        ["audit", "verify"],
        ["generic"],
        ["generic", "rule", "city", "leeds", "--verdict", "generic", "--reason", "a shop"],
        ["export", "cus_01JDQ4M0W3N8ZK5V7X2B9C6RTA"],
        ["erase", "cus_01JDQ4M0W3N8ZK5V7X2B9C6RTA"],
        ["erase", "--pending"],
        ["labels", "import", SAMPLE / "truth.csv", "--author", "ada"],
        ["keys", "revoke", "desk"],
        ["users", "change", "lee", "--disable"],
    ],
    ids=lambda command: " ".join(map(str, command)),
)
def test_a_misspelt_ledger_is_told_and_not_made_by_who_reads_it_or_writes_to_one_that_is_there(
    command: list[str | Path], published: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger = tmp_path / "legder.sqlite"
    monkeypatch.setenv("PROFILES_LEDGER_URL", f"sqlite:///{ledger}")
    said = profiles(*command, data_dir=published, cwd=tmp_path)
    assert said.status == 2
    assert f"there is no ledger at {ledger}" in said.last_error
    assert list(tmp_path.iterdir()) == [], "nor is anything else made"


def test_a_ledger_that_is_named_is_made_by_who_writes_it_and_read_from_then_on(
    data_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PROFILES_LEDGER_URL", str(tmp_path / "new.sqlite"))
    assert profiles("keys", "create", "desk", "--scope", "profiles:read", data_dir=data_dir).status == 0
    assert "desk" in profiles("keys", "list", data_dir=data_dir).out
    assert profiles("changes", data_dir=data_dir).status == 0
    assert profiles("run", SAMPLE, data_dir=data_dir).status == 0


def test_whom_the_work_store_holds_no_record_of_any_more_is_not_counted(tmp_path: Path) -> None:
    made = WorkWorld(tmp_path)
    made.record("store:1", given_name="Ann")
    made.identify(made.begin(), ["store:1"])
    told = [erasure("cus_gone", ("store", "2")), erasure(made.customer_of("store:1"), ("store", "1"), ("web", "7"))]
    assert hide(made.work, told) == 1
    assert made.work.execute("FROM hidden_records").fetchall() == [(made.rid("store:1"),)]
    made.work.close()


def erasure(customer_id: str, *keys: tuple[str, str]) -> Erasure:
    return Erasure(f"era_{customer_id}", customer_id, "salt", tokens_of("salt", keys), datetime(2026, 1, 1, tzinfo=UTC))
