"""Every cluster gets its customer id: kept where it had one, new where it had none; no id is ever forgotten."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import duckdb
import numpy as np

from pipelines.audits import audit_work
from pipelines.fold_ids import restore
from pipelines.work import whole_number
from profile_service.identity.claims import Edge, claim
from profile_service.identity.ids import IdSource

if TYPE_CHECKING:
    from pipelines.run_context import RunContext

# A record's name as one sortable text: no channel holds this letter.
KEY_SQL = "r.channel || chr(1) || r.source_record_id"

# `moved` is left for whoever tells the causes
_TEMPORARY = ("held", "edges", "claims", "assigned", "retired", "lost", "free_ids", "written")


@dataclass(frozen=True)
class IdentifyCounts:
    """What became of the customers in one run.

    ``created``: new ids; ``split``: those of them that took records from an id that stands, and ids that had answered
    through another and stand again with their records; ``merged``: ids that
    became aliases; ``erased``: ids whose last record is gone; ``unchanged``: customers with the same records as
    before; ``churn``: records that had an id and that the run gave another; ``customers``: ids that stand;
    ``moved_live``: records that live decisions had given another before the run, which readers have seen since.
    """

    created: int
    merged: int
    split: int
    erased: int
    unchanged: int
    churn: int
    customers: int
    moved_live: int = 0


def identify(work: duckdb.DuckDBPyConnection, run: RunContext, ids: IdSource) -> IdentifyCounts:
    """Carry ``new_clusters`` into ``membership``, ``customer_ids`` and ``id_history``, in the caller's transaction.

    Reads the temp tables ``touched(rid)`` and ``new_clusters(rid, cluster)``; when one record of a customer is in
    them, all are; and ``revised(rid)``: records whose values or pairs may be others than before; ``moved_live`` of the
    fold, if there was one. Labels of clusters and record numbers decide nothing. Raises PromiseBroken when the work
    store, as it is now about to be committed, fails an audit.
    """
    standing = whole_number(work, "SELECT count(*) FROM customer_ids WHERE standing")
    # where nothing was folded, there is none
    work.execute("CREATE TEMP TABLE IF NOT EXISTS moved_live (rid INTEGER, former VARCHAR)")
    # membership is of everyone: looked into once
    work.execute("""
        CREATE TEMP TABLE held AS
        SELECT rid, n.cluster, m.customer_id FROM new_clusters n JOIN membership m USING (rid)""")
    _forget_lost_records(work)
    _claims(work)
    _assign(work, ids)
    work.execute("""
        CREATE OR REPLACE TEMP TABLE moved AS
        SELECT n.rid, a.customer_id, m.customer_id AS former
        FROM new_clusters n JOIN assigned a USING (cluster) LEFT JOIN held m USING (rid)
        WHERE m.customer_id IS DISTINCT FROM a.customer_id""")
    changed = whole_number(
        work,
        """SELECT count(DISTINCT customer_id) FROM (
            SELECT former AS customer_id FROM moved WHERE former IS NOT NULL
            UNION ALL SELECT customer_id FROM moved WHERE customer_id IN (
                SELECT customer_id FROM customer_ids WHERE standing)
            UNION ALL SELECT customer_id FROM lost)""",
    )
    work.execute("DELETE FROM membership WHERE rid IN (SELECT rid FROM moved WHERE former IS NOT NULL)")
    work.execute("INSERT INTO membership SELECT rid, customer_id FROM moved")
    _retire(work, run)
    restored = _restore(work, run)
    _enter(work, run)
    split = restored + whole_number(work, "SELECT count(*) FROM assigned WHERE split_from IS NOT NULL")
    counts = IdentifyCounts(
        created=whole_number(work, "SELECT count(*) FROM assigned WHERE fresh"),
        merged=whole_number(work, "SELECT count(*) FROM retired WHERE winner IS NOT NULL"),
        split=split,
        erased=whole_number(work, "SELECT count(*) FROM retired WHERE winner IS NULL"),
        unchanged=standing - changed,
        churn=whole_number(work, "SELECT count(*) FROM moved WHERE former IS NOT NULL"),
        customers=whole_number(work, "SELECT count(*) FROM customer_ids WHERE standing"),
        moved_live=whole_number(work, "SELECT count(DISTINCT rid) FROM moved_live"),
    )
    # of most records that were looked at nothing has changed; where everyone was, nothing need be set apart
    work.execute("CREATE TEMP TABLE written AS SELECT rid FROM moved UNION SELECT rid FROM revised")
    some = whole_number(work, "SELECT (SELECT count(*) FROM records) - (SELECT count(*) FROM touched)")
    audit_work(work, "written" if some else None, run.run_seq)
    for table in _TEMPORARY:
        work.execute(f"DROP TABLE temp.{table}")
    return counts


def _forget_lost_records(work: duckdb.DuckDBPyConnection) -> None:
    # who has no customer yet is among the new: where all others have one, as many as there are, no member is lost
    tally = whole_number(
        work,
        """SELECT (SELECT count(*) FROM records) - (SELECT count(*) FROM membership)
               - ((SELECT count(*) FROM new_clusters) - (SELECT count(*) FROM held))""",
    )
    lost = "SELECT rid, customer_id FROM membership ANTI JOIN records USING (rid)"
    work.execute(f"CREATE TEMP TABLE lost AS {lost}{'' if tally else ' WHERE false'}")
    work.execute("DELETE FROM membership WHERE rid IN (SELECT rid FROM lost)")


def _claims(work: duckdb.DuckDBPyConnection) -> None:
    """Temp tables ``edges`` (cluster, customer_id, records) and ``claims`` (cluster, customer_id)."""
    work.execute("""
        CREATE TEMP TABLE edges AS
        SELECT cluster, customer_id, count(*)::INTEGER AS records FROM held GROUP BY ALL""")
    work.execute("""
        CREATE TEMP TABLE claims AS
        SELECT cluster, customer_id FROM edges
        WHERE cluster NOT IN (SELECT cluster FROM edges GROUP BY cluster HAVING count(*) > 1)
          AND customer_id NOT IN (SELECT customer_id FROM edges GROUP BY customer_id HAVING count(*) > 1)""")
    # the records at hand that had an id of their own until it was merged away
    work.execute("""
        CREATE TEMP TABLE free_ids AS
        SELECT f.rid, f.customer_id, f.retired_us FROM former_ids f SEMI JOIN new_clusters USING (rid)
        JOIN customer_ids i USING (customer_id) WHERE NOT i.standing AND i.stands_as IS NOT NULL""")
    contested = work.execute(f"""
        SELECT h.cluster, h.customer_id, count(*), min({KEY_SQL}),
               count(*) FILTER (h.rid IN (SELECT rid FROM free_ids))
        FROM (FROM held ANTI JOIN claims USING (cluster)) h JOIN records r USING (rid) GROUP BY ALL""").fetchall()
    _settle(work, claim(Edge(*row) for row in contested))
    free = work.execute(f"""
        SELECT n.cluster, f.customer_id, count(*), min({KEY_SQL}), 0, max(f.retired_us)
        FROM (FROM new_clusters ANTI JOIN claims USING (cluster)) n JOIN free_ids f USING (rid)
        JOIN records r USING (rid) GROUP BY ALL""").fetchall()
    _settle(work, claim(Edge(*row) for row in free))


def _settle(work: duckdb.DuckDBPyConnection, kept: Mapping[int, str]) -> None:
    """Enter in ``claims`` which cluster keeps, or gets back, which id."""
    if kept:
        settled = {"cluster": np.array(list(kept)), "customer_id": np.array(list(kept.values()), dtype=object)}
        work.register("settled_claims", settled)
        work.execute("INSERT INTO claims SELECT cluster, customer_id FROM settled_claims")
        work.unregister("settled_claims")


def _assign(work: duckdb.DuckDBPyConnection, ids: IdSource) -> None:
    """Temp table ``assigned`` (cluster, customer_id, fresh, split_from): every cluster with the id it has from now on.

    New ids go to clusters in the order of their smallest record name.
    """
    work.execute(f"""
        CREATE TEMP TABLE assigned AS
        WITH unclaimed AS (
            SELECT n.cluster, min({KEY_SQL}) AS key
            FROM new_clusters n ANTI JOIN claims USING (cluster) JOIN records r USING (rid) GROUP BY n.cluster)
        SELECT cluster, NULL::VARCHAR AS customer_id, true AS fresh, NULL::VARCHAR AS split_from,
               row_number() OVER (ORDER BY key) AS place
        FROM unclaimed""")
    count = whole_number(work, "SELECT count(*) FROM assigned")
    if count:
        given = {"place": np.arange(1, count + 1), "customer_id": np.array(ids.batch(count), dtype=object)}
        work.register("given_ids", given)
        work.execute("""
            CREATE OR REPLACE TEMP TABLE assigned AS
            WITH origin AS (
                SELECT cluster, arg_min(customer_id, (-records, customer_id)) AS customer_id
                FROM edges GROUP BY cluster)
            SELECT a.cluster, g.customer_id, true AS fresh, o.customer_id AS split_from, a.place
            FROM assigned a JOIN given_ids g USING (place) LEFT JOIN origin o USING (cluster)""")
        work.unregister("given_ids")
    work.execute("INSERT INTO assigned SELECT cluster, customer_id, false, NULL, NULL FROM claims")


def _retire(work: duckdb.DuckDBPyConnection, run: RunContext) -> None:
    """Ids left without records become aliases of the customer that took most of them; ``winner`` is null if none."""
    work.execute(f"""
        CREATE TEMP TABLE retired AS
        WITH emptied AS (
            SELECT customer_id FROM (
                SELECT former AS customer_id FROM moved WHERE former IS NOT NULL UNION SELECT customer_id FROM lost
            ) ANTI JOIN membership USING (customer_id)),
        parts AS (
            SELECT e.customer_id, a.customer_id AS winner, any_value(e.records) AS records, min({KEY_SQL}) AS key
            FROM edges e SEMI JOIN emptied USING (customer_id) JOIN assigned a USING (cluster)
            JOIN new_clusters n USING (cluster) JOIN moved m ON m.rid = n.rid AND m.former = e.customer_id
            JOIN records r ON r.rid = n.rid
            GROUP BY ALL)
        SELECT e.customer_id, arg_min(p.winner, (-p.records, p.key)) AS winner
        FROM emptied e LEFT JOIN parts p USING (customer_id) GROUP BY ALL""")
    work.execute(
        """UPDATE customer_ids c SET standing = false, stands_as = retired.winner, changed_seq = ?
           FROM retired WHERE c.stands_as = retired.customer_id""",
        [run.run_seq],
    )
    # merged away live, and that customer erased since: what began in this very run never held
    work.execute(
        """DELETE FROM id_history
           WHERE valid_from = ? AND event = 'merged_into' AND customer_id IN (SELECT customer_id FROM retired)""",
        [run.now],
    )
    work.execute(
        """UPDATE id_history SET valid_to = ?
           WHERE valid_to IS NULL AND customer_id IN (SELECT customer_id FROM retired)""",
        [run.now],
    )
    work.execute(
        """DELETE FROM former_ids WHERE customer_id IN (
               SELECT customer_id FROM retired
               UNION ALL SELECT customer_id FROM customer_ids WHERE NOT standing AND stands_as IS NULL)
           OR rid IN (SELECT rid FROM former_ids ANTI JOIN records USING (rid))"""
    )
    work.execute(
        """INSERT INTO former_ids SELECT m.rid, m.former, epoch_us($now::TIMESTAMPTZ) FROM moved m
           JOIN retired t ON t.customer_id = m.former WHERE t.winner IS NOT NULL""",
        {"now": run.now},
    )
    work.execute(
        """INSERT INTO id_history SELECT customer_id, $now, NULL,
               CASE WHEN winner IS NULL THEN 'erased' ELSE 'merged_into' END, winner, $seq FROM retired""",
        {"now": run.now, "seq": run.run_seq},
    )


def _restore(work: duckdb.DuckDBPyConnection, run: RunContext) -> int:
    """Ids that answered through another and have records again stand again; answers how many.

    An id that answered through the same one goes with most of its own records.
    """
    again = work.execute(
        """SELECT DISTINCT customer_id FROM moved JOIN customer_ids USING (customer_id)
           WHERE NOT standing ORDER BY customer_id"""
    ).fetchall()
    for (customer_id,) in again:
        restore(work, customer_id, run)
    if again:
        work.execute(
            """UPDATE customer_ids c SET stands_as = p.holder, changed_seq = $seq FROM (
                   SELECT customer_id, arg_min(holder, (-records, holder)) AS holder FROM (
                       SELECT f.customer_id, m.customer_id AS holder, count(*) AS records
                       FROM free_ids f JOIN membership m USING (rid) GROUP BY ALL) GROUP BY ALL) p
               WHERE c.customer_id = p.customer_id AND NOT c.standing AND list_contains($again, p.holder)""",
            {"seq": run.run_seq, "again": [customer_id for (customer_id,) in again]},
        )
    return len(again)


def _enter(work: duckdb.DuckDBPyConnection, run: RunContext) -> None:
    """New ids stand from now on; others are marked as changed when a record, its values or its pairs are."""
    work.execute(
        """UPDATE customer_ids SET changed_seq = $seq WHERE standing AND customer_id IN (
               SELECT unnest([customer_id, former]) FROM moved
               UNION ALL SELECT customer_id FROM membership SEMI JOIN revised USING (rid)
               UNION ALL SELECT customer_id FROM lost
               UNION ALL SELECT customer_id FROM membership SEMI JOIN (
                   SELECT rid FROM records WHERE changed_seq = $seq) USING (rid))""",
        {"seq": run.run_seq},
    )
    work.execute(
        "INSERT INTO customer_ids SELECT customer_id, true, customer_id, $seq, $seq FROM assigned WHERE fresh",
        {"seq": run.run_seq},
    )
    work.execute(
        """INSERT INTO id_history SELECT customer_id, $now, NULL,
               CASE WHEN split_from IS NULL THEN 'created' ELSE 'split_from' END, split_from, $seq
           FROM assigned WHERE fresh""",
        {"now": run.now, "seq": run.run_seq},
    )
