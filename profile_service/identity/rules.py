"""Which rules values are read with, as a short text that is another one when they are."""

from __future__ import annotations

import ast
import hashlib
from functools import cache
from importlib.metadata import version
from importlib.resources import files

# What decides on a standard value, apart from the model that records were resolved with.
RULES = (
    "mailbox.py",
    "nicknames.csv",
    "phones.py",
    "records.py",
    "spelling.py",
    "standardise.py",
    "values.py",
    "vocabulary.py",
    "vocabulary.toml",
)
LIBRARIES = ("anyascii", "jellyfish", "phonenumbers", "rapidfuzz")


@cache
def reading_rules() -> str:
    """Sixteen hex digits: of the rules as they are, comments and layout left out, and of the libraries they ask."""
    folder = files("profile_service.identity")
    told = [_told(name, (folder / name).read_text(encoding="utf-8")) for name in RULES]
    told += [f"{name} {version(name)}" for name in LIBRARIES]
    return hashlib.sha256("\n".join(told).encode()).hexdigest()[:16]


def _told(name: str, text: str) -> str:
    return ast.dump(ast.parse(text)) if name.endswith(".py") else text
