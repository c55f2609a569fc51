"""Shared values as a table: who holds them, what is allowed, and what a steward ruled."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from rich.table import Table

from pipelines.terminal import plain


def drawn_values(items: Iterable[Mapping[str, Any]]) -> Table:
    """A row for each of ``profile_service.rulings.shared_values``; long values are folded, none is cut."""
    table = Table(box=None, pad_edge=False)
    for name in ("field", "value", "records", "families", "allowed", "now", "since", "ruling"):
        numbered = name in ("records", "families", "allowed")
        table.add_column(name, overflow="fold", justify="right" if numbered else "left")
    for item in items:
        ruling = item["ruling"]
        said = ""
        if ruling:
            waits = ", waits for the next run" if ruling["waits"] else ""
            said = f"{ruling['verdict']} by {ruling['by']}{waits} ({ruling['ruling_id']})"
        numbers = (item[name] for name in ("holders", "distinct_family_names", "allowed"))
        table.add_row(
            *map(plain, (item["field"], item["value"])),
            *("" if number is None else f"{number:,}" for number in numbers),
            "held back" if item["generic"] else "counts",
            (item["since"] or "")[:10],
            plain(said),
        )
    return table
