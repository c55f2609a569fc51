"""Bodies of published profiles as they were shown before: a generation never changes, so neither do they."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache, partial
from typing import Any

import orjson

from profile_service.api.answers import tag_of
from profile_service.contracts.published import published_view
from profile_service.store.serving import ServingGeneration

# About two kilobytes each: whoever is looked at comes back within minutes, page by page, channel by channel.
MOST_KEPT = 16_384

Body = tuple[bytes, str]


class Rendered:
    """Keeps the bodies of one generation at a time, each as one view shows it; the least asked for make room."""

    def __init__(self) -> None:
        self._kept: tuple[ServingGeneration | None, Callable[..., Body | None]] = (None, lambda *_: None)

    def body(
        self, generation: ServingGeneration, customer_id: str, audience: str, mask: tuple[str, ...]
    ) -> Body | None:
        """The JSON of a published profile and its ETag; None when nobody of that id is published."""
        kept = self._kept
        if kept[0] is not generation:
            kept = self._kept = (generation, lru_cache(MOST_KEPT)(partial(_render, generation)))
        return kept[1](customer_id, audience, mask)


def _render(generation: ServingGeneration, customer_id: str, audience: str, mask: tuple[str, ...]) -> Body | None:
    table = generation.profile_table(customer_id)
    if table is None:
        return None
    shown = published_view(audience, frozenset(mask))(table, generation.as_of, generation.run_id)
    body = orjson.dumps(shown)
    return body, tag_of(body)


def dated(whole: dict[str, Any], generation: ServingGeneration) -> dict[str, Any]:
    """The profile with the generation that it is of; what was written since says so itself."""
    whole.setdefault("as_of", generation.as_of)
    whole.setdefault("snapshot_id", generation.run_id)
    return whole
