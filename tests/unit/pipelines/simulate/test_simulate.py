"""The simulator as a whole: same seed same bytes, a truth for every record, feeds as the contract has them."""

import csv
import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pipelines.simulate import SimulationOptions, simulate
from pipelines.simulate.feeds import CUSTOMER_FILES
from pipelines.simulate.options import CHANNELS
from profile_service.errors import WrongUsage

CONTRACT = {
    "source_record_id", "given_name", "family_name", "email", "phone", "birth_date", "street", "city", "region",
    "postcode", "country", "loyalty_id", "cookie_id", "device_id", "marketing_consent", "updated_at",
}  # fmt: skip
CONTRACT_EVENTS = {"event_id", "source_record_id", "event_type", "occurred_at", "amount", "currency"}


@pytest.fixture(scope="module")
def landing(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("landing")
    simulate(out, SimulationOptions(records=1500, seed=5, events=700))
    return out


def rows(landing: Path, channel: str, kind: str) -> Iterator[dict[str, str]]:
    (path,) = (landing / channel).glob(f"{kind}*")
    content = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    lines = content.decode().splitlines()
    yield from map(json.loads, lines) if ".jsonl" in path.suffixes else csv.DictReader(lines)


def contents(landing: Path) -> dict[str, bytes]:
    return {str(path.relative_to(landing)): path.read_bytes() for path in landing.rglob("*") if path.is_file()}


def test_the_same_seed_writes_the_same_bytes_and_another_seed_does_not(landing: Path, tmp_path: Path) -> None:
    simulate(tmp_path / "again", SimulationOptions(records=1500, seed=5, events=700))
    simulate(tmp_path / "other", SimulationOptions(records=1500, seed=6, events=700))
    assert contents(tmp_path / "again") == contents(landing)
    assert not set(contents(tmp_path / "other").values()) & set(contents(landing).values())


def test_the_truth_names_every_record_exactly_once(landing: Path) -> None:
    with (landing / "truth.csv").open(encoding="utf-8", newline="") as file:
        truth = [(row["channel"], row["source_record_id"], row["person_id"]) for row in csv.DictReader(file)]
    sent = [(channel, row["source_record_id"]) for channel in CHANNELS for row in rows(landing, channel, "customers")]
    assert len(sent) == 1500
    assert sorted(sent) == [row[:2] for row in truth]
    assert len({person for _, _, person in truth}) == 600


def test_every_person_of_the_truth_has_one_household(landing: Path) -> None:
    with (landing / "households.csv").open(encoding="utf-8", newline="") as file:
        homes = {row["person_id"]: row["household_id"] for row in csv.DictReader(file)}
    with (landing / "truth.csv").open(encoding="utf-8", newline="") as file:
        assert {row["person_id"] for row in csv.DictReader(file)} == set(homes)
    assert 0.7 * len(homes) < len(set(homes.values())) < 0.95 * len(homes)


@pytest.mark.parametrize("channel", CHANNELS)
def test_feeds_have_the_contracts_columns_and_their_own_channels_identifiers(landing: Path, channel: str) -> None:
    columns = {name for row in rows(landing, channel, "customers") for name in row}
    assert columns <= CONTRACT
    assert {"source_record_id", "given_name", "family_name", "email", "phone", "updated_at"} <= columns
    assert ("cookie_id" in columns) == (channel == "web")
    assert ("device_id" in columns) == (channel == "mobile")
    assert ("loyalty_id" in columns) == (channel != "web")


@pytest.mark.parametrize("channel", CHANNELS)
def test_events_belong_to_records_of_their_channel(landing: Path, channel: str) -> None:
    known = {row["source_record_id"] for row in rows(landing, channel, "customers")}
    events = list(rows(landing, channel, "events"))
    assert events
    assert {name for event in events for name in event} == CONTRACT_EVENTS
    assert {event["source_record_id"] for event in events} <= known
    assert len({event["event_id"] for event in events}) == len(events)


def test_as_many_events_as_asked_for_and_as_many_as_records_by_default(tmp_path: Path, landing: Path) -> None:
    assert sum(len(list(rows(landing, channel, "events"))) for channel in CHANNELS) == 700
    assert simulate(tmp_path, SimulationOptions(records=50)).events == 50


def test_broken_rows_are_added_to_every_feed_and_unknown_to_the_truth(tmp_path: Path) -> None:
    simulate(tmp_path, SimulationOptions(records=200, broken=3))
    for channel in CHANNELS:
        for kind in ("customers", "events"):
            last = list(rows(tmp_path, channel, kind))[-3:]
            assert any("BROKEN" in str(row.values()) for row in last)
    assert "BROKEN" not in (tmp_path / "truth.csv").read_text(encoding="utf-8")


@pytest.mark.parametrize("records", [1, 2, 7])
def test_a_tiny_retailer_has_all_its_files(tmp_path: Path, records: int) -> None:
    assert simulate(tmp_path, SimulationOptions(records=records)).records == records
    assert len(contents(tmp_path)) == 2 * len(CHANNELS) + 2


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"records": 0}, "at least 1"),
        ({"records": 5, "seed": -1}, "negative"),
        ({"records": 5, "noise": "deafening"}, "clean, usual, dirty"),
        ({"records": 5, "troubles": Path("nowhere.toml")}, "cannot be read"),
    ],
)
def test_what_cannot_be_simulated_is_refused_in_one_line(tmp_path: Path, wrong: dict[str, int], said: str) -> None:
    with pytest.raises(WrongUsage, match=said):
        simulate(tmp_path, SimulationOptions(**wrong))  # type: ignore[arg-type]


