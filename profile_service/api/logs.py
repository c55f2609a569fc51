"""The service's log: one JSON object a line on standard error, never with a customer's data."""

from __future__ import annotations

import logging
import os
import sys
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, BinaryIO

import orjson

_FLUSH_SECONDS = 0.2
_MOST_KEPT = 65_536  # bytes


class Log:
    """Writes lines from ``level`` on, such as ``INFO``; lines of single requests are written a moment later, together.

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
        self._kept: list[bytes] = []
        self._size = 0
        self._turn = threading.Lock()
        self._writer: threading.Timer | None = None

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

    def request(self, facts: dict[str, Any]) -> None:
        """An answered request, at level INFO."""
        line = self._line("info", "request", facts)
        with self._turn:
            self._kept.append(line)
            self._size += len(line)
            if self._writer is None:
                self._writer = threading.Timer(_FLUSH_SECONDS, self.flush)
                self._writer.daemon = True
                self._writer.start()
            full = self._size > _MOST_KEPT
        if full:
            self.flush()

    def flush(self) -> None:
        """Write what is kept."""
        with self._turn:
            if self._writer is not None:
                self._writer.cancel()
                self._writer = None
            self._put(b"".join(self._kept))
            self._kept.clear()
            self._size = 0

    def _write(self, level: int, event: str, facts: dict[str, Any]) -> None:
        if level >= self._least:
            with self._turn:
                self._put(self._line(logging.getLevelName(level).lower(), event, facts))

    def _line(self, level: str, event: str, facts: dict[str, Any]) -> bytes:
        at = self._clock()
        return orjson.dumps({"at": at, "level": level, "event": event, **facts}, option=_AS_LINE)

    def _put(self, content: bytes) -> None:
        try:
            out = sys.stderr.buffer if self._given is None else self._given
            out.write(content)
            out.flush()
        except (OSError, ValueError):
            # whoever read the log has gone: requests go on
            self._kept.clear()


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
