from __future__ import annotations

from collections import defaultdict
from pathlib import Path

import duckdb
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.index_search import search_words
from profile_service.errors import NotFound
from profile_service.search_terms import SEARCHED_COLUMNS, search_terms
from profile_service.store.stored import StoredRecord
from profile_service.store.terms import Terms

People = dict[int, dict[str, str]]

names = st.text("abc", min_size=1, max_size=4)
people = st.dictionaries(
    st.integers(1, 30),
    st.fixed_dictionaries({"given_name": names, "family_name": names}, optional={"email": names.map("{}@x.é".format)}),
    max_size=8,
)


def relation(table: People) -> str:
    """The people as rows that the search is written from."""
    rows = []
    for number, values in table.items():
        known = dict(values)
        if "email" in known:
            known["email_local"] = known["email"].rpartition("@")[0]
        columns = [f"'{known[name]}'" if name in known else "NULL::VARCHAR" for name in SEARCHED_COLUMNS]
        rows.append(f"({number}::INTEGER, 'S{number}', {', '.join(columns)})")
    nobody = ", ".join(["0::INTEGER", "''", *["NULL::VARCHAR"] * len(SEARCHED_COLUMNS)])
    listed = ", ".join([f"({nobody})", *rows])
    return (
        f"(SELECT * FROM (VALUES {listed}) t(number, source_record_id, {', '.join(SEARCHED_COLUMNS)}) WHERE number > 0)"
    )


def carriers(table: People) -> dict[str, set[int]]:
    found: dict[str, set[int]] = defaultdict(set)
    for number, values in table.items():
        for word in search_terms([StoredRecord(1, "store", f"S{number}", "cus_1", {}, values)]):
            found[word].add(number)
    return found


def written(folder: Path, table: People, standing: Path | None = None) -> Terms:
    folder.mkdir()
    with duckdb.connect() as work:
        search_words(work, relation(table), folder, standing).write()
    return Terms(folder)


def agree(terms: Terms, expected: dict[str, set[int]]) -> None:
    for word, holders in expected.items():
        assert set(terms.exactly(word).tolist()) == holders
        for length in range(3, len(word) + 1):
            start = word[:length]
            assert set(terms.beginning(start).tolist()) == set().union(
                *(held for other, held in expected.items() if other.startswith(start))
            )
            inside = word[2:length]
            assert set(terms.holding(word[:2], inside).tolist()) == set().union(
                *(held for other, held in expected.items() if other[:2] == word[:2] and inside in other)
            )


@settings(max_examples=40, deadline=None)
@given(people)
def test_words_are_found_whole_by_their_beginning_and_by_what_they_hold(
    tmp_path_factory: pytest.TempPathFactory, table: People
) -> None:
    terms = written(tmp_path_factory.mktemp("terms") / "arrays", table)
    agree(terms, carriers(table))
    for word in ("n_zz", "n_", "", "~", "n_é"):
        assert terms.exactly(word).dtype == np.int32
        assert terms.exactly(word).tolist() == []


@settings(max_examples=25, deadline=None)
@given(people, people, people)
def test_changes_are_laid_over_what_stands(
    tmp_path_factory: pytest.TempPathFactory, first: People, second: People, third: People
) -> None:
    folder = tmp_path_factory.mktemp("terms")
    written(folder / "0", first)
    later = {100 + number: values for number, values in second.items()}
    written(folder / "1", later, folder / "0")
    latest = {200 + number: values for number, values in third.items()}
    terms = written(folder / "2", latest, folder / "1")
    agree(terms, carriers(first | later | latest))
    assert terms.size > max(first | later | latest, default=0)
    # the first segment is the same file under another name
    assert len({(folder / name / "search-0-words.txt").stat().st_ino for name in "012"}) == 1


def test_no_more_places_are_looked_at_than_said(tmp_path: Path) -> None:
    terms = written(tmp_path / "arrays", {number: {"family_name": f"ab{'c' * number}"} for number in range(1, 20)})
    assert len(terms.holding("n_", "ab", most=5)) == 5


def test_a_generation_without_a_search_index_says_so(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="--rebuild"):
        Terms(tmp_path)
