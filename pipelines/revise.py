"""What changed is resolved anew, with what it touches, so that the answer is that of resolving everyone."""

from __future__ import annotations

from typing import TYPE_CHECKING

import duckdb

from pipelines import block, cluster, generic, mailbox, read
from pipelines.compare import compare_pairs
from pipelines.revise_generic import revise_generic_values
from pipelines.score import score_pairs, score_patterns
from pipelines.whole_name import enter_whole_names
from profile_service.identity.model import Model

if TYPE_CHECKING:
    from pipelines.run_context import RunContext

Work = duckdb.DuckDBPyConnection


def resolve_changed(work: Work, run: RunContext, model: Model) -> dict[str, int]:
    """Bring the linkage tables up to date for ``changed_records(rid)``; answers counts by name.

    A changed record changes more than its own pairs: a value may become generic or ordinary for others, and a blocking
    key may grow past the cap or shrink below it. Those others are revised with it, and so are those that a record of
    ``gone_records(rid)``, erased in this run, leaves behind. Makes ``revised``, ``touched`` and ``new_clusters``.
    """
    with run.progress.stage("standardise") as stage:
        flips = _standardise_changed(work, run, model)
        if flips:
            stage.note(f"{sum(flips.values())} values became generic or ordinary")
    with run.progress.stage("block") as stage:
        _find_revised(work, model)
        _replace_standardised(work, model)
        pairs = _block_revised(work, model)
        stage.note(f"{pairs:,} candidate pairs")
    with run.progress.stage("compare"):
        compare_pairs(work, model, {"candidates": "compared"})
    with run.progress.stage("score"):
        _drop_old_pairs(work, model)
        score_patterns(work, model, "compared")
        score_pairs(work, "compared")
    with run.progress.stage("cluster"):
        _seed(work)
        touched = cluster.touch_components(work, model, "seeds")
        clusters = cluster.cluster_touched(work, model, everyone=False)
    changed = block.count(work, "fresh_standardised")
    for table in ("fresh", "fresh_standardised", "candidates", "compared", "seeds", "lost_partners"):
        work.execute(f"DROP TABLE IF EXISTS {table}")
    return {"standardised": changed, "candidate_pairs": pairs, "clusters": clusters, "touched": touched}


def _standardise_changed(work: Work, run: RunContext, model: Model) -> dict[str, int]:
    """Make ``fresh_standardised`` for the changed records and for those whose values change status through them."""
    everyone = read.vouched(work)
    work.execute(
        f"CREATE OR REPLACE TEMP TABLE fresh AS SELECT r.* FROM {everyone} r SEMI JOIN changed_records USING (rid)"
    )
    read.read_with(work, "fresh", model, run.run_seq)
    flips = revise_generic_values(work, model, "fresh_standardised")
    if flips:
        work.execute(f"INSERT INTO fresh SELECT r.* FROM {everyone} r SEMI JOIN status_changed USING (rid)")
        read.read_with(work, "fresh", model)
    work.execute("DROP TABLE status_changed")
    work.execute(
        """DELETE FROM withheld
        WHERE rid IN (SELECT rid FROM fresh_standardised) OR rid IN (SELECT rid FROM gone_records)"""
    )
    generic.withhold(work, model, "fresh_standardised")
    mailbox.read_mailboxes(work, model, "fresh_standardised")
    enter_whole_names(work, model, "fresh_standardised")
    return flips


