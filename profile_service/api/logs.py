"""The service's log: one JSON object a line on standard error, never with a customer's data."""

from __future__ import annotations

import logging
import os
import sys
import threading
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any, BinaryIO

import orjson


class Log:
    """Writes lines from ``level`` on, such as ``INFO``.

    ``clock`` dates the lines, ``out`` takes them: standard error, if it is not given.
    """

    def __init__(
        self,
        level: str,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        out: BinaryIO | None = None,
    ) -> None:
        self._least = logging.getLevelNamesMapping()[level]
        self.requests = self._least <= logging.INFO
        self._clock = clock
        self._given = out
        self._turn = threading.Lock()

    def info(self, event: str, **facts: Any) -> None:
        """Something ordinary happened."""
        self._write(logging.INFO, event, facts)

    def warning(self, event: str, **facts: Any) -> None:
        """Something an operator should look at when there is time."""
        self._write(logging.WARNING, event, facts)

    def failed(self, event: str, error: BaseException, **facts: Any) -> None:
        """An error nobody foresaw: its kind and the lines it came by.

        Never its message, in which a person's data may stand.
        """
        self._write(logging.ERROR, event, facts | _where(error))

    def answered(self, requests: Sequence[tuple[float, dict[str, Any]]]) -> None:
        """Answered requests, each with its moment in seconds since 1970, at level INFO."""
        lines = [self._line("info", "request", datetime.fromtimestamp(at, UTC), facts) for at, facts in requests]
        if lines:
            with self._turn:
                self._put(b"".join(lines))

    def _write(self, level: int, event: str, facts: dict[str, Any]) -> None:
        if level >= self._least:
            with self._turn:
                self._put(self._line(logging.getLevelName(level).lower(), event, self._clock(), facts))

    def _line(self, level: str, event: str, at: datetime, facts: dict[str, Any]) -> bytes:
        return orjson.dumps({"at": at, "level": level, "event": event, **facts}, option=_AS_LINE)

    def _put(self, content: bytes) -> None:
        try:
            out = sys.stderr.buffer if self._given is None else self._given
            out.write(content)
            out.flush()
        except (OSError, ValueError):
            # whoever read the log has gone: requests go on
            return


_AS_LINE = orjson.OPT_APPEND_NEWLINE | orjson.OPT_UTC_Z


def _where(error: BaseException) -> dict[str, Any]:
    frames = []
    trace = error.__traceback__
    while trace is not None:
        code = trace.tb_frame.f_code
        frames.append(f"{os.path.relpath(code.co_filename, sys.prefix)}:{trace.tb_lineno} {code.co_name}")
        trace = trace.tb_next
    cause = error.__cause__
    return {"error": type(error).__name__, "by": frames[-12:], "cause": type(cause).__name__ if cause else None}


class JsonFormatter(logging.Formatter):
    """What libraries log, as lines of the same form; of an exception its kind and place, never its message."""

    def format(self, record: logging.LogRecord) -> str:
        """One line without its end."""
        facts: dict[str, Any] = {
            "at": datetime.fromtimestamp(record.created, UTC),
            "level": record.levelname.lower(),
            "event": record.getMessage(),
            "logger": record.name,
        }
        if record.exc_info and record.exc_info[1] is not None:
            facts |= _where(record.exc_info[1])
        return orjson.dumps(facts, option=orjson.OPT_UTC_Z).decode()
