"""What a run says of itself when it is over: as a table on a terminal, and as JSON for schedulers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Any, Literal

from pipelines.engines.engine import USUAL
from pipelines.firewall import OBJECTS
from pipelines.held_back import HeldBack
from pipelines.placeholders import Placeholder
from pipelines.terminal import plain

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

Outcome = Literal["published", "caught up", "nothing new", "dry run"]
SORTS = ("received", "accepted", "unchanged", "superseded", "rejected", "suppressed")
_ALWAYS = ("received", "accepted", "rejected")
_LISTED = 20
_VALUES_SHOWN = 8
_LONGEST = 40  # letters of a value
_WIDEST = 90


@dataclass(frozen=True)
class IdChange:
    """One customer id that a run changes: ``event`` as in customer_id_history, with the other id it concerns.

    ``moved`` for a record that goes from one id to another. ``records``: of the customer that holds them afterwards, or
    the one that moved; ``names``: what these call the person; ``cause``: why, in words.
    """

    customer_id: str
    event: str
    other_customer_id: str | None
    records: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    cause: str = ""


@dataclass(frozen=True)
class RunSummary:
    """One run: counts of rows by channel and kind, of customers and of changed ids; seconds by stage; bytes.

    ``learned``: whether the model was trained in this run.
    """

    run_id: str
    data_dir: Path
    landing: Path
    rows: Mapping[str, Mapping[str, Mapping[str, int]]]
    records: int
    customers: int
    customers_by_channels: Mapping[int, int]
    merges_by_channels: Mapping[int, int]
    ids: Mapping[str, int]
    model_version: str | None
    warnings: tuple[str, ...]
    durations: Mapping[str, float]
    peak_memory_bytes: int
    generation: Path | None
    resolution: Mapping[str, int] = field(default_factory=dict)
    folded: Mapping[str, int] = field(default_factory=dict)
    changes: tuple[IdChange, ...] = ()
    held_back: tuple[HeldBack, ...] = ()
    placeholders: tuple[Placeholder, ...] = ()
    outcome: Outcome = "published"
    seconds: float = 0.0
    learned: bool = False

    def total(self, sort: str, kind: str | None = None) -> int:
        """Rows of one sort (received, accepted, rejected …) over all channels, of one kind or of both."""
        return sum(
            counts.get(sort, 0)
            for kinds in self.rows.values()
            for name, counts in kinds.items()
            if kind is None or name == kind
        )

    def as_json(self) -> dict[str, Any]:
        """The summary in plain JSON types; durations in seconds, memory in bytes."""
        plain = asdict(self)
        plain["rejected"] = self.total("rejected")
        plain["generation"] = str(self.generation) if self.generation else None
        plain["data_dir"], plain["landing"] = str(self.data_dir), str(self.landing)
        plain["durations"] = rounded(self.durations)
        plain["seconds"] = round(self.seconds, 3)
        for name in ("customers_by_channels", "merges_by_channels"):
            plain[name] = {str(channels): count for channels, count in plain[name].items()}
        plain["warnings"], plain["changes"] = list(self.warnings), [asdict(change) for change in self.changes]
        plain["held_back"] = [asdict(value) for value in self.held_back]
        plain["placeholders"] = [asdict(value) for value in self.placeholders]
        return plain


def rounded(durations: Mapping[str, float]) -> dict[str, float]:
    """Seconds by stage, to the millisecond."""
    return {name: round(seconds, 3) for name, seconds in durations.items()}


def print_summary(summary: RunSummary, console: Console, options: Mapping[str, Any] | None = None) -> None:
    """Print what came in, what came out, what it took, and the command to type next, with the ``options`` given."""
    # wider than a narrow terminal rather than cut off: no digit is lost
    console.width = max(console.width, _WIDEST)
    console.print(_headline(summary), highlight=False, soft_wrap=True)
    if summary.outcome == "nothing new":
        return
    said = (
        _rows(summary),
        folded_in_words(summary),
        _customers(summary),
        _held_back(summary),
        _placeholders(summary),
        _stages(summary),
    )
    for part in filter(None, said):
        console.print()
        console.print(part)
    if summary.outcome == "dry run":
        _print_changes(summary, console)
    for warning in summary.warnings:
        console.print(f"[yellow]warning[/] {plain(warning)}", highlight=False, soft_wrap=True)
    if summary.learned:
        console.print()
        console.print(_report(summary), highlight=False, soft_wrap=True)
    console.print()
    console.print(_next(summary, options or {}), highlight=False, soft_wrap=True)


def _headline(summary: RunSummary) -> str:
    if summary.outcome == "nothing new":
        return (
            f"[bold]nothing new[/] in {plain(summary.landing)}: every file is known; "
            f"{summary.customers:,} customers stand, 0 ids changed ({summary.seconds:.2f} s)"
        )
    what = {
        "published": "published",
        "caught up": "published what an earlier run had resolved",
        "dry run": "dry run, nothing published",
    }[summary.outcome]
    return f"[bold]{summary.run_id}[/]: {what} in {summary.seconds:.1f} s"


def folded_in_words(summary: RunSummary) -> str:
    """What was taken in from the ledger, in one line; empty for nothing."""
    said = [
        f"{count:,} {kind.removesuffix('s') if count == 1 else kind}"
        for kind, count in summary.folded.items()
        if count and kind != "ledger_seq"
    ]
    return f"written live since the last run: {', '.join(said)}" if said else ""


def _rows(summary: RunSummary) -> RenderableType:
    if not summary.total("received"):
        return f"no new rows: {_files(summary)}"
    from rich.table import Table

    shown = [sort for sort in SORTS if sort in _ALWAYS or summary.total(sort)]
    # one space between columns: with all of them the table still fits 80 columns
    table = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0), header_style="dim")
    table.add_column("rows in", no_wrap=True)
    table.add_column("", no_wrap=True)
    for sort in shown:
        table.add_column(sort, justify="right", no_wrap=True)
    for channel, kinds in summary.rows.items():
        for kind, counts in kinds.items():
            if counts["received"]:
                table.add_row(channel, kind, *(f"{counts[sort]:,}" for sort in shown))
    table.add_row("all", "", *(f"{summary.total(sort):,}" for sort in shown), style="bold")
    return table


def _files(summary: RunSummary) -> str:
    """What became of the files where no row came in."""
    known, empty = summary.total("files_skipped"), summary.total("files_read")
    said = [(known, "1 file is known already", f"{known:,} files are known already")] if known or not empty else []
    said += [(empty, "1 file holds none", f"{empty:,} files hold none")] if empty else []
    return ", ".join(one if number == 1 else several for number, one, several in said)


def _customers(summary: RunSummary) -> RenderableType:
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="dim")
    table.add_column("customers out")
    table.add_column("all", justify="right")
    table.add_column("merged from several records", justify="right")
    for channels in sorted(summary.customers_by_channels):
        merged = summary.merges_by_channels.get(channels, 0)
        where = "in 1 channel" if channels == 1 else f"in {channels} channels"
        table.add_row(where, f"{summary.customers_by_channels[channels]:,}", f"{merged:,}")
    merges = sum(summary.merges_by_channels.values())
    records = "1 record" if summary.records == 1 else f"{summary.records:,} records"
    table.add_row(f"from {records}", f"{summary.customers:,}", f"{merges:,}", style="bold")
    return table


def _held_back(summary: RunSummary) -> RenderableType | None:
    """The values that would have joined most; no one person's own, for too many share each."""
    if not summary.held_back:
        return None
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="dim")
    table.add_column("held back: shared by too many")
    for name in ("records", "of families", "allowed", "customers kept apart"):
        table.add_column(name, justify="right")
    for value in summary.held_back[:_VALUES_SHOWN]:
        counts = (value.holders, value.distinct_family_names, value.allowed, value.customers)
        said = ("" if count is None else f"{count:,}" for count in counts)
        table.add_row(f"{value.field} {plain(value.value[:_LONGEST])}", *said)
    if len(summary.held_back) > _VALUES_SHOWN:
        table.add_row(f"and {len(summary.held_back) - _VALUES_SHOWN:,} more: see generic_values", style="dim")
    return table


