"""Slips of the hand and the ear, each a small function on one text."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np

from pipelines.simulate.names import Strings, read_rows, without_accents

Slip = Callable[[str, np.random.Generator], str]
Pairs = tuple[tuple[str, str], ...]


@cache
def _confusions(kind: str) -> Pairs:
    """What is mistaken for what: ``neighbour`` keys, letters that ``look`` and spellings that ``sound`` alike."""
    return tuple((row["written"], row["mistaken_for"]) for row in read_rows("confusions") if row["kind"] == kind)


@cache
def _neighbours(letter: str) -> str:
    """The keys beside a letter; ``e`` for those without."""
    return "".join(new for old, new in _confusions("neighbour") if old == letter) or "e"


def typo(text: str, rng: np.random.Generator) -> str:
    """One letter inserted, deleted, replaced by its neighbour or swapped, or two that look alike mistaken."""
    if len(text) < 3:
        return text
    kind, place = int(rng.integers(5)), int(rng.integers(1, len(text)))
    letter = text[place]
    near = _neighbours(letter.lower())
    other = near[int(rng.integers(len(near)))]
    if kind == 0:
        return text[:place] + text[place + 1 :]
    if kind == 1:
        return text[:place] + other + text[place:]
    if kind == 2:
        return text[: place - 1] + letter + text[place - 1] + text[place + 1 :]
    if kind == 3:
        return mistaken(text, _confusions("look"), rng) or text[:place] + other + text[place + 1 :]
    return text[:place] + other + text[place + 1 :]


def by_ear(text: str, rng: np.random.Generator) -> str:
    """One or two sounds written another way: Philips as Filips."""
    first = mistaken(text, _confusions("sound"), rng) or text
    return (mistaken(first, _confusions("sound"), rng) or first) if rng.random() < 0.3 else first


def mistaken(text: str, pairs: Pairs, rng: np.random.Generator) -> str | None:
    """``text`` with one of the pairs that occur in it exchanged, keeping a capital; None if none occurs."""
    lower = text.lower()
    found = [(old, new) for old, new in pairs if old in lower]
    if not found:
        return None
    old, new = found[int(rng.integers(len(found)))]
    place = lower.find(old)
    new = new.capitalize() if text[place].isupper() else new
    return text[:place] + new + text[place + len(old) :]


def wrong_digit(text: str, rng: np.random.Generator) -> str:
    """One digit wrong, or two neighbouring digits swapped."""
    places = [place for place, letter in enumerate(text) if letter.isdigit()]
    if len(places) < 2:
        return text
    place = int(rng.integers(1, len(places)))
    at, before = places[place], places[place - 1]
    if rng.random() < 0.4 and at == before + 1 and text[at] != text[before]:
        return text[:before] + text[at] + text[before] + text[at + 1 :]
    return text[:at] + str((int(text[at]) + int(rng.integers(1, 10))) % 10) + text[at + 1 :]


def day_and_month_swapped(text: str, rng: np.random.Generator) -> str:
    """1980-03-09 as 1980-09-03; a day beyond 12 stays as it is."""
    year, month, day = text.split("-")
    return f"{year}-{day}-{month}" if int(day) <= 12 else text


def wrong_date_digit(text: str, rng: np.random.Generator) -> str:
    """One digit of year, month or day wrong, and still a date."""
    year, month, day = text.split("-")
    choice = rng.random()
    if choice < 0.4:
        # another year may lack the 29th of February
        day = "28" if (month, day) == ("02", "29") else day
        return f"{int(year) + int(rng.choice([-10, -2, -1, 1, 2, 10]))}-{month}-{day}"
    if choice < 0.6:
        return f"{year}-{int(rng.integers(1, 13)):02d}-{min(int(day), 28):02d}"
    return f"{year}-{month}-{int(rng.integers(1, 29)):02d}"


def dots_moved(text: str, rng: np.random.Generator) -> str:
    """The dots before the @ of an e-mail address taken away, or one put in."""
    local, at, domain = text.partition("@")
    if "." in local:
        return local.replace(".", "") + at + domain
    place = int(rng.integers(1, len(local))) if len(local) > 1 else 0
    return (local[:place] + "." + local[place:] if place else local) + at + domain


def local_typo(text: str, rng: np.random.Generator) -> str:
    """A typo before the @."""
    local, at, domain = text.partition("@")
    return typo(local, rng) + at + domain


def domain_typo(text: str, rng: np.random.Generator) -> str:
    """A typo in the name of the provider, or another ending."""
    local, _, domain = text.partition("@")
    known = {"gmail.com": ("gmial.com", "gmail.co", "gmal.com"), "hotmail.com": ("hotmial.com", "hotmai.com")}
    options = known.get(domain, (domain.replace(".com", ".con"), domain.replace(".", "")))
    return f"{local}@{options[int(rng.integers(len(options)))]}"


def plus_tag(text: str, rng: np.random.Generator) -> str:
    """A tag that the provider ignores."""
    local, at, domain = text.partition("@")
    tags = ("shop", "store", "news", "offers", "retail", "spam", "orders")
    return f"{local}+{tags[int(rng.integers(len(tags)))]}{at}{domain}"


def accents_dropped(text: str, rng: np.random.Generator) -> str:
    """García as Garcia; Müller as Mueller or Muller."""
    if rng.random() < 0.5:
        for letter, pair in (("ä", "ae"), ("ö", "oe"), ("ü", "ue"), ("Ä", "Ae"), ("Ö", "Oe"), ("Ü", "Ue")):
            text = text.replace(letter, pair)
    return without_accents(text)


def titled(*titles: str) -> Slip:
    """A title before the name."""
    return lambda text, rng: f"{titles[int(rng.integers(len(titles)))]} {text}"


def one_of(options: tuple[str, ...]) -> Slip:
    """Whatever was written becomes one of ``options``, the first twice as often as the second, and so on."""
    falling = 1 / np.arange(1, len(options) + 1)
    chance = np.cumsum(falling / falling.sum())[:-1]
    return lambda text, rng: options[int(np.searchsorted(chance, rng.random(), side="right"))]


def apply(slip: Slip, values: Strings, hit: np.ndarray[Any, np.dtype[np.bool_]], rng: np.random.Generator) -> None:
    """Let ``slip`` happen, in place, to the values that are hit and not empty."""
    for row in np.flatnonzero(hit & (values != "")).tolist():
        values[row] = slip(values[row], rng)
