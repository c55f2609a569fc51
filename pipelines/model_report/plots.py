"""The pictures of a report, drawn by matplotlib as SVG whose colours and letters are those of the page around it."""

from __future__ import annotations

import io
import re
from typing import TYPE_CHECKING, Any

from matplotlib import rc_context
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullLocator

from pipelines.model_report import words
from pipelines.model_report.report import Band, Measured, ModelReport

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Colours that no drawing would choose, each a name of the page's style sheet: so a picture follows light and dark.
_INK, _RULE, _FOR, _APART, _DOUBT = "#010203", "#010204", "#010205", "#010206", "#010207"
_NAMES = {_INK: "ink-2", _RULE: "rule", _FOR: "for", _APART: "apart", _DOUBT: "doubt"}
_STYLE: dict[Any, Any] = {
    "svg.fonttype": "none",
    "svg.hashsalt": "report",
    "font.size": 9,
    "text.color": _INK,
    "axes.labelcolor": _INK,
    "xtick.color": _INK,
    "ytick.color": _INK,
    "axes.edgecolor": _RULE,
    "grid.color": _RULE,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "legend.frameon": False,
}
_SIZE = (4.6, 2.7)  # inches: two stand side by side on a wide page, one fills a telephone


def score_histogram(report: ModelReport) -> str:
    """Scored pairs by weight in bits, those in one customer and those across two, with the grey zone behind."""
    bands = report.bands
    first, last = bands[0].bits, bands[-1].bits
    by_bits = {band.bits: band for band in bands}
    every = [by_bits.get(bits, Band(bits, 0, 0, 0.0, 0.0)) for bits in range(first, last + 1)]
    edges = [*range(first, last + 2)]
    with rc_context(_STYLE):
        figure, axes = _axes("match weight in bits", "pairs")
        axes.axvspan(*report.grey_zone, color=_DOUBT, alpha=0.18, linewidth=0)
        for pairs, colour, name in (
            ([band.across for band in every], _APART, "in two customers"),
            ([band.inside for band in every], _FOR, "in one customer"),
        ):
            axes.stairs([max(each, 0.5) for each in pairs], edges, baseline=0.5, fill=True, alpha=0.45, color=colour)
            axes.stairs([max(each, 0.5) for each in pairs], edges, baseline=0.5, color=colour, label=name)
        _log_counts(axes)
        axes.set_xlim(first, last + 1)
        axes.legend(loc="upper center", bbox_to_anchor=(0.5, 1.16), ncols=2)
        return _svg(figure, "Histogram of scored pairs by match weight")


def cluster_sizes(report: ModelReport) -> str:
    """Customers by their number of records."""
    sizes = report.cluster_sizes
    with rc_context(_STYLE):
        figure, axes = _axes("records of a customer", "customers")
        tall = [size.customers - 0.5 for size in sizes]
        axes.bar([size.records for size in sizes], tall, bottom=0.5, width=0.8, color=_FOR)
        _log_counts(axes)
        last = sizes[-1].records if sizes else 1
        axes.set_xlim(0.4, max(last, 4) + 0.6)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        return _svg(figure, "Customers by number of records")


def calibration(measured: Measured) -> str:
    """For each band of weight with labels: what the model expects, and what labels measure with its interval."""
    told = [band for band in measured.bands if band.share is not None]
    places = list(range(len(told)))
    with rc_context(_STYLE):
        figure, axes = _axes("match weight in bits", "one person")
        shares = [band.share for band in told if band.share is not None]
        axes.errorbar(
            places,
            [share.value for share in shares],
            yerr=[[share.value - share.low for share in shares], [share.high - share.value for share in shares]],
            fmt="o", color=_FOR, capsize=4, label="measured on labels",
        )  # fmt: skip
        axes.plot(
            places, [band.expected or 0.0 for band in told], "_", color=_INK, ms=14, label="expected by the model"
        )
        axes.set_xticks(places, [words.short_band(band) for band in told], fontsize=7)
        axes.set_ylim(-0.03, 1.03)
        axes.yaxis.set_major_formatter(FuncFormatter(lambda share, _: f"{share:.0%}"))
        axes.legend(loc="upper center", bbox_to_anchor=(0.5, 1.16), ncols=2)
        return _svg(figure, "Measured against expected share of pairs of one person, by match weight")


def _axes(across: str, up: str) -> tuple[Figure, Axes]:
    figure = Figure(figsize=_SIZE, layout="constrained")
    FigureCanvasSVG(figure)
    axes = figure.add_subplot()
    axes.set_xlabel(across)
    axes.set_ylabel(up)
    axes.grid(axis="y", linewidth=0.6)
    axes.set_axisbelow(True)
    return figure, axes


def _log_counts(axes: Axes) -> None:
    axes.set_yscale("log")
    axes.set_ylim(bottom=0.5)
    axes.yaxis.set_major_locator(LogLocator(base=10, numticks=7))
    axes.yaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_major_formatter(FuncFormatter(lambda number, _: _short(number)))


def _short(number: float) -> str:
    for size, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if number >= size:
            return f"{number / size:g}{letter}"
    return f"{number:g}"


def _svg(figure: Figure, said: str) -> str:
    """The figure as an element of a page: no header, no size of its own, the page's colours and letters."""
    stream = io.StringIO()
    nothing = dict.fromkeys(("Creator", "Date", "Format", "Type"))
    figure.savefig(stream, format="svg", transparent=True, metadata=nothing)
    text = stream.getvalue()
    text = text[text.index("<svg") :]
    text = re.sub(r' width="[^"]*pt" height="[^"]*pt"|<metadata>.*?</metadata>', "", text, count=2, flags=re.DOTALL)
    text = text.replace("'DejaVu Sans', ", "").replace("'DejaVu Sans'", "system-ui")
    for colour, name in _NAMES.items():
        text = text.replace(colour, f"var(--{name})")
    return text.replace("<svg ", f'<svg role="img" aria-label="{said}" ', 1)
