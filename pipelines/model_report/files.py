"""A report beside its model: numbers for programs, text and a page for people, shut to other accounts."""

from __future__ import annotations

import io
import json
from pathlib import Path

from pipelines.model_report.report import ModelReport
from pipelines.model_report.text import write_text

NUMBERS, TEXT, PAGE = "report.json", "report.txt", "report.html"
PRIVATE = 0o600  # it shows values that people share


def write_report(report: ModelReport, folder: Path, *, page: bool) -> Path:
    """Write the numbers and the text into ``folder``, and the ``page`` where asked; answers what to read.

    Drawing the page loads matplotlib, which takes longer than all the rest of a small run: a run leaves it out.
    """
    text = io.StringIO()
    write_text(report, text)
    _write(folder / NUMBERS, json.dumps(report.as_json(), indent=1))
    _write(folder / TEXT, text.getvalue())
    if not page:
        (folder / PAGE).unlink(missing_ok=True)
        return folder / TEXT
    write_page(report, folder / PAGE)
    return folder / PAGE


def write_page(report: ModelReport, path: Path) -> None:
    """Write the page alone."""
    from pipelines.model_report.page import report_page  # loads matplotlib

    _write(path, report_page(report))


def remove_reports(models: Path) -> None:
    """Remove the reports of every model: they may show a value of somebody who is erased."""
    for name in (NUMBERS, TEXT, PAGE):
        for path in models.glob(f"*/{name}"):
            path.unlink()


def _write(path: Path, text: str) -> None:
    """Write a file that nobody else can read, not even while it is written."""
    new = path.with_name(f".{path.name}.new")
    new.unlink(missing_ok=True)
    new.touch(PRIVATE, exist_ok=False)
    new.write_text(text, encoding="utf-8")
    new.replace(path)
