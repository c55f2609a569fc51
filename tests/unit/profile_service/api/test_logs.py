"""The log is one JSON object a line, whole, from the level that was asked for, and never holds an error's message."""

from __future__ import annotations

import io
import json
import logging
from datetime import UTC, datetime
from threading import Thread
from typing import Any

import pytest

from profile_service.api.logs import JsonFormatter, Log

AT = datetime(2026, 11, 21, 8, tzinfo=UTC)


def lines(out: io.BytesIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in out.getvalue().splitlines()]


@pytest.mark.parametrize(
    ("level", "heard"),
    [("INFO", ["request", "began", "beware", "failed"]), ("WARNING", ["beware", "failed"]), ("ERROR", ["failed"])],
)
def test_a_level_hears_what_is_as_grave_or_graver(level: str, heard: list[str]) -> None:
    out = io.BytesIO()
    log = Log(level, lambda: AT, out)
    if log.requests:
        log.answered([(AT.timestamp(), {"status": 200})])
    log.info("began")
    log.warning("beware")
    log.failed("failed", ValueError("jane@example.com"))
    assert [line["event"] for line in lines(out)] == heard
    assert {line["at"] for line in lines(out)} == {"2026-11-21T08:00:00Z"}
    assert b"jane" not in out.getvalue()


def test_lines_of_many_threads_stay_whole() -> None:
    out = io.BytesIO()
    log = Log("INFO", lambda: AT, out)

    def talk(who: int) -> None:
        for number in range(200):
            log.answered([(AT.timestamp(), {"who": who, "number": number, "padding": "x" * 300})] * 2)

    threads = [Thread(target=talk, args=(who,)) for who in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    told = lines(out)
    assert sorted((line["who"], line["number"]) for line in told[::2]) == [(a, b) for a in range(4) for b in range(200)]


def test_a_reader_who_has_gone_stops_no_request() -> None:
    out = io.BytesIO()
    log = Log("INFO", lambda: AT, out)
    out.close()
    log.answered([(AT.timestamp(), {"status": 200})])
    log.info("still here")


def test_what_libraries_log_takes_the_same_form_without_the_message_of_an_exception() -> None:
    try:
        raise KeyError("jane@example.com")
    except KeyError as error:
        record = logging.LogRecord("lib", logging.ERROR, "f", 1, "it broke", (), (KeyError, error, None))
    line = json.loads(JsonFormatter().format(record))
    assert (line["event"], line["level"], line["error"]) == ("it broke", "error", "KeyError")
    assert "jane" not in json.dumps(line)
