"""Every id that a run merged, split or retired gets its cause: a judgement, the model, a value, a record."""

from __future__ import annotations

from typing import TYPE_CHECKING

import duckdb

from pipelines.work import whole_number

if TYPE_CHECKING:
    from pipelines.run_context import RunContext

Work = duckdb.DuckDBPyConnection
_TEMPORARY = ("changes", "sides", "across", "flips_across", "judged_across", "caused", "moved", "moved_live")

# What a cause is, in words; each stands for the rows where it is the first of these that holds.
CAUSES = {
    "erasure": "its last record was erased",
    "must_link": "a judgement: one person",
    "cannot_link": "a judgement: two people",
    "must_link_undone": "a judgement that joined them was taken back",
    "cannot_link_undone": "a judgement that parted them was taken back",
    "model": "another model",
    "value_ordinary": "a value that was generic is ordinary again",
    "value_generic": "a value became generic: too many share it",
    "new_record": "a new record",
    "changed_record": "a record that changed",
    "other_records": "other records that came, changed or went",
}


def enter_causes(work: Work, run: RunContext, model_version: str) -> None:
    """Add to ``id_causes`` why this run changed ids, and moved records between ids that stand; after ``identify``.

    Reads what the run's ``resolve`` and ``identify`` left: ``judged``, ``judged_before``, ``flipped`` and ``moved``;
    and ``moved_live`` of the fold.
    Both sides of a change are the records of the id and those of the other id; the strongest pair across goes with it.
    """
    _find_changes(work, run)
    if whole_number(work, "SELECT count(*) FROM changes"):
        _find_evidence(work)
        before = work.execute(
            """SELECT model_version FROM runs WHERE run_seq < ? AND model_version IS NOT NULL
            ORDER BY run_seq DESC LIMIT 1""",
            [run.run_seq],
        ).fetchall()
        other_model = bool(before) and before[0][0] != model_version
        work.execute(
            """
            CREATE OR REPLACE TEMP TABLE caused AS
            SELECT c.*, j.l AS judged_l, j.r AS judged_r, a.l, a.r, a.bits, a.changed, s.rid AS some_changed, f.field,
                f.value,
                CASE WHEN c.event = 'erased' THEN 'erasure'
                     WHEN j.n IS NOT NULL THEN j.cause
                     WHEN $other_model THEN 'model'
                     WHEN f.n IS NOT NULL THEN f.cause
                     WHEN coalesce(a.changed, s.rid) IS NULL THEN 'other_records'
                     WHEN h.rid IS NOT NULL THEN 'changed_record' ELSE 'new_record' END AS cause
            FROM changes c
            LEFT JOIN judged_across j USING (n) LEFT JOIN flips_across f USING (n) LEFT JOIN across a USING (n)
            LEFT JOIN (SELECT n, min(rid) AS rid FROM sides WHERE changed GROUP BY n) s USING (n)
            LEFT JOIN (SELECT DISTINCT rid FROM record_history) h ON h.rid = coalesce(a.changed, s.rid)""",
            {"other_model": other_model},
        )
        work.execute(
            """
            INSERT INTO id_causes
            WITH told AS (
                -- a record that changed and has no pair across is told alone
                SELECT *, cause IN ('new_record', 'changed_record') AND changed IS NULL AND rid IS NULL AS alone,
                    coalesce(
                        CASE WHEN judged_r = rid THEN judged_r ELSE judged_l END,
                        CASE WHEN alone THEN some_changed ELSE coalesce(rid, changed, l) END) AS record,
                    cause IN ('value_generic', 'value_ordinary') AS by_value FROM caused)
            SELECT $seq, customer_id, event, other_customer_id, cause, record,
                coalesce(
                    CASE WHEN record = judged_r THEN judged_l ELSE judged_r END,
                    CASE WHEN NOT alone THEN CASE record WHEN r THEN l ELSE r END END),
                CASE WHEN judged_l IS NULL AND NOT alone THEN bits END,
                CASE WHEN by_value THEN field END, CASE WHEN by_value THEN value END
            FROM told""",
            {"seq": run.run_seq},
        )
    for table in _TEMPORARY:
        work.execute(f"DROP TABLE IF EXISTS temp.{table}")


