from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from profile_service.errors import Refused
from profile_service.pages import Page, cursor_after, key_after


@given(st.text(), st.integers(-(2**50), 2**50))
def test_a_cursor_says_again_what_it_was_made_of(text: str, number: int) -> None:
    cursor = cursor_after((text, number))
    assert cursor.isascii()
    assert key_after(cursor, str, int) == [text, number]


@given(st.text() | st.text("abcdefghijklmnopqrstuvwxyzABCDEF0123456789-_=", max_size=40))
def test_whatever_comes_as_a_cursor_is_read_or_refused(cursor: str) -> None:
    try:
        key = key_after(cursor, str, int)
    except Refused as refused:
        assert refused.kind == "bad-request"
    else:
        assert key is not None
        assert [type(part) for part in key] == [str, int]


def test_a_cursor_of_another_list_is_refused() -> None:
    with pytest.raises(Refused):
        key_after(cursor_after(("a",)), str, int)


def test_a_page_says_whether_there_is_more() -> None:
    assert Page(({"a": 1},), "x").as_document() == {"data": [{"a": 1}], "page": {"next_cursor": "x", "has_more": True}}
    assert Page((), None).as_document() == {"data": [], "page": {"next_cursor": None, "has_more": False}}
    assert key_after(None, str) is None