def _placeholders(summary: RunSummary) -> RenderableType | None:
    """What was written in place of a value, most often first, of the records that this run read."""
    if not summary.placeholders:
        return None
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="dim")
    table.add_column("read as missing")
    table.add_column("records", justify="right")
    table.add_column("why")
    for each in summary.placeholders[:_VALUES_SHOWN]:
        table.add_row(f"{each.field} {plain((each.value or '')[:_LONGEST])}".strip(), f"{each.records:,}", each.why)
    if more := summary.placeholders[_VALUES_SHOWN:]:
        records = sum(each.records for each in more)
        table.add_row(f"{len(more):,} more: see placeholder_values", f"{records:,}", style="dim")
    return table


def _stages(summary: RunSummary) -> RenderableType:
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="dim")
    table.add_column("stage")
    table.add_column("seconds", justify="right")
    for name, seconds in summary.durations.items():
        table.add_row(name, f"{seconds:.2f}")
    table.add_row("whole run", f"{summary.seconds:.2f}", style="bold")
    table.add_row("peak memory", f"{summary.peak_memory_bytes / 1e6:,.0f} MB", style="dim")
    return table


def _print_changes(summary: RunSummary, console: Console) -> None:
    told = [change for change in summary.changes if change.event != "created"]
    console.print()
    if not told:
        console.print("no standing customer would be merged, split or given another id")
    for change in told[:_LISTED]:
        for line in change_lines(change):
            console.print(line, highlight=False, soft_wrap=True)
    if len(told) > _LISTED:
        console.print(f"… and {len(told) - _LISTED:,} more; --json lists them all")


