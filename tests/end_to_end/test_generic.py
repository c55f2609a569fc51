"""Rulings on shared values through the real command line: obeyed by the next run, given back, and gone with people."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from pipelines.progress import SilentProgress
from pipelines.run import Places, RunOptions, run
from profile_service.correct import Wish
from profile_service.live.rule import Ruling
from profile_service.rulings import rule, shared_values
from profile_service.settings import Settings
from profile_service.world import World
from tests.end_to_end import worlds
from tests.served_world import Meanwhile
from tests.unit.pipelines.test_generic import FAMILIES

EMAIL = "pixelcrazy52@rojasgroup.com"
TWO = frozenset({"mobile:M00000198", "mobile:M00000566"})
TILL = "212-555-0100"


def ruled(data_dir: Path, field: str, value: str, verdict: str) -> str:
    """Rule on a value; answers the ruling's id."""
    said = ("--verdict", verdict, "--reason", "as the shop says", "--json")
    done = worlds.profiles("generic", "rule", field, value, *said, data_dir=data_dir)
    assert done.status == 0, done.err
    return str(done.json()["ruling_id"])


def fold(data_dir: Path) -> None:
    """A run that has nothing but what was written live."""
    run(Places(None, data_dir), RunOptions(), SilentProgress())


def listed(data_dir: Path) -> dict[tuple[str, str], dict[str, object]]:
    done = worlds.profiles("generic", "--json", data_dir=data_dir)
    assert done.status == 0, done.err
    return {(item["field"], item["value"]): item for item in done.json()}


def test_an_address_ruled_generic_parts_who_had_it_alone_in_common_until_that_is_undone(data_dir: Path) -> None:
    before, given = worlds.customers(data_dir), worlds.ids(data_dir)
    assert TWO in before
    which = ruled(data_dir, "email", "PixelCrazy52@RojasGroup.com", "generic")
    fold(data_dir)
    assert before - worlds.customers(data_dir) == {TWO}
    assert listed(data_dir)["email", EMAIL]["generic"]
    with worlds.published(data_dir) as warehouse:
        assert warehouse.execute("SELECT verdict, counted, holders FROM generic_rulings").fetchall() == [
            ("generic", False, 2)
        ]
        assert warehouse.execute("SELECT field, since IS NOT NULL FROM generic_values").fetchall() == [("email", True)]
        causes = warehouse.execute("SELECT DISTINCT cause, value FROM customer_changes").fetchall()
    assert ("value_generic", EMAIL) in causes
    done = worlds.profiles("generic", "undo", which, "--reason", "she wrote to us", data_dir=data_dir)
    assert done.status == 0, done.err
    fold(data_dir)
    assert worlds.customers(data_dir) == before
    assert worlds.ids(data_dir) == given
    assert listed(data_dir) == {}


def test_a_till_ruled_ordinary_joins_who_has_it_until_that_is_taken_back(data_dir: Path, tmp_path: Path) -> None:
    rows = [
        {"source_record_id": f"T{n}", "given_name": "Given", "family_name": FAMILIES[n], "phone": TILL}
        for n in range(1, 15)
    ]
    rows += [{"source_record_id": "T0", "given_name": "Ada", "family_name": FAMILIES[0], "phone": TILL}]
    web = [{"source_record_id": "T0", "given_name": "Ada", "family_name": "", "phone": TILL}]
    landing = worlds.write_feeds(tmp_path / "more", {("store", "customers"): rows, ("web", "customers"): web})
    worlds.run(landing, data_dir)
    apart = worlds.customers(data_dir)
    assert frozenset({"web:T0"}) in apart
    ruled(data_dir, "phone", TILL, "ordinary")
    assert listed(data_dir)["phone", "+12125550100"]["generic"], "it takes effect with the next run"
    fold(data_dir)
    assert frozenset({"store:T0", "web:T0"}) in worlds.customers(data_dir)
    told = listed(data_dir)["phone", "+12125550100"]
    assert (told["generic"], told["counted"]) == (False, True)
    ruled(data_dir, "phone", TILL, "counted")
    fold(data_dir)
    assert worlds.customers(data_dir) == apart


@pytest.mark.parametrize("stage", ["standardise", "publish"])
def test_a_ruling_given_during_a_run_waits_for_the_next_one(data_dir: Path, stage: str) -> None:
    def give() -> None:
        world = World.open(Settings(data_dir=data_dir))
        with world.write() as hand:
            rule(hand, Ruling("email", EMAIL, "generic"), Wish("ada", "as the shop says"))
        world.close()

    ruled(data_dir, "phone", "(850) 602-3040", "generic")
    run(Places(None, data_dir), RunOptions(), Meanwhile(stage, give))
    world = World.open(Settings(data_dir=data_dir))
    items = {item["field"]: item for item in shared_values(world.state(), world.ledger.log())}
    world.close()
    assert (items["email"]["generic"], items["email"]["ruling"]["waits"]) == (False, True)
    assert (items["phone"]["generic"], items["phone"]["ruling"]["waits"]) == (True, False)
    fold(data_dir)
    assert TWO not in worlds.customers(data_dir)


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        (("phone", "212-555-0177", "--verdict", "generic", "--reason", "x"), 2, "nobody holds this value"),
        (("phone", "12", "--verdict", "generic", "--reason", "x"), 2, "cannot be read as a value of phone"),
        (("hat", "12", "--verdict", "generic", "--reason", "x"), 2, "a ruling is on a value of email"),
        (("email", EMAIL, "--verdict", "generic", "--reason", " "), 2, "say why"),
        (("email", EMAIL, "--verdict", "maybe", "--reason", "x"), 2, "maybe"),
        (("email", EMAIL, "--verdict", "counted", "--reason", "x"), 2, "no ruling stands on this value"),
    ],
)
def test_what_cannot_be_ruled_is_said_in_one_line(
    published: Path, tmp_path: Path, arguments: tuple[str, ...], status: int, said: str
) -> None:
    data_dir = Path(shutil.copytree(published, tmp_path / "data", symlinks=True))
    done = worlds.profiles("generic", "rule", *arguments, data_dir=data_dir)
    assert done.status == status
    assert said in done.err.splitlines()[-1]
