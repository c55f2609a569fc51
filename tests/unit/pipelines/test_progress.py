"""Progress is timed per stage, and shown as the stream allows."""

import io
import logging

import pytest

from pipelines.progress import BarProgress, LogProgress, SilentProgress, shown_progress


class Ticks:
    """A clock that moves one second each time it is read."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        self.now += 1.0
        return self.now


def test_a_stage_met_twice_adds_up_its_seconds() -> None:
    progress = SilentProgress(clock=Ticks())
    for _ in range(2):
        with progress.stage("block") as stage:
            stage.advance(5)
            stage.note("nothing is shown")
    assert progress.durations == {"block": 2.0}


def test_a_stage_that_fails_is_timed_all_the_same_and_hides_no_error() -> None:
    progress = SilentProgress(clock=Ticks())
    with pytest.raises(RuntimeError), progress.stage("score"):
        raise RuntimeError
    assert progress.durations == {"score": 1.0}


def test_log_lines_tell_notes_and_the_end_of_a_stage(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, logger="profiles"):
        progress = LogProgress(clock=Ticks())
        with progress.stage("ingest", total=20) as stage:
            stage.note("2 files")
            for _ in range(20):
                stage.advance()
    assert caplog.messages[0] == "ingest: 2 files"
    assert "ingest: 10 of 20" in caplog.messages
    assert caplog.messages[-1].startswith("ingest: done in ")


def test_bars_end_full_when_their_stage_ends_well() -> None:
    stream = io.StringIO()
    with BarProgress(stream) as progress, progress.stage("merge") as stage:
        stage.advance(3)
        stage.note("3 customers")
    assert "merge" in stream.getvalue()
    assert "3/3" in stream.getvalue()


def test_no_terminal_means_log_lines() -> None:
    with shown_progress(io.StringIO()) as progress:
        assert isinstance(progress, LogProgress)
