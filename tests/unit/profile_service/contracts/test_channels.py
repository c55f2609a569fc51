"""A channel file adds or replaces channels, or says in one line what is wrong with it."""

from pathlib import Path

import pytest

from profile_service.contracts.channels import BUILT_IN, Channel, load_channels
from profile_service.errors import UnusableInput

REGISTRY = """
[channels.registry]
customers = "registry/*.csv"
events = "registry/events/*.jsonl"
duplicate_free = true
[channels.registry.columns]
source_record_id = "rec_id"
street = ["street_number", "address_1"]
[channels.registry.formats]
birth_date = "%Y%m%d"
"""

WRONG = [
    ("channels.r.customer: unknown field", '[channels.r]\ncustomer = "r/*.csv"'),
    ("tables: unknown field", '[tables.r]\ncustomers = "r/*.csv"'),
    ("needs a glob", "[channels.r]\nduplicate_free = true"),
    ("a retired channel reads nothing", '[channels.r]\nretired = true\ncustomers = "r/*.csv"'),
    ("channels.r.retired: not a valid boolean", '[channels.r]\nretired = "yes"'),
    ("must be a glob under the landing folder", '[channels.r]\ncustomers = "../secrets/*.csv"'),
    ("must be a glob under the landing folder", '[channels.r]\ncustomers = "/etc/*.csv"'),
    ("cannot hold **", '[channels.r]\ncustomers = "r/**/*.csv"'),
    ("cannot hold **", '[channels.r]\ncustomers = "r/**.csv"'),
    ("channels.r.customers: not a valid string", "[channels.r]\ncustomers = 3"),
    ("channels.r.duplicate_free: not a valid boolean", '[channels.r]\ncustomers = "r/*"\nduplicate_free = "yes"'),
    ("surname is no field of the contract", '[channels.r]\ncustomers = "r/*"\n[channels.r.columns]\nsurname = "s"'),
    ("must be a column's name or a list", '[channels.r]\ncustomers = "r/*"\n[channels.r.columns]\ncity = []'),
    ("email has no format", '[channels.r]\ncustomers = "r/*"\n[channels.r.formats]\nemail = "%Y"'),
    ("is no strptime format", '[channels.r]\ncustomers = "r/*"\n[channels.r.formats]\nbirth_date = "YYYYMMDD"'),
    ("is no strptime format", '[channels.r]\ncustomers = "r/*"\n[channels.r.formats]\nbirth_date = "%Y-%j%"'),
    ("letters, digits", '[channels."a:b"]\ncustomers = "r/*"'),
    ("invalid input type", "[channels]\nr = 3"),
    ("is not TOML", "[channels"),
]


def declared(folder: Path, text: str) -> tuple[Channel, ...]:
    path = folder / "channels.toml"
    path.write_text(text, encoding="utf-8")
    return load_channels(path)


def test_without_a_file_there_are_the_four_built_in_channels() -> None:
    assert load_channels() == BUILT_IN
    assert [channel.name for channel in BUILT_IN] == ["store", "web", "mobile", "call_center"]


def test_a_file_adds_a_channel(tmp_path: Path) -> None:
    *others, registry = declared(tmp_path, REGISTRY)
    assert tuple(others) == BUILT_IN
    assert registry == Channel(
        "registry",
        customers="registry/*.csv",
        events="registry/events/*.jsonl",
        duplicate_free=True,
        columns={"source_record_id": ("rec_id",), "street": ("street_number", "address_1")},
        formats={"birth_date": "%Y%m%d"},
    )


def test_a_file_replaces_a_channel_of_the_same_name(tmp_path: Path) -> None:
    channels = declared(tmp_path, '[channels.web]\ncustomers = "site/*.jsonl"')
    assert [channel.name for channel in channels] == ["store", "web", "mobile", "call_center"]
    assert channels[1].customers == "site/*.jsonl"
    assert channels[1].events is None


def test_a_file_retires_a_channel(tmp_path: Path) -> None:
    *_, old = declared(tmp_path, "[channels.old]\nretired = true")
    assert old == Channel("old", retired=True)


@pytest.mark.parametrize(("said", "text"), WRONG)
def test_a_wrong_file_is_refused_in_one_line(tmp_path: Path, said: str, text: str) -> None:
    with pytest.raises(UnusableInput) as refused:
        declared(tmp_path, text)
    assert said in str(refused.value)
    assert "channels.toml" in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UnusableInput, match="No such file"):
        load_channels(tmp_path / "absent.toml")


def test_a_file_is_known_by_content_and_by_how_it_is_read() -> None:
    plain = Channel("a", customers="a/*")
    known = plain.known_as("customers", "hash")
    assert known == Channel("a", customers="elsewhere/*", duplicate_free=True).known_as("customers", "hash")
    assert known != plain.known_as("customers", "other hash")
    assert known != plain.known_as("events", "hash")
    assert known != Channel("b", customers="a/*").known_as("customers", "hash")
    assert known != Channel("a", customers="a/*", columns={"city": ("town",)}).known_as("customers", "hash")
    assert known != Channel("a", customers="a/*", formats={"birth_date": "%Y%m%d"}).known_as("customers", "hash")
