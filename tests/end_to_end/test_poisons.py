"""Broken feeds on purpose, through the real command line: nothing merges wrongly, and the run says what it held."""

from __future__ import annotations

import csv
import shutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from pipelines.evaluate import Measure, evaluate
from tests.end_to_end import worlds
from tests.end_to_end.poisons import PHONE, POISONS, Poison, everyone, ids_of_others, shifted
from tests.end_to_end.worlds import Row

WEB = ("web", "customers")
# pairs that come out otherwise because a value is missing, not because it is wrong
AS_GOOD = 0.005


@dataclass(frozen=True)
class Shop:
    """A retailer's feeds with their truth: ``data_dir`` holds all but ``late``, rows of the web that come later."""

    data_dir: Path
    early: list[Row]
    late: list[Row]
    truth: dict[str, str]

    def again(self, folder: Path) -> Path:
        """A data directory of the test's own."""
        return Path(shutil.copytree(self.data_dir, folder / "data", symlinks=True))


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Shop:
    folder = tmp_path_factory.mktemp("shop")
    made = worlds.profiles("simulate", folder / "all", "--records", "1000", "--seed", "5", data_dir=folder)
    assert made.status == 0, made.err
    feeds = {feed: rows for feed, rows in worlds.read_feeds(folder / "all").items() if feed[1] == "customers"}
    with (folder / "all" / "truth.csv").open(encoding="utf-8") as stream:
        truth = {f"{row['channel']}:{row['source_record_id']}": row["person_id"] for row in csv.DictReader(stream)}
    early, late = feeds[WEB][::2], feeds[WEB][1::2]
    worlds.run(worlds.write_feeds(folder / "early", {**feeds, WEB: early}), folder / "data")
    return Shop(folder / "data", early, late, truth)


def landed(folder: Path, rows: Iterable[Row], channel: str = "web") -> Path:
    return worlds.write_feeds(folder / "landing", {(channel, "customers"): list(rows)})


def measured(data_dir: Path, truth: Mapping[str, str], folder: Path) -> Measure:
    path = folder / "truth.csv"
    lines = (f"{key.replace(':', ',', 1)},{person}" for key, person in truth.items())
    path.write_text("\n".join(["channel,source_record_id,person_id", *lines]) + "\n", encoding="utf-8")
    return evaluate(path, data_dir).pairwise


@pytest.fixture(scope="module")
def clean(shop: Shop, tmp_path_factory: pytest.TempPathFactory) -> Measure:
    """What the same rows come to when nothing is wrong with them."""
    folder = tmp_path_factory.mktemp("clean")
    data_dir = shop.again(folder)
    worlds.run(landed(folder, shop.late), data_dir)
    return measured(data_dir, shop.truth, folder)


CASES = [pytest.param(one, id=name, marks=[pytest.mark.slow] if one.slow else []) for name, one in POISONS.items()]


@pytest.mark.parametrize("poison", CASES)
def test_nothing_merges_wrongly_and_the_run_says_what_it_held_back(
    poison: Poison, shop: Shop, clean: Measure, tmp_path: Path
) -> None:
    data_dir = shop.again(tmp_path)
    summary = worlds.run(landed(tmp_path, poison.spoil(shop.late)), data_dir)
    assert measured(data_dir, shop.truth, tmp_path).precision >= clean.precision - AS_GOOD
    told = {(value["field"], value["value"]): value for value in summary["held_back"]}
    assert set(poison.held_back) <= set(told)
    written = {(each["field"], each["value"]): each["records"] for each in summary["placeholders"]}
    with worlds.published(data_dir) as warehouse:
        published = warehouse.execute(
            "SELECT field, value, records FROM placeholder_values WHERE run_id = ?", [summary["run_id"]]
        ).fetchall()
        assert {(field, value): records for field, value, records in published} == written
        for field, value in poison.placeholders:
            rows = len(shop.late) if value != "nan" else len(shop.late) // 3
            assert written[field, value] >= rows, f"{field} {value} is in every row, or in every third"
        for field, value in poison.held_back:
            held = told[field, value]
            assert held["holders"] == len(shop.late)
            assert held["distinct_family_names"] > held["allowed"]
            assert 1 < held["customers"] <= held["holders"]
            assert held["pairs"] == len(shop.late) * (len(shop.late) - 1) // 2
            row = warehouse.execute(
                "SELECT * EXCLUDE (field, value, since) FROM generic_values WHERE field = ? AND value = ?",
                [field, value],
            ).fetchone()
            assert row == tuple(held[name] for name in list(held)[2:])


