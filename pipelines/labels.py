"""What people said of pairs of records: labels of a file, labels imported and kept, and the judgements that stand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import duckdb

from pipelines.label_file import nobody_judged, read_judged
from profile_service.labels import Label

Work = duckdb.DuckDBPyConnection
_NOBODY = "somebody"  # who judged makes no difference to a measure


@dataclass(frozen=True)
class Labels:
    """Labels to measure by, and how many pairs there were in each stratum that they were drawn from.

    ``unjudged``: in words, that a file was given in which nobody has judged anything; empty otherwise.
    """

    labels: Sequence[Label] = ()
    strata: Mapping[str | None, float] = field(default_factory=dict)
    unjudged: tuple[str, ...] = ()


def labels_in(path: Path | None, now: datetime) -> Labels:
    """The labels of a file, as ``label_file.read_judged`` reads it; none without a file."""
    if path is None:
        return Labels()
    judged = read_judged(path, _NOBODY, now)
    return Labels([label for _, label in judged.labels], judged.strata, nobody_judged(path, judged))


def with_those_kept(work: Work, given: Labels) -> Labels:
    """The labels given, those that were imported on other pairs, and the judgements that stand in the work store."""
    named = {pair_of(label) for label in given.labels}
    kept = [label for label in _imported(work) if pair_of(label) not in named]
    return Labels([*given.labels, *kept, *_judgements(work)], given.strata)


def pair_of(label: Label) -> tuple[str, str]:
    """The names ``channel:source_record_id`` of both records, whichever stood on the left."""
    left, right = sorted(":".join(end) for end in (label.left, label.right))
    return left, right


def _imported(work: Work) -> list[Label]:
    rows = work.execute(
        """SELECT left_channel, left_id, right_channel, right_id, verdict, author, reason, NULL, stratum,
            sampling_probability, bound FROM labels ORDER BY ALL"""
    ).fetchall()
    return [Label(*row) for row in rows]


def _judgements(work: Work) -> list[Label]:
    """Must-links and cannot-links; of several on one pair the latest."""
    rows = work.execute(
        f"""SELECT left_channel, left_id, right_channel, right_id, verdict, '{_NOBODY}' FROM constraints
        QUALIFY row_number() OVER (
            PARTITION BY least((left_channel, left_id), (right_channel, right_id)),
                         greatest((left_channel, left_id), (right_channel, right_id))
            ORDER BY decision_id DESC NULLS LAST, decided_at DESC NULLS LAST, verdict DESC) = 1
        ORDER BY ALL"""
    ).fetchall()
    return [Label(*row) for row in rows]
