"""Whatever is left is found: in a text among others, across the blocks of a file, backwards, in any script."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines import residue
from pipelines.residue import ByteSearch, Marks, in_bytes, in_duckdb, in_sqlite

AWKWARD = [
    "ann.lee+tag@example.com",
    "12 O'Brien (rear) | [a] $^*?",
    "Łódź, ulica 7\\8",
    "+44 20 7946 0018",
    "\\E\\Q.x",
    'say "please"',
]


@pytest.mark.parametrize("value", AWKWARD)
def test_a_value_is_found_in_a_text_of_any_column_and_nothing_like_it(tmp_path: Path, value: str) -> None:
    path = tmp_path / "a.duckdb"
    with duckdb.connect(str(path)) as database:
        database.execute("CREATE TABLE t (n INTEGER, a VARCHAR, b STRUCT(x VARCHAR)[], seen TIMESTAMPTZ)")
        database.execute("INSERT INTO t VALUES (1, ?, NULL, now())", [f"so {value}!"])
        database.execute("INSERT INTO t VALUES (2, NULL, [{x: ?}], NULL)", [value])
        database.execute("INSERT INTO t VALUES (3, ?, NULL, NULL)", [value.replace(value[3], "~").replace(".", "~")])
    assert [(one.where, one.count) for one in in_duckdb(path, Marks((), (), (value, "and another")), "x")] == [
        ("x:t", 2)
    ]


def test_a_record_is_found_by_its_key_and_an_id_only_where_no_id_may_stand(tmp_path: Path) -> None:
    marks = Marks(("cus_1",), ("web:W:1",), ())
    path = tmp_path / "a.duckdb"
    with duckdb.connect(str(path)) as database:
        database.execute("CREATE TABLE records AS SELECT 'web' AS channel, 'W:1' AS source_record_id")
        database.execute(
            "CREATE TABLE constraints AS SELECT 'a' AS left_channel, 'b' AS left_id, "
            "'web' AS right_channel, 'W:1' AS right_id"
        )
        database.execute("CREATE TABLE customer_ids AS SELECT 'cus_1' AS customer_id")
        database.execute("CREATE TABLE customers AS SELECT 'cus_1' AS customer_id UNION ALL SELECT 'cus_2'")
    found = {one.where: one.count for one in in_duckdb(path, marks, "x")}
    assert found == {"x:records": 1, "x:constraints": 1, "x:customer_ids": 0, "x:customers": 1}
    other = tmp_path / "a.sqlite"
    with sqlite3.connect(other) as written:
        written.execute("CREATE TABLE reviews (left TEXT, right TEXT)")
        written.execute("INSERT INTO reviews VALUES ('web:W:1', 'store:2'), ('web:W:11', 'store:2')")
        written.execute("CREATE TABLE ids (customer_id TEXT)")
        written.execute("INSERT INTO ids VALUES ('cus_1')")
    assert {one.where: one.count for one in in_sqlite(other, marks, "x")} == {"x:reviews": 1, "x:ids": 0}


@given(
    before=st.binary(max_size=40),
    between=st.binary(max_size=40),
    wanted=st.lists(st.binary(min_size=8, max_size=20), min_size=1, max_size=5),
    block=st.integers(min_value=20, max_value=64),
)
def test_bytes_are_found_wherever_the_blocks_end(
    tmp_path_factory: pytest.TempPathFactory, before: bytes, between: bytes, wanted: list[bytes], block: int
) -> None:
    content = before + between.join(wanted) + before
    path = tmp_path_factory.mktemp("bytes") / "file"
    path.write_bytes(content)
    plainly = sum(any(content.startswith(each, place) for each in wanted) for place in range(len(content)))
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(residue, "_BLOCK", block)
        with path.open("rb") as stream:
            assert ByteSearch(wanted).count(stream) == plainly


def test_short_values_and_numbers_stand_in_files_by_chance_and_are_not_looked_for_there(tmp_path: Path) -> None:
    marks = Marks((), (), ("1234567890", "+442079460018", "short", "long enough"))
    assert set(marks.in_bytes) == {b"+442079460018", b"810064970244+", b"long enough"}
    (tmp_path / "empty").touch()
    (tmp_path / "full").write_text("x810064970244+y")
    found = in_bytes([tmp_path / "empty", tmp_path / "full"], marks, tmp_path)
    assert [(one.where, one.count) for one in found] == [("empty (bytes)", 0), ("full (bytes)", 1)]
