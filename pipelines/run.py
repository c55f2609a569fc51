"""A whole run: ingest, resolve and identify in one transaction, then publish a generation and flip to it."""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from shutil import copytree
from typing import Any

import duckdb

from pipelines import firewall
from pipelines.ahead import WarehouseCopy
from pipelines.beside import load_beside
from pipelines.causes import enter_causes
from pipelines.changes import id_changes
from pipelines.declared import declare
from pipelines.disk import disk_errors_named
from pipelines.engines.engine import USUAL, engine_named
from pipelines.fold import Folded, fold, join_changed
from pipelines.held_back import held_back
from pipelines.household import HouseholdCounts, find_households
from pipelines.identify import IdentifyCounts, identify
from pipelines.ingest import IngestCounts, ingest
from pipelines.live_log import live_since
from pipelines.lock import RunLock
from pipelines.marks import drop_shared_marks
from pipelines.placeholders import placeholders
from pipelines.progress import Progress
from pipelines.publish import Policy, publish
from pipelines.report import customers_by_channels, files_read, peak_memory_bytes, record_count, rows_by_channel
from pipelines.resolve import Resolution, expect, resolve
from pipelines.run_context import RunContext
from pipelines.summary import IdChange, Outcome, RunSummary, rounded
from pipelines.traits_use import published_as_declared
from pipelines.work import folded_seq, open_work
from profile_service.contracts.channels import Channel, load_channels
from profile_service.errors import PromiseBroken, UnusableInput
from profile_service.identity.ids import HOUSEHOLD, IdSource
from profile_service.identity.model import Model
from profile_service.identity.model_files import standing_or_packaged, standing_version
from profile_service.settings import ledger_of
from profile_service.store.generation import WAREHOUSE, standing_generation

Work = duckdb.DuckDBPyConnection
Clock = Callable[[], datetime]
_IDS = ("created", "merged", "split", "erased", "churn", "moved_live")


@dataclass(frozen=True)
class RunOptions:
    """How to run; ``keep``: how many generations stay on disk, the new one among them; ``engine``: see ``engines``."""

    channels: Path | None = None
    rebuild: bool = False
    dry_run: bool = False
    accept: bool = False
    keep: int = 3
    engine: str = USUAL


@dataclass(frozen=True)
class Places:
    """Where a run reads and writes.

    ``landing`` None: only what was written live is taken in. ``ledger``: its path or URL; None: the one in
    ``data_dir``, if there is one.
    """

    landing: Path | None
    data_dir: Path
    ledger: str | Path | None = None

    @property
    def models(self) -> Path:
        """Where trained models live."""
        return self.data_dir / "models"


@dataclass(frozen=True)
class _Resolved:
    """What the transaction on the work store did; ``resolution`` and ``ids`` are None when nothing was new."""

    rows: IngestCounts
    folded: Folded
    resolution: Resolution | None = None
    ids: IdentifyCounts | None = None
    homes: HouseholdCounts | None = None
    changes: tuple[IdChange, ...] = ()
    objections: tuple[str, ...] = ()


def _system_clock() -> datetime:
    return datetime.now(UTC)


def run(places: Places, options: RunOptions, progress: Progress, clock: Clock = _system_clock) -> RunSummary:
    """Take in what is new in the landing folder, resolve it and publish; nothing new is said so and changes nothing.

    What stood before stands until the last step, however the run ends. Raises UnusableInput for feeds or a declaration
    that cannot be read, WrongUsage for an engine that cannot do it or a ledger that is not there, RunLocked while
    another run is at work, NotEnoughDisk when the disk is full and RunFailed when an audit or the firewall objects.
    """
    began = time.perf_counter()
    engine_named(options.engine)
    places = replace(places, ledger=ledger_of(places.data_dir, places.ledger))
    if places.landing is not None and not places.landing.is_dir():
        raise UnusableInput(f"{places.landing} is no folder: give the one that holds <channel>/customers*.csv")
    channels = load_channels(options.channels)
    # a fifth of a second, needed once there are pairs
    load_beside("scipy.sparse.csgraph")
    with _room(places, options) as room:
        summary = _run(room, channels, options, progress, clock)
        if not options.dry_run and ledger_of(room.data_dir, room.ledger) is not None:
            from pipelines.erase import finish_erasures

            finish_erasures(room.data_dir, room.ledger, progress, clock)
    return replace(summary, data_dir=places.data_dir, seconds=time.perf_counter() - began)


@contextmanager
def _room(places: Places, options: RunOptions) -> Iterator[Places]:
    """Where to work: a dry run where nothing stands yet has a folder of its own, so that nothing is left behind."""
    if not options.dry_run or any((places.data_dir / name).exists() for name in ("work", "models", WAREHOUSE)):
        yield places
        return
    with tempfile.TemporaryDirectory(prefix="profiles-") as folder:
        yield replace(places, data_dir=Path(folder))


