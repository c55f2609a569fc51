"""One statement, written once and compiled once for each database."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

import orjson
from sqlalchemy import (
    BindParameter,
    ColumnElement,
    Delete,
    Dialect,
    Insert,
    Select,
    Table,
    Text,
    Update,
    bindparam,
    delete,
    insert,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.dialects.postgresql import psycopg
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.types import Boolean

SQLITE = sqlite.dialect(paramstyle="named")
POSTGRES: Dialect = psycopg.dialect()  # type: ignore[no-untyped-call]

Values = Mapping[str, Any]
Element = Select[Any] | Insert | Update | Delete


class Statement:
    """SQL text for each database with named parameters; ``lists`` names the parameters that hold many values.

    Run by a ``Session`` on the driver's own connection: nothing is compiled again at a call.
    """

    def __init__(self, element: Element, other: Element | None = None, *, lists: Sequence[str] = ()) -> None:
        self._element = element
        self._other = element if other is None else other
        self.lists = tuple(lists)

    @cached_property
    def sqlite(self) -> str:
        """The text for SQLite, parameters as ``:name``."""
        return str(self._element.compile(dialect=SQLITE))

    @cached_property
    def postgres(self) -> str:
        """The text for PostgreSQL, parameters as ``%(name)s``."""
        return str(self._other.compile(dialect=POSTGRES))

    @cached_property
    def fixed(self) -> dict[str, Any]:
        """Values that stand in the statement itself."""
        values = self._element.compile(dialect=SQLITE).params | self._other.compile(dialect=POSTGRES).params
        return {name: value for name, value in values.items() if value is not None}

    @cached_property
    def plain(self) -> bool:
        """Whether a caller's values are all the values there are, as they stand."""
        return not self.fixed and not self.lists

    def sqlite_values(self, values: Values) -> Values:
        """``values`` as SQLite takes them: a list as JSON."""
        if self.plain:
            return values
        return self.fixed | {name: self._as_json(name, value) for name, value in values.items()}

    def postgres_values(self, values: Values) -> Values:
        """``values`` as PostgreSQL takes them."""
        return values if self.plain else {**self.fixed, **values}

    def _as_json(self, name: str, value: Any) -> Any:
        return orjson.dumps(value).decode() if name in self.lists else value


class _AnyOf(ColumnElement[bool]):
    """Whether a column is one of the values of a list parameter."""

    inherit_cache = False
    type = Boolean()
    # else SQLAlchemy writes `… = 1` for SQLite, and no index is used
    _is_implicitly_boolean = True

    def __init__(self, column: ColumnElement[Any], name: str) -> None:
        self.column = column
        self.values = bindparam(name, type_=Text())


@compiles(_AnyOf, "sqlite")
def _any_of_sqlite(element: _AnyOf, compiler: SQLCompiler, **options: Any) -> str:
    column, values = compiler.process(element.column, **options), compiler.process(element.values, **options)
    return f"{column} IN (SELECT value FROM json_each({values}))"


@compiles(_AnyOf, "postgresql")
def _any_of_postgres(element: _AnyOf, compiler: SQLCompiler, **options: Any) -> str:
    return f"{compiler.process(element.column, **options)} = ANY(%({element.values.key})s)"


def any_of(column: ColumnElement[Any], name: str) -> ColumnElement[bool]:
    """``column`` is one of the values in the list parameter ``name``; declare it in ``Statement(lists=...)``."""
    return _AnyOf(column, name)


def adding(table: Table) -> Statement:
    """Insert one row, its values named as the columns."""
    return Statement(insert(table).values({column.name: bindparam(column.name) for column in table.columns}))


def putting(table: Table) -> Statement:
    """Insert one row, or replace all values of the row that has its key."""
    kept = [column.name for column in table.primary_key]
    values: dict[str, BindParameter[Any]] = {column.name: bindparam(column.name) for column in table.columns}
    rest = [column.name for column in table.columns if column.name not in kept]

    def element(new: sqlite.Insert | postgresql.Insert) -> Insert:
        if not rest:
            return new.on_conflict_do_nothing()
        return new.on_conflict_do_update(index_elements=kept, set_={name: new.excluded[name] for name in rest})

    return Statement(
        element(sqlite.insert(table).values(values)),
        element(postgresql.insert(table).values(values)),
    )


def changing(table: Table, *columns: str) -> Statement:
    """Let ``columns`` of the row with a key be as the parameters of their names say; further values do nothing."""
    key = [column.name for column in table.primary_key]
    return Statement(
        update(table)
        .where(*(table.c[name] == bindparam(name) for name in key))
        .values({name: bindparam(name) for name in columns})
    )


def adding_if_new(table: Table) -> Statement:
    """Insert one row unless its key is there; the session's ``do`` answers how many rows that made."""
    values: dict[str, BindParameter[Any]] = {column.name: bindparam(column.name) for column in table.columns}
    return Statement(
        sqlite.insert(table).values(values).on_conflict_do_nothing(),
        postgresql.insert(table).values(values).on_conflict_do_nothing(),
    )


def dropping(table: Table, *columns: str) -> Statement:
    """Delete the rows whose ``columns`` equal the parameters of the same names."""
    return Statement(delete(table).where(*(table.c[name] == bindparam(name) for name in columns)))
