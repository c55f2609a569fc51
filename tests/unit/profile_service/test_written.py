"""What is to be typed stands as code on every page, and nothing else of a text becomes markup."""

from __future__ import annotations

import pytest

from profile_service.written import with_code


@pytest.mark.parametrize(
    ("text", "page"),
    [
        ("run `profiles run LANDING` again", "run <code>profiles run LANDING</code> again"),
        ("`profiles train` or `profiles run`", "<code>profiles train</code> or <code>profiles run</code>"),
        ("<b>`<i>`</b>", "&lt;b&gt;<code>&lt;i&gt;</code>&lt;/b&gt;"),
        ("a lone ` stays", "a lone ` stays"),
        ("", ""),
    ],
)
def test_a_command_between_backticks_is_code_and_all_is_escaped(text: str, page: str) -> None:
    assert with_code(text) == page