def _run(
    places: Places, channels: Sequence[Channel], options: RunOptions, progress: Progress, clock: Clock
) -> RunSummary:
    with (
        disk_errors_named(places.data_dir),
        RunLock(places.data_dir, clock()) as lock,
        open_work(places.data_dir) as work,
        WarehouseCopy(places.data_dir) as ahead,
    ):
        context = replace(_next_run(work, clock(), progress), engine=options.engine, ahead=ahead)
        lock.name_run(context.run_id)
        done = _resolve(work, places, channels, context, options)
        outcome: Outcome = "dry run"
        if not options.dry_run:
            outcome, context = _publish(work, places, context, done, options)
            _enter_end(work, context, done, clock())
        summary = _summary(work, places, context, done)
        if options.dry_run:
            _roll_back(work)
    # what a dry run trained was trained in a copy
    return replace(summary, outcome=outcome, learned=summary.learned and not options.dry_run)


def _next_run(work: Work, now: datetime, progress: Progress) -> RunContext:
    row = work.execute("SELECT run_seq, started_at FROM runs ORDER BY run_seq DESC LIMIT 1").fetchone()
    run_seq = int(row[0]) + 1 if row else 1
    if row:
        # a clock that stands still or was set back must not let two runs' histories begin at one moment
        now = max(now, row[1] + timedelta(microseconds=1))
    return RunContext(run_seq, f"run_{now:%Y%m%dT%H%M%SZ}_{run_seq:04d}", now, progress)


def _resolve(
    work: Work, places: Places, channels: Sequence[Channel], context: RunContext, options: RunOptions
) -> _Resolved:
    """Ingest, resolve and identify, all or nothing: a run killed in here has not happened."""
    work.execute("BEGIN")
    try:
        folded = fold(work, live_since(places.data_dir, places.ledger, folded_seq(work)), context)
        declared = declare(work, channels, context.run_seq)
        rows = _ingest(work, places, declared.channels, context)
        join_changed(work)
        as_before = published_as_declared(places.data_dir) and not declared.anew
        nothing = as_before and not rows.total("files_read") and not folded.anything
        if nothing and not options.rebuild and _last_model(work) == standing_version(places.models):
            work.execute("ROLLBACK")
            return _Resolved(rows, folded)
        if context.ahead and not (options.rebuild or options.dry_run):
            context.ahead.begin(context.run_id, standing_version(places.models))
        with _models(places, options) as models:
            resolution = resolve(work, models, context, rebuild=options.rebuild, duplicate_free=declared.duplicate_free)
        with context.progress.stage("identify") as stage:
            ids = identify(work, context, IdSource())
            homes = find_households(work, resolution.model, context, IdSource(prefix=HOUSEHOLD))
            if homes.households:
                stage.note(f"{homes.customers:,} customers in {homes.households:,} households")
        enter_causes(work, context, resolution.model_version)
        drop_shared_marks(work)
        objections = _ask_firewall(work, places, options, _model(places, resolution))
        done = _Resolved(rows, folded, resolution, ids, homes, objections=objections)
        if options.dry_run:
            # left open: the summary tells what would stand, then the transaction is rolled back
            return replace(done, changes=id_changes(work, context.run_seq - 1, context.run_seq))
        _enter_run(work, context, done)
        work.execute("COMMIT")
        return done
    except BaseException:
        _roll_back(work)
        raise


def _ingest(work: Work, places: Places, channels: Sequence[Channel], context: RunContext) -> IngestCounts:
    if places.landing is not None:
        return ingest(work, places.landing, channels, context, lambda records: expect(places.models, records))
    work.execute("CREATE OR REPLACE TEMP TABLE changed_records (rid INTEGER)")
    return IngestCounts(())


def _ask_firewall(work: Work, places: Places, options: RunOptions, model: Model) -> tuple[str, ...]:
    """Ask before the COMMIT, so that a landing that is refused leaves no trace; raises RunFailed.

    A dry run, and a run that accepts, go on and only tell.
    """
    thresholds = firewall.Thresholds.from_settings(model.settings)
    if thresholds is None:
        return ()
    found = firewall.objections(work, standing_generation(places.data_dir), thresholds)
    if not (options.accept or options.dry_run):
        firewall.object_to(found)
    return tuple(f"{firewall.OBJECTS}: {what}" for what in found)


@contextmanager
def _models(places: Places, options: RunOptions) -> Iterator[Path]:
    """The folder of trained models; a dry run trains in a copy, so that no model is left behind."""
    if not options.dry_run:
        yield places.models
        return
    with tempfile.TemporaryDirectory(dir=places.data_dir / "work") as folder:
        copy = Path(folder) / "models"
        if places.models.exists():
            copytree(places.models, copy)
        yield copy


