"""Values on a terminal stand there as they are: none is read as markup, as an emoji's name or as a control sequence."""

from __future__ import annotations

from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from rich.console import Console


def terminal(stream: TextIO | None = None) -> Console:
    """A console on ``stream``, by default standard output."""
    from rich.console import Console

    return Console(file=stream, emoji=False)


def printable(text: str) -> str:
    """``text`` with a dot for each character that shows nothing or does something: controls, marks of direction."""
    return "".join(character if character.isprintable() else "·" for character in text)


def plain(text: object) -> str:
    """``text`` to be put into a line with markup of our own."""
    from rich.markup import escape

    return escape(printable(str(text)))
