"""Every body that the documentation asks for has an example, and the schema takes it."""

from __future__ import annotations

from typing import Any

import pytest
from marshmallow import Schema

from profile_service.api.application import BLUEPRINTS
from profile_service.contracts.examples import EXAMPLES


def bodies() -> dict[str, type[Schema]]:
    """The schemas of all bodies that routes take, by name."""
    found: dict[str, Any] = {}
    for blueprint in BLUEPRINTS:
        for methods in blueprint._docs.values():
            for described in (each for each in methods.values() if isinstance(each, dict)):
                for each in described.get("arguments", {}).get("parameters", ()):
                    if each["in"] == "json":
                        found[each["schema"].__name__] = each["schema"]
    return found


def test_every_body_has_an_example_and_nothing_else_has() -> None:
    assert bodies().keys() == EXAMPLES.keys()


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_is_taken_by_its_schema(name: str) -> None:
    assert bodies()[name]().load(dict(EXAMPLES[name]))