def _roll_back(work: Work) -> None:
    try:
        work.execute("ROLLBACK")
    except duckdb.Error:
        # nothing was open, or the store shut itself on the error now being raised: nothing is committed either way
        return


def _enter_run(work: Work, context: RunContext, done: _Resolved) -> None:
    work.execute(
        "INSERT INTO runs VALUES (?, ?, 'resolved', ?, NULL, ?, ?, ?, ?, ?)",
        [
            context.run_seq,
            context.run_id,
            context.now,
            done.resolution.model_version if done.resolution else None,
            json.dumps(_counts(done)),
            json.dumps(rounded(context.progress.durations)),
            json.dumps(files_read(work, context.run_seq)),
            json.dumps(_warnings(done)),
        ],
    )


def _enter_end(work: Work, context: RunContext, done: _Resolved, now: datetime) -> None:
    """Every run up to this one is published: its own flip has carried what dead ones had resolved."""
    work.execute("UPDATE runs SET state = 'published', ended_at = ? WHERE state <> 'published'", [now])
    if done.resolution:
        durations = json.dumps(rounded(context.progress.durations))
        work.execute("UPDATE runs SET durations = ? WHERE run_seq = ?", [durations, context.run_seq])


def _publish(
    work: Work, places: Places, context: RunContext, done: _Resolved, options: RunOptions
) -> tuple[Outcome, RunContext]:
    """Publish what the standing generation does not hold yet, from this run or from one that died before publishing."""
    last = work.execute("SELECT run_seq, run_id FROM runs ORDER BY run_seq DESC LIMIT 1").fetchone()
    if last is None:
        raise PromiseBroken("a landing folder with nothing to read was taken for a known one")
    context = replace(context, run_seq=last[0], run_id=last[1])
    # what this run resolved, the firewall was asked about before the COMMIT
    policy = Policy(options.keep, accept=options.accept or done.resolution is not None)
    report = publish(work, places.data_dir, context, _model(places, done.resolution), policy)
    if report.kind == "nothing":
        return "nothing new", context
    return "published" if done.resolution else "caught up", context


def _summary(work: Work, places: Places, context: RunContext, done: _Resolved) -> RunSummary:
    standing = standing_generation(places.data_dir)
    told = standing is not None and standing.manifest.run_id == context.run_id
    customers, merges = customers_by_channels(work, standing.warehouse if standing and told else None)
    return RunSummary(
        run_id=context.run_id,
        data_dir=places.data_dir,
        landing=places.landing or places.data_dir,
        folded=_folded(done),
        rows=rows_by_channel(done.rows),
        records=record_count(work),
        customers=sum(customers.values()),
        customers_by_channels=customers,
        merges_by_channels=merges,
        ids=_ids(done),
        model_version=done.resolution.model_version if done.resolution else _last_model(work),
        warnings=_warnings(done),
        durations=context.progress.durations,
        peak_memory_bytes=peak_memory_bytes(),
        generation=standing.folder if standing else None,
        resolution=_resolution(done),
        changes=done.changes,
        learned=done.resolution is not None and done.resolution.trained,
        held_back=held_back(work, done.resolution.model) if done.resolution else (),
        placeholders=placeholders(work, context.run_seq) if done.resolution else (),
    )


def _counts(done: _Resolved) -> dict[str, Any]:
    """Every count that is kept of a run."""
    ids, homes = _ids(done), asdict(done.homes) if done.homes else {}
    told = {"rows": rows_by_channel(done.rows), "folded": _folded(done)}
    return told | {"ids": ids, "households": homes, "resolution": _resolution(done)}


def _folded(done: _Resolved) -> dict[str, int]:
    """Entries of the ledger taken in, by kind."""
    return {name: count for name, count in asdict(done.folded).items() if name != "anything"}


def _ids(done: _Resolved) -> dict[str, int]:
    """What became of ids; all zero when nothing was new."""
    return asdict(done.ids) if done.ids else dict.fromkeys(_IDS, 0)


def _resolution(done: _Resolved) -> Mapping[str, int]:
    return dict(done.resolution.counts) if done.resolution else {}


def _warnings(done: _Resolved) -> tuple[str, ...]:
    return (*done.rows.notes, *(done.resolution.warnings if done.resolution else ()), *done.objections)


def _last_model(work: Work) -> str | None:
    row = work.execute("SELECT model_version FROM runs ORDER BY run_seq DESC LIMIT 1").fetchone()
    return row[0] if row else None


def _model(places: Places, resolution: Resolution | None) -> Model:
    """The model that stands: the one that was resolved with, unless it has just been stored or none was needed."""
    return resolution.model if resolution and not resolution.trained else standing_or_packaged(places.models)
