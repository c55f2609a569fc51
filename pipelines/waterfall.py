"""An explanation drawn for a terminal: a bar of bits a comparison, both values beside it, and the sum below."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipelines.decided import BINDS
from pipelines.explain import SAID, SILENT, Explanation, Weighed
from pipelines.terminal import plain, printable

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

_QUIET = (SILENT, SAID)
_HALF = 6  # cells on either side of zero
_FULL_BITS = 16.0  # a bar this long fills its half
_WIDEST = 104  # room for an e-mail address on either side


def print_explanation(explanation: Explanation, console: Console) -> None:
    """Print the verdict, the waterfall from the prior to the total, and the path where the pair is no link itself."""
    # wider than a narrow terminal rather than cut into pieces
    console.width = max(console.width, _WIDEST)
    for line in (*_verdict(explanation), *map(plain, explanation.waiting)):
        console.print(line, highlight=False, soft_wrap=True)
    console.print()
    console.print(_waterfall(explanation))
    console.print()
    for line in _remarks(explanation):
        console.print(line, highlight=False, soft_wrap=True)


def _verdict(explanation: Explanation) -> list[str]:
    left, right = explanation.left, explanation.right
    if explanation.same:
        return [f"[bold]one customer[/], {left.customer_id}: {plain(left.raw.key)} and {plain(right.raw.key)}"]
    return ["[bold]two customers[/]", *(f"  {plain(side.raw.key)} is {side.customer_id}" for side in (left, right))]


def _waterfall(explanation: Explanation) -> Table:
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0), header_style="dim")
    table.add_column("comparison", no_wrap=True)
    table.add_column("level", no_wrap=True)
    table.add_column("bits", justify="right", no_wrap=True)
    table.add_column("against ┃ for", justify="center", no_wrap=True)
    for side in (explanation.left, explanation.right):
        table.add_column(Text(printable(side.raw.key)), overflow="fold")
    prior = Text("two random records", style="dim")
    table.add_row("before", prior, f"{explanation.prior_bits:+.1f}", bar(explanation.prior_bits))
    for one in explanation.weighed:
        table.add_row(*_cells(one), style="dim" if one.level in _QUIET else "")
    total = (f"{explanation.bits:+.1f}", bar(explanation.bits))
    table.add_row("sum", Text(_odds(explanation.bits)), *total, style="bold")
    return table


def _cells(one: Weighed) -> tuple[str | Text, ...]:
    from rich.text import Text

    name, values = one.comparison.replace("_", " "), (Text(printable(value or "–")) for value in (one.left, one.right))
    if one.level in _QUIET:
        return name, one.level, "", bar(0.0), *values
    return name, one.level, f"{one.bits:+.1f}", bar(one.bits), *values


def _odds(bits: float) -> str:
    """Odds in words, to two digits."""
    odds = 2.0 ** min(abs(bits), 60.0)
    rounded = float(f"{odds:.2g}")
    number = f"{rounded:,.0f}" if rounded >= 10 else f"{rounded:g}"
    return f"{number} : 1 {'for' if bits >= 0 else 'against'}"


def bar(bits: float) -> Text:
    """Bits as a bar from the middle: to the left, in red, against one person; to the right, in green, for it."""
    from rich.text import Text

    cells = min(_HALF, round(abs(bits) / _FULL_BITS * _HALF)) or (1 if abs(bits) >= 0.5 else 0)
    empty = " " * (_HALF - cells)
    if bits < 0:
        return Text.assemble(empty, ("█" * cells, "red"), "┃", " " * _HALF)
    return Text.assemble(" " * _HALF, "┃", ("█" * cells, "green"), empty)


def probability(share: float) -> str:
    """In seven digits; neither nothing nor certainty where it is only near them."""
    if share < 5e-8:
        return "below 0.0000001"
    return "above 0.9999999" if share > 1 - 5e-8 else f"{share:.7f}"


def _remarks(explanation: Explanation) -> list[str]:
    lines = [plain(one.told) for one in explanation.judged]
    bound = any(one.standing == BINDS for one in explanation.judged)
    if explanation.not_compared:
        lines.append(f"no candidate pair: {plain(explanation.not_compared)}")
    if bound:
        lines.append(
            f"a decision binds: they are {'one customer' if explanation.same else 'two'}, whatever their records weigh"
        )
    elif explanation.same and not explanation.path:
        # the same also where the path led over somebody who is erased by now, of whom nothing may be told
        lines.append("no path of scored links of who stands today joins them: a must-link does, or one gone since")
    elif explanation.same and (explanation.not_compared or explanation.bits <= 0):
        lines.append("what joins them, by the strongest path:")
        lines += [f"  {plain(link.left)} ── {link.bits:+.1f} bits ── {plain(link.right)}" for link in explanation.path]
    elif not explanation.same and explanation.bits > 0:
        lines.append(
            "the pair alone speaks for one person: it is too little, or the other records of both customers speak "
            "against it"
        )
    lines += map(plain, explanation.refused)
    lines.append(f"probability of one person {probability(explanation.probability)}; +1 bit doubles the odds")
    lines.append(f"model {explanation.model_version}")
    return lines