def _find_changes(work: Work, run: RunContext) -> None:
    """Make ``changes(n, customer_id, event, other_customer_id, rid)`` and ``sides(n, rid, mine, changed)``.

    ``rid``: the record that moved between two ids that stand, for event ``moved``; else null.
    """
    work.execute("CREATE TEMP TABLE IF NOT EXISTS moved_live (rid INTEGER, former VARCHAR)")
    work.execute(
        """CREATE OR REPLACE TEMP TABLE changes AS
        WITH hands AS (  -- what a live answer moved and the run moved on counts once
            SELECT rid, former FROM moved_live UNION ALL SELECT rid, former FROM moved ANTI JOIN moved_live USING (rid))
        SELECT row_number() OVER () AS n, * FROM (
            SELECT customer_id, event, other_customer_id, NULL::INTEGER AS rid FROM id_history
            WHERE run_seq = $seq AND event IN ('merged_into', 'split_from', 'restored', 'erased')
            UNION ALL
            SELECT m.customer_id, 'moved', h.former, h.rid FROM hands h JOIN membership m USING (rid)
            JOIN customer_ids o ON o.customer_id = h.former AND o.standing AND h.former <> m.customer_id
            ANTI JOIN (SELECT customer_id, other_customer_id FROM id_history
                       WHERE run_seq = $seq AND event IN ('split_from', 'restored')) s
              ON s.customer_id = m.customer_id)""",
        {"seq": run.run_seq},
    )
    work.execute(
        """CREATE OR REPLACE TEMP TABLE sides AS
        WITH placed AS (
            SELECT c.n, f.rid, true AS mine FROM changes c JOIN former_ids f USING (customer_id)
            WHERE c.event = 'merged_into'
            UNION ALL
            SELECT c.n, m.rid, false FROM changes c JOIN membership m ON m.customer_id = c.other_customer_id
            WHERE c.event = 'merged_into' AND m.rid NOT IN (
                SELECT rid FROM former_ids WHERE former_ids.customer_id = c.customer_id)
            UNION ALL
            SELECT c.n, m.rid, true FROM changes c JOIN membership m USING (customer_id)
            WHERE c.event IN ('split_from', 'restored')
            UNION ALL
            SELECT n, rid, true FROM changes WHERE event = 'moved'
            UNION ALL
            SELECT c.n, m.rid, false FROM changes c JOIN membership m
                ON m.customer_id = CASE c.event WHEN 'moved' THEN c.customer_id ELSE c.other_customer_id END
            WHERE c.event IN ('split_from', 'restored', 'moved') AND m.rid IS DISTINCT FROM c.rid)
        SELECT p.n, p.rid, p.mine, r.changed_seq = $seq AS changed FROM placed p JOIN records r USING (rid)""",
        {"seq": run.run_seq},
    )


def _find_evidence(work: Work) -> None:
    """Make ``across``, ``judged_across`` and ``flips_across``: what speaks across the sides of a change, a row each.

    ``across``: the strongest scored pair, those with a record that changed first; ``changed`` is that record.
    """
    work.execute(
        """CREATE OR REPLACE TEMP TABLE across AS
        SELECT a.n, p.l, p.r, p.bits, CASE WHEN a.changed THEN p.l WHEN b.changed THEN p.r END AS changed
        FROM scored_pairs p JOIN sides a ON a.rid = p.l JOIN sides b ON b.rid = p.r AND b.n = a.n AND b.mine <> a.mine
        QUALIFY row_number() OVER (PARTITION BY a.n ORDER BY NOT (a.changed OR b.changed), p.bits DESC, p.l, p.r) = 1"""
    )
    work.execute(
        """CREATE OR REPLACE TEMP TABLE judged_across AS
        WITH new AS (FROM judged ANTI JOIN judged_before USING (l, r, verdict)),
        old AS (FROM judged_before ANTI JOIN judged USING (l, r, verdict))
        SELECT c.n, j.l, j.r, j.cause FROM (
            SELECT l, r, verdict = 'same' AS joins,
                CASE verdict WHEN 'same' THEN 'must_link' ELSE 'cannot_link' END AS cause FROM new
            UNION ALL
            SELECT l, r, verdict = 'different',
                CASE verdict WHEN 'same' THEN 'must_link_undone' ELSE 'cannot_link_undone' END FROM old) j
        JOIN sides a ON a.rid = j.l JOIN sides b ON b.rid = j.r AND b.n = a.n AND b.mine <> a.mine
        JOIN changes c ON c.n = a.n AND (c.event IN ('merged_into', 'moved')) = j.joins
        QUALIFY row_number() OVER (PARTITION BY c.n ORDER BY j.cause, j.l, j.r) = 1"""
    )
    fields = [field for (field,) in work.execute("SELECT DISTINCT field FROM flipped ORDER BY field").fetchall()]
    now = "".join(f" UNION ALL SELECT rid, '{field}', {field} FROM standardised" for field in fields)
    work.execute(
        f"""CREATE OR REPLACE TEMP TABLE flips_across AS
        WITH held AS (
            SELECT s.n, s.mine, f.field, f.value, f.generic
            FROM sides s JOIN (SELECT rid, field, value FROM withheld{now}) v USING (rid)
            JOIN flipped f USING (field, value))
        SELECT n, CASE WHEN (told).generic THEN 'value_generic' ELSE 'value_ordinary' END AS cause,
            (told).field AS field, (told).value AS value
        FROM (SELECT n, min({{'field': field, 'value': value, 'generic': generic}}) AS told FROM (
                  SELECT c.n, h.field, h.value, h.generic FROM held h JOIN changes c
                      ON c.n = h.n AND (c.event NOT IN ('merged_into', 'moved')) = h.generic
                  GROUP BY ALL HAVING count(DISTINCT h.mine) = 2) GROUP BY n)"""
    )
