"""Labels in the ledger enter the work store: of one author on one pair the latest stands."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import duckdb

from profile_service.labels import LABEL, label_of
from profile_service.store.ledger import entry_id

if TYPE_CHECKING:
    from profile_service.store.ledger import Entry

Work = duckdb.DuckDBPyConnection


def fold_labels(work: Work, entries: Sequence[Entry]) -> int:
    """Keep the labels of those entries; answers how many there were."""
    count = 0
    for entry in entries:
        assert entry.payload is not None
        for row in entry.payload[LABEL]:
            label = label_of(row)
            ends = [*label.left, *label.right]
            work.execute(
                """DELETE FROM labels WHERE author = ? AND (
                    (left_channel, left_id, right_channel, right_id) = (?, ?, ?, ?)
                    OR (right_channel, right_id, left_channel, left_id) = (?, ?, ?, ?))""",
                [label.author, *ends, *ends],
            )
            work.execute(
                "INSERT INTO labels VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                [
                    *ends,
                    label.verdict,
                    label.author,
                    label.reason,
                    label.judged_at or entry.at,
                    label.bound,
                    label.stratum,
                    label.sampling_probability,
                    entry_id("lbl_", entry.seq),
                ],
            )
            count += 1
    return count
