"""What of a hidden value may still be shown: enough to recognise it, too little to use it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from profile_service.store.schema import RECORD_FIELDS

# What a key's field policy may hide.
MASKABLE = frozenset({*RECORD_FIELDS, "full_name", "address"}) - {"marketing_consent"}
# A field that is hidden takes with it whatever would tell the same.
_TELL_THE_SAME: dict[str, tuple[str, ...]] = {
    "address": ("street", "street_2", "city", "region", "postcode", "country"),
    "full_name": ("given_name", "middle_name", "family_name"),
    "given_name": ("full_name",),
    "middle_name": ("full_name",),
    "family_name": ("full_name",),
}


def hidden_fields(names: Iterable[str]) -> frozenset[str]:
    """``names`` and all fields that would tell the same; an address is hidden part by part."""
    named = frozenset(names)
    return named.union(*(_TELL_THE_SAME.get(name, ()) for name in named)) - {"address"}


def masked(field: str, value: Any) -> dict[str, Any] | None:
    """What stands in place of ``value``: ``{"masked": true, "hint": …}``; nothing stays nothing.

    The hint is text for values of which a part may be shown (``j…@e….com``), else null.
    """
    if value is None:
        return None
    hint = _HINTS.get(field)
    return {"masked": True, "hint": hint(value) if hint is not None and isinstance(value, str) and value else None}


def _email(value: str) -> str:
    local, _, domain = value.rpartition("@")
    _, dot, top = domain.rpartition(".")
    return f"{local[:1]}…@{domain[:1]}…{dot}{top if dot else ''}"


def _end(value: str) -> str | None:
    return f"…{value[-2:]}" if len(value) > 5 else None


def _initial(value: str) -> str:
    return f"{value[0]}…"


_HINTS: dict[str, Callable[[str], str | None]] = {
    "email": _email,
    "phone": _end,
    "loyalty_id": _end,
    "cookie_id": _end,
    "device_id": _end,
    "given_name": _initial,
    "family_name": _initial,
}