def _report(summary: RunSummary) -> str:
    option = "" if summary.data_dir == Path("data") else f" --data-dir {plain(quote(str(summary.data_dir)))}"
    return f"what the model learned, as a page and as text: [bold]profiles report{option}[/]"


def change_lines(change: IdChange) -> Iterator[str]:
    """A change as people read it: who, what became of the id, and why."""
    names = plain(", ".join(change.names)) or "nameless"
    words = "moved from" if change.event == "moved" else change.event.replace("_", " ")
    event = f"{words} {change.other_customer_id}" if change.other_customer_id else words
    yield f"[bold]{names}[/]: {change.customer_id} {event}"
    records = plain(", ".join(change.records))
    if records or change.cause:
        yield f"  {records}{'; ' if records and change.cause else ''}{plain(change.cause)}"


def _next(summary: RunSummary, options: Mapping[str, Any]) -> str:
    landing = quote(str(summary.landing))
    where = "" if summary.data_dir == Path("data") else f" --data-dir {quote(str(summary.data_dir))}"
    again = f"profiles run {landing}{where}"
    for name, usual in (("channels", None), ("engine", USUAL)):
        if options.get(name, usual) != usual:
            again += f" --{name} {quote(str(options[name]))}"
    if summary.outcome == "dry run":
        objects = any(OBJECTS in warning for warning in summary.warnings)
        again += " --rebuild" if options.get("rebuild") else ""
        return (
            f"publish it{' all the same' if objects else ''}: [bold]{plain(again)}{' --accept' if objects else ''}[/]"
        )
    truth = summary.landing / "truth.csv"
    if truth.exists():
        return f"next: [bold]profiles evaluate --truth {plain(quote(str(truth)) + where)}[/]"
    return f"next: [bold]{plain(again)}[/] again, when new files have landed there"
