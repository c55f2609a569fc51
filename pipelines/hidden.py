"""Who is erased though the work store still holds them: left out of whatever is drawn from it for people."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import duckdb

from pipelines.forget import erased_among
from pipelines.model_report.words import several
from pipelines.waiting import waiting_since
from profile_service.privacy import Erasure

Work = duckdb.DuckDBPyConnection


def hide_erased(work: Work, data_dir: Path, ledger: str | Path | None) -> tuple[str, ...]:
    """Hide whom the ledger knows to be erased; answers in words, without naming anybody, how many those are.

    Empty where nobody is hidden. ``ledger``: its path or URL, None for the one in ``data_dir``. Raises
    LedgerUnavailable where it cannot be read: nobody could say then who is erased.
    """
    with waiting_since(work, data_dir, ledger) as waiting:
        people = hide(work, waiting.erasures)
    if not people:
        return ()
    return (f"{several(people, 'erased customer')} left out: the next run takes what is left of them out of the files",)


def ask_for_erased(work: Work, data_dir: Path, ledger: str | Path | None) -> None:
    """Raises as ``hide_erased`` does, and hides nobody: to be asked before what takes minutes, not only after it."""
    with waiting_since(work, data_dir, ledger):
        return


def hide(work: Work, erasures: Sequence[Erasure] = ()) -> int:
    """Make ``hidden_records(rid)`` and ``hidden_customers(customer_id)``; answers of how many people they are.

    A customer is hidden that is erased itself, that an erased record belonged to when the last run ended, or whose id
    was merged into one of these.
    """
    keep_hidden(work)
    if not erasures:
        return 0
    for erasure in erasures:
        work.execute("INSERT INTO hidden_customers VALUES (?)", [erasure.customer_id])
    with erased_among(work, erasures, "records") as erased:
        work.execute(f"CREATE OR REPLACE TEMP TABLE erased_records AS SELECT erasure_id, rid FROM ({erased})")
    work.execute("INSERT INTO hidden_records SELECT DISTINCT rid FROM erased_records")
    work.execute(
        """INSERT INTO hidden_customers SELECT DISTINCT customer_id FROM membership SEMI JOIN hidden_records USING (rid)
        ANTI JOIN hidden_customers USING (customer_id)"""
    )
    work.execute(
        """INSERT INTO hidden_customers SELECT i.customer_id FROM customer_ids i
        SEMI JOIN hidden_customers h ON h.customer_id = i.stands_as
        ANTI JOIN hidden_customers a ON a.customer_id = i.customer_id"""
    )
    people = work.execute("SELECT count(DISTINCT erasure_id) FROM erased_records").fetchall()[0][0]
    work.execute("DROP TABLE erased_records")
    return int(people)


def keep_hidden(work: Work) -> None:
    """Make the tables of whom is hidden where nobody has asked yet: then it is nobody."""
    work.execute("CREATE TEMP TABLE IF NOT EXISTS hidden_records (rid INTEGER)")
    work.execute("CREATE TEMP TABLE IF NOT EXISTS hidden_customers (customer_id VARCHAR)")
