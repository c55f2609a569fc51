"""Every pair of a relation gets its pattern from integer codes, and from the texts where only these can tell."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import duckdb
import numpy as np

from pipelines.compare import Pairs
from pipelines.engines.coded_levels import Sides, level_numbers, speaking, swapped
from pipelines.engines.coded_records import ODD, CodedRecords, Codes, Rids, begins
from pipelines.work import whole_number
from profile_service.identity.compare import level_sql, takes_part
from profile_service.identity.mixture import Integers
from profile_service.identity.model import Comparison, Model

Work = duckdb.DuckDBPyConnection
_THREADS = 2
_PAIRS_AT_ONCE = 8_000_000  # half a gigabyte with everything made of them
_PAIRS_A_TASK = 1 << 17  # what is made of them stays in a processor's cache

Asked = dict[int, Rids]  # comparison = places of the pairs that only the texts can tell


def compare_coded(work: Work, model: Model, records: CodedRecords, pairs: Pairs) -> None:
    """Make a table of patterns from each table of pairs; see ``compare.compare_pairs``."""
    for into in pairs.values():
        work.execute(f"CREATE OR REPLACE TEMP TABLE {into} (l INTEGER, r INTEGER, pattern BIGINT)")
    parts = 1 + sum(whole_number(work, f"SELECT count(*) FROM {table}") for table in pairs) // _PAIRS_AT_ONCE
    for part in range(parts):
        # of all tables together: what the texts are asked costs a look at everyone, for however few pairs
        rows = [work.execute(f"SELECT l, r FROM {table} WHERE l % {parts} = {part}").fetchnumpy() for table in pairs]
        left, right = (np.concatenate([np.asarray(each[side], dtype=np.intp) for each in rows]) for side in "lr")
        patterns = patterns_of(work, model, Sides(records, left, right))
        ends = np.cumsum([len(each["l"]) for each in rows])[:-1]
        for into, each, some in zip(pairs.values(), rows, np.split(patterns, ends), strict=True):
            work.register("compared_pairs", {**each, "pattern": some})
            work.execute(f"INSERT INTO {into} SELECT l, r, pattern FROM compared_pairs")
            work.unregister("compared_pairs")


def patterns_of(work: Work, model: Model, pairs: Sides) -> Integers:
    """The packed levels of each pair, shape (pairs,)."""
    tasks = [slice(start, start + _PAIRS_A_TASK) for start in range(0, len(pairs.left), _PAIRS_A_TASK)]
    patterns = np.zeros(len(pairs.left), dtype=np.int64)
    asked: list[Asked] = []
    spoken = speaking(model, pairs.records)
    with ThreadPoolExecutor(_THREADS) as pool:
        settled = pool.map(lambda task: _settle(model, pairs, spoken, task), tasks)
        for task, (some, places) in zip(tasks, settled, strict=True):
            patterns[task] = some
            asked.append({comparison: task.start + at for comparison, at in places.items()})
        # found beside, while SQL is asked about those of the comparison before
        unsure = {}
        for number in range(len(model.comparisons)):
            if parts := [each[number] for each in asked if number in each]:
                at = np.concatenate(parts)
                unsure[number] = at, pool.submit(_alike, model.comparisons[number], pairs.at(at))
        for number, weight in enumerate(_weights(model)):
            if number in unsure:
                at, found = unsure[number]
                first, alike = found.result()
                level = level_sql(model.comparisons[number], model)
                patterns[at] += _ask(work, level, pairs.left[at[first]], pairs.right[at[first]])[alike] * weight
    return patterns


def _alike(comparison: Comparison, pairs: Sides) -> tuple[Rids, Rids]:
    """The first of all pairs that hold the same values in a comparison, and for each pair which of these is like it.

    For pairs that have something to be asked; of the other name is read whether they may be swapped.
    """
    columns = {*comparison.columns}
    key = np.zeros(len(pairs.left), dtype=np.uint64)
    for level in comparison.levels:
        columns |= {column for column in (level.column, level.and_column) if column}
        if level.bins:
            key = key * ODD + np.minimum(*pairs.codes(f"{level.bins}_bin"))
    if comparison.unless_swapped or any(level.rule == "swapped" for level in comparison.levels):
        certain, unsure = swapped(pairs)
        key = key * ODD + certain
        for column in ("given_fixed", "family_fixed"):
            for code in pairs.codes(column):
                key = key * ODD + np.where(unsure, code, np.uint64(0))
    for column in sorted(columns):
        for code in pairs.codes(column):
            key = key * ODD + code
    by_key = np.argsort(key)
    fresh = begins(key[by_key])
    alike = np.empty(len(key), dtype=np.intp)
    alike[by_key] = np.cumsum(fresh) - 1
    return by_key[fresh], alike


def _weights(model: Model) -> list[int]:
    """What one level of each comparison counts in a packed pattern, see ``Model.pack``."""
    return [int(weight) for weight in np.cumprod([1, *model.radices[:-1]], dtype=np.int64)]


def _settle(model: Model, pairs: Sides, spoken: Codes, task: slice) -> tuple[Integers, Asked]:
    """The packed levels of some pairs as far as codes tell, and who is to be asked."""
    some = Sides(pairs.records, pairs.left[task], pairs.right[task])
    both = spoken.take(some.left) & spoken.take(some.right)
    patterns = np.zeros(len(some.left), dtype=np.int64)
    asked: Asked = {}
    for number, weight in enumerate(_weights(model)):
        if takes_part(model.comparisons[number], model):
            speak = (both & np.uint64(1 << number)) != 0
            levels, unsure = level_numbers(model.comparisons[number], model, some, speak)
            patterns += levels * weight
            if len(unsure):
                asked[number] = unsure
    return patterns, asked


def _ask(work: Work, level: str, left: Rids, right: Rids) -> Integers:
    """What SQL says of pairs, shape (pairs,)."""
    columns = {"l": left.astype(np.int32), "r": right.astype(np.int32), "place": np.arange(len(left), dtype=np.int32)}
    work.register("asked", columns)
    rows = work.execute(
        f"SELECT p.place, {level} AS level FROM asked p "
        "JOIN standardised l ON l.rid = p.l JOIN standardised r ON r.rid = p.r"
    ).fetchnumpy()
    work.unregister("asked")
    levels = np.zeros(len(left), dtype=np.int64)
    levels[np.asarray(rows["place"])] = np.asarray(rows["level"])
    return levels
