"""Every notebook runs from its first cell to its last, and shows what is committed with it."""

from __future__ import annotations

import re
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

ROOT = Path(__file__).parents[4]
NOTEBOOKS = sorted((ROOT / "docs" / "notebooks").glob("*.ipynb"))
MACHINE = re.compile(r"(?<![\w>])/(?:home|root|work|tmp|Users)/")


def shown(notebook: nbformat.NotebookNode) -> list[str]:
    """What each cell says, as plain text."""
    said = []
    for cell in notebook.cells:
        for output in cell.get("outputs", ()):
            text = output.get("text") or output.get("data", {}).get("text/plain", "")
            said.append(text.strip())
    return said


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of the kernel's own libraries
@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_a_notebook_runs_and_shows_what_is_committed(
    path: Path, published: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = path.read_text(encoding="utf-8")
    assert not MACHINE.search(text)
    committed = nbformat.reads(text, as_version=4)
    fresh = nbformat.reads(text, as_version=4)
    monkeypatch.setenv("PROFILES_DATA_DIR", str(published))
    NotebookClient(fresh, timeout=120, resources={"metadata": {"path": str(ROOT)}}).execute()
    assert shown(fresh) == shown(committed)


def test_there_is_a_notebook() -> None:
    assert NOTEBOOKS
