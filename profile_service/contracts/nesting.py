"""How deep objects and arrays may stand in each other in what channels say beyond the contract."""

from __future__ import annotations

import re

MOST_NESTED = 32  # answers that tell of them have a limit of their own
_BRACKETS = re.compile(r"[{}\[\]]")
_WORDS = re.compile(r'"(?:[^"\\]|\\.)*"')


def nested_deeper(text: str, most: int) -> bool:
    """Whether objects and arrays in JSON text stand in each other more than ``most`` deep."""
    depth = 0
    for bracket in _BRACKETS.findall(_WORDS.sub("", text)):
        depth += 1 if bracket in "{[" else -1
        if depth > most:
            return True
    return False
