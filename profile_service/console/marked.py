"""What a search met, marked in the text that shows it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from markupsafe import Markup, escape

from profile_service.search_marks import Match

# Why somebody is found by what is not shown, in words.
_BY = {
    "email": "e-mail",
    "phone": "phone",
    "loyalty_id": "card number",
    "birth_date": "birth date",
    "postcode": "postcode",
    "city": "city",
    "full_name": "name",
}


def marked_hit(shown: Mapping[str, Any], matches: Iterable[Match]) -> dict[str, Any]:
    """A hit with ``name`` and ``place`` marked, and ``by``: in words, what else of it was met."""
    spans: dict[str, list[tuple[int, int]]] = {}
    by: list[str] = []
    for match in matches:
        field = match.pointer.rpartition("/")[2]
        if match.pointer in ("/full_name", "/address/city", "/address/postcode"):
            spans.setdefault(field, []).extend(match.spans)
        else:
            by.append(
                _BY.get(field if field in _BY else match.pointer.split("/")[1] if match.pointer else "", "record")
            )
    address = shown.get("address") or {}
    return {
        **shown,
        "name": marked(shown.get("full_name") or "", spans.get("full_name", ())),
        "city": marked(address.get("city") or "", spans.get("city", ())),
        "postcode": marked(address.get("postcode") or "", spans.get("postcode", ())),
        "by": list(dict.fromkeys(by)),
    }


def marked(text: str, spans: Sequence[tuple[int, int]]) -> Markup:
    """``text`` escaped, with the letters of ``spans`` (first, one after the last) in ``<mark>``."""
    inside = {place for first, end in spans for place in range(first, end)}
    parts: list[Markup] = []
    open_now = False
    for place, letter in enumerate(text):
        if (place in inside) != open_now:
            parts.append(Markup("</mark>") if open_now else Markup("<mark>"))
            open_now = not open_now
        parts.append(escape(letter))
    if open_now:
        parts.append(Markup("</mark>"))
    return Markup("").join(parts)
