"""The dearer of Python's rules are asked by a thread of its own, while SQL goes on with what needs none of them."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager

import duckdb
import numpy as np

from pipelines.names import Corrections
from pipelines.standardise import houses_sql, streets_sql
from profile_service.identity.model import Model
from profile_service.identity.values import Street, street
from profile_service.identity.vocabulary import Vocabulary

Work = duckdb.DuckDBPyConnection
_TURN = 0.0005  # seconds, a tenth of Python's
_STREETS = ("street", "street_2")


class Asking:
    """Answers to come: the correction of each name, and the reading of each street."""

    def __init__(self, thread: ThreadPoolExecutor) -> None:
        self._thread = thread
        self._names: dict[str, Future[dict[str, str | None]]] = {}
        self._streets: dict[str, Future[dict[str, Street]]] = {}

    def ask_names(self, work: Work, model: Model) -> None:
        """Ask for the corrections of all names in the dictionaries, each in its own column."""
        for column, place in (("given_name", "first"), ("family_name", "last")):
            names = _texts(work, f"SELECT DISTINCT {place} FROM dict_{column} WHERE {place} IS NOT NULL")
            self._names[column] = self._thread.submit(_corrections, model, column, names)

    def ask_streets(self, work: Work, fresh: str, words: Vocabulary) -> None:
        """Make ``houses_<field>(raw, n, house, street)`` of relation ``fresh`` and ask for the streets in it."""
        for field in _STREETS:
            distinct = f"SELECT {field} AS raw, count(*) AS n FROM {fresh} WHERE {field} IS NOT NULL GROUP BY 1"
            work.execute(f"CREATE OR REPLACE TEMP TABLE houses_{field} AS {houses_sql(distinct)}")
            streets = _texts(work, f"SELECT DISTINCT street FROM houses_{field}")
            self._streets[field] = self._thread.submit(_readings, words, streets)

    def enter_streets(self, work: Work) -> None:
        """Make ``dict_<field>(raw, n, line, number, name)`` of what was asked."""
        for field, asked in self._streets.items():
            read = asked.result()
            # a standard value is never empty: of an array DuckDB looks at few values to tell its type
            parts = {name: [getattr(each, name) or "" for each in read.values()] for name in ("line", "number", "name")}
            columns = {"street": list(read), **parts}
            work.register("read_streets", {name: np.array(texts, dtype=object) for name, texts in columns.items()})
            lists = "SELECT street, [nullif(line, ''), nullif(number, ''), nullif(name, '')] AS list FROM read_streets"
            work.execute(
                f"""CREATE OR REPLACE TEMP TABLE dict_{field} AS
                SELECT raw, n, list[1] AS line, list[2] AS number, list[3] AS name
                FROM ({streets_sql(f"houses_{field}", f"({lists})")})"""
            )
            work.unregister("read_streets")
            work.execute(f"DROP TABLE houses_{field}")

    def names(self) -> Corrections:
        """The corrections that were asked."""
        return {column: asked.result() for column, asked in self._names.items()}


def _texts(work: Work, query: str) -> list[str]:
    return [text for (text,) in work.execute(query).fetchall()]


def _corrections(model: Model, column: str, names: Sequence[str]) -> dict[str, str | None]:
    correct = model.spellings[column].correct
    return {name: correct(name) for name in names}


def _readings(words: Vocabulary, streets: Sequence[str]) -> dict[str, Street]:
    return {text: street(text, words) for text in streets}


@contextmanager
def asking() -> Iterator[Asking]:
    """Ask in a thread that ends with the block."""
    usual = sys.getswitchinterval()
    # SQL that asks other rules, a few of each two thousand values, waits so long for the interpreter every time
    sys.setswitchinterval(_TURN)
    try:
        with ThreadPoolExecutor(1) as thread:
            yield Asking(thread)
    finally:
        sys.setswitchinterval(usual)
