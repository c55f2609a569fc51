"""Retailers whose troubles the model was not tuned on: what each differs in, as a TOML for ``profiles simulate``."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from pipelines.simulate.options import TROUBLES

# which of the noise factors of troubles.toml; the others differ in what stands beside them
PROFILES: Mapping[str, Mapping[str, Any]] = {
    "clean": {},
    "usual": {},
    "dirty": {},
    # two and a half times every slip: one record in four with a nickname, one in twelve with a typing slip in each name
    "very dirty": {"noise": {"very dirty": 2.5}},
    # four in ten live with others whom the retailer knows, and share more
    "families": {
        "households": {
            "single": 0.60, "couple": 0.17, "family": 0.13, "lone_parent": 0.05, "flat_mates": 0.05, "landline": 0.5,
            "joint_email": 0.3, "joint_card": 0.3,
        },
        "contacts": {"partner_phone_given": 0.06, "partner_email_given": 0.06},
    },
    # two thirds of what usual forms ask for
    "sparse": {
        "channels": {
            "store": {"email": 0.29, "phone": 0.36, "birth_date": 0.30, "address": 0.35, "loyalty_id": 0.37},
            "web": {"phone": 0.28, "birth_date": 0.27, "address": 0.41},
            "mobile": {"email": 0.60, "phone": 0.44, "birth_date": 0.35, "loyalty_id": 0.30},
            "call_center": {"phone": 0.70, "birth_date": 0.30, "address": 0.39},
        }
    },
    # people who move, marry, change numbers and addresses twice as often
    "restless": {
        "life": {
            "moved": 0.48, "new_number": 0.44, "recycled_number": 0.04, "married": 0.44, "second_email": 0.7,
            "other_email": 0.5, "second_card": 0.2,
        }
    },
    # every slip's rate drawn anew, see ``drawn_anew``
    "otherwise": {},
    # an id in ten is that of a stranger
    "lying ids": {"identifiers": {"lying": 0.10}},
}  # fmt: skip
_NAMED = ("clean", "usual", "dirty", "very dirty")
_DRAWN = ("names", "dates", "emails", "phones", "addresses", "junk", "blanks")


def factor(profile: str) -> str:
    """The name of the noise factor that a profile takes."""
    return profile if profile in _NAMED else "usual"


def troubles(profile: str, seed: int) -> Mapping[str, Any]:
    """The rates of a profile that are others than usual."""
    return drawn_anew(seed) if profile == "otherwise" else PROFILES[profile]


def drawn_anew(seed: int) -> Mapping[str, Any]:
    """Every slip's rate times a number of its own, a third to three times (two standard deviations)."""
    usual = tomllib.loads(TROUBLES.read_text(encoding="utf-8"))
    draw = np.random.default_rng(seed)
    return {
        table: {
            name: round(min(0.9, rate * float(np.exp(draw.normal(0.0, 0.55)))), 4)
            for name, rate in usual[table].items()
        }
        for table in _DRAWN
    }


def write_troubles(profile: str, seed: int, path: Path) -> Path:
    """Write a profile's troubles as TOML."""
    path.write_text("".join(_lines(troubles(profile, seed), ())), encoding="utf-8")
    return path


def _lines(table: Mapping[str, Any], above: tuple[str, ...]) -> list[str]:
    plain = {name: value for name, value in table.items() if not isinstance(value, Mapping)}
    lines = [f"[{'.'.join(above)}]\n"] if plain else []
    lines += [f'"{name}" = {value}\n' for name, value in plain.items()]
    for name, value in table.items():
        if isinstance(value, Mapping):
            lines += _lines(value, (*above, name))
    return lines
