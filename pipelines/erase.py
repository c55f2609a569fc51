"""An erasure is carried out: nothing of the person stays in any file, which is looked for, and a receipt is kept."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import orjson

from pipelines.flip import keep_only_standing
from pipelines.journals import unsay_folded
from pipelines.lock import RunLock
from pipelines.model_report.files import remove_reports
from pipelines.progress import Progress
from pipelines.residue import Found, Marks, in_bytes, in_duckdb, in_sqlite
from pipelines.work import connect_work, folded_seq, open_work
from profile_service.audit import Audit
from profile_service.errors import RunFailed, RunLocked
from profile_service.identity.ids import IdSource
from profile_service.live.replay import OVERLAYS, bring, drop_overlay
from profile_service.privacy import Erasure, RecordKey
from profile_service.rulings import forget_rulings
from profile_service.settings import ledger_of, load_settings
from profile_service.store.generation import GENERATIONS, PROFILES, Generation, standing_generation
from profile_service.store.ledger import Ledger, Log
from profile_service.store.ledger.erasures import (
    LoggedErasure,
    erasures_after,
    rows_holding,
    settle,
    unfinished_erasures,
)
from profile_service.store.serving import ServingGeneration
from profile_service.store.stored import moment_text
from profile_service.unsay import unsay

# How long services that are open have to follow to the new generation before the older ones go.
GRACE_SECONDS = 1.0
_FRESH = "pipeline.fresh.duckdb"
# Tables of the ledger that say of an erased customer that it is erased, by its id alone: of answers kept for repeated
# requests the one to the erasure itself.
_SAY_ERASED = frozenset({"entries", "audit", "overlay_customers", "idempotency"})
NOT_HERE = (
    "The landing files and backups are not touched: rows of these records in them are recognised and not taken in "
    "again, and a restored copy forgets them in its next run."
)


@dataclass(frozen=True)
class _Due:
    """What the work store says of the erasures that are published but not yet carried out in the files."""

    rows: tuple[tuple[str, str, str, str], ...]  # erasure_id, customer_id, kind, value
    ruled: frozenset[tuple[str, str]]  # field and value of every ruling that is kept
    folded: int  # the last entry of the ledger that it holds

    def of(self, erasure_id: str) -> list[tuple[str, str]]:
        """(kind, value) of one erasure."""
        return [(kind, value) for found, _, kind, value in self.rows if found == erasure_id]

    @property
    def ids(self) -> tuple[str, ...]:
        """Every erasure under way."""
        return tuple(dict.fromkeys(erasure_id for erasure_id, *_ in self.rows))


def due_erasures(log: Log, folded_seq: int) -> list[Erasure]:
    """What a run has to forget: erasures since the last fold, and those that no run has finished.

    A work store restored from a backup has folded less than the ledger holds, so it forgets those people again.
    """
    logged = {one.seq: one for one in (*erasures_after(log, folded_seq), *unfinished_erasures(log))}
    return [logged[seq].erasure for seq in sorted(logged)]


def finish_erasures(
    data_dir: Path, ledger: str | Path | None, progress: Progress, clock: Callable[[], datetime]
) -> None:
    """Carry out what the run just published has left to do; does nothing where nobody was erased.

    ``ledger``: its path or URL, None for the one in ``data_dir``. Another run that is at work by now does it in its
    turn. Raises as ``carry_out`` does.
    """
    where = ledger_of(data_dir, ledger)
    if where is None:
        return
    with suppress(RunLocked), RunLock(data_dir, clock()):
        if not _under_way(data_dir).rows:
            return
        opened = Ledger.open(where)
        try:
            carry_out(data_dir, opened, progress, clock(), GRACE_SECONDS)
        finally:
            opened.close()


def _under_way(data_dir: Path) -> _Due:
    with open_work(data_dir) as work:
        rows = work.execute("SELECT * FROM erasing ORDER BY ALL").fetchall()
        ruled = work.execute("SELECT field, value FROM generic_rulings").fetchall()
        return _Due(tuple(rows), frozenset(ruled), folded_seq(work))


def carry_out(
    data_dir: Path, ledger: Ledger, progress: Progress, now: datetime, grace_seconds: float
) -> list[dict[str, Any]]:
    """Finish the erasures that the run just published has left in the work store; answers their receipts.

    Older generations go, the work store is written anew, the ledger's freed pages are emptied, and everything is
    searched. The caller holds the run lock and has closed the work store. Raises RunFailed when something is left.
    """
    due = _under_way(data_dir)
    if not due.rows:
        return []
    marks = Marks.of(row[2:] for row in due.rows)
    with progress.stage("erase", total=4) as stage:
        standing = standing_generation(data_dir)
        _make_current(ledger, standing, data_dir)
        if standing is not None and len(list(standing.folder.parent.iterdir())) > 1:
            time.sleep(grace_seconds)
        dropped = keep_only_standing(data_dir)
        remove_reports(data_dir / "models")
        stage.advance(1)
        fresh = _written_anew(data_dir)
        stage.advance(1)
        with ledger.write() as tx:
            forget_rulings(tx, due.ruled, due.folded)
            unsay(tx, marks.values, lambda: _audit(ledger, data_dir))
        unsay_folded(data_dir / "audit", ledger, marks.in_bytes)
        logged = [one for one in unfinished_erasures(ledger.log()) if one.erasure.erasure_id in due.ids]
        _empty_ledger(ledger, logged, dropped, standing)
        stage.advance(1)
        found = _search(data_dir, ledger, fresh, marks)
        _put_in_place(data_dir, fresh)
        receipts = _keep_receipts(ledger, logged, due, found, now)
        stage.advance(1)
    left = [f"{one.where}: {one.count}" for one in found if one.count]
    if left:
        raise RunFailed(
            f"something of an erased person is left in {'; '.join(left)}: take it out of there and run `profiles run`; "
            "until then the erasure has no receipt"
        )
    return receipts


def _audit(ledger: Ledger, data_dir: Path) -> Audit:
    """The audit trail, sealed with the secret of the service."""
    return Audit(ledger, load_settings(os.environ, {"data_dir": data_dir}).server_secret())


def _make_current(ledger: Ledger, standing: Generation | None, data_dir: Path) -> None:
    """Services that still answer from an older generation go over before anything that lies over it is dropped."""
    if standing is None or not standing.manifest.profiles_bytes:
        return
    served = ServingGeneration.open(standing, data_dir / "models")
    try:
        bring(ledger, served, IdSource())
    finally:
        served.close()


def _written_anew(data_dir: Path) -> Path:
    """A copy of the work store, table by table, that has never held the erased rows; answers its path."""
    folder = data_dir / "work"
    fresh = folder / _FRESH
    fresh.unlink(missing_ok=True)
    with connect_work(data_dir) as work:
        work.execute(f"SET temp_directory = '{str(folder / 'spill').replace(chr(39), chr(39) * 2)}'")
        work.execute("SET memory_limit = '2500MB'")
        work.execute("SET preserve_insertion_order = false")
        work.execute(f"ATTACH '{str(fresh).replace(chr(39), chr(39) * 2)}' AS fresh")
        tables = work.execute(
            "SELECT table_name FROM duckdb_tables() WHERE database_name = current_database() ORDER BY 1"
        ).fetchall()
        for (table,) in tables:
            rows = "WHERE false" if table == "erasing" else ""
            work.execute(f"CREATE TABLE fresh.main.{table} AS SELECT * FROM {table} {rows}")
        work.execute("DETACH fresh")
    shutil.rmtree(folder / "spill", ignore_errors=True)
    return fresh


def _put_in_place(data_dir: Path, fresh: Path) -> None:
    place = data_dir / "work" / "pipeline.duckdb"
    for path in (fresh, fresh.parent):
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    place.with_name(f"{place.name}.wal").unlink(missing_ok=True)
    os.replace(fresh, place)  # noqa: PTH105  (says atomic)


def _empty_ledger(
    ledger: Ledger, logged: Sequence[LoggedErasure], dropped: Sequence[str], standing: Generation | None
) -> None:
    """The names of the records go from the log, what lay over older generations with it, and freed pages are zeroed."""
    with ledger.write() as tx:
        for one in logged:
            settle(tx, one, None)
        overlaid = orjson.loads(tx.log.meta(OVERLAYS) or "[]")
        for run_id in {*dropped, *overlaid} - {standing.manifest.run_id if standing else ""}:
            drop_overlay(tx, run_id)
    ledger.scrub()


def _search(data_dir: Path, ledger: Ledger, fresh: Path, marks: Marks) -> list[Found]:
    found = in_duckdb(fresh, marks, "work")
    generation = standing_generation(data_dir)
    if generation is not None:
        found += in_duckdb(generation.warehouse, marks, "warehouse")
        if (generation.folder / PROFILES).exists():
            found += in_sqlite(generation.folder / PROFILES, marks, "profiles")
    keys: list[RecordKey] = [(channel, name) for channel, _, name in (key.partition(":") for key in marks.keys)]
    found += [
        Found(f"ledger:{table}", count) for table, count in rows_holding(ledger.read(), marks.values, keys).items()
    ]
    ids = rows_holding(ledger.read(), marks.customers, ())
    found += [Found(f"ledger:{table}", count) for table, count in ids.items() if table not in _SAY_ERASED]
    locked = list(data_dir.glob("ledger.sqlite*"))
    files = [
        fresh,
        *locked,
        *(data_dir / GENERATIONS).rglob("*"),
        *data_dir.glob("models/**/*"),
    ]
    files += data_dir.glob("audit/*")
    return found + in_bytes(sorted(path for path in files if path.is_file()), marks, data_dir, locked)


def _keep_receipts(
    ledger: Ledger, logged: Sequence[LoggedErasure], due: _Due, found: Sequence[Found], now: datetime
) -> list[dict[str, Any]]:
    left = sum(one.count for one in found)
    receipts = []
    for one in logged:
        said = due.of(one.erasure.erasure_id)
        deleted = dict(value.rsplit(":", 1) for kind, value in said if kind == "count")
        receipts.append(
            {
                "erasure_id": one.erasure.erasure_id,
                "customer_id": one.erasure.customer_id,
                "requested_at": moment_text(one.erasure.at),
                "requested_by": one.actor,
                "reason": one.reason,
                "completed_at": moment_text(now),
                "deleted": {table: int(count) for table, count in sorted(deleted.items())},
                "records_suppressed": len(one.erasure.tokens),
                "looked_for": {
                    "records": sum(kind == "key" for kind, _ in said),
                    "values": sum(kind == "value" for kind, _ in said),
                },
                "looked_in": [place.where for place in found],
                "residue": left,
                "not_here": NOT_HERE,
            }
        )
    if not left:
        with ledger.write() as tx:
            for one, receipt in zip(logged, receipts, strict=True):
                settle(tx, one, receipt)
    return receipts
