"""What every stage is told of the run it is part of."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pipelines.ahead import WarehouseCopy
    from pipelines.progress import Progress


@dataclass(frozen=True)
class RunContext:
    """One run: its number (1, 2, 3 …), its name, the moment that counts as now, where progress is shown, its engine.

    ``ahead``: copies the standing warehouse while the run links, for publishing to refresh.
    """

    run_seq: int
    run_id: str
    now: datetime
    progress: Progress
    engine: str = "duckdb"
    ahead: WarehouseCopy | None = None
