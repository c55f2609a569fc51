"""The CSV that people judge in: what cannot be taken says line and reason, whatever a spreadsheet made of the rest."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from pipelines.label_file import BadLabels, read_judged, refuse_unknown
from profile_service.errors import UnusableInput
from profile_service.labels import Label

NOW = datetime(2026, 5, 12, tzinfo=UTC)
HEADER = "left_channel,left_id,right_channel,right_id,verdict,author,reason,time,sampling_probability"


def written(folder: Path, *rows: str, header: str = HEADER, encoding: str = "utf-8") -> Path:
    path = folder / "judged.csv"
    path.write_text("\n".join([header, *rows]) + "\n", encoding=encoding)
    return path


def test_a_row_becomes_a_label_and_one_without_a_verdict_waits(tmp_path: Path) -> None:
    path = written(tmp_path, "web,2,store,1,Same,,seen both,2026-05-01,0.25", "web,3,store,1,,,,,0.25", "")
    judged = read_judged(path, "ada", NOW)
    assert judged.unjudged == 1
    assert judged.labels == (
        (2, Label("store", "1", "web", "2", "same", "ada", "seen both", "2026-05-01T00:00:00+00:00", None, 0.25)),
    )


@pytest.mark.parametrize("separator", [";", "\t", ","])
def test_a_spreadsheet_may_have_saved_it(tmp_path: Path, separator: str) -> None:
    header = separator.join(["Left_Channel", "left_id", "right_channel", "right_id", "verdict", "left_street"])
    row = separator.join(["web", "2", "store", "1", "different", '"a, b; c"'])
    judged = read_judged(written(tmp_path, row, header=header, encoding="utf-8-sig"), "ada", NOW)
    assert [label.verdict for _, label in judged.labels] == ["different"]


BAD = {
    "web,2,store,1,maybe,,,,": "verdict is 'maybe', and may be same, different, unsure",
    "web,,store,1,same,,,,": "left_id is empty",
    "web,2,web,2,same,,,,": "both sides are the same record",
    "web,2,store,1,same,,,yesterday,": "time is 'yesterday', and not RFC 3339",
    "web,2,store,1,same,,,2027-01-01,": "still to come",
    "web,2,store,1,same,,,,1.5": "sampling_probability is '1.5'",
    "web,2,store,1,same,,,,many": "sampling_probability is 'many'",
    "store,0,web,9,different,,,,": "ada says different here and same in line 2",
    "web,2,store,1,same,,father,son,2026-05-01,0.5": "more cells than the header has",
}


@pytest.mark.parametrize(("row", "said"), BAD.items(), ids=BAD.values())
def test_a_bad_row_says_its_line_and_reason(tmp_path: Path, row: str, said: str) -> None:
    path = written(tmp_path, "web,9,store,0,same,,,,", 'web,8,store,0,same,,"two\nlines",,', row)
    with pytest.raises(BadLabels, match="a row cannot be taken, so nothing was: line 5: ") as raised:
        read_judged(path, "ada", NOW)
    ((line, reason),) = raised.value.rows
    assert line == 5
    assert said in reason


def test_every_bad_row_is_told_at_once(tmp_path: Path) -> None:
    path = written(tmp_path, "web,2,store,1,maybe,,,,", "web,3,store,1,same,,,,", "web,4,store,,same,,,,")
    with pytest.raises(BadLabels, match="2 rows cannot be taken") as raised:
        read_judged(path, "ada", NOW)
    assert [line for line, _ in raised.value.rows] == [2, 4]


def test_two_people_may_disagree_and_one_may_change_their_mind(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        "web,2,store,1,same,ada,,2026-05-01,",
        "web,2,store,1,different,bob,,2026-05-01,",
        "store,1,web,2,different,ada,,2026-05-02,",
    )
    assert len(read_judged(path, "eve", NOW).labels) == 3


def test_a_record_that_is_not_there_is_a_bad_row(tmp_path: Path) -> None:
    path = written(tmp_path, "web,2,store,1,same,,,,", "web,2,store,77,same,,,,")
    judged = read_judged(path, "ada", NOW)
    with pytest.raises(BadLabels, match="line 3: store:77 is no record that stands"):
        refuse_unknown(path, judged, lambda channel, name: name != "77")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"left_channel,verdict\n", "has no column left_id"),
        (HEADER.encode() + b"\n\xff\xfe\n", "not UTF-8"),
        (b"", "no column"),
    ],
    ids=["a column missing", "another encoding", "empty"],
)
def test_what_is_no_such_file_is_said_in_a_line(tmp_path: Path, content: bytes, said: str) -> None:
    path = tmp_path / "judged.csv"
    path.write_bytes(content)
    with pytest.raises(UnusableInput, match=said):
        read_judged(path, "ada", NOW)
    with pytest.raises(UnusableInput, match="cannot be read"):
        read_judged(tmp_path / "nowhere.csv", "ada", NOW)


CUT = {
    "web,2,store,1,same,,,2026": "is cut off: line 3 ends after 8 of 9 cells",
    'web,2,store,1,same,,"the father': "cannot be read from line 3 on: unexpected end of data",
    'web,2,store,1,same,,"the father,,0.5\nweb,3,store,1,different,,,,0.5\n': "cannot be read from line 3 on",
    'web,2,store,1,same,,"the "father"",,0.5\n': "cannot be read from line 3 on",
}


@pytest.mark.parametrize(("end", "said"), CUT.items(), ids=CUT.values())
def test_a_file_that_ends_in_a_line_or_in_a_quotation_is_not_taken_in_part(tmp_path: Path, end: str, said: str) -> None:
    path = written(tmp_path, "web,9,store,0,same,,,,0.5")
    path.write_text(path.read_text() + end)
    with pytest.raises(UnusableInput, match=said):
        read_judged(path, "ada", NOW)


def test_a_last_line_may_have_no_end_when_its_cells_are_all_there(tmp_path: Path) -> None:
    path = written(tmp_path, "web,9,store,0,same,,,,0.5")
    path.write_text(path.read_text() + "web,8,store,0,different,,,,")
    assert [label.verdict for _, label in read_judged(path, "ada", NOW).labels] == ["same", "different"]
