"""Who is erased though the files still hold them: left out of whatever is drawn from these for people."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import duckdb

from pipelines.forget import erased_among
from pipelines.model_report.words import several
from pipelines.waiting import waiting_after, waiting_since
from pipelines.work import whole_number
from profile_service.privacy import Erasure
from profile_service.store.generation import Generation

Work = duckdb.DuckDBPyConnection


def hide_erased(work: Work, data_dir: Path, ledger: str | Path | None) -> tuple[str, ...]:
    """Hide whom the ledger knows to be erased; answers in words, without naming anybody, how many those are.

    Empty where nobody is hidden. ``ledger``: its path or URL, None for the one in ``data_dir``. Raises
    LedgerUnavailable where it cannot be read: nobody could say then who is erased.
    """
    with waiting_since(work, data_dir, ledger) as waiting:
        return _told(hide(work, waiting.erasures), "left out")


def hide_keys(desk: Work, published: Generation, data_dir: Path, ledger: str | Path | None) -> tuple[str, ...]:
    """Make ``hidden_keys(key)``, channel:id, of the erased people's records in ``published`` and ``truth``.

    ``desk`` holds both: the generation, attached, and a table. Answers and raises as ``hide_erased`` does.
    """
    desk.execute("CREATE TEMP TABLE erased_keys (erasure_id VARCHAR, channel VARCHAR, source_record_id VARCHAR)")
    desk.execute("CREATE TEMP VIEW hidden_keys AS SELECT DISTINCT channel || ':' || source_record_id FROM erased_keys")
    with waiting_after(published.manifest.ledger_seq, data_dir, ledger) as waiting:
        if waiting.erasures:
            keys = "SELECT channel, source_record_id FROM"
            named = f"({keys} published.customer_records UNION {keys} truth)"
            with erased_among(desk, waiting.erasures, named) as erased:
                desk.execute(f"INSERT INTO erased_keys {erased}")
    return _told(whole_number(desk, "SELECT count(DISTINCT erasure_id) FROM erased_keys"), "counted and not named")


def _told(people: int, what: str) -> tuple[str, ...]:
    if not people:
        return ()
    return (f"{several(people, 'erased customer')} {what}: the next run takes what is left of them out of the files",)


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
    people = whole_number(work, "SELECT count(DISTINCT erasure_id) FROM erased_records")
    work.execute("DROP TABLE erased_records")
    return people


def keep_hidden(work: Work) -> None:
    """Make the tables of whom is hidden where nobody has asked yet: then it is nobody."""
    work.execute("CREATE TEMP TABLE IF NOT EXISTS hidden_records (rid INTEGER)")
    work.execute("CREATE TEMP TABLE IF NOT EXISTS hidden_customers (customer_id VARCHAR)")
