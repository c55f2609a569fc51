"""What a process finds when it opens the ledger: only generations that are there have anything lying over them."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from tests.served_world import opened_world, take_record


def overlaid(ledger: Path) -> set[str]:
    """The generations over which customers lie."""
    with sqlite3.connect(ledger) as connection:
        return {run_id for (run_id,) in connection.execute("SELECT DISTINCT generation FROM overlay_customers")}


def test_what_lay_over_a_generation_that_is_gone_is_let_go_at_the_start(published: Path, tmp_path: Path) -> None:
    ledger = tmp_path / "ledger.sqlite"
    with opened_world(published, ledger) as world:
        customer_id = take_record(world, "web", "w-old", given_name="Ada", email="ada@old.example")
        (here,) = overlaid(ledger)
    with sqlite3.connect(ledger) as connection:
        columns = [row[1] for row in connection.execute("PRAGMA table_info(overlay_customers)")]
        copied = ", ".join("'run_gone'" if name == "generation" else name for name in columns)
        connection.execute(f"INSERT INTO overlay_customers SELECT {copied} FROM overlay_customers")
        connection.execute("UPDATE meta SET value = ? WHERE name = 'overlays'", (f'["run_gone", "{here}"]',))
    assert overlaid(ledger) == {"run_gone", here}
    with opened_world(published, ledger) as world:
        assert overlaid(ledger) == {here}
        assert world.state().profile(customer_id)
