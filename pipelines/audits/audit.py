"""One audit: a promise in a sentence and the query whose rows break it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import duckdb

from profile_service.errors import PromiseBroken
from profile_service.store.schema import RELATIONS

SHOWN = 5


@dataclass(frozen=True)
class Audit:
    """``query`` answers the keys (never personal data) of rows that break ``promise``; none means it holds.

    A relation of the generation stands in the query as ``{name}``, as does ``scored_pairs``, so that it can be
    narrowed to what was written. ``once``: dear, and asked only of a generation built as a whole.
    """

    promise: str
    query: str
    once: bool = False

    def offending(self, connection: duckdb.DuckDBPyConnection, changed: str | None = None) -> list[str]:
        """Up to five keys of rows that break the promise; see ``check`` for ``changed``."""
        names = [relation.name for relation in RELATIONS]
        query = self.query.format(scored_pairs=_pairs(changed), **{name: _source(name, changed) for name in names})
        rows = connection.execute(f"SELECT * FROM ({query}) LIMIT {SHOWN}").fetchall()
        return [" ".join(str(value) for value in row) for row in rows]


def check(connection: duckdb.DuckDBPyConnection, audits: Iterable[Audit], changed: str | None = None) -> None:
    """Raises PromiseBroken naming the first promise that does not hold and some of the rows that break it.

    ``changed``: a table of customer ids (of record numbers for the work store) when only their rows were written, and
    the rest was audited when it was; None: look at all.
    """
    for audit in audits:
        if audit.once and changed is not None:
            continue
        if keys := audit.offending(connection, changed):
            raise PromiseBroken(f"the promise “{audit.promise}” is broken, for instance by {'; '.join(keys)}")


_BY_CUSTOMER = (
    "customers",
    "customer_records",
    "customer_identifiers",
    "customer_fields",
    "customer_events",
    "customer_consents",
    "customer_id_history",
)


def _source(name: str, changed: str | None) -> str:
    table = f"generation.main.{name}"
    ids = f"(SELECT customer_id FROM {changed})"
    if changed is not None and name in _BY_CUSTOMER:
        return f"(SELECT * FROM {table} WHERE customer_id IN {ids})"
    if changed is not None and name == "match_links":
        return f"(SELECT * FROM {table} WHERE left_customer_id IN {ids} OR right_customer_id IN {ids})"
    return table


def _pairs(touched: str | None) -> str:
    if touched is None:
        return "scored_pairs"
    rids = f"(SELECT rid FROM {touched})"
    return f"(SELECT * FROM scored_pairs WHERE l IN {rids} OR r IN {rids})"
