"""Where people live: postcode, city and region that belong together, and addresses in long and short form."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from pipelines.simulate.names import Strings, common_family_pool, read_rows

Integers = np.ndarray[Any, np.dtype[np.int64]]
HOME = "US"
_TYPES = {  # long form, short form, weight
    "Street": ("St", 30),
    "Avenue": ("Ave", 22),
    "Road": ("Rd", 12),
    "Drive": ("Dr", 12),
    "Lane": ("Ln", 7),
    "Boulevard": ("Blvd", 4),
    "Court": ("Ct", 4),
    "Place": ("Pl", 3),
    "Circle": ("Cir", 2),
    "Terrace": ("Ter", 2),
    "Parkway": ("Pkwy", 1),
    "Way": ("Wy", 1),
}
_DIRECTIONS = (("North ", "N "), ("South ", "S "), ("East ", "E "), ("West ", "W "))
_STREETS_A_POSTCODE = 24
_UNITS_LETTERS = "ABCDEFGH"
_LETTERS = "ABCDEFGHJKLMNPQRSTUVWXYZ"
COUNTRY_FORMS = {
    "US": ("US", "USA", "United States"),
    "GB": ("GB", "UK", "United Kingdom"),
    "CA": ("CA", "Canada", "CANADA"),
    "DE": ("DE", "Germany", "Deutschland"),
    "FR": ("FR", "France", "FRANCE"),
    "ES": ("ES", "Spain", "España"),
}
COUNTRIES_ABROAD = (("GB", 0.35), ("CA", 0.25), ("DE", 0.15), ("FR", 0.13), ("ES", 0.12))


@dataclass(frozen=True)
class Addresses:
    """One row an address, all text; ``long`` and ``short`` are the street lines, ``unit`` the flat or empty."""

    number: Strings
    long: Strings
    short: Strings
    unit: Strings
    city: Strings
    region: Strings
    region_in_full: Strings
    postcode: Strings
    country: Strings
    dial_code: Strings


@dataclass(frozen=True)
class _Postcodes:
    """Every postcode of one country with its city, and the chance to live there."""

    postcode: Strings
    city: Strings
    region: Strings
    dial_codes: list[list[str]]
    chance: np.ndarray[Any, np.dtype[np.float64]]


@cache
def _postcodes(country: str) -> _Postcodes:
    rng = np.random.default_rng(7)
    rows: list[tuple[str, str, str, list[str], float]] = []
    for city in (row for row in read_rows("cities") if row["country"] == country):
        areas, weight = city["postcode_areas"].split(), float(city["weight"])
        count = max(4, int(weight * 2.2 / len(areas)))
        for area in areas:
            for code in _codes(country, area, count, rng):
                share = weight / len(areas) / count * rng.uniform(0.3, 1.7)
                rows.append((code, city["city"], city["region"], city["dial_codes"].split(), share))
    chance = np.asarray([row[4] for row in rows])
    columns = [np.asarray([row[place] for row in rows], dtype=object) for place in range(3)]
    return _Postcodes(columns[0], columns[1], columns[2], [row[3] for row in rows], chance / chance.sum())


def _codes(country: str, area: str, count: int, rng: np.random.Generator) -> list[str]:
    """Distinct postcodes of one area."""
    if country == "GB":
        return [
            f"{area}{rng.integers(1, 20)} {rng.integers(1, 10)}{''.join(rng.choice(list(_LETTERS), 2))}"
            for _ in range(count * 12)
        ]
    if country == "CA":
        return [
            f"{area}{rng.choice(list(_LETTERS))} {rng.integers(1, 10)}{rng.choice(list(_LETTERS))}{rng.integers(1, 10)}"
            for _ in range(count * 12)
        ]
    return [f"{area}{number:02d}" for number in rng.permutation(100)[: min(count, 99)]]


def invent_addresses(countries: Strings, rng: np.random.Generator) -> Addresses:
    """An address for each entry of ``countries`` (ISO codes, shape (n,)); flats share a house with others."""
    count = len(countries)
    parts = {name: np.full(count, "", dtype=object) for name in Addresses.__dataclass_fields__}
    parts["country"] = countries
    in_full = {row["region"]: row["in_full"] for row in read_rows("regions")}
    for country in sorted(set(countries.tolist())):
        rows = np.flatnonzero(countries == country)
        codes = _postcodes(country)
        picked = rng.choice(len(codes.chance), len(rows), p=codes.chance)
        parts["postcode"][rows] = codes.postcode[picked]
        parts["city"][rows] = codes.city[picked]
        parts["region"][rows] = codes.region[picked]
        parts["region_in_full"][rows] = [in_full.get(region, region) for region in codes.region[picked]]
        spin = rng.integers(0, 1 << 30, len(rows))
        parts["dial_code"][rows] = [
            codes.dial_codes[code][turn % len(codes.dial_codes[code])] for code, turn in zip(picked, spin, strict=True)
        ]
        long, short = _street_lines(country)
        street = _street_of(picked, rng.integers(0, _STREETS_A_POSTCODE, len(rows)), len(long))
        parts["long"][rows] = long[street]
        parts["short"][rows] = short[street]
        parts["number"][rows] = _numbers(country, rng, len(rows))
        flats = rows[rng.random(len(rows)) < (0.28 if country in ("US", "CA", "GB") else 0.0)]
        floors, doors = rng.integers(1, 13, len(flats)), rng.integers(0, len(_UNITS_LETTERS), len(flats))
        parts["unit"][flats] = [f"Apt {floor}{_UNITS_LETTERS[door]}" for floor, door in zip(floors, doors, strict=True)]
    return Addresses(**parts)


def _street_of(postcode: Integers, which: Integers, streets: int) -> Integers:
    """The ``which``-th street of a postcode: a fixed hash, so that a postcode keeps its streets."""
    mixed = (postcode * _STREETS_A_POSTCODE + which) * 2654435761 % (1 << 32)
    return np.asarray((mixed >> 7) % streets, dtype=np.int64)


def _numbers(country: str, rng: np.random.Generator, count: int) -> list[str]:
    if country != "US":
        return [str(number) for number in rng.integers(1, 180, count)]
    blocks, houses = rng.integers(1, 90, count), rng.integers(1, 60, count)
    return [str(block * 100 + house) for block, house in zip(blocks, houses, strict=True)]


_LINES_ABROAD = {  # culture of the stems, then long and short forms
    "DE": ("german", (("{0}straße #", "{0}str. #"), ("{0}weg #", "{0}weg #"))),
    "FR": ("french", (("# Rue {0}", "# R. {0}"), ("# Avenue {0}", "# Av. {0}"))),
    "ES": ("hispanic", (("Calle {0} #", "C/ {0} #"), ("Avenida {0} #", "Avda. {0} #"))),
}


@cache
def _street_lines(country: str) -> tuple[Strings, Strings]:
    """Long and short forms of every street name of a country; ``#`` stands where the number goes."""
    if country in _LINES_ABROAD:
        culture, forms = _LINES_ABROAD[country]
        stems = [str(name) for name in common_family_pool(culture).values]
        pairs = [(long.format(stem), short.format(stem)) for long, short in forms for stem in stems]
    else:
        pairs = _english_lines()
    return np.asarray([pair[0] for pair in pairs], dtype=object), np.asarray([pair[1] for pair in pairs], dtype=object)


def _english_lines() -> list[tuple[str, str]]:
    rng = np.random.default_rng(11)
    stems = [row["name"] for row in read_rows("streets")]
    kinds, weights = list(_TYPES), np.asarray([weight for _, weight in _TYPES.values()], dtype=np.float64)
    pairs = []
    for stem in stems:
        for kind in rng.choice(kinds, 9, p=weights / weights.sum()):
            long, short = _DIRECTIONS[rng.integers(4)] if rng.random() < 0.15 else ("", "")
            pairs.append((f"# {long}{stem} {kind}", f"# {short}{stem} {_TYPES[kind][0]}"))
    for ordinal in (*range(1, 60),):
        suffix = "th" if 10 <= ordinal % 100 <= 20 else {1: "st", 2: "nd", 3: "rd"}.get(ordinal % 10, "th")
        pairs.append((f"# {ordinal}{suffix} Street", f"# {ordinal}{suffix} St"))
    return pairs
