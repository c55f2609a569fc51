"""What a benchmark prints: rows of a figure, ours and what it is held against."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table

Rows = list[tuple[str, str, str]]


def show(title: str, beside: str, rows: Rows) -> None:
    """One table on standard output."""
    table = Table(title=title, title_justify="left", box=None, pad_edge=False, header_style="dim")
    for column in ("", "ours", beside):
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*row)
    console = Console(width=120)
    console.print(table)
    console.print()
