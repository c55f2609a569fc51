"""What is made for a build is given back, and never in the way of the error that ended it."""

from __future__ import annotations

import duckdb
import pytest

from pipelines.build import Work, changed_customers


def test_an_interrupt_is_told_although_the_transaction_it_has_ended_allows_nothing_more() -> None:
    with duckdb.connect() as work:
        work.execute(
            "CREATE TABLE customer_ids (customer_id VARCHAR, standing BOOLEAN, stands_as VARCHAR, changed_seq INTEGER)"
        )
        with pytest.raises(KeyboardInterrupt), changed_customers(work, Work(None, 1)):
            work.execute("BEGIN")
            with pytest.raises(duckdb.Error, match="broken off"):
                work.execute("SELECT error('broken off')")
            with pytest.raises(duckdb.TransactionException):
                work.execute("SELECT 1")
            raise KeyboardInterrupt
