"""What a run asks of an engine, whichever it is, and the engine that goes by a name."""

from __future__ import annotations

from typing import Protocol

import duckdb

from pipelines.block import Flags
from pipelines.compare import Pairs
from profile_service.errors import WrongUsage
from profile_service.identity.mixture import Integers
from profile_service.identity.model import Model

Work = duckdb.DuckDBPyConnection
USUAL = "duckdb"
NAMES = (USUAL, "spark", "recordlinkage")


class Engine(Protocol):
    """Applies the rules of a model to everyone in ``standardised``; every engine gives the same answers.

    ``incremental``: whether it can resolve only what changed; one that cannot resolves everyone anew in each run.
    """

    incremental: bool

    def accept(self, records: int) -> None:
        """Raise ``WrongUsage`` when this engine is not made for so many records."""
        ...

    def too_wide(self, work: Work, model: Model) -> list[str]:
        """Names of the wide blocking rules that find more pairs of their own than the model's budget allows."""
        ...

    def block_all(self, work: Work, model: Model) -> int:
        """Make ``candidates(l, r)``, each pair once with the smaller rid on the left; answers how many pairs."""
        ...

    def found_again(self, work: Work, model: Model, left: Integers, right: Integers) -> Flags:
        """Which pairs of rids share a key of any live rule, shape (pairs,)."""
        ...

    def compare_pairs(self, work: Work, model: Model, pairs: Pairs) -> None:
        """Make the table ``(l, r, pattern)`` that each relation ``(l, r)`` is to become."""
        ...

    def score_pairs(self, work: Work, model: Model, compared: str) -> None:
        """Append relation ``compared(l, r, pattern)`` to ``scored_pairs``, and its new patterns to ``patterns``."""
        ...


def engine_named(name: str) -> Engine:
    """The engine of that name; raises ``WrongUsage`` where this build has none."""
    # Each engine imports its own: pandas and recordlinkage take seconds to load.
    if name == USUAL:
        from pipelines.engines.duckdb_engine import DuckDBEngine

        return DuckDBEngine()
    if name == "recordlinkage":
        from pipelines.engines.recordlinkage_engine import RecordLinkageEngine

        return RecordLinkageEngine()
    if name == "spark":
        raise WrongUsage("this build has no Spark engine yet: use --engine duckdb")
    raise WrongUsage(f"there is no engine {name!r}: choose {', '.join(NAMES)}")
