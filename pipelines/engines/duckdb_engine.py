"""The usual engine: every rule of the model runs as SQL in DuckDB."""

from __future__ import annotations

import duckdb

from pipelines import block, compare, score
from profile_service.identity.model import Model

Work = duckdb.DuckDBPyConnection


class DuckDBEngine:
    """The stages of this package as they are, see ``Engine``."""

    incremental = True

    def accept(self, records: int) -> None:
        """Any number that one machine holds."""

    def block_all(self, work: Work, model: Model) -> int:
        """See ``block.block_all``."""
        return block.block_all(work, model)

    def compare_pairs(self, work: Work, model: Model, pairs: str, into: str) -> None:
        """See ``compare.compare_pairs``."""
        compare.compare_pairs(work, model, pairs, into)

    def score_pairs(self, work: Work, model: Model, compared: str) -> None:
        """See ``score.score_patterns`` and ``score.score_pairs``."""
        score.score_patterns(work, model, compared)
        score.score_pairs(work, compared)
