"""A report as one page: no script, nothing loaded from anywhere, light and dark, from a telephone to a wide screen."""

from __future__ import annotations

from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from pipelines.model_report import plots, words
from pipelines.model_report.report import ComparisonWeights, ModelReport
from profile_service.written import with_code

_FULL_BITS = 18.0  # a bar this long fills its half
_CLASSES = ("match", "mover", "household", "junior", "twin", "namesake", "free", "rest")


def report_page(report: ModelReport) -> str:
    """The HTML of a report; every value is escaped."""
    rooms = Environment(
        loader=PackageLoader("pipelines.model_report", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    rooms.filters |= {
        "count": words.count,
        "percent": words.percent,
        "chance": words.chance,
        "short_chance": words.short_chance,
        "bits": words.bits,
        "interval": words.interval,
        "band": words.band,
        "label": words.label,
        "with_code": with_code,
        "half": lambda weight: f"{min(abs(weight) / _FULL_BITS, 1.0) * 50:.2f}%",
    }
    pictures = {"scores": plots.score_histogram(report) if report.bands else ""}
    pictures["sizes"] = plots.cluster_sizes(report)
    measured = report.measured
    judged = measured is not None and any(band.labelled for band in measured.bands)
    pictures["calibration"] = plots.calibration(measured) if measured and judged else ""
    page: str = rooms.get_template("page.html").render(
        report=report, classes=_CLASSES, pictures=pictures, words=words, overview=map(_overview, report.comparisons)
    )
    return page


def _overview(comparison: ComparisonWeights) -> dict[str, Any]:
    """A comparison in one line: what its strongest agreement and its disagreement weigh."""
    levels = [level for level in comparison.levels if words.met(level)] or list(comparison.levels)
    best, worst = (choose(levels, key=lambda level: level.bits) for choose in (max, min))
    return {"name": comparison.name, "best": best, "worst": worst}
