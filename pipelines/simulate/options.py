"""What may be asked of the simulator, and the documented rate of each trouble."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zlib import crc32

import numpy as np

from profile_service.errors import WrongUsage

TROUBLES = Path(__file__).with_name("troubles.toml")
CHANNELS = ("store", "web", "mobile", "call_center")
_NOISE_TABLES = ("names", "dates", "emails", "phones", "addresses", "junk", "blanks")
_LARGEST_RATE = 0.95
_MOST_NOISE = 20.0


@dataclass(frozen=True)
class SimulationOptions:
    """What to invent.

    ``records``: customer records over all channels; ``seed``: the same seed gives the same bytes; ``events``: events
    over all channels, by default as many as records; ``noise``: ``clean``, ``usual`` or ``dirty``; ``broken``: rows a
    feed that break its contract, on purpose and beyond ``records``; ``troubles``: a TOML with the rates that shall be
    others than those of ``troubles.toml``.
    """

    records: int
    seed: int = 1
    events: int | None = None
    noise: str = "usual"
    broken: int = 0
    troubles: Path | None = None

    def __post_init__(self) -> None:
        """Refuse sizes that mean nothing; raises WrongUsage."""
        if self.records < 1:
            raise WrongUsage("records must be at least 1")
        if self.seed < 0 or self.broken < 0 or (self.events or 0) < 0:
            raise WrongUsage("seed, events and broken must not be negative")


class Troubles:
    """The rates of the TOML, by dotted name, the noisy ones already multiplied."""

    def __init__(self, tables: Mapping[str, Any], noise: str) -> None:
        """Take the parsed TOML and a noise profile; raises WrongUsage for a profile the TOML does not name."""
        profiles = tables["noise"]
        if noise not in profiles:
            raise WrongUsage(f"noise {noise!r} is unknown: choose one of {', '.join(profiles)}")
        self._tables = tables
        self._factor = float(profiles[noise])

    def rate(self, name: str) -> float:
        """The share that ``table.name`` (or ``channels.web.email``) asks for, after the noise profile."""
        table, _, rest = name.partition(".")
        value: Any = self._tables[table]
        for part in rest.split("."):
            value = value[part]
        if table in _NOISE_TABLES:
            return min(_LARGEST_RATE, float(value) * self._factor)
        return float(value)

    def shares(self, name: str) -> list[float]:
        """A list of shares that sum to one."""
        table, _, key = name.partition(".")
        values = [float(share) for share in self._tables[table][key]]
        return [share / sum(values) for share in values]


def load_troubles(options: SimulationOptions) -> Troubles:
    """The documented rates, with those of the asked file in their place.

    Raises WrongUsage when it cannot be read, names a trouble that there is not, or lacks the noise profile.
    """
    tables = tomllib.loads(TROUBLES.read_text(encoding="utf-8"))
    if options.troubles is not None:
        try:
            asked = tomllib.loads(options.troubles.read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
            raise WrongUsage(f"the troubles file {options.troubles} cannot be read: {error}") from error
        _put_in_place(tables, asked, options.troubles)
    return Troubles(tables, options.noise)


def _put_in_place(tables: dict[str, Any], asked: Mapping[str, Any], path: Path, within: str = "") -> None:
    """Replace rates by those asked for, table by table."""
    for name, value in asked.items():
        known = tables.get(name)
        place = f"{within}{name}"
        if known is None and within != "noise.":
            raise WrongUsage(f"{path}: there is no trouble {place}; `profiles simulate --list-troubles` shows them all")
        if isinstance(known, dict) and isinstance(value, dict):
            _put_in_place(known, value, path, f"{place}.")
        elif _fits(known, value, most=_MOST_NOISE if within == "noise." else 1.0):
            tables[name] = value
        else:
            wanted = f"{len(known)} shares" if isinstance(known, list) else "a table" if isinstance(known, dict) else ""
            raise WrongUsage(f"{path}: {place} must be {wanted or 'a number from 0 to 1'}")


def _fits(known: Any, value: Any, most: float) -> bool:
    """Whether a rate, or a list of as many shares, can stand where ``known`` does."""
    if isinstance(known, list):
        return isinstance(value, list) and len(value) == len(known) and all(map(_share, value)) and sum(value) > 0
    return not isinstance(known, dict) and _share(value, most)


def _share(value: Any, most: float = 1.0) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= most


class Dice:
    """Random numbers by purpose: changing one trouble's rate does not change whom the others strike."""

    def __init__(self, seed: int) -> None:
        """Start from a seed."""
        self._seed = seed

    def of(self, purpose: str) -> np.random.Generator:
        """A generator of its own for one purpose; the same seed and purpose give the same numbers."""
        return np.random.default_rng([self._seed, crc32(purpose.encode())])

    def hits(self, purpose: str, count: int, rate: float | np.ndarray[Any, Any]) -> np.ndarray[Any, np.dtype[np.bool_]]:
        """``count`` yes-or-no draws, each yes with probability ``rate`` (one, or one each)."""
        return self.of(purpose).random(count) < rate
