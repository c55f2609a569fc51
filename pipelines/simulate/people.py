"""Who there is: households with partners, children, twins and juniors, by arrays of one entry a person."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np

from pipelines.simulate.names import CULTURES, Strings, common_family_pool, given_pool, rare_family_pool
from pipelines.simulate.options import Dice, Troubles
from pipelines.simulate.places import COUNTRIES_ABROAD, HOME, Integers

Booleans = np.ndarray[Any, np.dtype[np.bool_]]
SINGLE, COUPLE, FAMILY, LONE_PARENT, FLAT_MATES = range(5)
_KINDS = ("single", "couple", "family", "lone_parent", "flat_mates")
# English, hispanic, German, French, Asian names among the people of a country
_CULTURE_SHARES = {
    "US": (0.70, 0.16, 0.03, 0.02, 0.09),
    "GB": (0.86, 0.02, 0.01, 0.01, 0.10),
    "CA": (0.68, 0.02, 0.02, 0.17, 0.11),
    "DE": (0.03, 0.01, 0.90, 0.02, 0.04),
    "FR": (0.03, 0.03, 0.02, 0.88, 0.04),
    "ES": (0.03, 0.91, 0.02, 0.02, 0.02),
}
_YOUNGEST = date(2011, 12, 31).toordinal()


@dataclass(frozen=True)
class People:
    """One entry a person, all of shape (people,); ``born`` is a proleptic ordinal day; texts are empty, never None."""

    household: Integers
    kind: Integers
    sex: Strings
    culture: Strings
    given: Strings
    family: Strings
    maiden: Strings
    suffix: Strings
    born: Integers
    country: Strings
    mate: Integers  # index of somebody else in the household, or the person's own

    def __len__(self) -> int:
        """How many people."""
        return len(self.household)


def invent_people(count: int, troubles: Troubles, dice: Dice) -> People:
    """Exactly ``count`` people in households; the last household may lack members."""
    kinds, sizes = _households(count, troubles, dice)
    household = np.repeat(np.arange(len(sizes)), sizes)[:count]
    first = (np.cumsum(sizes) - sizes)[household]
    slot = np.arange(count) - first
    kind = kinds[household]
    country = _countries(len(sizes), troubles, dice)[household]
    related = kind != FLAT_MATES
    culture = _cultures(country, dice)
    culture = np.where(related, culture[first], culture)
    sex = _sexes(kind, slot, dice)
    family, maiden = _family_names(culture, sex, (kind, slot, first), troubles, dice)
    given = _given_names(culture, sex, dice.of("given"))
    given, suffix = _juniors(given, (kind, slot, sex, first), troubles, dice)
    born = _birth_days(kind, slot, first, dice)
    given, born = _twins(given, born, (kind, slot, sex, culture), troubles, dice)
    given = _no_namesakes_at_home(given, suffix, household, (culture, sex), dice)
    size = np.minimum(sizes[household], count - first)
    other = first + (slot + 1 + dice.of("mate").integers(0, 1 << 20, count) % np.maximum(size - 1, 1)) % size
    return People(household, kind, sex, culture, given, family, maiden, suffix, born, country, other)


def _households(count: int, troubles: Troubles, dice: Dice) -> tuple[Integers, Integers]:
    """Kind and size of enough households to hold ``count`` people."""
    rng = dice.of("households")
    shares = np.asarray([troubles.rate(f"households.{kind}") for kind in _KINDS])
    kinds = rng.choice(len(_KINDS), count, p=shares / shares.sum())
    children = rng.choice([1, 2, 3], count, p=[0.48, 0.39, 0.13])
    mates = rng.choice([2, 3, 4], count, p=[0.6, 0.28, 0.12])
    sizes = np.choose(kinds, [np.ones_like(children), np.full_like(children, 2), 2 + children, 1 + children, mates])
    needed = int(np.searchsorted(np.cumsum(sizes), count)) + 1
    return kinds[:needed], sizes[:needed]


def _countries(households: int, troubles: Troubles, dice: Dice) -> Strings:
    rng = dice.of("country")
    abroad = rng.random(households) < troubles.rate("people.abroad")
    names = np.asarray([name for name, _ in COUNTRIES_ABROAD], dtype=object)
    elsewhere = names[rng.choice(len(names), households, p=[share for _, share in COUNTRIES_ABROAD])]
    return np.asarray(np.where(abroad, elsewhere, HOME), dtype=object)


def _cultures(country: Strings, dice: Dice) -> Strings:
    draw = dice.of("culture").random(len(country))
    culture = np.full(len(country), "", dtype=object)
    names = np.asarray(CULTURES, dtype=object)
    for name, shares in _CULTURE_SHARES.items():
        rows = country == name
        culture[rows] = names[np.searchsorted(np.cumsum(shares)[:-1], draw[rows], side="right")]
    return culture


def _sexes(kind: Integers, slot: Integers, dice: Dice) -> Strings:
    rng = dice.of("sex")
    female = rng.random(len(kind)) < 0.51
    partnered = np.isin(kind, (COUPLE, FAMILY)) & (slot < 2)
    female = np.where(partnered, (slot == 1) ^ (rng.random(len(kind)) < 0.03), female)
    female = np.where((kind == LONE_PARENT) & (slot == 0), rng.random(len(kind)) < 0.8, female)
    return np.asarray(np.where(female, "f", "m"), dtype=object)


def _family_names(
    culture: Strings, sex: Strings, home: tuple[Integers, Integers, Integers], troubles: Troubles, dice: Dice
) -> tuple[Strings, Strings]:
    """Family name and, for women who took the partner's, the name before; ``home``: kind, slot and first of each."""
    kind, slot, first = home
    own = _draw_family(culture, troubles, dice)
    partner = np.isin(kind, (COUPLE, FAMILY)) & (slot == 1)
    takes = partner & dice.hits("partner name", len(own), troubles.rate("households.partner_same_name"))
    child = np.isin(kind, (FAMILY, LONE_PARENT)) & (slot > 0) & ~partner
    family = np.where(takes | child, own[first], own)
    maiden = np.where(takes & (sex == "f"), own, "")
    return family, maiden


