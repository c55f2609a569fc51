"""How the fields of a view are described in OpenAPI."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from profile_service.contracts.masks import MASKABLE
from profile_service.contracts.shown import Masked, Named, Text

# What is said of objects only: a value may be text, or an object that says that it is masked.
_MASK: dict[str, Any] = {
    "properties": {"masked": {"const": True}, "hint": {"type": ["string", "null"]}},
    "required": ["masked", "hint"],
    "additionalProperties": False,
}


def described(field: Any, said: dict[str, Any], reference: Callable[[Any], dict[str, Any]]) -> dict[str, Any]:
    """What the JSON schema of ``field`` says beyond what is ``said`` already; ``reference`` describes a schema."""
    if isinstance(field, Masked):
        return {**_MASK, "type": ["object", "null"]}
    if isinstance(field, Text) and (field.name in MASKABLE or field.name in ("value", "compared")):
        return {**_MASK, "type": ["string", "object", "null"]}
    if isinstance(field, Named):
        fact = reference(field.shape)
        if field.item is None:
            return {"type": ["object", "null"], "additionalProperties": fact}
        return {"type": ["array", "null"], "items": fact}
    pattern = said.get("pattern")
    if isinstance(pattern, str):
        # JSON Schema speaks the regular expressions of JavaScript
        return {"pattern": pattern.replace(r"\Z", "$").replace(r"\0", r"\u0000")}
    return {}
