"""Labels come from a CSV that people filled in."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipelines.labels import Label, read_labels
from profile_service.errors import UnusableInput

HEAD = "left_channel,left_id,right_channel,right_id,verdict,author\n"


def written(tmp_path: Path, rows: str, head: str = HEAD) -> Path:
    path = tmp_path / "labels.csv"
    path.write_text(head + rows, encoding="utf-8")
    return path


def test_verdicts_are_read_and_rows_nobody_judged_are_left_out(tmp_path: Path) -> None:
    path = written(tmp_path, "web,2,store,1,Same,ann\nweb,2,web,3,,\nweb,4,store,1,unsure,bob\n")
    assert read_labels(path) == [Label("web:2", "store:1", "same"), Label("web:4", "store:1", "unsure")]
    assert read_labels(path)[0].pair == ("store:1", "web:2")


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ("web,2,store,1,maybe,ann\n", "row 2 has the verdict 'maybe'"),
        ("web,2,web,2,same,ann\n", "row 2 names one record twice"),
        ("web,2,store,,same,ann\n", "row 2 names no two records"),
    ],
)
def test_a_row_that_cannot_be_meant_is_named(tmp_path: Path, rows: str, said: str) -> None:
    with pytest.raises(UnusableInput, match=said):
        read_labels(written(tmp_path, rows))


def test_a_file_without_the_columns_says_which(tmp_path: Path) -> None:
    with pytest.raises(UnusableInput, match="left_channel, left_id, right_channel, right_id, verdict"):
        read_labels(written(tmp_path, "1,2\n", head="a,b\n"))