def test_one_phone_on_everyone_from_the_first_run_on_is_as_no_phone_at_all(shop: Shop, tmp_path: Path) -> None:
    found = []
    for phone in (PHONE, ""):
        folder = tmp_path / ("one" if phone else "none")
        rows = everyone(phone=phone)([*shop.early, *shop.late])
        summary = worlds.run(landed(folder, rows), folder / "data")
        assert [value["field"] for value in summary["held_back"] if value["field"] == "phone"] == ["phone"] * bool(
            phone
        )
        found.append(worlds.customers(folder / "data"))
    assert found[0] == found[1]


def test_a_feed_landed_again_as_another_channels_joins_each_record_to_its_own_person(
    shop: Shop, tmp_path: Path
) -> None:
    data_dir = shop.again(tmp_path)
    copied = shop.early[:150]
    copies = [{**row, "source_record_id": f"copy-{row['source_record_id']}"} for row in copied]
    worlds.run(landed(tmp_path, copies, "mobile"), data_dir, "--accept")
    before = measured(shop.data_dir, shop.truth, tmp_path)
    assert measured(data_dir, shop.truth, tmp_path).precision >= before.precision - AS_GOOD
    ids = worlds.ids(data_dir)
    together = [
        ids[f"web:{row['source_record_id']}"] == ids[f"mobile:copy-{row['source_record_id']}"] for row in copied
    ]
    assert sum(together) >= 0.98 * len(together)


STOPPED = {
    "a channel whose ids restart": (
        lambda shop: ids_of_others(shop.late, shop.early),
        "changed records of web are of another person than before",
    ),
    "columns moved by one": (lambda shop: shifted(shop.late), "rows of web customers were refused, most often because"),
    "names moved by one under known ids": (
        lambda shop: shifted(
            [*ids_of_others(shop.early, shop.early)], ("given_name", "family_name", "email", "phone", "birth_place")
        ),
        "changed records of web are of another person than before",
    ),
}


@pytest.mark.parametrize(("rows", "said"), STOPPED.values(), ids=STOPPED)
def test_what_no_feed_does_stops_the_run_and_leaves_no_trace(rows, said, shop: Shop, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    data_dir = shop.again(tmp_path)
    before = worlds.ids(data_dir)
    landing = landed(tmp_path, rows(shop))
    stopped = worlds.profiles("run", landing, data_dir=data_dir)
    assert stopped.status == 1
    assert said in stopped.last_error
    assert "--accept" in stopped.last_error
    tried = worlds.run(landing, data_dir, "--dry-run")
    assert any(said in warning for warning in tried["warnings"])
    assert worlds.ids(data_dir) == before
    accepted = worlds.run(landing, data_dir, "--accept")
    assert accepted["outcome"] == "published"
    assert any(said in warning for warning in accepted["warnings"])
    assert worlds.run(landing, data_dir)["outcome"] == "nothing new"


def test_a_value_that_turns_out_ordinary_is_let_in_again_as_if_it_had_never_been_held_back(
    shop: Shop, tmp_path: Path
) -> None:
    data_dir = shop.again(tmp_path)
    newest = max(row["updated_at"] for row in (*shop.early, *shop.late))
    poisoned = everyone(given_name="John", family_name="Doe", phone=PHONE)(shop.late)
    held = worlds.run(landed(tmp_path / "first", poisoned), data_dir)["held_back"]
    assert {value["field"] for value in held} >= {"name_pair", "phone"}
    # all but eight are put right
    mended = [{**row, "updated_at": newest} for row in shop.late[8:]]
    after = worlds.run(landed(tmp_path / "second", mended), data_dir, "--accept")
    assert not {"name_pair", "phone"} & {value["field"] for value in after["held_back"]}
    partition = worlds.customers(data_dir)
    worlds.run(tmp_path / "second" / "landing", data_dir, "--rebuild", "--accept")
    assert worlds.customers(data_dir) == partition


def test_a_person_reads_what_was_held_back(shop: Shop, tmp_path: Path) -> None:
    landing = landed(tmp_path, POISONS["one phone for everyone"].spoil(shop.late))
    ended = worlds.profiles("run", landing, data_dir=shop.again(tmp_path))
    assert "held back: shared by too many" in ended.out
    assert "phone +12125550187" in ended.out


def test_a_person_reads_what_was_written_in_place_of_a_value(shop: Shop, tmp_path: Path) -> None:
    data_dir = shop.again(tmp_path)
    ended = worlds.profiles(
        "run", landed(tmp_path, POISONS["everyone called Guest"].spoil(shop.late)), data_dir=data_dir
    )
    (line,) = (line for line in ended.out.splitlines() if line.startswith("given_name guest"))
    assert line.split() == ["given_name", "guest", str(len(shop.late)), "known", "placeholder"]
    report = worlds.profiles("report", data_dir=data_dir)
    assert "Placeholders" in report.out
    assert "guest" in report.out
