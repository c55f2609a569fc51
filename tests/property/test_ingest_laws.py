"""Whatever arrives in whatever order: no row is lost, no traceback, and the same versions stand."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

import pipelines.ingest.early as early
from profile_service.errors import PromiseBroken, UnusableInput
from tests.landing_world import HEADER, LandingWorld, csv_of, customer

CALM = settings(max_examples=20, deadline=None, suppress_health_check=list(HealthCheck))


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LandingWorld]:
    """One store for all examples, which clear it: to make one takes longer than to ingest a few rows."""
    opened = LandingWorld(tmp_path_factory.mktemp("landed"))
    yield opened
    opened.work.close()


dates = st.sampled_from(
    ["2024-01-01T00:00:00Z", "2024-01-02T00:00:00Z", "2024-01-02T01:00:00+01:00", "2024-01-03T00:00:00Z"]
)
dated = st.tuples(st.sampled_from("12345"), st.sampled_from(["Ada", "Bo", "Cy", ""]), dates)
# at most one undated version a record: of several the later arrival stands, which is order itself
undated = st.dictionaries(st.sampled_from("12345"), st.sampled_from(["Di", "Ed"]), max_size=5)


@given(st.lists(dated, max_size=12), undated, st.randoms(use_true_random=False), st.integers(1, 4))
@CALM
def test_any_batches_in_any_order_leave_the_same_versions_standing(world, versions, single, random, batches) -> None:  # type: ignore[no-untyped-def]
    lines = [",".join(version) for version in versions] + [f"{key},{name}," for key, name in single.items()]
    header = "source_record_id,given_name,updated_at"
    world.clear()
    world.deliver("store/customers.csv", csv_of(*sorted(lines), header=header))
    expected = world.all("SELECT source_record_id, given_name, updated_at, row_hash FROM records ORDER BY 1")
    random.shuffle(lines)
    world.clear()
    told = 0
    for batch in range(batches):
        mine = lines[batch::batches]
        content = csv_of(*mine, *[""] * batch, header=header)  # blank lines keep the files' contents apart
        counts = world.deliver(f"store/customers_{batch}.csv", content)
        assert counts.total("received") == len(mine)
        told += counts.total("accepted") + counts.total("superseded")
    standing = world.all("SELECT source_record_id, given_name, updated_at, row_hash FROM records ORDER BY 1")
    assert standing == expected
    ((kept,),) = world.all("SELECT (SELECT count(*) FROM records) + (SELECT count(*) FROM record_history)")
    assert kept == told


def ingested(world: LandingWorld, content: bytes, name: str) -> tuple[int, int, list[object]] | None:
    """Rows received, rows standing or told of, and what stands; None where the file is refused in one line."""
    world.clear()
    try:
        counts = world.deliver(f"store/{name}", content)
    except UnusableInput as error:
        assert "\n" not in str(error) and name in str(error)
        return None
    ((rejected,),) = world.all("SELECT count(*) FROM rejected_rows")
    assert rejected == counts.total("rejected")
    stands = world.all("SELECT * EXCLUDE (file_id) FROM records ORDER BY rid")
    told = sum(counts.total(outcome) for outcome in ("accepted", "unchanged", "superseded", "rejected"))
    reasons = world.all("SELECT line, row_as_sent, reasons FROM rejected_rows ORDER BY line, row_as_sent")
    return counts.total("received"), told, [*stands, *reasons]


VALID = csv_of(*(customer(source_record_id=str(n)) for n in range(6)))
JSONL = b'{"source_record_id":"1","given_name":"Ada","n":[1,{"a":"b"}]}\n{"source_record_id":"2","email":"x"}\n'
pieces = st.sampled_from(
    [
        b'"',
        b",",
        b"\n",
        b"\r",
        b"\r\n",
        b"\0",
        b"\xe9",
        b"\xc3\xa9",
        b"\xff",
        b'""',
        b'","',
        b"\\",
        b"{",
        b"}",
        b"x",
        b"",
    ]
)
edits = st.lists(st.tuples(st.integers(0, 600), st.integers(0, 3), pieces), max_size=5)


def edited(content: bytes, changes: list[tuple[int, int, bytes]], protect: int) -> bytes:
    """Replace a few bytes by others, nowhere before ``protect``."""
    for at, width, piece in changes:
        place = protect + at % max(1, len(content) - protect)
        content = content[:place] + piece + content[place + width :]
    return content


@given(edits)
@CALM
def test_a_broken_csv_file_loses_no_row(world: LandingWorld, changes: list[tuple[int, int, bytes]]) -> None:
    content = edited(VALID, changes, len(HEADER) + 1)
    result = ingested(world, content, "customers.csv")
    if result is not None:
        received, told, _ = result
        assert received == told
        # a record of several lines is the only way for rows to be fewer than lines that are not blank
        lines = [line for line in content.split(b"\n")[1:] if line.strip()]
        assert received <= len(lines)
        assert received == len(lines) or b'"' in content


@given(edits)
@CALM
def test_the_quick_and_the_careful_way_read_alike(world: LandingWorld, changes: list[tuple[int, int, bytes]]) -> None:
    content = edited(VALID, changes, len(HEADER) + 1)
    quick = ingested(world, content, "customers.csv")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(early, "look", lambda *_: None)
        careful = ingested(world, content, "customers.csv")
    assert quick == careful


@given(edits)
@CALM
def test_a_broken_jsonl_file_loses_no_row(world: LandingWorld, changes: list[tuple[int, int, bytes]]) -> None:
    content = edited(JSONL, changes, 0)
    result = ingested(world, content, "customers.jsonl")
    if result is not None:
        received, told, _ = result
        assert received == told


@given(
    st.binary(max_size=300),
    st.sampled_from(["customers.csv", "customers.jsonl", "customers.parquet", "customers.csv.gz"]),
)
@CALM
def test_any_bytes_are_rows_or_a_clear_refusal(world: LandingWorld, content: bytes, name: str) -> None:
    result = ingested(world, content, name)
    assert result is None or result[0] == result[1]


@given(
    st.lists(
        st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=8), min_size=1, max_size=5
    ),
    st.sampled_from([",", ";", "\t", "|"]),
)
@CALM
def test_a_well_quoted_value_comes_in_as_it_was_sent(world: LandingWorld, names: list[str], delimiter: str) -> None:
    quoted = ['"' + name.replace('"', '""') + '"' for name in names]
    lines = [f"{n}{delimiter}{name}{delimiter}z" for n, name in enumerate(quoted)]
    header = delimiter.join(["source_record_id", "given_name", "city"])
    content = csv_of(*lines, header=header)
    # a file of mostly control characters is taken for a binary one, which has a test of its own
    assume(sum(unicodedata.category(letter) == "Cc" for letter in "".join(names)) < 0.05 * len("".join(lines)))
    world.clear()
    counts = world.deliver("store/customers.csv", content)
    stands = world.names()
    spaces = " \t\r\n\v\f\u00a0\u3000"
    for n, name in enumerate(names):
        if str(n) in stands:
            assert stands[str(n)] == (name if name.strip(spaces) else None)
    # only what looks like a quote left open, or a line end of an old Macintosh, is refused
    if not any("\n" in name or "\r" in name for name in names):
        assert counts.total("accepted") == len(names)


def test_a_row_that_the_reader_drops_is_noticed(world: LandingWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(early, "look", lambda *_: 7)
    world.clear()
    with pytest.raises(PromiseBroken, match="7 rows counted, 6 read"):
        world.deliver("store/customers.csv", VALID)