def _find_revised(work: Work, model: Model) -> None:
    """Make ``revised(rid)``: fresh records, and members of blocking keys that these bring past the cap or back.

    Makes ``replaced(rid)`` too, whose standard values go, and ``fresh_keys(key, rid)``, which come.
    """
    block.keep_keys(work, model)
    work.execute(
        """CREATE OR REPLACE TEMP TABLE replaced AS
        SELECT rid FROM fresh_standardised UNION SELECT rid FROM gone_records"""
    )
    fresh_keys = block.keys_sql(model, "fresh_standardised")
    work.execute(f"CREATE OR REPLACE TEMP TABLE fresh_keys AS {fresh_keys}")
    work.execute(
        f"""CREATE OR REPLACE TEMP TABLE moved_keys AS
        SELECT key, rid, true AS leaves FROM {block.KEYS} SEMI JOIN replaced USING (rid)
        UNION ALL SELECT key, rid, false FROM fresh_keys"""
    )
    work.execute(f"CREATE OR REPLACE TEMP TABLE old_members AS FROM {block.KEYS} SEMI JOIN moved_keys USING (key)")
    cap = model.blocking_cap
    work.execute(
        f"""CREATE OR REPLACE TEMP TABLE revised AS
        WITH moves AS (SELECT key, sum(CASE WHEN leaves THEN -1 ELSE 1 END) AS change FROM moved_keys GROUP BY key),
        sizes AS (SELECT key, count(*) AS n FROM old_members GROUP BY key),
        crossed AS (SELECT key FROM moves JOIN sizes USING (key) WHERE (n > {cap}) <> (n + change > {cap}))
        SELECT rid FROM fresh_standardised UNION
        SELECT rid FROM old_members SEMI JOIN crossed USING (key) ANTI JOIN gone_records USING (rid)"""
    )
    for table in ("moved_keys", "old_members"):
        work.execute(f"DROP TABLE {table}")


def _replace_standardised(work: Work, model: Model) -> None:
    for table in ("standardised", block.KEYS):
        work.execute(f"DELETE FROM {table} WHERE rid IN (SELECT rid FROM replaced)")
    work.execute("INSERT INTO standardised BY NAME SELECT * FROM fresh_standardised")
    work.execute(f"INSERT INTO {block.KEYS} SELECT key, rid FROM fresh_keys")
    for table in ("replaced", "fresh_keys"):
        work.execute(f"DROP TABLE {table}")


def _block_revised(work: Work, model: Model) -> int:
    """Make ``candidates(l, r)``: every pair with a revised record in it."""
    work.execute(f"CREATE OR REPLACE TEMP TABLE revised_keys AS FROM {block.KEYS} SEMI JOIN revised USING (rid)")
    work.execute(f"CREATE OR REPLACE TEMP TABLE members AS FROM {block.KEYS} SEMI JOIN revised_keys USING (key)")
    work.execute(
        f"""CREATE OR REPLACE TEMP TABLE candidates AS
        SELECT DISTINCT least(k.rid, m.rid) AS l, greatest(k.rid, m.rid) AS r
        FROM revised_keys k SEMI JOIN (
            SELECT key FROM members GROUP BY key HAVING count(*) BETWEEN 2 AND {model.blocking_cap}) live USING (key)
        JOIN members m ON m.key = k.key AND m.rid <> k.rid"""
    )
    block.keep_channels_apart(work)
    for table in ("revised_keys", "members"):
        work.execute(f"DROP TABLE {table}")
    return block.count(work, "candidates")


def _drop_old_pairs(work: Work, model: Model) -> None:
    """Forget the pairs of revised and of gone records, keeping in ``lost_partners(rid)`` whom they held to them."""
    work.execute(
        """CREATE OR REPLACE TEMP TABLE old_ends AS
        SELECT rid FROM revised UNION ALL SELECT rid FROM gone_records"""
    )
    work.execute(
        f"""CREATE OR REPLACE TEMP TABLE lost_partners AS
        SELECT unnest([l, r]) AS rid FROM scored_pairs
        WHERE {cluster.holds_together_sql(model)} AND (
            l IN (SELECT rid FROM old_ends) OR r IN (SELECT rid FROM old_ends))"""
    )
    work.execute("DELETE FROM scored_pairs WHERE l IN (SELECT rid FROM old_ends) OR r IN (SELECT rid FROM old_ends)")
    work.execute("DROP TABLE old_ends")


def _seed(work: Work) -> None:
    """Make ``seeds(rid)``: records whose pairs changed, whom those that are lost held to them, and all decided on.

    Whoever else hangs together with a seed is found from it. A component that was one before falls into parts of which
    each holds a seed: what held it together was a seed's pair.
    """
    work.execute(
        """CREATE OR REPLACE TEMP TABLE seeds AS
        SELECT rid FROM (
            SELECT rid FROM revised UNION SELECT rid FROM lost_partners
            UNION SELECT unnest([l, r]) FROM judged UNION SELECT unnest([l, r]) FROM judged_before)
        ANTI JOIN gone_records USING (rid)"""
    )
