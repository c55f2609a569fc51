"""Every pattern met gets its match weight, and through it every pair."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor

import duckdb
import numpy as np

from pipelines.compare import level_numbers
from pipelines.work import uncompressed
from profile_service.identity.mixture import LOG2, Floats, Integers
from profile_service.identity.model import Model

Work = duckdb.DuckDBPyConnection
_THREADS = 2


def score_patterns(work: Work, model: Model, compared: str) -> None:
    """Add to ``patterns`` those of relation ``compared(…, pattern)`` that are new to it, with bits and levels."""
    if model.trained is None:
        raise ValueError("an untrained model cannot score")
    new = work.execute(
        f"SELECT DISTINCT pattern FROM {compared} ANTI JOIN patterns USING (pattern) ORDER BY pattern"
    ).fetchnumpy()["pattern"]
    patterns = np.asarray(new, dtype=np.int64)
    if not len(patterns):
        return
    with ThreadPoolExecutor(_THREADS) as pool:
        parts = pool.map(model.trained.mixture.log_odds, np.array_split(level_numbers(model, patterns), _THREADS))
        log_odds = np.concatenate(list(parts))
    enter_patterns(work, model, patterns, log_odds / LOG2)


def enter_patterns(work: Work, model: Model, patterns: Integers, bits: Floats) -> None:
    """Add packed patterns with their bits, shape (patterns,) each, to ``patterns``, that holds none of them."""
    table = {
        "pattern": patterns,
        "bits": bits.astype(np.float32),
        "probability": 1.0 / (1.0 + np.exp2(-np.clip(bits, -500, 500))),
    }
    work.register("new_patterns", table)
    work.execute(f"INSERT INTO patterns SELECT pattern, bits, probability, {_levels_sql(model)} FROM new_patterns")
    work.unregister("new_patterns")


def _levels_sql(model: Model) -> str:
    """The levels of a packed ``pattern`` as JSON, missing ones left out."""
    members = ["NULL"]
    weight = 1
    for comparison, outcomes, radix in zip(model.comparisons, model.outcomes, model.radices, strict=True):
        texts = [f"{json.dumps(comparison.name)}: {json.dumps(outcome.name)}" for outcome in outcomes[1:]]
        quoted = ", ".join("'" + text.replace("'", "''") + "'" for text in texts)
        members.append(f"[NULL, {quoted}][pattern // {weight} % {radix} + 1]")
        weight *= radix
    return f"'{{' || concat_ws(', ', {', '.join(members)}) || '}}'"


def score_pairs(work: Work, compared: str) -> None:
    """Append relation ``compared(l, r, pattern)`` to ``scored_pairs`` with the bits of its patterns."""
    with uncompressed(work):
        work.execute(
            "INSERT INTO scored_pairs SELECT c.l, c.r, c.pattern, p.bits "
            f"FROM {compared} c JOIN patterns p USING (pattern)"
        )
