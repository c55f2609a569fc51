"""Labels to measure by: those of a file, those imported on other pairs, and the judgements that stand."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from pipelines.labels import Labels, labels_in, pair_of, with_those_kept
from profile_service.errors import UnusableInput
from profile_service.labels import Label
from tests.work_world import WorkWorld

NOW = datetime(2026, 5, 12, tzinfo=UTC)
HEAD = "left_channel,left_id,right_channel,right_id,verdict,author,stratum,stratum_pairs,sampling_probability"


def written(tmp_path: Path, *rows: str) -> Path:
    path = tmp_path / "labels.csv"
    path.write_text("\n".join([HEAD, *rows]) + "\n", encoding="utf-8")
    return path


def test_verdicts_are_read_and_rows_nobody_judged_are_left_out(tmp_path: Path) -> None:
    labels = labels_in(written(tmp_path, "web,2,store,1,Same,ann,,,", "web,2,web,3,,,,,"), NOW).labels
    assert [(pair_of(label), label.verdict) for label in labels] == [(("store:1", "web:2"), "same")]
    assert labels_in(None, NOW).labels == ()


def test_a_file_in_which_nobody_judged_anything_says_what_to_do(tmp_path: Path) -> None:
    waiting = labels_in(written(tmp_path, "web,2,store,1,,,,,"), NOW).unjudged
    assert len(waiting) == 1
    assert "nobody has judged a pair in" in waiting[0]
    assert "(rows that wait: 1): fill in `verdict`" in waiting[0]
    assert "(it has no rows)" in labels_in(written(tmp_path), NOW).unjudged[0]
    assert labels_in(written(tmp_path, "web,2,store,1,unsure,,,,"), NOW).unjudged == ()


def test_strata_have_the_pairs_that_the_file_says_or_that_its_rows_stand_for(tmp_path: Path) -> None:
    rows = (
        "web,1,store,1,same,ann,sure,1000,0.01",
        "web,2,store,2,,,doubt,,0.5",
        "web,3,store,3,same,,doubt,,0.5",
        'web,4,store,4,same,,,,"0,25"',
        "web,5,store,5,same,,,,",
    )
    assert labels_in(written(tmp_path, *rows), NOW).strata == {"sure": 1000.0, "doubt": 4.0, None: 4.0}


def test_a_row_that_cannot_be_meant_is_named(tmp_path: Path) -> None:
    with pytest.raises(UnusableInput, match="line 2: verdict is 'maybe'"):
        labels_in(written(tmp_path, "web,2,store,1,maybe,ann,,,"), NOW)


def test_imported_labels_count_where_the_file_says_nothing_and_judgements_always(tmp_path: Path) -> None:
    work = WorkWorld(tmp_path).work
    work.execute(
        """INSERT INTO labels BY NAME SELECT 'web' AS left_channel, unnest(['1', '2']) AS left_id,
        'store' AS right_channel, '1' AS right_id, 'same' AS verdict, 'ann' AS author, 0.5 AS sampling_probability,
        false AS bound"""
    )
    work.execute(
        """INSERT INTO constraints BY NAME SELECT 'web' AS left_channel, '1' AS left_id, 'store' AS right_channel,
        '1' AS right_id, unnest(['same', 'different']) AS verdict, unnest(['dec_1', 'dec_2']) AS decision_id"""
    )
    given = Labels([Label("store", "1", "web", "1", "unsure", "bob")], {"sure": 9.0})
    known = with_those_kept(work, given)
    told = [(label.left_id, label.verdict, label.sampling_probability) for label in known.labels]
    assert told == [("1", "unsure", None), ("2", "same", 0.5), ("1", "different", None)]
    assert known.strata == {"sure": 9.0}
