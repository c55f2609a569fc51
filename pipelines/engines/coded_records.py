"""Everyone's standard values as integers in arrays by rid: what pairs can be found and compared by, many at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import duckdb
import numpy as np
from numpy.typing import NDArray

from pipelines.work import whole_number
from profile_service.identity.blocking_rule import BlockingRule, part_sql
from profile_service.identity.compare import RULES, columns_said_before, takes_part
from profile_service.identity.model import Comparison, Model

Work = duckdb.DuckDBPyConnection
Codes = NDArray[np.uint64]
Rids = NDArray[np.intp]
_COLUMNS_AT_ONCE = 6
ODD = np.uint64(0x9E3779B97F4A7C15)  # by which codes are multiplied to be put together as one

# Codes that a rule reads beyond whether two values are the same, each a name behind the column's and its SQL.
# An empty text has no ends; a standard value is never empty.
ENDS = "ends"  # first character, last, and whether there is only one
TWO_ENDS = "two ends"  # the first two characters, the last two, and how many there are (255 for more)
WORDS = "words"  # a bit of 64 for each word: two texts without a common bit have no common word
DATE = "date"  # YYYYMMDD as a number, 0 for what is no date
_SQL = {
    ENDS: "ascii({0}) % 256 + ascii(substr({0}, -1)) % 256 * 256 + CASE WHEN length({0}) = 1 THEN 65536 ELSE 0 END",
    TWO_ENDS: (
        "ascii({0}) % 256 + ascii(substr({0}, 2, 1)) % 256 * 256 + ascii(substr({0}, -1)) % 256 * 65536 "
        "+ CASE WHEN length({0}) > 1 THEN ascii(substr({0}, -2)) % 256 * 16777216::BIGINT ELSE 0 END "
        "+ least(length({0}), 255) * 4294967296"
    ),
    WORDS: (
        "CASE WHEN contains({0}, ' ') THEN list_aggregate(list_transform(string_split({0}, ' '), "
        "lambda word: 1::UBIGINT << (hash(word) % 64)::INTEGER), 'bit_or') "
        "ELSE 1::UBIGINT << (hash({0}) % 64)::INTEGER END"
    ),
    DATE: (
        "CASE WHEN {0} LIKE '____-__-__' "
        "THEN coalesce(TRY_CAST(left({0}, 4) || substr({0}, 6, 2) || right({0}, 2) AS UINTEGER), 0) ELSE 0 END"
    ),
}
# Rule = what it reads of its column beside the value's own code; rules not named here are for SQL alone.
RULE_CODES: dict[str, tuple[str, ...]] = {
    "same": (),
    "same_both": (),
    "same_start": (),
    "swapped": (),
    "shares_word": (WORDS,),
    "initial": (ENDS,),
    "jaro_winkler": (ENDS,),
    "damerau": (TWO_ENDS,),
    "day_month_swapped": (DATE,),
    "two_date_parts": (DATE,),
    "one_date_part_slipped": (DATE,),
}
assert RULE_CODES.keys() <= RULES.keys()


@dataclass(frozen=True)
class CodedRecords:
    """Name of a code = the code of each record by rid, shape (size,), 0 where the value is missing.

    A column's own code is DuckDB's hash of the value, so that two values are the same when their codes are: of a
    hundred million pairs of 64-bit hashes one in two hundred thousand million meets by accident.
    """

    codes: dict[str, Codes]
    size: int

    def __getitem__(self, name: str) -> Codes:
        return self.codes[name]


def begins(ordered: NDArray[np.generic]) -> NDArray[np.bool_]:
    """Where in an ordered array each value stands for the first time, of the same shape."""
    return np.concatenate([np.ones(min(1, len(ordered)), dtype=bool), ordered[1:] != ordered[:-1]])


def start_of(column: str, length: int) -> str:
    """The name of the code for the first characters of a column."""
    return f"{column} to {length}"


def code_records(work: Work, model: Model) -> CodedRecords:
    """Code what the model's blocking rules and comparisons read in ``standardised``."""
    return code_comparisons(work, model, code_keys(work, model.live_rules))


