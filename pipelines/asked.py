"""The dearer of Python's rules are asked by a thread of its own, while SQL goes on with what needs none of them."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from threading import Event
from typing import TypeVar

import duckdb
import numpy as np
from numpy.typing import NDArray

from pipelines.names import Corrections
from pipelines.standardise import houses_sql, read_plain_phones, streets_sql
from pipelines.work import whole_number
from profile_service.identity.model import Model
from profile_service.identity.phones import phone
from profile_service.identity.values import Street, street
from profile_service.identity.vocabulary import Vocabulary

Work = duckdb.DuckDBPyConnection
T = TypeVar("T")
_TURN = 0.0005  # seconds, a tenth of Python's
_STREETS = ("street", "street_2")
_NUMBERS_AT_ONCE = 1 << 20  # rows of a dictionary: where no country is known, every number in it may be odd
# the first row of some, which of them were asked, and the numbers to come
Phones = tuple[int, NDArray[np.int64], Future[Sequence[str | None]]]


class Asking:
    """Answers to come: the correction of each name, the reading of each street, and of each phone number not plain."""

    def __init__(self, thread: ThreadPoolExecutor) -> None:
        self._thread = thread
        self._given_up = Event()
        self._names: dict[str, Future[dict[str, str | None]]] = {}
        self._streets: dict[str, Future[dict[str, Street]]] = {}
        self._phones: Phones | None = None

    def ask_names(self, work: Work, model: Model) -> None:
        """Ask for the corrections of all names in the dictionaries, each in its own column."""
        for column, place in (("given_name", "first"), ("family_name", "last")):
            names = _texts(work, f"SELECT DISTINCT {place} FROM dict_{column} WHERE {place} IS NOT NULL")
            self._names[column] = self._thread.submit(_corrections, model, column, self._wanted(names))

    def ask_streets(self, work: Work, fresh: str, words: Vocabulary) -> None:
        """Make ``houses_<field>(raw, n, house, street)`` of relation ``fresh`` and ask for the streets in it."""
        for field in _STREETS:
            distinct = f"SELECT {field} AS raw, count(*) AS n FROM {fresh} WHERE {field} IS NOT NULL GROUP BY 1"
            work.execute(f"CREATE OR REPLACE TEMP TABLE houses_{field} AS {houses_sql(distinct)}")
            streets = _texts(work, f"SELECT DISTINCT street FROM houses_{field}")
            self._streets[field] = self._thread.submit(_readings, words, self._wanted(streets))

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

    def ask_phones(self, work: Work, fresh: str, model: Model) -> None:
        """Make ``dict_phone`` of relation ``fresh``, and ask for what in it is no plain number."""
        read_plain_phones(work, fresh, model.trained.default_country if model.trained else None)
        # in a transaction that has made the table they begin at 2 to the 55th, and elsewhere at 0
        self._phones = self._ask_odd(work, whole_number(work, "SELECT coalesce(min(rowid), 0) FROM dict_phone"))

    def enter_phones(self, work: Work) -> None:
        """Complete ``dict_phone`` by what was asked."""
        asked = self._phones
        while asked is not None:
            after = self._ask_odd(work, asked[0] + _NUMBERS_AT_ONCE)
            _, rows, numbers = asked
            read = np.array([number or "" for number in numbers.result()], dtype=object)
            if len(read):
                work.register("read_phones", {"row": rows, "value": read})
                answered = "FROM read_phones p WHERE p.row = dict_phone.rowid"
                work.execute(f"UPDATE dict_phone SET value = nullif(p.value, '') {answered}")
                work.unregister("read_phones")
            asked = after

    def _ask_odd(self, work: Work, start: int) -> Phones | None:
        """Ask for the numbers in some rows of ``dict_phone`` from ``start`` on; None where the table has ended."""
        if start > whole_number(work, "SELECT coalesce(max(rowid), -1) FROM dict_phone"):
            return None
        odd = work.execute(
            "SELECT rowid, raw, country FROM dict_phone WHERE value IS NULL AND rowid >= $start AND rowid < $end",
            {"start": start, "end": start + _NUMBERS_AT_ONCE},
        ).fetchall()
        rows = np.fromiter((row for row, _, _ in odd), np.int64, len(odd))
        return start, rows, self._thread.submit(_numbers, self._wanted([(raw, country) for _, raw, country in odd]))

    def names(self) -> Corrections:
        """The corrections that were asked."""
        return {column: asked.result() for column, asked in self._names.items()}

    def give_up(self) -> None:
        """Ask no more of what is left: nobody will want the answers."""
        self._given_up.set()

    def _wanted(self, values: Iterable[T]) -> Iterator[T]:
        for value in values:
            if self._given_up.is_set():
                return
            yield value


def _texts(work: Work, query: str) -> list[str]:
    return [text for (text,) in work.execute(query).fetchall()]


def _corrections(model: Model, column: str, names: Iterable[str]) -> dict[str, str | None]:
    correct = model.spellings[column].correct
    return {name: correct(name) for name in names}


def _numbers(odd: Iterable[tuple[str, str | None]]) -> Sequence[str | None]:
    return [phone(raw, country) for raw, country in odd]


def _readings(words: Vocabulary, streets: Iterable[str]) -> dict[str, Street]:
    return {text: street(text, words) for text in streets}


@contextmanager
def asking() -> Iterator[Asking]:
    """Ask in a thread that ends with the block, at once where that fails or is interrupted."""
    usual = sys.getswitchinterval()
    # SQL that asks other rules, a few of each two thousand values, waits so long for the interpreter every time
    sys.setswitchinterval(_TURN)
    try:
        with ThreadPoolExecutor(1) as thread:
            asked = Asking(thread)
            try:
                yield asked
            except BaseException:
                # a million odd numbers take half a minute, and the thread is waited for
                asked.give_up()
                raise
    finally:
        sys.setswitchinterval(usual)
