"""Times as the ledger keeps them: RFC 3339 in UTC with microseconds, so that they sort as text."""

from __future__ import annotations

from datetime import UTC, datetime


def now_utc() -> datetime:
    """The system's clock."""
    return datetime.now(UTC)


def as_text(at: datetime) -> str:
    """``2026-11-21T20:01:02.000003Z``; ``at`` carries its time zone."""
    here = at if at.tzinfo is UTC else at.astimezone(UTC)
    return f"{here.isoformat(timespec='microseconds').removesuffix('+00:00')}Z"


def as_time(text: str) -> datetime:
    """The time that ``as_text`` wrote."""
    return datetime.fromisoformat(text)