def code_keys(work: Work, rules: Sequence[BlockingRule]) -> CodedRecords:
    """Code what some blocking rules read in ``standardised``."""
    size = whole_number(work, "SELECT coalesce(max(rid) + 1, 0) FROM standardised")
    return CodedRecords(_coded(work, {part: _part_sql(part) for rule in rules for part in rule.key}, size), size)


def code_comparisons(work: Work, model: Model, known: CodedRecords) -> CodedRecords:
    """``known`` and what of the model's comparisons is not in it."""
    wanted: dict[str, str] = {}
    for comparison in model.comparisons:
        if takes_part(comparison, model):
            wanted |= _codes_of(comparison, model)
    wanted = {name: sql for name, sql in wanted.items() if name not in known.codes}
    return CodedRecords(known.codes | _coded(work, wanted, known.size), known.size)


def _coded(work: Work, wanted: Mapping[str, str], size: int) -> dict[str, Codes]:
    """Name = SQL over ``standardised`` becomes name = codes by rid."""
    names = sorted(wanted)
    codes = {name: np.zeros(size, dtype=np.uint64) for name in names}
    with ThreadPoolExecutor(1) as beside:
        put: Future[None] | None = None
        # a few columns at a time: each is held twice while it is put in the order of rids, beside the next few
        for start in range(0, len(names), _COLUMNS_AT_ONCE):
            some = names[start : start + _COLUMNS_AT_ONCE]
            selected = ", ".join(f"({wanted[name]})::UBIGINT AS c{at}" for at, name in enumerate(some))
            rows = work.execute(f"SELECT rid, {selected} FROM standardised s").fetchnumpy()
            if put is not None:
                put.result()
            put = beside.submit(_put, rows, [codes[name] for name in some])
        if put is not None:
            put.result()
    return codes


def _put(rows: Mapping[str, NDArray[Any]], codes: Sequence[Codes]) -> None:
    rids = np.asarray(rows["rid"], dtype=np.intp)
    for at, column in enumerate(codes):
        column[rids] = np.asarray(rows[f"c{at}"])


def _codes_of(comparison: Comparison, model: Model) -> dict[str, str]:
    """Name = SQL of every code that a comparison reads."""
    columns: set[str] = {*comparison.columns, *columns_said_before(comparison, model)}
    wanted: dict[str, str] = {}
    if comparison.unless_swapped or any(level.rule == "swapped" for level in comparison.levels):
        for column in ("given_fixed", "family_fixed"):
            columns.add(column)
            wanted[f"{column} {ENDS}"] = _unless_missing(column, _SQL[ENDS].format(column))
    for level in comparison.levels:
        columns |= {column for column in (level.column, level.and_column) if column}
        if level.rule == "same_start":
            start = f"left({level.column}, {level.length})"
            wanted[start_of(level.column, level.length)] = _unless_missing(level.column, f"hash({start})")
        for column in (level.bins, level.column if level.well_known else ""):
            if column:
                wanted[f"{column}_bin"] = f"{column}_bin"
        for kind in RULE_CODES.get(level.rule, ()):
            wanted[f"{level.column} {kind}"] = _unless_missing(level.column, _SQL[kind].format(level.column))
    return wanted | {column: _value_sql(column) for column in columns}


def _value_sql(column: str) -> str:
    return _unless_missing(column, f"hash({column})")


def _part_sql(part: str) -> str:
    """The code of a part of a blocking key, whose name the part is."""
    return _unless_missing(part.partition(":")[0], f"hash({part_sql(part, 's')})")


def _unless_missing(column: str, sql: str) -> str:
    return f"CASE WHEN {column} IS NULL THEN 0 ELSE {sql} END"
