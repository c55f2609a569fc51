"""What channels say beyond the contract is shown without what the key may not read."""

from __future__ import annotations

import pytest

from profile_service.contracts.answers import view_of
from profile_service.contracts.nesting import MOST_NESTED, nested_deeper

MASK = {"masked": True, "hint": None}


@pytest.mark.parametrize(
    ("mask", "name", "hidden"),
    [
        ("email", "email", True),
        ("email", "E-Mail", False),
        ("email", "EMAIL", True),
        ("sex", "Gender", True),
        ("address", "Address", True),
        ("address", "postcode", True),
        ("email", "phone", False),
    ],
)
def test_an_events_own_value_named_as_a_masked_field_is_masked(mask: str, name: str, hidden: bool) -> None:
    show = view_of("event", "agent", frozenset({mask}))
    event = {"channel": "web", "extra": {name: 7, "more": [{name: 7}]}}
    shown = MASK if hidden else 7
    assert show(event)["extra"] == {name: shown, "more": [{name: shown}]}
    assert view_of("event", "agent", frozenset())(event) == event


@pytest.mark.parametrize(
    ("text", "deeper"),
    [
        ("{}", False),
        ("[" * MOST_NESTED + "]" * MOST_NESTED, False),
        ("[" * (MOST_NESTED + 1) + "]" * (MOST_NESTED + 1), True),
        ("[" + "[]," * 99 + "[]]", False),
        ('["' + "[" * 99 + '\\"[["]', False),
    ],
)
def test_what_is_nested_is_counted_and_not_what_stands_in_words(text: str, deeper: bool) -> None:
    assert nested_deeper(text, MOST_NESTED) == deeper
