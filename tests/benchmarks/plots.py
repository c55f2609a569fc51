"""The plots of docs/benchmarks.md, drawn by matplotlib as SVG files that read well on light and on dark pages."""

from __future__ import annotations

import io
import re
from collections.abc import Mapping, Sequence
from math import log10
from pathlib import Path
from typing import TYPE_CHECKING, Any

from matplotlib import rc_context
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, NullLocator

from tests.benchmarks.document import INPUT_TITLES, by_stage
from tests.benchmarks.results import Result

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Colours that nobody would choose, put in the page's place by the style below: the picture follows light and dark.
_INK, _RULE = "#010203", "#010204"
_STYLE_SHEET = (
    "<style>svg{--ink:#1f2328;--rule:#d1d9e0}"
    "@media(prefers-color-scheme:dark){svg{--ink:#e6edf3;--rule:#3d444d}}</style>"
)
# middle tones, three to one and more on white and on near-black; each with a shape, for those who see no hue
_LOOKS: Mapping[str, tuple[str, str, str]] = {
    "ours": ("this project", "#1f7ae0", "o"),
    "splink": ("Splink", "#c8670a", "s"),
    "dedupe": ("dedupe", "#2c9152", "^"),
    "recordlinkage": ("recordlinkage", "#9a63d8", "D"),
    "rules": ("match keys", "#7d8590", "X"),
}
_STAGES = (
    "#1f7ae0",
    "#c8670a",
    "#2c9152",
    "#9a63d8",
    "#c9416f",
    "#0f9aa8",
    "#a58400",
    "#7d8590",
    "#6f7bf2",
    "#b0562e",
    "#5f8f00",
    "#b05fa8",
)
_MARKS = "osD^vXPp*hd<"
_TICKS = (0.0, 0.5, 0.75, 0.9, 0.95, 0.98, 0.99, 0.995, 0.998, 0.999, 0.9997)  # of F1; the last stands for 1
_STYLE: dict[Any, Any] = {
    "svg.fonttype": "none",
    "svg.hashsalt": "benchmarks",
    "font.size": 10,
    "text.color": _INK,
    "axes.labelcolor": _INK,
    "axes.titlesize": 10,
    "xtick.color": _INK,
    "ytick.color": _INK,
    "axes.edgecolor": _RULE,
    "grid.color": _RULE,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "legend.frameon": False,
}


def accuracy(results: Sequence[Result], path: Path) -> None:
    """F1 over pairs: a row an input, a mark a contender."""
    measured = [result for result in results if "over" not in result]
    names = list(dict.fromkeys(result["of"] for result in measured))
    with rc_context(_STYLE):
        figure = Figure(figsize=(8.2, 0.42 * len(names) + 1.3), layout="constrained")
        axes = figure.add_subplot()
        for who, (title, colour, mark) in _LOOKS.items():
            mine = [result for result in measured if result["who"] == who]
            axes.scatter(
                [_place(result["pairwise"]["f1"]) for result in mine], [names.index(result["of"]) for result in mine],
                s=130 if who == "ours" else 46, color=colour, marker=mark, label=title,
                zorder=3 if who == "ours" else 4,
            )  # fmt: skip
        axes.set_yticks(range(len(names)), [_title(name) for name in names])
        axes.set_ylim(len(names) - 0.4, -0.6)
        left = min(result["pairwise"]["f1"] for result in measured)
        axes.set_xticks(
            [_place(each) for each in _TICKS if each >= left - 0.05],
            [_told(each) for each in _TICKS if each >= left - 0.05],
        )
        axes.grid(axis="both", linewidth=0.6)
        axes.set_axisbelow(True)
        axes.set_xlabel("F1 over pairs, on the scale of what it lacks")
        figure.legend(loc="outside upper center", ncols=len(_LOOKS), handletextpad=0.2, columnspacing=1.2)
        _write(figure, path, "F1 over pairs of each contender on each input; the tables below give the figures")


def cost(results: Sequence[Result], path: Path) -> None:
    """Seconds from files to clusters, processor seconds and peak memory, a row an invented retailer."""
    names = list(dict.fromkeys(result["of"] for result in results))
    panels = (
        ("to_clusters_seconds", "files to clusters, s"),
        ("to_clusters_processor", "of the processor, s"),
        ("peak_gb", "peak memory, GB"),
    )
    with rc_context(_STYLE):
        figure = Figure(figsize=(9.4, 2.1 * len(names) + 0.5), layout="constrained")
        grid = figure.subplots(len(names), len(panels), squeeze=False, sharey="row")
        for row, name in zip(grid, names, strict=True):
            mine = [result for result in results if result["of"] == name]
            for axes, (figure_name, title) in zip(row, panels, strict=True):
                _bars(axes, mine, figure_name)
                axes.set_xlabel(title)
            row[0].set_title(f"{INPUT_TITLES.get(name, name)} records", loc="left")
        _write(figure, path, "Seconds, processor seconds and memory of each contender; the tables give the figures")


