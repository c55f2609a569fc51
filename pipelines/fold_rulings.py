"""Rulings in the ledger enter the work store: of those on one value the latest stands."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import duckdb

from pipelines.rulings import make_ruled_anew
from profile_service.live.rule import ruling_id, ruling_of

if TYPE_CHECKING:
    from profile_service.store.ledger import Entry

Work = duckdb.DuckDBPyConnection


def fold_rulings(work: Work, entries: Sequence[Entry]) -> int:
    """Let the last of those rulings on each value stand, and note it in ``ruled_anew``; answers how many there were."""
    make_ruled_anew(work)
    for entry in entries:
        ruling = ruling_of(entry)
        about = [ruling.field, ruling.value]
        work.execute("DELETE FROM generic_rulings WHERE field = ? AND value = ?", about)
        work.execute(
            "INSERT INTO generic_rulings VALUES (?, ?, ?, ?, ?, ?, ?)",
            [*about, ruling.verdict, entry.actor, entry.reason, entry.at, ruling_id(entry.seq)],
        )
        work.execute("INSERT INTO ruled_anew VALUES (?, ?)", about)
    return len(entries)
