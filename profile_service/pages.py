"""One page of a list, and the cursor that leads to the next: where the page ended, so that nothing comes twice."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from profile_service.errors import Refused

Key = tuple[str | int | float | None, ...]
_LONGEST = 2000


@dataclass(frozen=True)
class Page:
    """Some items of a list; ``next_cursor`` is None on the last page."""

    items: Sequence[Mapping[str, Any]]
    next_cursor: str | None

    def as_document(self) -> dict[str, Any]:
        """The page as lists are answered."""
        return {
            "data": list(self.items),
            "page": {"next_cursor": self.next_cursor, "has_more": self.next_cursor is not None},
        }


def cursor_after(key: Key) -> str:
    """The cursor of a page that ended with the item of ``key``."""
    return base64.urlsafe_b64encode(orjson.dumps(key)).decode().rstrip("=")


def key_after(cursor: str | None, *kinds: type | tuple[type, ...]) -> list[Any] | None:
    """The key in a cursor, or None without one; Refused for one that this service did not make for such a list.

    ``kinds``: what each part of the key is.
    """
    if cursor is None:
        return None
    try:
        padded = cursor[:_LONGEST].encode("ascii") + b"=" * (-len(cursor) % 4)
        key = orjson.loads(base64.b64decode(padded, altchars=b"-_", validate=True))
        if len(key) == len(kinds) and all(isinstance(part, kind) for part, kind in zip(key, kinds, strict=True)):
            return list(key)
    except (ValueError, TypeError, binascii.Error):
        pass
    raise Refused("bad-request", "this cursor is none of this list: ask for the first page without one")
