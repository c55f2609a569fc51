"""What a relation of the warehouse is: columns that say what they mean, as DDL and as rows of the dictionary."""

from __future__ import annotations

from dataclasses import dataclass

ID = "VARCHAR NOT NULL"
MOMENT = "TIMESTAMP WITH TIME ZONE"
# Texts with nearly as many values as rows: trying how to compress them takes longer than writing them as they are.
VARIED_FIELDS = (
    "given_name",
    "family_name",
    "email",
    "phone",
    "birth_date",
    "street",
    "postcode",
    "loyalty_id",
    "cookie_id",
    "device_id",
)
VARIED = {
    "customer_id",
    "stands_as",
    "other_customer_id",
    "source_record_id",
    "event_id",
    "value",
    "full_name",
    *VARIED_FIELDS,
    *(f"standard_{name}" for name in VARIED_FIELDS),
}


@dataclass(frozen=True)
class Column:
    """A column: its name, its DuckDB type and what it means."""

    name: str
    type: str
    comment: str

    @property
    def declaration(self) -> str:
        """The column in a CREATE TABLE."""
        way = ""
        if self.type in ("VARCHAR", "VARCHAR NOT NULL"):
            # of the others DuckDB would choose the same way, after trying them all
            way = f" USING COMPRESSION {'uncompressed' if self.name in VARIED else 'dict_fsst'}"
        # quoted: a trait may be named as a word of SQL is
        return f'"{self.name}" {self.type}{way}'


@dataclass(frozen=True)
class Relation:
    """A table, or a view where it has a ``query``: what one row of it is, and the columns that name a row."""

    name: str
    comment: str
    key: tuple[str, ...]
    columns: tuple[Column, ...]
    query: str = ""

    @property
    def column_names(self) -> tuple[str, ...]:
        """The columns in their order."""
        return tuple(column.name for column in self.columns)

    def create_statements(self, catalog: str) -> list[str]:
        """The statements that make it, with its comments, in ``catalog``."""
        name = f"{catalog}.main.{self.name}"
        kind = "VIEW" if self.query else "TABLE"
        declarations = ", ".join(column.declaration for column in self.columns)
        definition = f" AS {self.query}" if self.query else f"({declarations})"
        comments = [f'COMMENT ON COLUMN {name}."{column.name}" IS {_text(column.comment)}' for column in self.columns]
        return [f"CREATE {kind} {name}{definition}", f"COMMENT ON {kind} {name} IS {_text(self.comment)}", *comments]

    def dictionary_rows(self) -> list[tuple[str, str | None, int, str | None, bool, str]]:
        """Rows of ``data_dictionary``: relation, column (none for the relation itself), place, type, key?, meaning."""
        own: tuple[str, str | None, int, str | None, bool, str] = (self.name, None, 0, None, False, self.comment)
        return [own] + [
            (self.name, column.name, place, column.type, column.name in self.key, column.comment)
            for place, column in enumerate(self.columns, start=1)
        ]


def relation(name: str, comment: str, key: str, *columns: tuple[str, str, str]) -> Relation:
    """A relation from plain tuples (name, type, comment); ``key``: column names, space between."""
    return Relation(name, comment, tuple(key.split()), tuple(Column(*column) for column in columns))


def _text(comment: str) -> str:
    return "'" + comment.replace("'", "''") + "'"
