"""What runs did to customers' ids, each change with the people it concerns and what caused it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pipelines.causes import CAUSES
from pipelines.explain import Work, open_explained
from pipelines.hidden import hide_erased, keep_hidden
from pipelines.summary import IdChange
from profile_service.errors import NotFound, WrongUsage

_RECORDS_NAMED = 6
_NAMES = 3


@dataclass(frozen=True)
class Changes:
    """What changed after run ``before`` (None: nothing yet) up to run ``run_id``.

    ``created``: new customers that took nothing from others; ``changes``: every other change, but for those of erased
    people, of whom ``left_out`` says in words how many there are; ``models``: the model before and after.
    """

    before: str | None
    run_id: str
    models: tuple[str | None, str | None]
    created: int
    changes: tuple[IdChange, ...]
    left_out: tuple[str, ...] = ()

    def counts(self) -> dict[str, int]:
        """How many changes of each event."""
        found: dict[str, int] = {}
        for change in self.changes:
            found[change.event] = found.get(change.event, 0) + 1
        return found


def changes_between(data_dir: Path, first: str | None, last: str | None, ledger: str | Path | None = None) -> Changes:
    """What changed between two runs, each named by its id or number; by default in the last run.

    ``first`` alone: in that run. ``ledger``: as in ``hidden.hide_erased``. Raises NotFound for a run that is not there,
    WrongUsage when they stand in the wrong order, RunLocked while a run is at work.
    """
    with open_explained(data_dir) as work:
        work.execute("SET TimeZone = 'UTC'")
        runs = work.execute("SELECT run_seq, run_id, model_version FROM runs ORDER BY run_seq").fetchall()
        if not runs:
            raise NotFound(f"no run has ended in {data_dir} yet: run `profiles run LANDING` first")
        until = _named(runs, last or first) if last or first else len(runs) - 1
        since = _named(runs, first) if last and first else until - 1
        if since >= until:
            raise WrongUsage(f"run {first} is not before run {last}: name the earlier one first")
        after = runs[since][0] if since >= 0 else 0
        created = work.execute(
            "SELECT count(*) FROM id_history WHERE run_seq > ? AND run_seq <= ? AND event = 'created'",
            [after, runs[until][0]],
        ).fetchall()[0][0]
        left_out = hide_erased(work, data_dir, ledger)
        return Changes(
            before=runs[since][1] if since >= 0 else None,
            run_id=runs[until][1],
            models=(runs[since][2] if since >= 0 else None, runs[until][2]),
            created=created,
            changes=id_changes(work, after, runs[until][0]),
            left_out=left_out,
        )


def _named(runs: list[tuple[int, str, str | None]], wanted: str | None) -> int:
    """The place of a run in ``runs``."""
    for place, (run_seq, run_id, _) in enumerate(runs):
        if wanted in (run_id, str(run_seq)):
            return place
    raise NotFound(f"there is no run {wanted!r}: there are {runs[0][0]} to {runs[-1][0]}, the last being {runs[-1][1]}")


def id_changes(work: Work, after: int, until: int) -> tuple[IdChange, ...]:
    """Every change of a customer's id, and every record that moved, in the runs after ``after`` up to ``until``.

    Plain creations are left out, and what concerns somebody hidden (``hidden.hide``); a few of the records it concerns,
    as they are now, and their names go with each.
    """
    keep_hidden(work)
    rows = work.execute(
        f"""WITH told AS (
            SELECT row_number() OVER (ORDER BY run_seq, event, customer_id, other_customer_id, record) AS n, * FROM (
                SELECT h.run_seq, h.event, h.customer_id, h.other_customer_id, i.cause, i.record, i.other_record,
                       i.bits, i.field, i.value
                FROM id_history h LEFT JOIN id_causes i USING (run_seq, customer_id, event)
                WHERE h.event <> 'created' AND h.run_seq > $after AND h.run_seq <= $until
                UNION ALL
                SELECT run_seq, event, customer_id, other_customer_id, cause, record, other_record, bits, field, value
                FROM id_causes WHERE event = 'moved' AND run_seq > $after AND run_seq <= $until)),
        held AS (
            SELECT t.n, r.rid, r.channel || ':' || r.source_record_id AS key,
                   nullif(trim(concat_ws(' ', r.given_name, r.family_name)), '') AS name
            FROM told t JOIN membership m ON CASE t.event WHEN 'moved' THEN m.rid = t.record ELSE m.customer_id =
                CASE t.event WHEN 'merged_into' THEN t.other_customer_id ELSE t.customer_id END END
            JOIN records r USING (rid)),
        hidden AS (
            SELECT n FROM told WHERE event <> 'erased' AND (
                customer_id IN (FROM hidden_customers) OR other_customer_id IN (FROM hidden_customers)
                OR record IN (FROM hidden_records) OR other_record IN (FROM hidden_records))
            UNION SELECT n FROM held WHERE rid IN (FROM hidden_records)),
        people AS (
            SELECT n, list(key ORDER BY key)[:{_RECORDS_NAMED}] AS records,
                   list(DISTINCT name ORDER BY name)[:{_NAMES}] AS names FROM held GROUP BY n)
        SELECT t.customer_id, t.event, t.other_customer_id, p.records, p.names, t.cause,
               a.channel || ':' || a.source_record_id, b.channel || ':' || b.source_record_id, t.bits, t.field, t.value
        FROM told t ANTI JOIN hidden USING (n) LEFT JOIN people p USING (n)
        LEFT JOIN records a ON a.rid = t.record LEFT JOIN records b ON b.rid = t.other_record ORDER BY t.n""",
        {"after": after, "until": until},
    ).fetchall()
    return tuple(
        IdChange(row[0], row[1], row[2], tuple(row[3] or ()), tuple(row[4] or ()), cause_in_words(*row[5:]))
        for row in rows
    )


def cause_in_words(cause: str | None, record: str | None, other: str | None, *rest: object) -> str:
    """A row of ``id_causes`` as a clause; ``rest``: the bits of the strongest pair across, the field and the value."""
    if cause is None:
        return ""
    bits, field, value = rest
    said = CAUSES[cause]
    if cause.endswith(("link", "undone")):
        return f"{said}; {record} and {other}"
    if cause in ("value_generic", "value_ordinary"):
        said += f" ({str(field).replace('_', ' ')} {value})"
    elif cause in ("new_record", "changed_record") and record:
        said = f"{record} is new" if cause == "new_record" else f"{record} has changed"
    if record and other and bits is not None:
        said += f"; {record} and {other} at {bits:+.1f} bits"
    return said