def _bars(axes: Axes, results: Sequence[Result], figure: str) -> None:
    """Bars on a logarithmic scale with their figures; one that was stopped says of what."""
    known = [result[figure] for result in results if "over" not in result]
    low, high = min(known, default=1.0) / 3, max(known, default=1.0) * 6
    for place, result in enumerate(results):
        colour = _LOOKS[result["who"]][1]
        if over := result.get("over"):
            axes.text(low * 1.15, place, over, va="center", fontsize=8, style="italic")
            continue
        axes.barh(place, result[figure] - low, left=low, color=colour, height=0.66)
        value = result[figure]
        axes.text(value * 1.12, place, f"{value:.2f}" if value < 10 else f"{value:,.0f}", va="center", fontsize=9)
    axes.set_xscale("log")
    axes.set_xlim(low, high)
    axes.xaxis.set_major_formatter(FuncFormatter(lambda number, _: f"{number:g}"))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set_yticks(range(len(results)), [_LOOKS[result["who"]][0] for result in results])
    axes.set_ylim(len(results) - 0.5, -0.5)
    axes.grid(axis="x", linewidth=0.6)
    axes.set_axisbelow(True)


def growth(runs: Sequence[Result], path: Path) -> None:
    """Processor seconds by stage and peak memory by records, on logarithmic scales, beside what is proportional."""
    records = [run["records"] for run in runs]
    stages = list(dict.fromkeys(stage for run in runs for stage in by_stage(run)))
    with rc_context(_STYLE):
        figure = Figure(figsize=(9.4, 5.6), layout="constrained")
        left, right = figure.subplots(1, 2, width_ratios=(2.2, 1))
        left.plot(records, [_whole(run) for run in runs], color=_INK, lw=2.2, marker="o", label="whole run")
        for number, stage in enumerate(stages):
            mine = [(run["records"], by_stage(run)[stage]) for run in runs if by_stage(run).get(stage)]
            left.plot(
                [size for size, _ in mine], [seconds for _, seconds in mine], color=_STAGES[number % len(_STAGES)],
                marker=_MARKS[number % len(_MARKS)], ms=5, lw=1.3, label=stage,
            )  # fmt: skip
        _proportional(left, records, _whole(runs[-1]))
        left.set_title("processor seconds", loc="left")
        left.set_ylim(
            min(seconds for run in runs for seconds in by_stage(run).values() if seconds) / 1.6, 1.6 * _whole(runs[-1])
        )
        figure.legend(loc="outside lower center", fontsize=9, ncols=6, handles=left.get_legend_handles_labels()[0])
        right.plot(records, [run["peak_gb"] for run in runs], color=_INK, lw=2.2, marker="o")
        for run in runs:
            right.annotate(
                f"{run['peak_gb']:.2f}", (run["records"], run["peak_gb"]), xytext=(-4, 7), textcoords="offset points",
                fontsize=8, ha="right",
            )  # fmt: skip
        right.set_ylim(min(run["peak_gb"] for run in runs) / 2, max(run["peak_gb"] for run in runs) * 2)
        right.set_title("peak memory, GB", loc="left")
        for axes in (left, right):
            axes.set_xscale("log")
            axes.set_yscale("log")
            axes.set_xlabel("records")
            axes.xaxis.set_major_formatter(FuncFormatter(lambda number, _: _short(number)))
            axes.yaxis.set_major_formatter(FuncFormatter(lambda number, _: f"{number:g}"))
            axes.xaxis.set_minor_locator(NullLocator())
            axes.yaxis.set_minor_locator(NullLocator())
            axes.grid(linewidth=0.6)
            axes.set_axisbelow(True)
        _write(
            figure, path, "Seconds by stage and peak memory against the number of records; the tables give the figures"
        )


def _whole(run: Result) -> float:
    return float(run.get("whole_processor") or run["whole_seconds"])


def _proportional(axes: Axes, records: Sequence[int], last: float) -> None:
    """A dashed line: what the last figure would have been at each size, were it proportional."""
    axes.plot(
        records, [last * size / records[-1] for size in records], color=_INK, lw=0.9, ls=":", label="proportional"
    )


def _place(f1: float) -> float:
    """Where an F1 stands: by the logarithm of what it lacks, so that .998 and .999 are told apart."""
    return -log10(max(1 - f1, 1 - _TICKS[-1]))


def _told(f1: float) -> str:
    return "1" if f1 == _TICKS[-1] else f"{f1:g}".lstrip("0") or "0"


def _title(name: str) -> str:
    return INPUT_TITLES.get(name, name).replace("an invented retailer", "retailer")


def _short(number: float) -> str:
    for size, unit in ((1e9, "billion"), (1e6, "million")):
        if number >= size:
            return f"{number / size:g} {unit}"
    return f"{number:,.0f}"


def _write(figure: Figure, path: Path, said: str) -> None:
    """The figure as a file that says in words what it shows, with the page's letters and a style for both themes."""
    FigureCanvasSVG(figure)
    stream = io.StringIO()
    figure.savefig(
        stream, format="svg", transparent=True, metadata=dict.fromkeys(("Creator", "Date", "Format", "Type"))
    )
    text = stream.getvalue()
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>\s*", "", text, count=1, flags=re.DOTALL)
    text = re.sub(r"('?DejaVu Sans'?, )+", "", text).replace("'DejaVu Sans'", "system-ui, sans-serif")
    for colour, name in ((_INK, "ink"), (_RULE, "rule")):
        text = text.replace(colour, f"var(--{name})")
    text = re.sub(
        r"(<svg [^>]*)>", rf'\1 role="img" aria-label="{said}"><title>{said}</title>{_STYLE_SHEET}', text, count=1
    )
    path.write_text(text, encoding="utf-8")
