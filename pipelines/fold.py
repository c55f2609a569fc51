"""What was written live enters the work store in a run's transaction: records, events, consents, decisions, ids."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import duckdb

from pipelines.fold_ids import take_over_ids
from pipelines.forget import forget
from pipelines.ingest.reading import arriving, create_arriving
from pipelines.ingest.suppressions import Suppressions
from pipelines.ingest.versions import settle
from pipelines.live_log import LiveLog
from pipelines.marks import unsay_marks
from pipelines.rulings import make_ruled_anew
from pipelines.work import FOLDED_SEQ
from profile_service.contracts.feeds import field_names

if TYPE_CHECKING:
    from pipelines.run_context import RunContext
    from profile_service.store.ledger import Entry

Work = duckdb.DuckDBPyConnection
# Versions that came in live name no landing file.
LIVE_FILE = 0


@dataclass(frozen=True)
class Folded:
    """Entries taken in, by kind, up to ``ledger_seq``; ``rows``: versions of records and events that now stand."""

    ledger_seq: int
    records: int = 0
    events: int = 0
    consents: int = 0
    decisions: int = 0
    labels: int = 0
    rulings: int = 0
    erasures: int = 0
    anything: bool = False


def fold(work: Work, live: LiveLog, run: RunContext) -> Folded:
    """Enter what ``live`` holds, within the caller's transaction, before ``ingest``; the same again changes nothing.

    Makes the temporary tables ``folded_records(rid)``, to be resolved anew in this run, and ``ruled_anew``. An erased
    person's entries are empty by then; the people to forget are forgotten first.
    """
    work.execute("CREATE OR REPLACE TEMP TABLE folded_records (rid INTEGER)")
    work.execute("CREATE OR REPLACE TEMP TABLE moved_live (rid INTEGER, former VARCHAR)")
    make_ruled_anew(work)
    if not live.anything:
        return Folded(live.last_seq)
    # imported where anything was written live, as what reads the ledger is
    from pipelines.fold_labels import fold_labels
    from pipelines.fold_rulings import fold_rulings

    forgotten = forget(work, run, live.erasures)
    work.execute("INSERT INTO folded_records SELECT rid FROM changed_records")
    work.execute("DROP TABLE changed_records")
    by_kind: dict[str, list[Entry]] = {}
    for entry in live.entries:
        by_kind.setdefault(entry.kind, []).append(entry)
    records = by_kind.get("record", [])
    _fold_records(work, [entry for entry in records if _said(entry)["authenticated"]], run, authenticated=True)
    _fold_records(work, [entry for entry in records if not _said(entry)["authenticated"]], run, authenticated=False)
    _fold_events(work, by_kind.get("event", []), run)
    consents = _fold_consents(work, by_kind.get("consent", []))
    decisions = _fold_decisions(work, [*by_kind.get("judgement", []), *by_kind.get("undo", [])])
    labels = fold_labels(work, by_kind.get("label", []))
    rulings = fold_rulings(work, by_kind.get("ruling", []))
    unsay_marks(work)
    take_over_ids(work, live, run)
    _mark_changed(work, run)
    work.execute("DELETE FROM meta WHERE key = ?", [FOLDED_SEQ])
    work.execute("INSERT INTO meta VALUES (?, ?)", [FOLDED_SEQ, str(live.last_seq)])
    return Folded(
        ledger_seq=live.last_seq,
        records=len(records),
        events=len(by_kind.get("event", [])),
        consents=consents,
        decisions=decisions,
        labels=labels,
        rulings=rulings,
        erasures=forgotten.erasures,
        anything=True,
    )


def join_changed(work: Work) -> None:
    """Add ``folded_records`` to ``changed_records``, which ``ingest`` has made of what the landing changed."""
    work.execute(
        "INSERT INTO changed_records SELECT DISTINCT rid FROM folded_records ANTI JOIN changed_records USING (rid)"
    )
    # few against everyone: as NOT IN all records would be put into a table of hashes
    gone = "SELECT rid FROM changed_records ANTI JOIN records USING (rid)"
    work.execute(f"DELETE FROM changed_records WHERE rid IN ({gone})")
    work.execute("DROP TABLE folded_records")


def _said(entry: Entry) -> Mapping[str, Any]:
    return entry.payload or {}


def _fold_records(work: Work, entries: Sequence[Entry], run: RunContext, *, authenticated: bool) -> None:
    """Versions of records find their place among those known, by the rules that files are held to."""
    if not entries:
        return
    rows = [
        {
            **_said(entry)["fields"],
            "updated_at": _said(entry)["updated_at"],
            "channel": entry.about.channel,
            "source_record_id": entry.about.source_record_id,
        }
        for entry in entries
    ]
    _arrive(work, "customers", rows)
    settle(work, "customers", run.run_seq, Suppressions(work).condition_sql(), authenticated=authenticated)
    work.execute("INSERT INTO folded_records SELECT rid FROM accepted_customers")
    for table in ("accepted_customers", arriving("customers")):
        work.execute(f"DROP TABLE {table}")


def _fold_events(work: Work, entries: Sequence[Entry], run: RunContext) -> None:
    if not entries:
        return
    rows = [
        {**_said(entry), "channel": entry.about.channel, "source_record_id": entry.about.source_record_id}
        for entry in entries
    ]
    _arrive(work, "events", rows)
    settle(work, "events", run.run_seq, Suppressions(work).condition_sql())
    for table in ("accepted_events", arriving("events")):
        work.execute(f"DROP TABLE {table}")


def _arrive(work: Work, kind: str, rows: Sequence[Mapping[str, Any]]) -> None:
    """Put rows, in order, where those of files arrive."""
    create_arriving(work, kind)
    names = ["channel", *field_names(kind), "extra"]
    columns = {name: [row.get(name) for row in rows] for name in names}
    values = ", ".join(f"unnest(${name}::VARCHAR[]) AS {name}" for name in names)
    work.execute("SET preserve_insertion_order = true")
    work.execute(f"INSERT INTO {arriving(kind)} BY NAME SELECT {LIVE_FILE} AS file_id, {values}, true AS ok", columns)
    work.execute("SET preserve_insertion_order = false")


def _fold_consents(work: Work, entries: Sequence[Entry]) -> int:
    """The newest word on each purpose and channel that a record carries stands; all are counted."""
    if not entries:
        return 0
    rows = [
        [
            entry.about.channel,
            entry.about.source_record_id,
            *(_said(entry)[name] for name in ("purpose", "channel", "consent", "stated_at")),
            entry.seq,
        ]
        for entry in entries
    ]
    work.execute(
        """CREATE OR REPLACE TEMP TABLE stated (channel VARCHAR, source_record_id VARCHAR, purpose VARCHAR,
            consent_channel VARCHAR, said VARCHAR, stated_at TIMESTAMPTZ, seq BIGINT)"""
    )
    work.executemany("INSERT INTO stated VALUES (?, ?, ?, ?, ?, ?, ?)", rows)
    work.execute(
        """CREATE OR REPLACE TEMP TABLE restated AS
        SELECT channel, source_record_id, purpose, consent_channel,
               arg_max(said, (stated_at, seq)) AS said, max(stated_at) AS stated_at,
               sum(statements)::INTEGER AS statements
        FROM (SELECT *, 1 AS statements FROM stated UNION ALL
              SELECT channel, source_record_id, purpose, consent_channel, said, stated_at, 0 AS seq, statements
              FROM consents SEMI JOIN stated USING (channel, source_record_id, purpose, consent_channel))
        GROUP BY ALL"""
    )
    work.execute(
        """DELETE FROM consents c USING restated r WHERE c.channel = r.channel
            AND c.source_record_id = r.source_record_id AND c.purpose = r.purpose
            AND c.consent_channel = r.consent_channel"""
    )
    work.execute("INSERT INTO consents BY NAME SELECT * FROM restated")
    work.execute(
        """INSERT INTO folded_records SELECT rid FROM records
        SEMI JOIN restated USING (channel, source_record_id)"""
    )
    for table in ("stated", "restated"):
        work.execute(f"DROP TABLE {table}")
    return len(rows)


def _fold_decisions(work: Work, entries: Iterable[Entry]) -> int:
    """Decisions bind from now on, and those taken back bind no more."""
    count = 0
    for entry in sorted(entries, key=lambda entry: entry.seq):
        count += 1
        said = _said(entry)
        if entry.kind == "undo":
            work.execute("DELETE FROM constraints WHERE decision_id = ?", [said["decision_id"]])
            continue
        work.execute("DELETE FROM constraints WHERE decision_id = ?", [said["decision_id"]])
        for constraint in said["constraints"]:
            work.execute(
                "INSERT INTO constraints VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                [*constraint, entry.actor, entry.reason, entry.at, said["decision_id"]],
            )
    return count


def _mark_changed(work: Work, run: RunContext) -> None:
    """Customers with a folded record are published anew, and all of their records are looked at together."""
    affected = "SELECT customer_id FROM membership SEMI JOIN folded_records USING (rid)"
    work.execute(f"UPDATE customer_ids SET changed_seq = ? WHERE customer_id IN ({affected})", [run.run_seq])
    work.execute(
        f"""INSERT INTO folded_records SELECT rid FROM membership WHERE customer_id IN ({affected})
        AND rid NOT IN (SELECT rid FROM folded_records)"""
    )
