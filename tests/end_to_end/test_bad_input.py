"""Bad input by the real command: one clear line, or rejected rows; never a traceback, never a silent loss."""

import gzip
from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest

from tests.end_to_end import worlds

HEADER = "source_record_id,given_name,family_name,email\n"
GOOD = HEADER + "S1,Ada,Lovelace,ada@example.org\nS2,Grace,Hopper,grace@example.org\n"

Land = Callable[[Path], None]


def store(content: str | bytes, name: str = "customers.csv") -> Land:
    def land(landing: Path) -> None:
        path = landing / "store" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)

    return land


def truncated_parquet(landing: Path) -> None:
    store("")(landing)
    path = landing / "store" / "customers.csv"
    path.unlink()
    whole = landing / "whole.parquet"
    duckdb.sql("SELECT 'S' || i AS source_record_id, 'Ada' AS given_name FROM range(1000) t(i)").write_parquet(
        str(whole)
    )
    (landing / "store" / "customers.parquet").write_bytes(whole.read_bytes()[:-200])
    whole.unlink()


REFUSED = [
    ("nothing landed", lambda landing: landing.mkdir(), "holds no feed"),
    ("no such folder", lambda landing: None, "no folder"),
    ("a truncated Parquet file", truncated_parquet, "customers.parquet"),
    ("a binary file called .csv", store(bytes(range(256)) * 64), "customers.csv"),
    ("a CSV without the required column", store("name,mail\nAda,a@b.c\n"), "source_record_id"),
    ("a gzip file cut short", store(gzip.compress(GOOD.encode() * 50)[:-30], "customers.csv.gz"), "customers.csv.gz"),
]  # fmt: skip


@pytest.mark.parametrize(("land", "said"), [case[1:] for case in REFUSED], ids=[case[0] for case in REFUSED])
def test_input_that_cannot_be_read_is_said_in_one_line(land: Land, said: str, tmp_path: Path) -> None:
    land(tmp_path / "landing")
    ended = worlds.profiles("run", tmp_path / "landing", data_dir=tmp_path / "data")
    assert ended.status == 2, ended.err
    assert said in ended.last_error
    assert ended.err.count("\n") == 1
    assert not (tmp_path / "data" / "customers.duckdb").exists()


REJECTED = [
    ("a row of ten megabytes", GOOD + f"S3,{'x' * 10_000_000},,\n", 2, 1),
    ("a quote that is never closed", GOOD + 'S3,"Emmy,Noether,\nS4,Lise,Meitner,\n', 3, 1),
    ("a row with a column too many", GOOD + "S3,Emmy,Noether,e@example.org,more\n", 2, 1),
    ("a row without its id", GOOD + ",Emmy,Noether,e@example.org\n", 2, 1),
    ("a date that is none", GOOD.replace("email", "birth_date").replace("ada@example.org", "1815-13-10")
        .replace("grace@example.org", "1906-12-09"), 1, 1),
]  # fmt: skip


@pytest.mark.parametrize(
    ("content", "accepted", "at_least"), [case[1:] for case in REJECTED], ids=[case[0] for case in REJECTED]
)
def test_rows_that_break_the_contract_are_kept_with_their_reasons(
    content: str, accepted: int, at_least: int, tmp_path: Path
) -> None:
    store(content)(tmp_path / "landing")
    summary = worlds.run(tmp_path / "landing", tmp_path / "data")
    counts = summary["rows"]["store"]["customers"]
    assert counts["accepted"] == accepted
    assert counts["rejected"] >= at_least
    assert counts["received"] == counts["accepted"] + counts["rejected"]
    with worlds.published(tmp_path / "data") as warehouse:
        rows = warehouse.execute("SELECT file, line, row_as_sent, reasons FROM rejected_rows").fetchall()
    assert len(rows) == counts["rejected"]
    for file, line, row, reasons in rows:
        assert file.endswith("customers.csv")
        assert line >= 2
        assert row
        assert reasons


READABLE = [
    ("a byte-order mark", ("\ufeff" + GOOD).encode()),
    ("Windows line ends", GOOD.replace("\n", "\r\n").encode()),
    ("Latin-1", GOOD.replace("Hopper", "Höpper").encode("latin-1")),
    ("no line end at the end", GOOD.rstrip("\n").encode()),
    ("columns in another order and one more", b"colour,email,source_record_id,family_name,given_name\n"
        b"red,ada@example.org,S1,Lovelace,Ada\nblue,grace@example.org,S2,Hopper,Grace\n"),
]  # fmt: skip


@pytest.mark.parametrize("content", [case[1] for case in READABLE], ids=[case[0] for case in READABLE])
def test_what_can_be_told_apart_is_read(content: bytes, tmp_path: Path) -> None:
    store(content)(tmp_path / "landing")
    summary = worlds.run(tmp_path / "landing", tmp_path / "data")
    assert summary["rows"]["store"]["customers"]["accepted"] == 2
    assert summary["rejected"] == 0


WRONG_CHANNELS = [
    ("not TOML", "[channels", "not TOML"),
    ("an unknown field", '[channels.x]\ncustomers = "x/*.csv"\n[channels.x.columns]\nshoe_size = "s"\n', "shoe_size"),
    ("nothing to read", "[channels.x]\nduplicate_free = true\n", "customers"),
    ("out of the landing folder", '[channels.x]\ncustomers = "../x/*.csv"\n', "under the landing folder"),
]


@pytest.mark.parametrize(("toml", "said"), [case[1:] for case in WRONG_CHANNELS], ids=[c[0] for c in WRONG_CHANNELS])
def test_a_wrong_declaration_is_said_in_one_line(toml: str, said: str, tmp_path: Path) -> None:
    store(GOOD)(tmp_path / "landing")
    (tmp_path / "channels.toml").write_text(toml)
    options = ("--channels", tmp_path / "channels.toml")
    ended = worlds.profiles("run", tmp_path / "landing", *options, data_dir=tmp_path / "data")
    assert ended.status == 2
    assert said in ended.last_error
    assert ended.err.count("\n") == 1


BEFORE_ANY_RUN = [
    (["evaluate", "--truth", "data/sample/truth.csv"], "nothing is published"),
    (["explain", "store:1", "web:1"], "nothing has been resolved"),
    (["explain", "store1", "web:1"], ""),
    (["explain", "web:1", "web:1"], "two different records"),
]


@pytest.mark.parametrize(("arguments", "said"), BEFORE_ANY_RUN, ids=[" ".join(case[0]) for case in BEFORE_ANY_RUN])
def test_asking_before_the_first_run_says_what_to_do(arguments: list[str], said: str, tmp_path: Path) -> None:
    ended = worlds.profiles(*arguments, data_dir=tmp_path / "data")
    assert ended.status == 2
    assert said in ended.last_error
    assert ended.err.count("\n") == 1
