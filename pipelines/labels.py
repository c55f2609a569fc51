"""What people said of pairs of records: one person, two, or not to be told; read from a CSV and from the judgements."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import duckdb

from profile_service.errors import UnusableInput

VERDICTS = ("same", "different", "unsure")
_REQUIRED = ("left_channel", "left_id", "right_channel", "right_id", "verdict")
_NAMED = 3


@dataclass(frozen=True)
class Label:
    """A verdict on two records, named ``channel:source_record_id``: same, different or unsure."""

    left: str
    right: str
    verdict: str

    @property
    def pair(self) -> tuple[str, str]:
        """Both names, whichever stood on the left."""
        return min(self.left, self.right), max(self.left, self.right)


def read_labels(path: Path) -> list[Label]:
    """The labels in a CSV with the columns left_channel, left_id, right_channel, right_id and verdict, and any others.

    Rows without a verdict are pairs that nobody has judged yet. Raises UnusableInput when it cannot be read so.
    """
    wanted = ", ".join(_REQUIRED)
    try:
        with duckdb.connect() as desk:
            rows = desk.execute(
                f"SELECT {wanted} FROM read_csv($path, all_varchar = true, header = true, delim = ',', quote = '\"', "
                "escape = '\"')",
                {"path": str(path)},
            ).fetchall()
    except duckdb.Error as error:
        first = str(error).splitlines()[0]
        raise UnusableInput(f"{path} cannot be read as a CSV with the columns {wanted}: {first}") from error
    return list(_labels(path, rows))


def _labels(path: Path, rows: list[tuple[str | None, ...]]) -> Iterator[Label]:
    wrong = []
    for line, (*ends, said) in enumerate(rows, start=2):
        verdict = (said or "").strip().lower()
        if not verdict:
            continue
        names = [(each or "").strip() for each in ends]
        if verdict not in VERDICTS:
            wrong.append(f"row {line} has the verdict {said!r}")
        elif not all(names):
            wrong.append(f"row {line} names no two records")
        elif names[:2] == names[2:]:
            wrong.append(f"row {line} names one record twice")
        else:
            yield Label(f"{names[0]}:{names[1]}", f"{names[2]}:{names[3]}", verdict)
    if wrong:
        more = f" and {len(wrong) - _NAMED:,} more" if len(wrong) > _NAMED else ""
        raise UnusableInput(
            f"{path}: {'; '.join(wrong[:_NAMED])}{more}; a verdict is {', '.join(VERDICTS[:-1])} or {VERDICTS[-1]}"
        )


def judgement_labels(work: duckdb.DuckDBPyConnection) -> list[Label]:
    """Must-links and cannot-links that stand in the work store, as labels."""
    rows = work.execute(
        """SELECT left_channel || ':' || left_id, right_channel || ':' || right_id, verdict FROM constraints
        QUALIFY row_number() OVER (
            PARTITION BY least((left_channel, left_id), (right_channel, right_id)),
                         greatest((left_channel, left_id), (right_channel, right_id))
            ORDER BY decision_id DESC NULLS LAST, decided_at DESC NULLS LAST, verdict DESC) = 1
        ORDER BY ALL"""
    ).fetchall()
    return [Label(*row) for row in rows]
