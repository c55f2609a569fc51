"""Every statement on the overlay finds its rows by an index, however much lies over a generation."""

from __future__ import annotations

import re
import sqlite3
from pathlib import Path

import pytest

from profile_service.store.ledger import Ledger, overlay, overlay_judgements, overlay_writer
from profile_service.store.ledger.statement import Statement

MODULES = (overlay, overlay_judgements, overlay_writer)
# What asks for all of a generation, or for the newest of it.
WHOLE = {"_OWNED", "_APPLIED", "_JUDGED"}
STATEMENTS = {
    f"{module.__name__.rpartition('.')[2]}.{name}": statement
    for module in MODULES
    for name, statement in vars(module).items()
    if isinstance(statement, Statement) and name not in WHOLE and "WHERE" in statement.sqlite
}


@pytest.fixture(scope="module")
def ledger(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("plans") / "ledger.sqlite"
    Ledger.open(path).close()
    return path


@pytest.mark.parametrize("name", sorted(STATEMENTS))
def test_a_statement_on_the_overlay_reads_only_the_rows_it_asks_for(ledger: Path, name: str) -> None:
    statement = STATEMENTS[name]
    values = {word: "[1]" if word in statement.lists else "1" for word in re.findall(r":(\w+)", statement.sqlite)}
    with sqlite3.connect(ledger) as connection:
        plan = connection.execute(f"EXPLAIN QUERY PLAN {statement.sqlite}", {**values, **statement.fixed}).fetchall()
    connection.close()
    steps = [row[3] for row in plan if row[3].startswith(("SEARCH", "SCAN")) and "json_each" not in row[3]]
    assert steps
    for step in steps:
        assert step.startswith("SEARCH"), step
        assert not step.endswith("(generation=?)"), step
