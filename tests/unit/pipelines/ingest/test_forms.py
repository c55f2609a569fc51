"""The same rows come in whatever the file's form, packing, encoding, delimiter or line end."""

from pathlib import Path
from typing import Any

import duckdb
import pytest

from tests.landing_world import CUSTOMER, HEADER, LandingWorld, csv_of, customer, jsonl_of, zipped

PLAIN = csv_of(customer(), customer(source_record_id="2", given_name="Zoë"))
QUOTED = csv_of(
    *(
        ",".join(f'"{value}"' for value in customer(source_record_id=key, given_name=name).split(","))
        for key, name in (("1", "Ada"), ("2", "Zoë"))
    )
)
JSON = jsonl_of(dict(CUSTOMER), {**CUSTOMER, "source_record_id": "2", "given_name": "Zoë"})
FORMS = {
    "customers.csv": PLAIN,
    "customers_2024-01.csv": PLAIN,
    "customers.CSV": PLAIN,
    "customers.csv.gz": zipped(PLAIN),
    "customers-quoted.csv": QUOTED,
    "customers-windows.csv": PLAIN.replace(b"\n", b"\r\n"),
    "customers-mixed-ends.csv": PLAIN.replace(b"\n", b"\r\n", 1),
    "customers-old-mac.csv": PLAIN.replace(b"\n", b"\r"),
    "customers-no-last-end.csv": PLAIN.rstrip(b"\n"),
    "customers-blank-lines.csv": PLAIN.replace(b"\n", b"\n\n"),
    "customers-bom.csv": b"\xef\xbb\xbf" + PLAIN,
    "customers-bom-quoted.csv": b"\xef\xbb\xbf" + QUOTED,
    "customers-semicolon.csv": PLAIN.replace(b",", b";"),
    "customers-tab.csv": PLAIN.replace(b",", b"\t"),
    "customers-bar.csv": PLAIN.replace(b",", b"|"),
    "customers-latin.csv": PLAIN.decode().encode("latin-1"),
    "customers-latin.csv.gz": zipped(PLAIN.decode().encode("latin-1")),
    "customers-utf16.csv": PLAIN.decode().encode("utf-16"),
    "customers-header-case.csv": PLAIN.replace(b"given_name", b" Given_Name "),
    "customers.jsonl": JSON,
    "customers.jsonl.gz": zipped(JSON),
    "customers-bom.jsonl": b"\xef\xbb\xbf" + JSON,
    "customers-windows.jsonl": JSON.replace(b"\n", b"\r\n"),
    "customers[1]*.csv": PLAIN,
}


@pytest.mark.parametrize("name", FORMS)
def test_every_form_gives_the_same_records(tmp_path: Path, name: str) -> None:
    world = LandingWorld(tmp_path)
    counts = world.deliver(f"store/{name}", FORMS[name])
    assert (counts.total("received"), counts.total("accepted"), counts.total("rejected")) == (2, 2, 0)
    assert world.names() == {"1": "Ada", "2": "Zoë"}
    (row,) = world.all(
        "SELECT rid, channel, birth_date, marketing_consent, updated_at::VARCHAR, extra, phone, file_id, changed_seq"
        " FROM records WHERE source_record_id = '1'"
    )
    assert row == (1, "store", "1815-12-10", "yes", "2024-01-01 00:00:00+00", '{"shoe_size":"38"}', None, 1, 1)
    assert bool(counts.notes) == ("latin" in name or "utf16" in name)


def test_parquet_columns_are_read_by_their_types(tmp_path: Path) -> None:
    world = LandingWorld(tmp_path)
    path = world.put("store/customers.parquet", b"")
    duckdb.execute(
        "COPY (SELECT 7::BIGINT AS source_record_id, 'Zoë' AS given_name, DATE '1990-01-01' AS birth_date,"
        " 1234::DOUBLE AS postcode, 'nan'::DOUBLE AS city, TIMESTAMP '2024-01-01 01:02:03.5' AS updated_at,"
        f" true AS vip, NULL AS nothing) TO '{path}' (FORMAT parquet)"
    )
    counts = world.run()
    assert counts.total("accepted") == 1
    assert world.all(
        "SELECT source_record_id, given_name, birth_date, postcode, city, updated_at::VARCHAR, extra FROM records"
    ) == [("7", "Zoë", "1990-01-01", "1234", None, "2024-01-01 01:02:03.5+00", '{"vip":"true"}')]


def test_a_bad_row_of_a_parquet_file_is_told_as_json(tmp_path: Path) -> None:
    world = LandingWorld(tmp_path)
    path = world.put("store/customers.parquet", b"")
    duckdb.execute(
        "COPY (SELECT * FROM (VALUES ('1', '1990-01-01'), ('2', 'spring'), (NULL, NULL))"
        f" t(source_record_id, birth_date)) TO '{path}' (FORMAT parquet)"
    )
    world.run()
    assert world.all("SELECT line, row_as_sent, reasons FROM rejected_rows ORDER BY line") == [
        (
            2,
            '{"source_record_id":"2","birth_date":"spring"}',
            ["birth_date is not a real date in the form YYYY-MM-DD"],
        ),
        (3, '{"source_record_id":null,"birth_date":null}', ["source_record_id is missing"]),
    ]


