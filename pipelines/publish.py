"""A new generation beside the one that stands, audited, then flipped to in one step."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb

from pipelines.ahead import BUILDING, sweep
from pipelines.audits import Keys, audit_delivery, audit_generation, audit_index
from pipelines.beside import beside
from pipelines.build import (
    Work,
    changed_customers,
    create_relations,
    fill_relations,
    golden_records,
    link_changed,
    one_transaction,
    refresh_links,
)
from pipelines.clear import find_stale
from pipelines.disk import disk_errors_named
from pipelines.firewall import Thresholds, object_to_over_merging
from pipelines.flip import flip, prune, settle, sync
from pipelines.index import build_index
from pipelines.index_arrays import write_arrays
from pipelines.links import FILLED
from pipelines.merge import PLACED, RECORDS, place_records
from pipelines.relations import CHANGED
from pipelines.room import check_room
from pipelines.traits import fill_traits
from pipelines.weakest import Weakest, enter_weakest
from pipelines.work import afterwards, check_point_ahead, folded_seq, give_memory
from profile_service.errors import ProfileError
from profile_service.identity.model import Model
from profile_service.store.generation import (
    ARRAYS,
    GENERATIONS,
    WAREHOUSE,
    Generation,
    Manifest,
    standing_generation,
)
from profile_service.store.lines import line_files
from profile_service.store.schema import schema_version
from profile_service.store.serving import DOCUMENTS, ServingGeneration
from profile_service.store.stored import moment_text
from profile_service.traits import standing_traits

if TYPE_CHECKING:
    from pipelines.run_context import RunContext

# A file that is refreshed in place only grows, and beyond a share of the customers a fresh one is also faster.
MOST_GROWTH = 1.5
MOST_CHANGED = 0.20
# Each refresh adds a file of documents and one of records, which the service has to map.
MOST_FILES = 64
# The file format of DuckDB 1.5, so that analysts with that version can open what DuckDB 2 writes.
STORAGE_VERSION = "v1.5.0"
_STEPS = 20


@dataclass(frozen=True)
class Policy:
    """How many generations stay on the disk, the new one among them, and whether the firewall is overruled."""

    keep: int = 3
    accept: bool = False


@dataclass(frozen=True)
class PublishReport:
    """What was published: ``kind`` is full, delta or nothing (the standing generation holds the run already)."""

    kind: str
    generation: Generation
    changed_customers: int
    pruned: tuple[str, ...]


def publish(
    work: duckdb.DuckDBPyConnection,
    data_dir: Path,
    run: RunContext,
    model: Model,
    policy: Policy,
) -> PublishReport:
    """Build what ``work`` holds up to ``run`` as a generation and flip ``data_dir/customers.duckdb`` to it.

    To be called after the run's COMMIT; everything that changed after the standing generation is taken in, so a run
    that died before is made good. Raises RunFailed when the over-merge firewall objects, PromiseBroken when an audit
    finds rows, NotEnoughDisk; the standing generation then still stands.
    """
    standing = standing_generation(data_dir)
    damage = _damage(standing, model)
    traits = standing_traits(data_dir)
    current = standing is not None and standing.manifest.run_seq >= run.run_seq and _same_history(work, standing)
    if standing is not None and current and not damage:
        return PublishReport("nothing", standing, 0, ())
    if not policy.accept:
        object_to_over_merging(work, standing, Thresholds.from_settings(model.settings))
    generations = data_dir / GENERATIONS
    generations.mkdir(parents=True, exist_ok=True)
    sweep(generations, run.ahead.folder if run.ahead else None)
    job = Work(None if damage else _since(work, standing, (model.version, schema_version(traits))), run.run_seq)
    with disk_errors_named(data_dir), ExitStack() as shown:
        stage = shown.enter_context(run.progress.stage("publish", _STEPS))
        if damage:
            stage.note(damage)
        # a customer's row joins every golden value, each of them a table that a join holds
        give_memory(work, 1_000)
        with _folder(generations / f"{BUILDING}{run.run_id}") as folder, ThreadPoolExecutor(1) as settling:
            with _customers_of(work, standing, job) as (job, changed):
                check_room(data_dir, None if job.whole else standing, changed, run.ahead)
                if standing is not None and not job.whole:
                    _copy(standing, folder / WAREHOUSE, run)
                refreshed = None if standing is None or job.whole else standing.folder
                with _attached(work, folder / WAREHOUSE), _rooms_left(work), ExitStack() as beside_it:
                    if job.since is None:
                        create_relations(work, traits)
                        beside_it.enter_context(_arrays_beside(work, folder, model))
                        place_records(work, CHANGED)
                        golden = golden_records(work, model, stage.advance)
                    else:
                        find_stale(work, job.since)
                        place_records(work, CHANGED)
                        linked = beside_it.enter_context(_refreshed_beside(work, folder, job, model, refreshed))
                        golden = golden_records(work, model, stage.advance)
                        enter_weakest(work, linked.result())
                    with one_transaction(work):
                        if job.whole:
                            enter_weakest(work, link_changed(work, job, model))
                        stage.advance(len(FILLED))
                        fill_relations(work, job, model, golden, stage.advance)
                        for warning in fill_traits(work, traits, run.now, whole=job.whole):
                            stage.note(warning)
                    written = None if job.whole else CHANGED
                    shown.close()
                    with run.progress.stage("index"), _audited_beside(work, folder / WAREHOUSE, written):
                        profiles_bytes = build_index(work, folder, refreshed)
                        audit_index(work, folder, written)
                    shown.enter_context(run.progress.stage("publish"))
                    customers, largest = work.execute(
                        "SELECT count(*), coalesce(max(record_count), 0) FROM generation.main.customers"
                    ).fetchall()[0]
                size = (folder / WAREHOUSE).stat().st_size
                manifest = Manifest(
                    run_id=run.run_id,
                    run_seq=run.run_seq,
                    kind="full" if job.whole else "delta",
                    model_version=model.version,
                    schema_version=schema_version(traits),
                    customers=customers,
                    largest_customer=largest,
                    size_bytes=size,
                    full_bytes=size if standing is None or job.whole else standing.manifest.full_bytes,
                    as_of=moment_text(run.now) or "",
                    profiles_bytes=profiles_bytes,
                    ledger_seq=folded_seq(work),
                )
                # the disk takes the rest while the build's temp tables are given back
                settled = settling.submit(settle, folder, manifest, generations / run.run_id)
            generation = settled.result()
    flip(data_dir, generation)
    return PublishReport(manifest.kind, generation, changed, prune(generations, generation, policy.keep))


def _same_history(work: duckdb.DuckDBPyConnection, standing: Generation) -> bool:
    """Whether ``work`` is the store that the standing generation was built from."""
    known = work.execute("SELECT run_id FROM runs WHERE run_seq = ?", [standing.manifest.run_seq]).fetchall()
    return known == [(standing.manifest.run_id,)]


def _since(work: duckdb.DuckDBPyConnection, standing: Generation | None, rules: tuple[str, str]) -> int | None:
    """The run that the standing generation holds, when it can be refreshed rather than built anew.

    ``rules``: the versions of the model and of the schema to be published with.
    """
    if standing is None or not _same_history(work, standing) or not standing.manifest.profiles_bytes:
        return None
    if work.execute("SELECT 1 FROM erasing LIMIT 1").fetchall():
        # a refreshed copy would still hold, in its free pages, what is to be found nowhere
        return None
    same_rules = (standing.manifest.model_version, standing.manifest.schema_version) == rules
    return standing.manifest.run_seq if same_rules else None


def _damage(standing: Generation | None, model: Model) -> str:
    """Why a generation cannot be refreshed although it should; empty for one that is whole."""
    if standing is None or not standing.manifest.profiles_bytes:
        return ""
    try:
        ServingGeneration(standing, model).close()
    except ProfileError as error:
        return f"everyone is published anew: {error}"
    return ""


@contextmanager
def _customers_of(
    work: duckdb.DuckDBPyConnection, standing: Generation | None, job: Work
) -> Iterator[tuple[Work, int]]:
    """``publish_customers`` while the block lasts; yields the job and how many: all, if too much for a copy."""
    everyone = Work(None, job.until)
    if standing is not None and _outgrown(standing):
        job = everyone
    with ExitStack() as made:
        changed = made.enter_context(changed_customers(work, job))
        if standing is not None and not job.whole and changed > MOST_CHANGED * max(standing.manifest.customers, 1):
            job, changed = everyone, made.enter_context(changed_customers(work, everyone))
        yield job, changed


def _outgrown(standing: Generation) -> bool:
    files = line_files(standing.folder / ARRAYS, DOCUMENTS)
    return standing.manifest.size_bytes > MOST_GROWTH * standing.manifest.full_bytes or len(files) >= MOST_FILES


@contextmanager
def _folder(folder: Path) -> Iterator[Path]:
    """A folder for the half-built generation; nothing of it stays when the build fails."""
    folder.mkdir(mode=0o700)
    try:
        yield folder
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise


@contextmanager
def _attached(work: duckdb.DuckDBPyConnection, path: Path) -> Iterator[None]:
    quoted = str(path).replace("'", "''")
    version = "" if path.exists() else f", STORAGE_VERSION '{STORAGE_VERSION}'"
    # a build that dies is thrown away: nothing would ever be recovered from a log
    work.execute(f"ATTACH '{quoted}' AS generation (RECOVERY_MODE no_wal_writes{version})")
    with afterwards(lambda: work.execute("DETACH generation")):
        yield


def _audited_beside(
    work: duckdb.DuckDBPyConnection, warehouse: Path, written: str | None
) -> AbstractContextManager[object]:
    """While the block lasts, what is filled is audited: the index need not wait for that, nor for the disk."""

    def audit(cursor: duckdb.DuckDBPyConnection) -> None:
        cursor.execute("CHECKPOINT generation")
        if written is None:
            sync(warehouse)
        keys = Keys(cursor)
        audit_generation(cursor, written, keys)
        audit_delivery(cursor, written, keys)

    tables = {} if written is None else {written: f"SELECT customer_id FROM {written}"}
    return beside(work, audit, tables=tables)


def _arrays_beside(work: duckdb.DuckDBPyConnection, folder: Path, model: Model) -> AbstractContextManager[object]:
    """While the block lasts, the arrays are written that need but the work store."""
    return beside(work, lambda cursor: write_arrays(cursor, folder, model, None))


@contextmanager
def _refreshed_beside(
    work: duckdb.DuckDBPyConnection, folder: Path, job: Work, model: Model, refreshed: Path | None
) -> Iterator[Future[Weakest]]:
    """While the block lasts, the copy is cleared of what changed customers had and gets their pairs.

    Yields what will come of these. Then the arrays are written that need but the work store, and that is check-pointed.
    """

    def write(cursor: duckdb.DuckDBPyConnection) -> None:
        write_arrays(cursor, folder, model, None if refreshed is None else refreshed / ARRAYS)
        check_point_ahead(cursor, job.until)

    tables = {
        CHANGED: f"SELECT cno, customer_id FROM {CHANGED}",
        RECORDS: f"""SELECT p.cno, p.rid, p.position, r.channel, r.source_record_id
            FROM {PLACED} p JOIN records r USING (rid)""",
    }
    with beside(work, lambda cursor: refresh_links(cursor, job, model), write, tables=tables) as done:
        yield done[0]


@contextmanager
def _rooms_left(work: duckdb.DuckDBPyConnection) -> Iterator[None]:
    """Row groups with deleted rows are not put together: that writes whole tables, and a copy grows no less for it."""
    work.execute("SET max_vacuum_tasks = 0")
    with afterwards(lambda: work.execute("RESET max_vacuum_tasks")):
        yield


def _copy(standing: Generation, target: Path, run: RunContext) -> None:
    """Its warehouse, to be changed into the next: copied already while the run linked, as a rule."""
    if run.ahead is None or not run.ahead.take(standing.warehouse, target):
        shutil.copyfile(standing.warehouse, target)
