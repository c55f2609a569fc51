"""The reference engine, for small data: the model as recordlinkage's own Index, Compare and Classifier over pandas.

It resolves everyone anew in each run, and gives the candidate pairs, levels, bits and clusters of the usual engine.
What a training draws at random and counts among everyone stays with DuckDB: a model is one value for all engines.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence

import duckdb
import numpy as np
import pandas as pd

from pipelines import block
from pipelines.compare import Pairs, level_numbers
from pipelines.engines.latent_class import LatentClassClassifier
from pipelines.engines.recordlinkage_objects import model_compare, model_index
from pipelines.score import enter_patterns
from profile_service.errors import WrongUsage
from profile_service.identity.mixture import Integers
from profile_service.identity.model import Model

Work = duckdb.DuckDBPyConnection
MOST_RECORDS = 50_000
_PAIRS_AT_ONCE = 50_000

# it would tell of every step, twice
logging.getLogger("recordlinkage").setLevel(logging.WARNING)


class RecordLinkageEngine:
    """See ``Engine``."""

    incremental = False

    def accept(self, records: int) -> None:
        """Raise ``WrongUsage`` above ``MOST_RECORDS``: pandas would take very long and much memory."""
        if records > MOST_RECORDS:
            raise WrongUsage(
                f"the recordlinkage engine is for up to {MOST_RECORDS:,} records and there are {records:,}: "
                "use --engine duckdb"
            )

    def too_wide(self, work: Work, model: Model) -> list[str]:
        """See ``block.too_wide``: a count, for which recordlinkage has no object."""
        return block.too_wide(work, model)

    def block_all(self, work: Work, model: Model) -> int:
        """Make ``candidates(l, r)`` with the model's blocking rules as one recordlinkage ``Index``."""
        frame = standard_values(work)
        pairs = (
            model_index(model).index(frame)
            if len(frame) > 1 and model.live_rules
            else pd.MultiIndex.from_arrays([[], []])
        )
        first, second = _sides(pairs)
        # Two records of one duplicate-free channel are never one person; NaN, any other channel, equals nothing.
        channel = frame["apart"].astype(np.float64)
        kept = channel.loc[first].to_numpy() != channel.loc[second].to_numpy()
        _make(work, "candidates", {"l": np.minimum(first, second)[kept], "r": np.maximum(first, second)[kept]})
        return int(kept.sum())

    def found_again(self, work: Work, model: Model, left: Integers, right: Integers) -> block.Flags:
        """See ``block.found_again``, for which recordlinkage has no object either."""
        return block.found_again(work, model, left, right)

    def compare_pairs(self, work: Work, model: Model, pairs: Pairs) -> None:
        """Make the patterns of pairs with the model's comparisons as one recordlinkage ``Compare``."""
        frame = standard_values(work)
        compare = model_compare(model)
        weights = np.cumprod([1, *model.radices[:-1]], dtype=np.int64)
        for relation, into in pairs.items():
            rows = work.execute(f"SELECT l, r FROM {relation} ORDER BY l, r").fetchnumpy()
            index = pd.MultiIndex.from_arrays([rows["l"], rows["r"]])
            patterns = np.zeros(len(index), dtype=np.int64)
            for start in range(0, len(index), _PAIRS_AT_ONCE):
                vectors = compare.compute(index[start : start + _PAIRS_AT_ONCE], frame)
                patterns[start : start + _PAIRS_AT_ONCE] = vectors.to_numpy(dtype=np.int64) @ weights
            _make(work, into, {"l": rows["l"], "r": rows["r"], "pattern": patterns})

    def score_pairs(self, work: Work, model: Model, compared: str) -> None:
        """Append to ``scored_pairs`` and ``patterns`` what the classifier says of the comparison vectors."""
        if model.trained is None:
            raise ValueError("an untrained model cannot score")
        rows = work.execute(f"SELECT l, r, pattern FROM {compared} ORDER BY l, r").fetchnumpy()
        patterns = np.asarray(rows["pattern"], dtype=np.int64)
        vectors = pd.DataFrame(
            level_numbers(model, patterns),
            index=pd.MultiIndex.from_arrays([rows["l"], rows["r"]]),
            columns=[comparison.name for comparison in model.comparisons],
        )
        bits = LatentClassClassifier.of(model.trained.mixture).bits(vectors).to_numpy()
        distinct, first = np.unique(patterns, return_index=True)
        enter_patterns(work, model, distinct, bits[first])
        work.register("weighed_pairs", {**rows, "bits": bits.astype(np.float32)})
        work.execute("INSERT INTO scored_pairs SELECT l, r, pattern, bits FROM weighed_pairs")
        work.unregister("weighed_pairs")


def standard_values(work: Work, only: Sequence[int] | None = None) -> pd.DataFrame:
    """The ``standardised`` table, or ``only`` these rids: a row a record; ``None`` where a value is missing."""
    some = "" if only is None else "WHERE rid IN (SELECT unnest($only::INTEGER[]))"
    given = {} if only is None else {"only": list(only)}
    cursor = work.execute(f"SELECT * FROM standardised {some} ORDER BY rid", given)
    names = [column[0] for column in cursor.description or ()]
    return pd.DataFrame(cursor.fetchall(), columns=names, dtype=object).astype({"rid": np.int64}).set_index("rid")


def _sides(pairs: pd.MultiIndex) -> tuple[Integers, Integers]:
    first, second = (pairs.get_level_values(side).to_numpy(dtype=np.int64) for side in (0, 1))
    return first, second


def _make(work: Work, name: str, columns: Mapping[str, Integers]) -> None:
    """Make a temporary table of pairs; rids are INTEGER there, as in every other table."""
    work.register("made_pairs", {**columns, "l": columns["l"].astype(np.int32), "r": columns["r"].astype(np.int32)})
    work.execute(f"CREATE OR REPLACE TEMP TABLE {name} AS SELECT * FROM made_pairs")
    work.unregister("made_pairs")
