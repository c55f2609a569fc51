"""What a customer is worth, in words: the segments they are in, and the traits that are told beside these."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from profile_service.console.guard import Desk
from profile_service.console.words import channel_name
from profile_service.written import money


def value_of(at: Desk, profile: Mapping[str, Any]) -> dict[str, Any]:
    """``line``: all in one sentence; ``segments``: in words, with why; ``more``: the other traits that have words.

    As the last run computed them: what was written since shows in the timeline, and here after the next run.
    """
    traits: Mapping[str, Any] = profile.get("traits") or {}
    segments: list[tuple[str, str]] = []
    told: dict[int, str] = {}
    more: list[str] = []
    if not traits:
        return {"line": "", "segments": segments, "more": more, "as_of": at.state.generation.as_of}
    for kind, name, words, of_one, place, currency, why in at.state.generation.trait_definitions:
        if kind == "segment":
            if name in (profile.get("segments") or ()):
                segments.append((words, why))
        elif words and (value := traits.get(name)) not in (None, 0, []):
            single = len(value) == 1 if isinstance(value, list) else value == 1
            said = (of_one if single else words).format(_shown(value, currency))
            if place is None:
                more.append(said)
            else:
                told[place] = said
    line = ", ".join([*(words for words, _ in segments), *(told[place] for place in sorted(told))])
    return {"line": line, "segments": segments, "more": more, "as_of": at.state.generation.as_of}


def _shown(value: Any, currency: str | None) -> str:
    """A trait's value for people: amounts with their currency, shares in percent, moments as days."""
    if currency:
        return money(value, currency)
    if isinstance(value, list):
        return " and ".join(channel_name(each) for each in value)
    if isinstance(value, float):
        return f"{value:.0%}"
    text = str(value)
    if len(text) >= 20 and text.endswith("Z") and text[10] == "T":
        # a day is not to be parted at the end of a line
        return text[:10].replace("-", "\N{NON-BREAKING HYPHEN}")
    return f"{value:,}" if isinstance(value, int) else channel_name(text)
