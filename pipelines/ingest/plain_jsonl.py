"""Proof that a JSONL file is one flat object a line, which DuckDB's own reader then takes as the line reader would."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb

from pipelines.ingest.look import LINE_LIMIT
from profile_service.contracts.fields import quoted

_MOST_KEYS = 200  # a feed has some dozens of keys; a file with more makes up its own in every row
_MOST_SHAPES = 10_000
_GLOBS = frozenset("*?[")  # in a name, DuckDB may take them for a pattern

# Flat JSON of which both readers make the same text. DuckDB's parser alone proves nothing: it forgives a trailing
# comma, NaN and a key that stands twice. Left to the line reader: escapes that bring in a control character or half of
# a surrogate pair, exponents, numbers of many digits, and fractions that are whole or very small.
_ESCAPE = r"\\[\"\\/bfnrt]"
_CHARACTER = (
    r"\\u(?:00[2-9a-fA-F][0-9a-fA-F]|0[1-9a-fA-F][0-9a-fA-F]{2}|[1-9abcefABCEF][0-9a-fA-F]{3}|[dD][0-7][0-9a-fA-F]{2})"
)
_STRING = rf'"(?:[^"\\\x00-\x1f]|{_ESCAPE}|{_CHARACTER})*"'
_NUMBER = r"(?:-?[1-9][0-9]{0,9}|0)(?:\.[0-9]{0,3}[1-9])?"
_PAIR = rf"\s*{_STRING}\s*:\s*(?:{_STRING}|{_NUMBER}|true|false|null)\s*"
_FLAT = rf"\{{{_PAIR}(?:,{_PAIR})*\}}"


@dataclass(frozen=True)
class PlainJsonl:
    """A file that DuckDB may read: how many rows, and its keys with the place in ``wanted`` that each fills, if any."""

    path: Path
    rows: int
    keys: Sequence[tuple[str, int | None]]

    @property
    def table(self) -> str:
        """A FROM item: wanted keys as text in ``c<place>``, ``further`` the inside of a JSON object of all others."""
        # the keys' own names are left behind here, so that none of them can be taken for a column of the query
        columns = ", ".join(f"{quoted(name)}: '{'JSON' if place is None else 'VARCHAR'}'" for name, place in self.keys)
        known = [f"{_column(name)} AS c{place}" for name, place in self.keys if place is not None]
        others = [
            f"CASE WHEN {_column(name)}::VARCHAR NOT IN ('\"\"', 'null') THEN"
            f" {quoted(json.dumps(name, ensure_ascii=False) + ':')} || {_column(name)}::VARCHAR END"
            for name, place in sorted(self.keys)
            if place is None
        ]
        further = f"nullif(concat_ws(',', {', '.join(others)}), '')" if others else "NULL::VARCHAR"
        return (
            f"(SELECT {', '.join([*known, further + ' AS further'])} FROM read_json({quoted(str(self.path))},"
            f" format = 'newline_delimited', records = true, maximum_object_size = {2 * LINE_LIMIT},"
            f" columns = {{{columns}}}))"
        )


def look_into_jsonl(
    work: duckdb.DuckDBPyConnection, path: Path, wanted: Sequence[str], lines: int | None
) -> PlainJsonl | None:
    """The file of ``lines``, if each is one flat object whose keys fill each of ``wanted`` at most once.

    ``lines``: how many there are, where all are even. ``None`` where anything at all is unusual and each line needs
    care.
    """
    if not lines or _GLOBS.intersection(str(path)):
        return None
    shapes = _shapes(work, path)
    if len(shapes) > _MOST_SHAPES or sum(rows for _, rows, _ in shapes) != lines or not all(fit for *_, fit in shapes):
        return None
    names = sorted({str(name) for keys, *_ in shapes for name in keys})
    if len(names) > _MOST_KEYS or "" in names or len({name.casefold() for name in names}) < len(names):
        return None
    exact = {name: place for place, name in enumerate(wanted)}
    folded = {name.casefold(): place for place, name in reversed(list(enumerate(wanted)))}
    keys = [(name, exact.get(name, folded.get(name.casefold()))) for name in names]
    return PlainJsonl(path, lines, keys)


def _shapes(work: duckdb.DuckDBPyConnection, path: Path) -> list[tuple[list[str], int, bool]]:
    """Each set of keys met, how many lines have it, and whether all these are flat and name no key twice."""
    # in a transaction of its own: a line that is no JSON aborts it, and the run's must go on
    with work.cursor() as looking:
        try:
            return looking.execute(
                f"SELECT keys, count(*), bool_and(flat) AND len(keys) = len(list_distinct(keys)) FROM ("
                f" SELECT json_keys(json) AS keys, regexp_full_match(json, {quoted(_FLAT)}) AS flat"
                f" FROM read_ndjson_objects({quoted(str(path))}, maximum_object_size = {2 * LINE_LIMIT}))"
                f" GROUP BY keys LIMIT {_MOST_SHAPES + 1}"
            ).fetchall()
        except duckdb.Error:  # the line reader says which line it is, and why
            return []


def _column(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
