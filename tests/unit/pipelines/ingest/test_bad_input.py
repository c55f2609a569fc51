"""Bad input is a rejected row with its reasons or a clear error in one line; the good rows beside it come in."""

from pathlib import Path

import duckdb
import pytest

from profile_service.errors import UnusableInput
from tests.landing_world import CUSTOMER, LandingWorld, csv_of, customer, jsonl_of, zipped

FIRST, LAST = customer(), customer(source_record_id="9")

# what is wrong; the lines between a good first and a good last one; line → its reason; further ids accepted
BAD_LINES: list[tuple[str, list[str], dict[int, str], list[str]]] = [
    ("no id", [customer(source_record_id="")], {3: "source_record_id is missing"}, []),
    ("id of spaces", [customer(source_record_id="  ")], {3: "source_record_id is missing"}, []),
    ("no such day", [customer(birth_date="1990-02-30")], {3: "birth_date is not a real date"}, []),
    ("another order of the day", [customer(birth_date="30/02/1990")], {3: "birth_date is not a real date"}, []),
    ("a moment without offset", [customer(updated_at="2024-01-01T00:00:00")], {3: "updated_at is not a real"}, []),
    ("a consent beyond words", [customer(marketing_consent="maybe")], {3: "marketing_consent is neither yes"}, []),
    ("a field too long", [customer(given_name="x" * 10_001)], {3: "given_name has 10,001 characters"}, []),
    ("too few columns", ["2,Ada"], {3: "the row has 2 columns, the header has 8"}, []),
    ("too many columns", [customer() + ",9"], {3: "the row has 9 columns, the header has 8"}, []),
    ("a trailing delimiter", [customer() + ","], {3: "the row has 9 columns, the header has 8"}, []),
    ("NUL bytes", [customer(given_name="a\0b")], {3: "the row holds NUL bytes"}, []),
    ("a bare carriage return", [customer(given_name="a\rb")], {3: "a carriage return stands inside a field"}, []),
    ("a quote inside a field", [customer(given_name='a"b')], {3: "the quoting is broken"}, []),
    ("text after a closing quote", [customer(given_name='"a"b')], {3: "the quoting is broken"}, []),
    ("a quote never closed", [customer(given_name='"Ada')], {3: "a quote is opened and never closed"}, []),
    (
        "a quote closed only rows later",
        [customer(given_name='"Ada'), *[customer(source_record_id=str(n)) for n in (2, 3)], customer(email='b"')],
        {3: "a quote is opened and closed only in a later row", 6: "the quoting is broken"},
        ["2", "3"],
    ),
    (
        "two quotes never closed",
        [customer(given_name='"Ada'), customer(source_record_id="2"), customer(given_name='"Bo')],
        {3: "a quote is opened and closed only in a later row", 5: "a quote is opened and never closed"},
        ["2"],
    ),
    (
        "a quote never closed before quoted rows",
        [customer(given_name='"Ada'), customer(source_record_id="2", given_name='"Bo"')],
        {3: "a quote is opened and never closed"},
        ["2"],
    ),
    ("a leap second", [customer(source_record_id="2", updated_at="2016-12-31T23:59:60Z")], {}, ["2"]),
    ("small letters in a moment", [customer(source_record_id="2", updated_at="2016-12-31t23:59:59z")], {}, ["2"]),
]


@pytest.mark.parametrize(("lines", "wrong", "further"), [case[1:] for case in BAD_LINES], ids=[c[0] for c in BAD_LINES])
@pytest.mark.parametrize(("end", "delimiter"), [("\n", ","), ("\r\n", "\t")], ids=["unix", "windows"])
def test_a_bad_csv_row_is_rejected_alone(
    tmp_path: Path, lines: list[str], wrong: dict[int, str], further: list[str], end: str, delimiter: str
) -> None:
    world = LandingWorld(tmp_path)
    content = csv_of(FIRST, *lines, LAST, end=end).replace(b",", delimiter.encode())
    counts = world.deliver("store/customers.csv", content)
    assert set(world.names()) == {"1", *further, "9"}
    told = world.reasons()
    assert told.keys() == wrong.keys()
    for line, reason in wrong.items():
        assert [each for each in told[line] if each.startswith(reason)], told[line]
    assert counts.total("received") == 2 + len(lines)
    sent = dict(world.all("SELECT line, row_as_sent FROM rejected_rows"))
    for line, text in sent.items():
        assert text == lines[line - 3].replace(",", delimiter).replace("\0", "\\x00")


def test_a_row_has_all_its_reasons_and_says_where_it_stood(tmp_path: Path) -> None:
    world = LandingWorld(tmp_path)
    bad = customer(source_record_id="2", birth_date="x", marketing_consent="y", updated_at="z")
    world.deliver("web/customers_1.csv", csv_of(FIRST, bad))
    ((run, channel, kind, file, line, sent, reasons, record),) = world.all("SELECT * FROM rejected_rows")
    assert (run, channel, kind, file, line, sent) == (1, "web", "customers", "web/customers_1.csv", 3, bad)
    assert record == "2"
    assert [reason.split()[0] for reason in reasons] == ["birth_date", "marketing_consent", "updated_at"]


