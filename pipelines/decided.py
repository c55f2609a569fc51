"""What people decided of two records: who, when, what and why, and whether it binds."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import duckdb

from pipelines.judged import match_judgements_sql

BINDS = "binds"
# how each standing of ``match_judgements`` is said beside a decision; of those that bind nothing more is to be said
_SAID = {"superseded": "; a later decision binds", "set aside": "; set aside, for later ones contradict it"}


@dataclass(frozen=True)
class Judged:
    """A decision on two records; ``standing`` as in ``match_judgements``: binds, superseded or set aside."""

    verdict: str
    author: str
    decided_at: datetime
    reason: str | None
    standing: str

    @property
    def told(self) -> str:
        """In words."""
        said = f"{self.author} decided on {self.decided_at:%Y-%m-%d}: {self.verdict}"
        return f"{said} ({self.reason or 'no reason given'}){_SAID.get(self.standing, '')}"


def judged_of(work: duckdb.DuckDBPyConnection, left: str, right: str) -> tuple[Judged, ...]:
    """The decisions on the records ``left`` and ``right`` that the last run knew, the earliest first."""
    rows = work.execute(
        f"""SELECT verdict, author, decided_at, reason, standing FROM ({match_judgements_sql()}) AS judgements(
            one, other, verdict, kind, standing, author, reason, decided_at, decision_id, against, one_customer,
            other_customer, together, stratum, sampling_probability)
        WHERE kind = 'decision' AND least(one, other) = ? AND greatest(one, other) = ?
        ORDER BY decided_at, decision_id""",
        sorted((left, right)),
    ).fetchall()
    return tuple(Judged(*row) for row in rows)
