"""A customer drawn for a terminal: the order in which its records joined, and whom it nearly is."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from pipelines.explain_customer import CustomerExplanation, Near
from pipelines.terminal import plain, printable
from pipelines.waterfall import bar

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

_WIDEST = 110
_NAMED = 3


def print_customer(explanation: CustomerExplanation, console: Console) -> None:
    """Print how a customer came about, then whom it nearly is."""
    # wider than a narrow terminal rather than cut into pieces
    console.width = max(console.width, _WIDEST)
    count = len(explanation.records)
    whose = "" if explanation.asked == explanation.customer_id else f" (asked for as {plain(explanation.asked)})"
    console.print(
        f"[bold]{explanation.customer_id}[/]{whose}: {count} record{'s' if count > 1 else ''}",
        highlight=False,
        soft_wrap=True,
    )
    _print_waiting(explanation, console)
    console.print()
    if explanation.steps:
        console.print(
            "how its records joined, the surest first: the average over all pairs of both groups", style="dim"
        )
        console.print(_steps(explanation))
    else:
        console.print(f"one record alone: {plain(explanation.records[0])}", highlight=False)
    console.print()
    _print_nearest(explanation, console)


def print_nearest(explanation: CustomerExplanation, console: Console) -> None:
    """Print whom a customer nearly is, and what lacks."""
    console.width = max(console.width, _WIDEST)
    _print_waiting(explanation, console)
    _print_nearest(explanation, console)


def _print_waiting(explanation: CustomerExplanation, console: Console) -> None:
    for said in explanation.waiting:
        console.print(plain(said), highlight=False, soft_wrap=True)


def _print_nearest(explanation: CustomerExplanation, console: Console) -> None:
    if not explanation.nearest:
        console.print(
            # true also where only people were who are erased by now, of whom nothing may be told
            "nobody else who stands today was weighed against it: no record of theirs shares a blocking key; ask about "
            "two:",
            soft_wrap=True,
        )
        console.print(f"  profiles explain {plain(explanation.records[0])} CHANNEL:ID", highlight=False)
    for place, near in enumerate(explanation.nearest):
        console.print("the nearest other customer" if not place else "then", style="dim")
        for line in near_lines(near, explanation.stop_bits):
            console.print(line, highlight=False, soft_wrap=True)
    for said in (*explanation.unvouched, *explanation.refused):
        console.print(plain(said), highlight=False, soft_wrap=True)
    console.print(f"model {explanation.model_version}", style="dim", highlight=False)


def near_lines(near: Near, stop_bits: float) -> Iterator[str]:
    """Why two customers stayed two."""
    yield f"  [bold]{near.customer_id}[/] {plain(_named(near.records))}"
    average = f"{near.bits:+.1f} bits on average over {near.pairs} pair{'s' if near.pairs > 1 else ''}"
    if near.scored < near.pairs:
        average += f" ({near.pairs - near.scored} that no rule found count against)"
    if near.short_bits > 0:
        yield f"  {average}: {near.short_bits:.2g} bits short of the {stop_bits:+.1f} at which groups join"
    else:
        yield f"  {average}: enough to join ({stop_bits:+.1f})"
    if near.kept_apart_by == "cannot-link":
        yield "  a judgement keeps them apart"
    elif near.kept_apart_by == "channel":
        yield "  both hold a record of one channel that is declared free of duplicates"
    elif near.short_bits <= 0:
        yield "  each joined somebody nearer first, and together they fell short"
    strongest = near.strongest
    yield f"  strongest pair {plain(strongest.left)} ── {strongest.bits:+.1f} bits ── {plain(strongest.right)}"


def _steps(explanation: CustomerExplanation) -> Table:
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0), header_style="dim")
    table.add_column("step", justify="right")
    table.add_column("bits", justify="right", no_wrap=True)
    table.add_column("against ┃ for", justify="center", no_wrap=True)
    table.add_column("these", overflow="fold")
    table.add_column("and these", overflow="fold")
    table.add_column("strongest pair", justify="right", no_wrap=True)
    for step in explanation.steps:
        groups = (Text(printable(_named(group))) for group in (step.left, step.right))
        strongest = f"{step.strongest.bits:+.1f}" if step.strongest else ""
        if step.bits is None:
            table.add_row(str(step.step), "", "must-link", *groups, strongest)
        else:
            table.add_row(str(step.step), f"{step.bits:+.1f}", bar(step.bits), *groups, strongest)
    return table


def _named(records: Sequence[str]) -> str:
    more = f" and {len(records) - _NAMED} more" if len(records) > _NAMED else ""
    return ", ".join(records[:_NAMED]) + more