JSON_VALUES: list[tuple[Any, str | None]] = [
    (12345, "12345"),
    (12.5, "12.5"),
    (True, "true"),
    (4412345678.0, "4412345678"),
    (None, None),
    ("", None),
    (" \t", None),
    ("a\r\nb", "a\r\nb"),
    ('say "x", y', 'say "x", y'),
    ("日本", "日本"),
]


@pytest.mark.parametrize(("value", "kept"), JSON_VALUES)
def test_json_values_become_text_as_sent(tmp_path: Path, value: Any, kept: str | None) -> None:
    world = LandingWorld(tmp_path)
    world.deliver("web/customers.jsonl", jsonl_of({"source_record_id": "1", "given_name": value}))
    assert world.names() == {"1": kept}


def test_further_columns_are_kept_as_json_and_empty_ones_left_out(tmp_path: Path) -> None:
    world = LandingWorld(tmp_path)
    header = 'source_record_id,"the ""b""",a,given_name'
    world.deliver("store/customers.csv", csv_of("1,x,,Ada", "2,,y,Bo", "3,,,Cy", header=header))
    world.deliver("web/customers.jsonl", jsonl_of({"source_record_id": 4, "n": 1, "deep": {"z": [1], "a": None}}))
    assert dict(world.all("SELECT source_record_id, extra FROM records")) == {
        "1": '{"the \\"b\\"":"x"}',
        "2": '{"a":"y"}',
        "3": None,
        "4": '{"deep":{"a":null,"z":[1]},"n":1}',
    }


def test_columns_of_other_names_are_known(tmp_path: Path) -> None:
    world = LandingWorld(tmp_path)
    header = "source_record_id,gender,profession,place_of_birth,address_2"
    world.deliver("store/customers.csv", csv_of("1,f,poet,London,Flat 2", header=header))
    assert world.all("SELECT sex, occupation, birth_place, street_2, extra FROM records") == [
        ("f", "poet", "London", "Flat 2", None)
    ]


def test_columns_may_be_missing_and_a_value_of_spaces_is_missing_too(tmp_path: Path) -> None:
    world = LandingWorld(tmp_path)
    header = "source_record_id,given_name,city"
    world.deliver("store/customers.csv", csv_of("1,  ,\u00a0", "2,x ,y", header=header))
    assert world.all("SELECT given_name, city, email FROM records ORDER BY rid") == [
        (None, None, None),
        ("x ", "y", None),
    ]


def test_a_column_that_stands_there_twice_is_kept_and_told(tmp_path: Path) -> None:
    world = LandingWorld(tmp_path)
    counts = world.deliver("store/customers.csv", csv_of("1,a@x,b@x,c", header="source_record_id,email,email,"))
    assert world.all("SELECT email, extra FROM records") == [("a@x", '{"column_4":"c","email_2":"b@x"}')]
    assert "column email stands there twice" in counts.notes[0]


def test_a_field_may_hold_delimiters_quotes_and_line_ends(tmp_path: Path) -> None:
    world = LandingWorld(tmp_path)
    odd = '"Ada ""the first"", of\nOckham;\r\n\nSurrey"'
    world.deliver("store/customers.csv", csv_of(customer(given_name=odd), customer(source_record_id="2")))
    assert world.names() == {"1": 'Ada "the first", of\nOckham;\n\nSurrey', "2": "Ada"}


def test_a_mix_of_encodings_is_read_line_by_line(tmp_path: Path) -> None:
    world = LandingWorld(tmp_path)
    header, first = csv_of(customer(given_name="Zoë")).splitlines(keepends=True)
    second = customer(source_record_id="2", given_name="Zoë €").encode("cp1252") + b"\n"
    counts = world.deliver("store/customers.csv", header + first + second)
    assert world.names() == {"1": "Zoë", "2": "Zoë €"}
    assert counts.notes == ("store/customers.csv is not all UTF-8: 1 lines were read as Windows-1252 (Latin-1)",)


@pytest.mark.parametrize("content", [b"", b"\n\n", HEADER.encode(), HEADER.encode() + b"\n", b"\xef\xbb\xbf"])
@pytest.mark.parametrize("name", ["customers.csv", "customers.csv.gz"])
def test_an_empty_feed_is_no_error(tmp_path: Path, content: bytes, name: str) -> None:
    world = LandingWorld(tmp_path)
    counts = world.deliver(f"store/{name}", zipped(content) if name.endswith("gz") else content)
    assert counts.total("received") == 0
    assert counts.total("files_read") == 1


@pytest.mark.parametrize("name", ["customers.jsonl", "customers.parquet", "customers.csv.gz", "events.csv"])
def test_a_file_of_no_bytes_is_an_empty_feed(tmp_path: Path, name: str) -> None:
    world = LandingWorld(tmp_path)
    assert world.deliver(f"store/{name}", b"").total("received") == 0
