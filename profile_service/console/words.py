"""How values are written on pages: masked ones, channels, money, odds, and bits as bars."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup

from profile_service.console.pages import console
from profile_service.store.schema import RECORD_FIELDS
from profile_service.written import money, with_code

_CHANNELS = {"store": "Store", "web": "Web", "mobile": "App", "call_center": "Call center"}
_IN = {"store": "in the store", "web": "on the web", "mobile": "in the app", "call_center": "by telephone"}
_MOST_BITS = 20.0  # a bar is as long as this at most: more changes nobody's mind
_HALF = 80  # a bar's half, in units of its picture


@console.app_template_global("show")
def shown(value: Any) -> str | Markup:
    """A value as it may be seen: of a masked one its hint, told to be veiled."""
    if isinstance(value, Mapping) and value.get("masked"):
        hint = value.get("hint")
        return Markup('<span class="veiled" title="veiled until the caller is verified">{}</span>').format(
            hint or "•••"
        )
    return "" if value is None else str(value)


@console.app_template_filter("channel_name")
def channel_name(channel: str | None) -> str:
    """What people call a channel."""
    return _CHANNELS.get(channel or "", (channel or "?").replace("_", " ").capitalize())


@console.app_template_filter("in_channel")
def in_channel(channel: str | None) -> str:
    """Where something happened, to end a sentence with."""
    return _IN.get(channel or "", f"in {(channel or 'an unknown channel').replace('_', ' ')}")


@console.app_template_filter("sentence")
def sentence(text: str) -> str:
    """A text that begins a sentence; nothing else of it changes."""
    return text[:1].upper() + text[1:]


console.app_template_filter("money")(money)
console.app_template_filter("with_code")(with_code)


@console.app_template_filter("odds")
def odds(probability: float) -> str:
    """A probability as people say it: in so many of so many cases."""
    if probability >= 0.9995:
        return "as good as certainly one person"
    if probability <= 0.0005:
        return "as good as certainly two people"
    if probability >= 0.5:
        return f"one person in {_most_of(probability)} of such cases"
    return f"two people in {_most_of(1 - probability)} of such cases"


def _most_of(share: float) -> str:
    """A share in percent that is never told as all, for some are left."""
    return f"{share:.0%}" if share < 0.995 else "over 99%"


@console.app_template_filter("bit_bar")
def bit_bar(bits: float, before: float = 0.0) -> Markup:
    """What a comparison adds to the bits ``before`` it, as a step of a waterfall; the number stands beside it.

    The line in the middle is even odds: right of it one person is likelier, left of it two.
    """
    ends = sorted(_HALF + _HALF * max(-1.0, min(at / _MOST_BITS, 1.0)) for at in (before, before + bits))
    kind = "for" if bits >= 0 else "against"
    return Markup(
        '<svg viewBox="0 0 {} 10" width="{}" height="10" aria-hidden="true" class="bits-{}">'
        '<line x1="{}" y1="0" x2="{}" y2="10"/><rect x="{}" y="2" width="{}" height="6" rx="1"/></svg>'
    ).format(2 * _HALF, 2 * _HALF, kind, _HALF, _HALF, round(ends[0], 1), max(round(ends[1] - ends[0], 1), 0.5))


@console.app_template_filter("interval_bar")
def interval_bar(band: Any) -> Markup:
    """An interval of a share as a bar from nothing to all, with a mark where the share itself is."""
    low, high = round(band.low * 100, 1), round(band.high * 100, 1)
    return Markup(
        '<svg viewBox="0 0 100 10" width="100" height="10" aria-hidden="true" class="interval">'
        '<rect x="0" y="4" width="100" height="2"/><rect x="{}" y="1" width="{}" height="8" rx="2" class="range"/>'
        '<line x1="{}" y1="0" x2="{}" y2="10"/></svg>'
    ).format(low, max(high - low, 1), round(band.same / band.judged * 100, 1), round(band.same / band.judged * 100, 1))


@console.app_template_filter("share_bar")
def share_bar(share: float) -> Markup:
    """A share of the whole as a bar. The number stands beside it."""
    return Markup(
        '<svg viewBox="0 0 100 10" width="100" height="10" aria-hidden="true" class="share">'
        '<rect x="0" y="1" width="100" height="8" rx="2"/>'
        '<rect x="0" y="1" width="{}" height="8" rx="2" class="part"/></svg>'
    ).format(round(min(max(share, 0.0), 1.0) * 100, 1))


@console.app_template_filter("stage_bar")
def stage_bar(stages: Sequence[tuple[str, float]], longest: float) -> Markup:
    """A run's stages one after the other, as long as they took; ``longest``: seconds of the longest run shown."""
    parts: list[Markup] = []
    start = 0.0
    for place, (name, seconds) in enumerate(stages):
        width = seconds / longest * 200
        parts.append(
            Markup('<rect x="{}" y="1" width="{}" height="10" class="stage-{}"><title>{}: {} s</title></rect>').format(
                round(start, 2), round(width, 2), place % 6, name, f"{seconds:.1f}"
            )
        )
        start += width
    said = ", ".join(f"{name} {seconds:.1f} s" for name, seconds in stages)
    return Markup('<svg viewBox="0 0 200 12" width="200" height="12" role="img" aria-label="{}">{}</svg>').format(
        said, Markup("").join(parts)
    )


@console.app_template_filter("field_names")
def field_names(records: Sequence[Mapping[str, Any]]) -> list[str]:
    """The fields that any of some records has, in the contract's order."""
    held = {name for record in records for name, each in record["values"].items() if _said(each)}
    return [name for name in RECORD_FIELDS if name in held]


@console.app_template_filter("differs")
def differs(records: Sequence[Mapping[str, Any]], field: str, place: int) -> str:
    """Whether a record says something else than most, as a class: ``other``, or nothing; the missing say nothing."""
    said = [_compared(record["values"].get(field)) for record in records]
    here = said[place]
    known = [each for each in said if each is not None]
    if here is None or not known:
        return "missing" if here is None else ""
    usual = max(known, key=lambda each: (known.count(each), -known.index(each)))
    return "" if here == usual else "other"


def _said(value: Mapping[str, Any] | None) -> bool:
    return bool(value) and (value or {}).get("value") not in (None, "")


def _compared(value: Mapping[str, Any] | None) -> str | None:
    """What tells two values apart: as compared, else as sent; of a veiled one, its hint."""
    if value is None:
        return None
    found = value.get("compared") or value.get("value")
    if isinstance(found, Mapping):
        return str(found.get("hint"))
    return None if found in (None, "") else str(found).casefold()
