"""A report on a terminal, and the same lines in a file."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, TextIO

from pipelines.model_report import words
from pipelines.model_report.report import Compared, ComparisonWeights, Measured, ModelReport
from pipelines.terminal import plain, printable

if TYPE_CHECKING:
    from rich.console import Console, RenderableType
    from rich.table import Table

_WIDEST = 100
_HALF = 9  # cells on either side of zero
_FULL_BITS = 18.0  # a bar this long fills its half
_LONGEST = 40  # letters of a key or value
_CLASSES = ("match", "mover", "household", "junior", "twin", "namesake", "free")


def print_report(report: ModelReport, console: Console) -> None:
    """Print every part of a report, the summary first."""
    console.width = max(console.width, _WIDEST)
    for part in _parts(report):
        if isinstance(part, str):
            console.print(part, highlight=False, soft_wrap=len(part) < _WIDEST)
        else:
            console.print(part)


def write_text(report: ModelReport, stream: TextIO) -> None:
    """The same without colours, as wide as a page."""
    from rich.console import Console

    print_report(report, Console(file=stream, width=_WIDEST, color_system=None, emoji=False, force_terminal=False))


def _parts(report: ModelReport) -> Iterator[RenderableType]:
    estimate = report.estimate
    yield f"[bold]model {report.model_version}[/]"
    yield (
        f"{plain(report.model_name)}, learned from {report.learned_from:,} records on {report.made_at}"
        + (f"; it follows {report.follows}" if report.follows else "")
    )
    yield f"{report.records:,} records are {report.customers:,} customers. {words.PRIVATE}"
    for warning in report.warnings:
        yield f"[yellow]warning[/] {plain(warning)}"
    yield ""
    yield "[bold]How good it is, estimated without labels[/]"
    yield (
        words.NOTHING_TO_JUDGE
        if estimate.recall is None
        else (
            f"precision {words.percent(estimate.precision)}, recall {words.percent(estimate.recall)}; blocking and "
            f"clusters bring together {words.percent(estimate.found_by_blocking)} of the pairs of one person"
        )
    )
    yield f"[dim]{words.CAVEAT} {words.MISSED}[/]"
    if report.measured:
        yield ""
        yield from _measured(report.measured)
    if report.compared:
        yield ""
        yield from _compared(report.compared)
    yield ""
    yield _classes(report)
    yield ""
    yield "[bold]What agreement and disagreement weigh[/]"
    yield "[dim]bits = log2 of the share among pairs of one person over that among random pairs[/]"
    if report.anchors:
        yield plain(report.anchors)
    for comparison in report.comparisons:
        yield ""
        yield _comparison(comparison)
    if report.silent:
        yield f"[dim]took no part, hardly filled or all one value: {', '.join(map(words.label, report.silent))}[/]"
    yield ""
    yield _rules(report)
    yield ""
    yield from _generic(report)
    yield ""
    yield from _placeholders(report)
    yield ""
    yield "[bold]Scored pairs by weight[/]"
    yield words.grey_zone(report)
    yield _bands(report)
    yield ""
    yield _clusters(report)


def _table(*columns: str, between: int = 2) -> Table:
    """A table whose first column is text and whose others are numbers, but for those that begin with a space."""
    from rich.table import Table

    table = Table(box=None, pad_edge=False, padding=(0, between, 0, 0), header_style="dim")
    for place, name in enumerate(columns):
        left = place == 0 or name.startswith(" ")
        # where there is little room the words at the end break over lines: no figure loses a digit
        last = left and place == len(columns) - 1
        table.add_column(name.strip(), justify="left" if left else "right", no_wrap=not last, overflow="fold")
    return table


def _measured(measured: Measured) -> Iterator[RenderableType]:
    yield "[bold]Measured on labels, with 95 % intervals[/]"
    yield words.labels_told(measured)
    if words.unmeasured(measured):
        yield words.unmeasured(measured)
    else:
        yield (
            f"precision {words.interval(measured.precision)}; {words.coverage(measured.precision_covers, 'linked')}\n"
            f"recall of the pairs weighed {words.interval(measured.recall)}; "
            f"{words.coverage(measured.recall_covers, 'weighed')}"
        )
        yield f"[dim]{words.counted_by(measured)}[/]"
    yield from words.asides(measured)
    table = _table("weight", "pairs", "labelled", "one person", "  measured", "model expects")
    for band in measured.bands:
        if band.pairs or band.labelled:
            table.add_row(
                words.band(band),
                words.count(band.pairs),
                f"{band.labelled:,}",
                f"{band.same:,}",
                words.interval(band.share),
                "–" if band.expected is None else words.percent(band.expected),
            )
    yield table


def _compared(compared: Compared) -> Iterator[RenderableType]:
    yield "[bold]Would a classifier that learns from the labels do better?[/]"
    yield words.compared_on(compared)
    if compared.classifiers:
        table = _table("classifier", "precision", "recall", "F1")
        best = max(one.f1 for one in compared.classifiers)
        for one in compared.classifiers:
            shares = (words.percent(share) for share in (one.precision, one.recall, one.f1))
            table.add_row(one.classifier, *shares, style="bold" if one.f1 == best else "")
        yield table


def _classes(report: ModelReport) -> RenderableType:
    table = _table("pairs of records", " ", "expected", "of all pairs")
    for each in report.classes:
        table.add_row(
            each.name, each.meaning, words.count(each.pairs), words.chance(each.share),
            style="bold" if each.same_person else "",
        )  # fmt: skip
    return table


def _comparison(comparison: ComparisonWeights) -> RenderableType:
    short = [name[:5] for name in _CLASSES]
    table = _table(words.label(comparison.name), "bits", " against ┃ for", *short, "random", between=1)
    for level in filter(words.met, comparison.levels):
        shares = [_share(level.by_class[name]) for name in _CLASSES]
        table.add_row(level.name, words.bits(level.bits), _bar(level.bits), *shares, words.short_chance(level.u))
    return table


def _share(share: float) -> str:
    shown = 100 * share
    if shown < 0.05:
        return "·"
    return f"{shown:.0f}" if shown >= 9.95 else f"{shown:.1f}"


def _bar(weight: float) -> str:
    cells = min(_HALF, round(abs(weight) / _FULL_BITS * _HALF))
    if weight < 0:
        return f"{' ' * (_HALF - cells)}{'█' * cells}┃{' ' * _HALF}"
    return f"{' ' * _HALF}┃{'█' * cells}{' ' * (_HALF - cells)}"


def _rules(report: ModelReport) -> RenderableType:
    table = _table("blocking rule", "pairs", "it alone", "of one person", "keys capped", " largest keys")
    for rule in report.rules:
        if not rule.live:
            table.add_row(rule.name, "–", "", "", "", "too wide for so many records: takes no part", style="dim")
            continue
        largest = ", ".join(f"{printable(each.value)[:_LONGEST]} ({each.holders:,})" for each in rule.largest[:1])
        table.add_row(
            plain(rule.name),
            words.count(rule.pairs),
            words.count(rule.alone),
            words.count(rule.alone_same),
            f"{rule.capped_keys:,}" if rule.capped_keys else "",
            plain(largest),
        )
    return table


def _generic(report: ModelReport) -> Iterator[RenderableType]:
    yield "[bold]Values that too many share, which count as missing[/]"
    if not report.generic:
        yield "none"
        return
    table = _table("value", " field", "records", "family names")
    for each in report.generic:
        shown = printable(each.value)[:_LONGEST]
        table.add_row(plain(shown), words.label(each.field), f"{each.holders:,}", f"{each.families:,}")
    yield table
    if report.generic_total > len(report.generic):
        yield f"… and {report.generic_total - len(report.generic):,} more"


def _placeholders(report: ModelReport) -> Iterator[RenderableType]:
    yield "[bold]Placeholders[/]"
    yield f"[dim]{words.PLACEHOLDERS}[/]"
    if not report.placeholders:
        yield "none"
        return
    table = _table("written", " field", "records", " why")
    for each in report.placeholders[: words.MOST_PLACEHOLDERS]:
        shown = printable(each.value or "–")[:_LONGEST]
        table.add_row(plain(shown), words.label(each.field), f"{each.records:,}", each.why)
    yield table
    more = len(report.placeholders) - words.MOST_PLACEHOLDERS
    if more > 0:
        yield f"and {more:,} more"


def _bands(report: ModelReport) -> RenderableType:
    table = _table("bits", "one customer", "two customers", "  one person, expected")
    step = 2
    low, high = report.grey_zone
    starts = sorted({each.bits // step * step for each in report.bands})
    for start in starts:
        mine = [each for each in report.bands if start <= each.bits < start + step]
        pairs = sum(each.inside + each.across for each in mine)
        same = sum(each.inside_same + each.across_same for each in mine)
        table.add_row(
            f"{start:+d} to {start + step:+d}",
            f"{sum(each.inside for each in mine):,}",
            f"{sum(each.across for each in mine):,}",
            words.percent(same / pairs),
            style="yellow" if low <= start < high else "",
        )
    return table


def _clusters(report: ModelReport) -> RenderableType:
    table = _table("records of a customer", "customers")
    for size in report.cluster_sizes:
        table.add_row(f"{size.records:,}", f"{size.customers:,}")
    return table
