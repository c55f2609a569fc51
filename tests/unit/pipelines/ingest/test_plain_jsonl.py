"""A JSONL file that DuckDB reads by itself comes in exactly as the line reader would have taken it."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.ingest.look import count_even_lines
from pipelines.ingest.plain_jsonl import look_into_jsonl
from tests.landing_world import CUSTOMER, LandingWorld, jsonl_of

# one more pair of a flat object, and whether DuckDB may read the file for all of it
PAIRS = {
    '"phone":null': True,
    '"phone":""': True,
    '"phone":"  "': True,
    '"phone":12345': True,
    '"phone":-5': True,
    '"phone":1.5': True,
    '"phone":12345678.1234': True,
    '"phone":true': True,
    '"phone" : "1" ': True,
    '"phone":"Zo\\u00eb \\"\\\\\\/\\n\\t"': True,
    '"phone":"a \\",\\"b\\":1 {}"': True,
    '"Phone":"1"': True,
    '"gender":"f"': True,
    '"z":"last","a":"first"': True,
    '"a":1,"b":2.5,"c":false,"d":null,"e":"","f":"\\u00e9\\"\\n"': True,
    '"it\'s a \\"key\\"":"1"': True,
    '"line":"1","ok":"2","further":"3","c0":"4"': True,
    '"phone":1.50': False,
    '"phone":12345.0': False,
    '"phone":0.00001': False,
    '"phone":1e3': False,
    '"phone":-0': False,
    '"phone":12345678901234567890': False,
    '"phone":"a\\u0001b"': False,
    '"phone":"a\\u0000b"': False,
    '"phone":"\\ud83d\\ude00"': False,
    '"phone":"\\ud800"': False,
    '"phone":{"a":1}': False,
    '"phone":[1]': False,
    '"phone":"1","phone":"2"': False,
    '"phone":"1","Phone":"2"': False,
    '"a":{"b":1}': False,
    '"a":1,"A":2': False,
    '"":"1"': False,
    '"phone":NaN': False,
    '"phone":Infinity': False,
    '"phone":01': False,
    '"phone":1,': False,
    '"phone"': False,
    '"phone":"a\tb"': False,
}


def _content(pair: str) -> bytes:
    plain = json.dumps(dict(CUSTOMER))
    return jsonl_of(plain, plain[:-1].replace('"1"', '"2"', 1) + f", {pair}" + "}", plain.replace('"1"', '"3"', 1))


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LandingWorld]:
    """One store for all of them, which clear it: to make one takes longer than to read a few rows."""
    opened = LandingWorld(tmp_path_factory.mktemp("landed"))
    yield opened
    opened.work.close()


def _taken(world: LandingWorld, content: bytes) -> tuple[object, ...]:
    """Everything that became of the file, but for which line it was."""
    world.clear()
    counts = world.deliver("store/customers.jsonl", content)
    records = world.all("SELECT * EXCLUDE (row_hash) FROM records ORDER BY rid")
    refused = world.all("SELECT row_as_sent, reasons FROM rejected_rows ORDER BY ALL")
    return records, refused, list(counts.notes)


def _careful(content: bytes) -> bytes:
    """The same rows with a blank line above, so that each line is read with care."""
    return b"\n" + content


@pytest.mark.parametrize("pair", PAIRS)
def test_both_readers_take_a_row_alike(world: LandingWorld, pair: str) -> None:
    content = _content(pair)
    assert _taken(world, content) == _taken(world, _careful(content))


@pytest.mark.parametrize("pair", PAIRS)
def test_only_what_both_readers_take_alike_is_left_to_duckdb(world: LandingWorld, pair: str) -> None:
    world.clear()
    path = world.put("store/customers.jsonl", _content(pair))
    found = look_into_jsonl(world.work, path, ("source_record_id", "phone"), count_even_lines(path))
    assert (found is not None) == PAIRS[pair]
    if found is not None:
        assert found.rows == 3


UNUSUAL = {
    "a blank line": b"\n" + _content('"a":1'),
    "a line of spaces": _content('"a":1') + b"  \n",
    "mixed line ends": _content('"a":1').replace(b"\n", b"\r\n", 1),
    "a byte-order mark": b"\xef\xbb\xbf" + _content('"a":1'),
    "an array": _content('"a":1') + b"[1]\n",
    "two objects on a line": _content('"a":1').replace(b"}\n", b"} ", 1),
    "an object over two lines": _content('"a":1').replace(b", ", b",\n", 1),
    "a control character": _content('"a":1') + b"\x01\n",
}


@pytest.mark.parametrize("what", UNUSUAL)
def test_a_file_with_anything_unusual_is_read_line_by_line(world: LandingWorld, what: str) -> None:
    world.clear()
    path = world.put("store/customers.jsonl", UNUSUAL[what])
    assert look_into_jsonl(world.work, path, ("source_record_id",), count_even_lines(path)) is None


def test_a_bad_row_of_a_plain_file_is_told_with_its_line_as_sent(world: LandingWorld) -> None:
    world.clear()
    content = _content('"marketing_consent_":1').replace(b'"1815-12-10"', b'"yesterday"')
    world.deliver("store/customers.jsonl", content)
    told = world.all("SELECT line, row_as_sent FROM rejected_rows ORDER BY line")
    assert told == [(line, text) for line, text in enumerate(content.decode().splitlines(), start=1)]


def test_rows_come_in_the_order_of_lines(world: LandingWorld) -> None:
    world.clear()
    rows = [
        {**CUSTOMER, "source_record_id": f"{n:06d}", "birth_date": "no" if n % 997 == 1 else "1815-12-10"}
        for n in range(1, 200_001)
    ]
    world.deliver("store/customers.jsonl", jsonl_of(*rows))
    told = world.all("SELECT line FROM rejected_rows ORDER BY line")
    assert [line for (line,) in told] == list(range(1, 200_001, 997))


_TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
_VALUE = _TEXT | st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.dictionaries(st.sampled_from(["phone", "city", "a", "B", "ü"]), _VALUE), max_size=4), st.booleans())
def test_flat_objects_come_in_alike(world: LandingWorld, rows: list[dict[str, object]], ascii_only: bool) -> None:
    content = "".join(
        json.dumps({"source_record_id": str(place), **row}, ensure_ascii=ascii_only) + "\n"
        for place, row in enumerate(rows, start=1)
    ).encode()
    if content:
        assert _taken(world, content) == _taken(world, _careful(content))