def simulated_with(troubles: str, folder: Path, **options: Any) -> dict[str, bytes]:
    """What is written by 600 records with these troubles."""
    folder.mkdir(exist_ok=True)
    asked = folder / "troubles.toml"
    asked.write_text(troubles, encoding="utf-8")
    simulate(folder / "out", SimulationOptions(records=600, seed=4, troubles=asked, **options))
    return contents(folder / "out")


def test_a_troubles_file_names_only_the_rates_that_are_others_than_usual(tmp_path: Path) -> None:
    simulate(tmp_path / "usual", SimulationOptions(records=600, seed=4))
    usual = contents(tmp_path / "usual")
    assert simulated_with("", tmp_path / "same").keys() == usual.keys()
    assert simulated_with("", tmp_path / "same") == usual
    other = simulated_with("[names]\nupper_case = 0.0\n", tmp_path / "other")
    assert {name for name in usual if usual[name] != other[name]} == {
        f"{channel}/{CUSTOMER_FILES[channel]}" for channel in CHANNELS if channel != "web"
    }


def test_a_troubles_file_may_name_a_noise_profile_of_its_own(tmp_path: Path) -> None:
    dirtier = simulated_with("[noise]\nfilthy = 3.0\n", tmp_path / "own", noise="filthy")
    assert dirtier != simulated_with("", tmp_path / "usual")


@pytest.mark.parametrize(
    ("troubles", "said"),
    [
        ("[names]\nnicknames = 0.1", "no trouble names.nicknames; .*--list-troubles"),
        ("[spelling]\nslip = 0.1", "no trouble spelling"),
        ("[names]\nnickname = 1.1", "names.nickname must be a number from 0 to 1"),
        ('[names]\nnickname = "often"', "names.nickname must be a number"),
        ("[channels.web]\nemail = true", "channels.web.email must be a number"),
        ("[people]\nrecords_a_person = [0.5, 0.5]", "people.records_a_person must be 8 shares"),
        ("names = 0.1", "names must be a table"),
        ("names =", "cannot be read"),
    ],
)
def test_a_wrong_troubles_file_is_refused_in_one_line(tmp_path: Path, troubles: str, said: str) -> None:
    with pytest.raises(WrongUsage, match=said) as refused:
        simulated_with(troubles, tmp_path)
    assert "\n" not in str(refused.value)
