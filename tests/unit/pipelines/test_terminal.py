"""Values on a terminal: shown as they are, whatever they look like."""

from __future__ import annotations

import io

import pytest

from pipelines.terminal import plain, terminal

VALUES = [
    ("store:a:b", "store:a:b"),  # not the emoji of that name
    ("[bold red]x[/bold red]", "[bold red]x[/bold red]"),
    ("[/]", "[/]"),
    ("customers[1].csv", "customers[1].csv"),
    ("\x1b[31mred", "·[31mred"),
    ("\u202eevil\nnext line", "·evil·next line"),
    ("Zoë 日本 😀", "Zoë 日本 😀"),
]


@pytest.mark.parametrize(("value", "shown"), VALUES)
def test_a_value_is_shown_and_never_obeyed(value: str, shown: str) -> None:
    stream = io.StringIO()
    terminal(stream).print(f"[bold]{plain(value)}[/]", highlight=False, soft_wrap=True)
    assert stream.getvalue() == shown + "\n"
