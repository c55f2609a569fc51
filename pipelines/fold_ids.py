"""Customers that live answers made, merged and moved are so in the work store, before the run looks at them itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING

import duckdb

from pipelines.live_log import LiveId, LiveLog
from pipelines.work import folded_seq

if TYPE_CHECKING:
    from pipelines.run_context import RunContext

Work = duckdb.DuckDBPyConnection


def take_over_ids(work: Work, live: LiveLog, run: RunContext) -> None:
    """Enter the ids that live answers gave, those that they merged away, and whose each record is.

    Where a run died between its COMMIT and its flip, the overlay is of a generation older than the work store: then
    only records that the store does not know yet take their customer over.
    """
    known = {
        str(customer_id): (bool(standing), stands_as)
        for customer_id, standing, stands_as in work.execute(
            "SELECT customer_id, standing, stands_as FROM customer_ids"
        ).fetchall()
    }
    behind = folded_seq(work) != live.run_folded
    if not behind and _is_last_run(work, live):
        # what stands again live, and did not in the run that published the generation
        restored = {
            each.customer_id
            for each in live.ids
            if each.stands_as is None and not known.get(each.customer_id, (True,))[0]
        }
        for customer_id in sorted(restored):
            restore(work, customer_id, run)
            known[customer_id] = (True, customer_id)
    answers_for = _aliases(live, known)
    gone = {customer_id for customer_id, (standing, stands_as) in known.items() if not standing and stands_as is None}
    for each in live.ids:
        if answers_for.get(each.customer_id) in gone:
            # whom it was merged into was erased, and it with them; of those published ``identify`` finds no record
            if each.customer_id not in known:
                _enter_erased(work, each.customer_id, run)
        elif each.customer_id not in known:
            _enter(work, each, answers_for, run)
        elif each.stands_as is not None and known[each.customer_id][0] and not behind:
            _retire(work, each.customer_id, answers_for, run)
        elif each.stands_as is not None and not behind:
            work.execute(
                "UPDATE customer_ids SET stands_as = ?, changed_seq = ? WHERE customer_id = ? AND NOT standing",
                [answers_for[each.customer_id], run.run_seq, each.customer_id],
            )
    _own(work, live.owners, answers_for, run, only_new=behind)
    _answer_for_given(work, live, run)
    _keep_former(work, live)


def restore(work: Work, customer_id: str, run: RunContext) -> None:
    """An id that answered through another stands again."""
    history = "INSERT INTO id_history SELECT customer_id, ?, NULL, 'restored', stands_as, ? FROM customer_ids "
    work.execute(
        "UPDATE id_history SET valid_to = ? WHERE customer_id = ? AND valid_to IS NULL", [run.now, customer_id]
    )
    work.execute(history + "WHERE customer_id = ?", [run.now, run.run_seq, customer_id])
    work.execute(
        "UPDATE customer_ids SET standing = true, stands_as = customer_id, changed_seq = ? WHERE customer_id = ?",
        [run.run_seq, customer_id],
    )


def _is_last_run(work: Work, live: LiveLog) -> bool:
    """Whether the generation that live answers were given on holds all that the work store does."""
    last = work.execute("SELECT run_id FROM runs ORDER BY run_seq DESC LIMIT 1").fetchall()
    return last == [(live.run_id,)]


def _keep_former(work: Work, live: LiveLog) -> None:
    """Which records had the ids that were merged away live: should they part, it is theirs again."""
    if not live.former:
        return
    columns = {
        name: [row[place] for row in live.former] for place, name in enumerate(("channels", "names", "ids", "at"))
    }
    work.execute(
        """CREATE OR REPLACE TEMP TABLE left_live AS
        SELECT r.rid, f.customer_id, f.retired_us FROM (
            SELECT unnest($channels::VARCHAR[]) AS channel, unnest($names::VARCHAR[]) AS source_record_id,
                   unnest($ids::VARCHAR[]) AS customer_id, unnest($at::BIGINT[]) AS retired_us) f
        JOIN records r USING (channel, source_record_id) JOIN customer_ids c USING (customer_id)
        WHERE NOT c.standing""",
        columns,
    )
    work.execute("DELETE FROM former_ids WHERE customer_id IN (SELECT customer_id FROM left_live)")
    work.execute("INSERT INTO former_ids FROM left_live")
    work.execute("DROP TABLE left_live")


def _aliases(live: LiveLog, known: Mapping[str, tuple[bool, str | None]]) -> dict[str, str]:
    """For each id that answers through another: the one that stands at the end."""
    step = {each.customer_id: each.stands_as for each in live.ids if each.stands_as is not None}
    for customer_id, (standing, stands_as) in known.items():
        if not standing and stands_as is not None:
            step.setdefault(customer_id, stands_as)
    ends = {}
    for customer_id in step:
        end, seen = customer_id, set()
        while end in step and end not in seen:
            seen.add(end)
            end = step[end]
        ends[customer_id] = end
    return ends


def _enter(work: Work, each: LiveId, answers_for: Mapping[str, str], run: RunContext) -> None:
    """An id that the work store has never seen."""
    stands_as = answers_for.get(each.customer_id, each.customer_id)
    standing = each.stands_as is None
    work.execute(
        "INSERT INTO customer_ids VALUES (?, ?, ?, ?, ?)",
        [each.customer_id, standing, stands_as, run.run_seq, run.run_seq],
    )
    since = each.since or run.now - timedelta(microseconds=1)
    work.execute(
        "INSERT INTO id_history VALUES (?, ?::TIMESTAMPTZ, ?::TIMESTAMPTZ, 'created', NULL, ?)",
        [each.customer_id, since, None if standing else run.now, run.run_seq],
    )
    if not standing:
        work.execute(
            "INSERT INTO id_history VALUES (?, ?, NULL, 'merged_into', ?, ?)",
            [each.customer_id, run.now, stands_as, run.run_seq],
        )


def _enter_erased(work: Work, customer_id: str, run: RunContext) -> None:
    work.execute("INSERT INTO customer_ids VALUES (?, false, NULL, ?, ?)", [customer_id, run.run_seq, run.run_seq])
    history = "INSERT INTO id_history VALUES (?, ?, NULL, 'erased', NULL, ?)"
    work.execute(history, [customer_id, run.now, run.run_seq])


def _retire(work: Work, customer_id: str, answers_for: Mapping[str, str], run: RunContext) -> None:
    stands_as = answers_for[customer_id]
    work.execute(
        "UPDATE customer_ids SET standing = false, stands_as = ?, changed_seq = ? WHERE customer_id = ?",
        [stands_as, run.run_seq, customer_id],
    )
    work.execute(
        "UPDATE customer_ids SET stands_as = ?, changed_seq = ? WHERE stands_as = ? AND NOT standing",
        [stands_as, run.run_seq, customer_id],
    )
    work.execute(
        "UPDATE id_history SET valid_to = ? WHERE customer_id = ? AND valid_to IS NULL", [run.now, customer_id]
    )
    work.execute(
        "INSERT INTO id_history VALUES (?, ?, NULL, 'merged_into', ?, ?)",
        [customer_id, run.now, stands_as, run.run_seq],
    )


def _own(
    work: Work,
    owners: Sequence[tuple[str, str, str]],
    answers_for: Mapping[str, str],
    run: RunContext,
    *,
    only_new: bool,
) -> None:
    """Each record belongs to whom live answers gave it; ``folded_records`` gets those that change hands.

    ``moved_live(rid, former)`` gets whose they were, for whoever tells what a run changed.
    """
    columns = {
        "channels": [channel for channel, _, _ in owners],
        "ids": [source_record_id for _, source_record_id, _ in owners],
        "customers": [answers_for.get(customer_id, customer_id) for _, _, customer_id in owners],
    }
    work.execute(
        """CREATE OR REPLACE TEMP TABLE owned AS
        SELECT r.rid, o.customer_id FROM (
            SELECT unnest($channels::VARCHAR[]) AS channel, unnest($ids::VARCHAR[]) AS source_record_id,
                   unnest($customers::VARCHAR[]) AS customer_id) o
        JOIN records r USING (channel, source_record_id)
        JOIN customer_ids c ON c.customer_id = o.customer_id AND c.standing
        LEFT JOIN membership m ON m.rid = r.rid
        WHERE m.customer_id IS DISTINCT FROM o.customer_id""",
        columns,
    )
    if only_new:
        work.execute("DELETE FROM owned WHERE rid IN (SELECT rid FROM membership)")
    # whoever loses a record is published anew, as well as whoever gets it
    work.execute(
        """UPDATE customer_ids SET changed_seq = ? WHERE standing
        AND customer_id IN (SELECT customer_id FROM membership SEMI JOIN owned USING (rid))""",
        [run.run_seq],
    )
    work.execute("INSERT INTO moved_live SELECT rid, m.customer_id FROM owned JOIN membership m USING (rid)")
    work.execute("DELETE FROM membership WHERE rid IN (SELECT rid FROM owned)")
    work.execute("INSERT INTO membership SELECT rid, customer_id FROM owned")
    work.execute("INSERT INTO folded_records SELECT rid FROM owned ANTI JOIN folded_records USING (rid)")
    work.execute("DROP TABLE owned")


def _answer_for_given(work: Work, live: LiveLog, run: RunContext) -> None:
    """An id that a live answer gave on an older generation answers through the customer of its record.

    Where its record has none, it is the customer again: the work store was restored from a backup, and the generation
    that stands has folded the record already.
    """
    for (channel, source_record_id, customer_id), since in live.given.items():
        if work.execute("SELECT 1 FROM customer_ids WHERE customer_id = ?", [customer_id]).fetchall():
            continue
        holders = work.execute(
            """SELECT r.rid, m.customer_id FROM records r LEFT JOIN membership m USING (rid)
            WHERE r.channel = ? AND r.source_record_id = ?""",
            [channel, source_record_id],
        ).fetchall()
        for rid, holder in holders:
            if holder is None:
                _enter(work, LiveId(customer_id, "created", None, since), {}, run)
                work.execute("INSERT INTO membership VALUES (?, ?)", [rid, customer_id])
            else:
                alias = LiveId(customer_id, "merged_into", str(holder), since)
                _enter(work, alias, {customer_id: str(holder)}, run)