def test_an_invalid_record_of_several_lines_is_kept_whole(tmp_path: Path) -> None:
    world = LandingWorld(tmp_path)
    bad = customer(source_record_id="2", given_name='"two\nlines"', birth_date="x")
    world.deliver("store/customers.csv", csv_of(FIRST, bad, customer(source_record_id="3", birth_date="y")))
    assert world.all("SELECT line, row_as_sent FROM rejected_rows ORDER BY line") == [
        (3, bad),
        (5, customer(source_record_id="3", birth_date="y")),
    ]


@pytest.mark.parametrize("name", ["customers.csv", "customers.csv.gz", "customers.jsonl"])
def test_a_row_of_ten_megabytes_is_rejected_and_kept_in_part(tmp_path: Path, name: str) -> None:
    world = LandingWorld(tmp_path)
    long = {**CUSTOMER, "source_record_id": "2", "given_name": "x" * 10_000_000}
    if "csv" in name:
        content = csv_of(FIRST, customer(**long), LAST)
    else:
        content = jsonl_of(dict(CUSTOMER), long, {"source_record_id": "9"})
    world.deliver(f"store/{name}", zipped(content) if name.endswith("gz") else content)
    assert set(world.names()) == {"1", "9"}
    ((reasons, sent),) = world.all("SELECT reasons, row_as_sent FROM rejected_rows")
    assert reasons[0].startswith("the row has 10,000,")
    assert len(sent) < 70_000
    assert "cut: the row has 10,000," in sent


BAD_OBJECTS = [
    ('{"source_record_id":"2"', "the row is not JSON"),
    ("[1]", "the row is not a JSON object"),
    ("null", "the row is not a JSON object"),
    ('{"source_record_id":"2","email":"a","email":"b"}', "the row has a key twice"),
    ('{"source_record_id":"2","email":["a"]}', "email is not text"),
    ('{"source_record_id":"2","email":1e400}', "email is a number too large to keep"),
    ('{"source_record_id":"2","email":"\\ud800"}', "the row holds half of a surrogate pair"),
    ('{"source_record_id":"2","email":"a\\u0000b"}', "email holds a NUL character"),
    ('{"source_record_id":"2","size":NaN}', "the row is not JSON"),
    ('{"source_record_id":"2","size":1e999}', "Out of range"),
    ('{"source_record_id":"2","size":' + "[" * 5000 + "]" * 5000 + "}", ""),
    ('{"email":"a"}', "source_record_id is missing"),
    ("\x01\x02", "the row is not JSON"),
]


@pytest.mark.parametrize(("line", "reason"), BAD_OBJECTS, ids=[line[:40] for line, _ in BAD_OBJECTS])
def test_a_bad_json_row_is_rejected_alone(tmp_path: Path, line: str, reason: str) -> None:
    world = LandingWorld(tmp_path)
    world.deliver("store/customers.jsonl", jsonl_of(dict(CUSTOMER), line, {"source_record_id": "9"}))
    if reason:
        assert world.reasons()[2][0].startswith(reason)
        assert world.all("SELECT row_as_sent FROM rejected_rows") == [(line,)]
    assert {"1", "9"} <= set(world.names())


