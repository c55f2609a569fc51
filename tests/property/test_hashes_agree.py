"""Texts hash in Python as they do in DuckDB, whatever they hold."""

from collections.abc import Iterator

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st

from profile_service.identity.hashing import PROBES, PROBES_SQL, hash_text, hash_texts

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=60)


@pytest.fixture(scope="module")
def store() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as connection:
        yield connection


@given(texts=st.lists(TEXTS, min_size=1, max_size=4))
def test_texts_hash_alike_in_python_and_in_duckdb(store: duckdb.DuckDBPyConnection, texts: list[str]) -> None:
    marks = ", ".join("?::VARCHAR" for _ in texts)
    assert store.execute(f"SELECT hash({marks})", texts).fetchall() == [(hash_texts(texts),)]


@pytest.mark.parametrize("length", range(34))
def test_texts_of_every_length_hash_alike(store: duckdb.DuckDBPyConnection, length: int) -> None:
    text = "abcdefghijklmnopqrstuvwxyz0123456789"[:length]
    assert store.execute("SELECT hash(?::VARCHAR)", [text]).fetchall() == [(hash_text(text),)]


def test_the_probes_are_what_duckdb_says_of_them(store: duckdb.DuckDBPyConnection) -> None:
    assert store.execute(PROBES_SQL).fetchall() == [([hash_texts(texts) for texts in PROBES],)]
