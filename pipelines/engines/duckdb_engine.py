"""The usual engine: DuckDB holds everything, and everyone's pairs are found and compared by integer codes of values."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import duckdb
import numpy as np

from pipelines import block, score
from pipelines.compare import Pairs
from pipelines.engines import coded_blocks
from pipelines.engines.coded_levels import Sides
from pipelines.engines.coded_pairs import compare_coded
from pipelines.engines.coded_records import CodedRecords, code_comparisons, code_keys, code_records
from pipelines.work import spill_folder
from profile_service.identity.mixture import Integers
from profile_service.identity.model import Model

Work = duckdb.DuckDBPyConnection


class DuckDBEngine:
    """See ``Engine``. Made anew for each run: it keeps the codes of ``standardised`` from one stage to the next.

    What it answers is what ``block.block_all`` and ``compare.compare_pairs`` do, which say the same as one query each.
    """

    incremental = True

    def __init__(self) -> None:
        self._records: CodedRecords | None = None

    def accept(self, records: int) -> None:
        """Any number that one machine holds."""

    def too_wide(self, work: Work, model: Model) -> list[str]:
        """See ``block.too_wide``; where a rule has very many pairs the keys sampled are not the same ones."""
        records = block.count(work, "standardised")
        keys = code_keys(work, block.rules_worth_counting(model, records))
        with ThreadPoolExecutor(1) as beside:
            # fetching what comparisons read leaves half of a core idle
            wide = beside.submit(coded_blocks.too_wide, keys, model, records)
            self._records = code_comparisons(work, model, keys)
            return wide.result()

    def block_all(self, work: Work, model: Model) -> int:
        """See ``block.block_all``."""
        self._records = self._records or code_records(work, model)
        work.execute("CREATE OR REPLACE TEMP TABLE candidates (l INTEGER, r INTEGER)")
        for left, right in coded_blocks.pair_records(self._records, model, spill_folder(work)):
            work.register("found_pairs", {"l": left.astype(np.int32), "r": right.astype(np.int32)})
            work.execute("INSERT INTO candidates SELECT l, r FROM found_pairs")
            work.unregister("found_pairs")
        block.keep_channels_apart(work)
        return block.count(work, "candidates")

    def found_again(self, work: Work, model: Model, left: Integers, right: Integers) -> block.Flags:
        """See ``block.found_again``."""
        self._records = self._records or code_records(work, model)
        return coded_blocks.found_again(Sides(self._records, left, right), model.live_rules)

    def compare_pairs(self, work: Work, model: Model, pairs: Pairs) -> None:
        """See ``compare.compare_pairs``."""
        compare_coded(work, model, self._records or code_records(work, model), pairs)

    def score_pairs(self, work: Work, model: Model, compared: str) -> None:
        """See ``score.score_patterns`` and ``score.score_pairs``."""
        score.score_patterns(work, model, compared)
        score.score_pairs(work, compared)