PARQUET = b"PAR1" + bytes(range(256)) * 10 + b"PAR1"
BAD_FILES = [
    ("customers.parquet", PARQUET[: len(PARQUET) // 2], "cannot be read as Parquet"),
    ("customers.parquet", PARQUET, "cannot be read as Parquet"),
    ("customers.parquet", b"hello", "cannot be read as Parquet"),
    ("customers.csv", PARQUET, "is a Parquet file by its content"),
    ("customers.csv", b"PK\x03\x04" + bytes(100), "is a ZIP or Excel file"),
    ("customers.csv", bytes(range(256)) * 20, "is not text"),
    ("customers.csv", b"\x89PNG\r\n\x1a\n" + bytes(500), "is not text"),
    ("customers.jsonl", bytes(range(256)) * 20, "is not text"),
    ("customers.csv.gz", zipped(csv_of(FIRST) * 50)[:-20], "is a broken gzip file"),
    ("customers.csv.gz", csv_of(FIRST), "is not gzipped"),
    ("customers.csv", b"\xff\xfea", "begins as UTF-16 and is not"),
    (
        "customers.csv",
        "source_record_id,email\n1,a@b.example\n".encode("utf-16-le"),
        "UTF-16 without a byte order mark",
    ),
    (
        "customers.csv",
        "source_record_id,email\n1,a@b.example\n".encode("utf-16-be"),
        "UTF-16 without a byte order mark",
    ),
    ("customers.csv", csv_of("Ada,Byron", header="first,last"), "has no column source_record_id"),
    ("customers.csv", csv_of(FIRST).split(b"\n", 1)[1], "has no column source_record_id"),
    ("customers.csv", b"<html><body>404</body></html>", "has no column source_record_id"),
    ("events.csv", csv_of("1", header="event_id"), "has no column source_record_id"),
]


@pytest.mark.parametrize(("name", "content", "said"), BAD_FILES, ids=[f"{n}: {said}" for n, _, said in BAD_FILES])
def test_a_file_that_cannot_be_read_stops_the_run_in_one_line(
    tmp_path: Path, name: str, content: bytes, said: str
) -> None:
    world = LandingWorld(tmp_path)
    world.put("store/customers_0.csv", csv_of(FIRST))
    with pytest.raises(UnusableInput) as refused:
        world.deliver(f"web/{name}", content)
    assert said in str(refused.value)
    assert f"web/{name}" in str(refused.value)
    assert "\n" not in str(refused.value)
    assert refused.value.exit_status == 2
    assert world.names() == {}
    assert world.all("SELECT * FROM files") == []
    # and once it is gone, the rest goes in
    (world.landing / "web" / name).unlink()
    assert world.run().total("accepted") == 1


def test_a_parquet_file_cut_short_is_refused(tmp_path: Path) -> None:
    world = LandingWorld(tmp_path)
    whole = tmp_path / "whole.parquet"
    duckdb.execute(f"COPY (SELECT i AS source_record_id FROM range(5000) t(i)) TO '{whole}' (FORMAT parquet)")
    with pytest.raises(UnusableInput, match=r"web/customers\.parquet cannot be read as Parquet"):
        world.deliver("web/customers.parquet", whole.read_bytes()[:-100])


def test_a_parquet_file_with_broken_pages_is_refused(tmp_path: Path) -> None:
    world = LandingWorld(tmp_path)
    whole = tmp_path / "whole.parquet"
    duckdb.execute(f"COPY (SELECT hash(i)::VARCHAR AS source_record_id FROM range(5000) t(i)) TO '{whole}'")
    content = bytearray(whole.read_bytes())
    content[4:400] = bytes(396)
    with pytest.raises(UnusableInput, match=r"web/customers\.parquet cannot be read"):
        world.deliver("web/customers.parquet", bytes(content))


def test_nothing_unpacked_is_left_behind(tmp_path: Path) -> None:
    world = LandingWorld(tmp_path)
    (tmp_path / "data" / "work" / "ingest-of-a-killed-run").mkdir()
    world.deliver("store/customers.csv.gz", zipped(csv_of(FIRST, customer(birth_date="x"))))
    assert [path.name for path in (tmp_path / "data" / "work").iterdir() if path.name.startswith("ingest")] == []


def test_a_header_of_one_column_is_enough(tmp_path: Path) -> None:
    world = LandingWorld(tmp_path)
    counts = world.deliver("store/customers.csv", csv_of("1", "", '"2"', "3", header="source_record_id"))
    assert set(world.names()) == {"1", "2", "3"}
    assert counts.total("received") == 3


def test_a_first_line_without_the_key_is_never_quoted_for_it_may_be_a_person(tmp_path: Path) -> None:
    world = LandingWorld(tmp_path)
    with pytest.raises(UnusableInput, match=r"of its 3 columns a field knows email: is its first line") as refused:
        world.deliver("store/customers.csv", csv_of("1,Ada,", header="S1,Ada Lovelace,email"))
    assert "Lovelace" not in str(refused.value)


def test_a_row_that_is_nested_too_deep_is_rejected_with_its_reason(tmp_path: Path) -> None:
    def row(key: str, levels: int) -> str:
        return '{"source_record_id": "%s", "note": %s}' % (key, "[" * levels + "]" * levels)  # noqa: UP031

    world = LandingWorld(tmp_path)
    # the object of all further values is a level itself
    counts = world.deliver("web/customers.jsonl", jsonl_of(row("1", 31), row("2", 32), row("3", 300)))
    assert (counts.total("accepted"), counts.total("rejected")) == (1, 2)
    reasons = world.work.execute("SELECT DISTINCT reasons[1] FROM rejected_rows").fetchall()
    assert reasons == [("extra is nested more than 32 deep",)]


@pytest.mark.parametrize(
    ("updated_at", "accepted"),
    [("2024-06-01T23:00:00Z", True), ("2024-06-02T00:00:01Z", False), ("9000-01-01T00:00:00Z", False)],
)
def test_a_row_of_the_day_after_tomorrow_is_rejected(tmp_path: Path, updated_at: str, accepted: bool) -> None:
    world = LandingWorld(tmp_path)  # whose runs are on the first of June
    counts = world.deliver("store/customers.csv", csv_of(customer(updated_at=updated_at)))
    assert counts.total("accepted") == accepted
    reasons = world.work.execute("SELECT reasons FROM rejected_rows").fetchall()
    assert reasons == ([] if accepted else [(["updated_at lies more than a day in the future"],)])