def _draw_family(culture: Strings, troubles: Troubles, dice: Dice) -> Strings:
    rng = dice.of("family")
    rare = rng.random(len(culture)) < troubles.rate("people.rare_family_name")
    names = np.full(len(culture), "", dtype=object)
    for name in CULTURES:
        for tail, pool in ((False, common_family_pool(name)), (True, rare_family_pool(name))):
            rows = np.flatnonzero((culture == name) & (rare == tail))
            names[rows] = pool.draw(rng, len(rows))
    return names


def _given_names(culture: Strings, sex: Strings, rng: np.random.Generator) -> Strings:
    names = np.full(len(culture), "", dtype=object)
    for name in CULTURES:
        for letter in ("m", "f"):
            rows = np.flatnonzero((culture == name) & (sex == letter))
            names[rows] = given_pool(name, letter).draw(rng, len(rows))
    return names


def _juniors(
    given: Strings, place: tuple[Integers, Integers, Strings, Integers], troubles: Troubles, dice: Dice
) -> tuple[Strings, Strings]:
    """First sons with their father's name."""
    kind, slot, sex, first = place
    junior = (kind == FAMILY) & (slot == 2) & (sex == "m") & (sex[first] == "m")
    # the rate is of first sons, so draw among them
    junior &= dice.hits("junior", len(given), troubles.rate("households.junior"))
    given = np.where(junior, given[first], given)
    return given, np.asarray(np.where(junior, "Jr", ""), dtype=object)


def _birth_days(kind: Integers, slot: Integers, first: Integers, dice: Dice) -> Integers:
    rng = dice.of("born")
    count = len(kind)
    head = date(1938, 1, 1).toordinal() + (rng.beta(2.2, 2.0, count) * 67 * 365.25).astype(np.int64)
    head = np.where(kind == FLAT_MATES, date(1984, 1, 1).toordinal() + rng.integers(0, 20 * 365, count), head)
    parent = np.isin(kind, (FAMILY, LONE_PARENT)) & (slot == 0)
    head = np.where(parent, date(1940, 1, 1).toordinal() + rng.integers(0, 45 * 365, count), head)
    partner = np.isin(kind, (COUPLE, FAMILY)) & (slot == 1)
    born = np.where(partner, head[first] + rng.normal(300, 1300, count).astype(np.int64), head)
    child = np.isin(kind, (FAMILY, LONE_PARENT)) & (slot > 0) & ~partner
    # brothers and sisters come at least a year apart; every slot has its own span of years after the first parent
    gap = (22 * 365 + slot * 1100 + rng.integers(0, 700, count)) + rng.integers(0, 5 * 365, count)[first]
    born = np.where(child, head[first] + gap, born)
    return np.asarray(np.minimum(born, _YOUNGEST - rng.integers(0, 900, count)), dtype=np.int64)


def _twins(
    given: Strings,
    born: Integers,
    place: tuple[Integers, Integers, Strings, Strings],
    troubles: Troubles,
    dice: Dice,
) -> tuple[Strings, Integers]:
    """Second children born with the first, some of them named alike."""
    kind, slot, sex, culture = place
    second = ((kind == FAMILY) & (slot == 3)) | ((kind == LONE_PARENT) & (slot == 2))
    twin = np.flatnonzero(second & dice.hits("twins", len(given), troubles.rate("households.twins")))
    born[twin] = born[twin - 1]
    alike = twin[dice.hits("twin names", len(twin), troubles.rate("households.twins_same_initial"))]
    rng = dice.of("twin initials")
    for row in alike.tolist():
        values = given_pool(culture[row], sex[row]).values
        options = [name for name in values if name[0] == given[row - 1][0] and name != given[row - 1]]
        if options:
            given[row] = options[rng.integers(len(options))]
    return given, born


def _no_namesakes_at_home(
    given: Strings, suffix: Strings, household: Integers, origin: tuple[Strings, Strings], dice: Dice
) -> Strings:
    """Only juniors share a given name with somebody of their household."""
    culture, sex = origin
    rng = dice.of("namesakes at home")
    _, codes = np.unique(given.astype(str), return_inverse=True)
    order = np.lexsort((codes, household))
    same = (household[order][1:] == household[order][:-1]) & (codes[order][1:] == codes[order][:-1])
    for left, right in zip(order[:-1][same].tolist(), order[1:][same].tolist(), strict=True):
        if suffix[left] or suffix[right]:
            continue
        taken = set(given[household == household[right]].tolist()) if len(given) < 5000 else {given[left]}
        options = [name for name in given_pool(culture[right], sex[right]).values if name not in taken]
        given[right] = options[rng.integers(min(len(options), 60))]
    return given
