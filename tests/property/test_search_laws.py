"""Whatever is typed is searched for without a fault, and what is marked stands in the profile."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from profile_service.search import search
from profile_service.search_marks import Match
from profile_service.state import State

LIMIT = 5
anything = st.text(max_size=60)
likely = st.lists(
    st.sampled_from(["smith", "ann", "jo", "denver", "80236", "0", "+1", "(303)", "1971-12-02", "3/4/1980", "@", "a@b"])
    | st.text("abc0179@.-+()/:' ", min_size=1, max_size=8),
    max_size=9,
).map(" ".join)


def value_at(document: Any, match: Match) -> str:
    for step in match.pointer.split("/")[1:]:
        document = document[int(step)] if isinstance(document, list) else document[step]
    assert isinstance(document, str)
    return document


@settings(max_examples=250, deadline=None)
@given(anything | likely)
def test_a_search_for_anything_ends_well(sample_state: State, text: str) -> None:
    results = search(sample_state, text, LIMIT)
    assert len(results.hits) <= LIMIT
    assert results.found >= len(results.hits)
    order = [hit.score for hit in results.hits]
    assert order == sorted(order, reverse=True)
    for hit in results.hits:
        assert hit.document["customer_id"] == hit.customer_id
        assert 0 < hit.score <= 1
        assert 0 < len(hit.matches) <= len(results.parts)
        for match in hit.matches:
            assert match.typed in results.parts
            assert bool(match.pointer) == bool(match.spans)
            for first, last in match.spans:
                assert 0 <= first < last <= len(value_at(hit.document, match))


@settings(max_examples=60, deadline=None)
@given(likely)
def test_a_search_is_the_same_each_time(sample_state: State, text: str) -> None:
    assert search(sample_state, text, LIMIT) == search(sample_state, text, LIMIT)
