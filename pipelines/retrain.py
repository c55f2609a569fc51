"""A new model version from the records at hand, which the next run resolves everyone with, and its report."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from pipelines.cluster import read_judgements
from pipelines.disk import disk_errors_named
from pipelines.engines.engine import engine_named
from pipelines.hidden import ask_for_erased, hide_erased
from pipelines.labels import Labels, labels_in, with_those_kept
from pipelines.lock import RunLock
from pipelines.model_report.classifiers import compare_classifiers
from pipelines.model_report.files import write_report
from pipelines.model_report.labels_measured import Counted, measure_labels
from pipelines.model_report.measure import Occasion, Work, measure
from pipelines.model_report.report import ModelReport
from pipelines.progress import Progress
from pipelines.resolve import learn_model, link_everyone
from pipelines.run_context import RunContext
from pipelines.work import connect_work, open_work
from profile_service.errors import NotFound
from profile_service.identity.declaration import read_declaration
from profile_service.identity.model import Model, packaged_model
from profile_service.identity.model_files import load_model, standing_model, standing_or_packaged

Clock = Callable[[], datetime]
PACKAGED = "packaged"
OWN = "declared-by-hand"  # a file of this name beside a model whose declaration is not the packaged one


@dataclass(frozen=True)
class Training:
    """A trained model: its version, the one it follows, records learned from, pairs of each class it expects.

    ``declared_in``: the file of its declaration, "packaged", or "the standing model"; ``report``: what to read;
    ``findings``: the same as a value.
    """

    model_version: str
    follows: str | None
    declared_in: str
    records: int
    expected_pairs: dict[str, float]
    warnings: list[str]
    report: Path
    findings: ModelReport


@dataclass(frozen=True)
class TrainOptions:
    """What to learn with: a declaration in a file (or "packaged"), and labels to measure with."""

    model: str | Path | None = None
    labels: Path | None = None


def _system_clock() -> datetime:
    return datetime.now(UTC)


def retrain(
    data_dir: Path,
    progress: Progress,
    options: TrainOptions | None = None,
    clock: Clock = _system_clock,
    ledger: str | Path | None = None,
) -> Training:
    """Learn a model from every record in the work store and let it stand; the work store itself is left as it was.

    Its report shows nobody whom ``ledger`` (its path or URL, None for the one in ``data_dir``) knows to be erased.
    Raises NotFound before the first run, RunLocked while a run is at work, UnusableInput where there is no record or a
    file cannot be read; the model that stood then still stands. Raises LedgerUnavailable where the ledger cannot be
    read, before it learns; after it only where the ledger has gone meanwhile.
    """
    options = options or TrainOptions()
    _work_path(data_dir)
    labels = labels_in(options.labels, clock())
    models = data_dir / "models"
    follows = standing_model(models)
    own = follows is not None and (models / follows.version / OWN).exists()
    declared, declared_in = _declared(options.model, follows if own else None)
    with disk_errors_named(data_dir), RunLock(data_dir, clock()) as lock, open_work(data_dir) as work:
        now = clock()
        context = RunContext(0, f"train_{now:%Y%m%dT%H%M%SZ}", now, progress)
        lock.name_run(context.run_id)
        work.execute("BEGIN")
        ask_for_erased(work, data_dir, ledger)
        read_judgements(work)
        model, warnings = learn_model(work, models, context, declared)
        warnings += link_everyone(work, context, model, engine_named(context.engine))[1]
        # somebody may have been erased meanwhile
        warnings += [*labels.unjudged, *hide_erased(work, data_dir, ledger)]
        with progress.stage("report"):
            before = follows.version if follows and follows.version != model.version else None
            findings = _findings(work, model, "new_clusters", Occasion(now, before, tuple(warnings)), labels)
            path = write_report(findings, models / model.version, page=True)
        work.execute("ROLLBACK")
    mark = models / model.version / OWN
    mark.unlink(missing_ok=True)
    if declared_in != PACKAGED:
        mark.touch()
    assert model.trained is not None
    facts = model.trained.facts
    return Training(
        model.version,
        follows.version if follows else None,
        declared_in,
        facts["records"],
        dict(facts["expected_pairs"]),
        warnings,
        path,
        findings,
    )


def report_standing(
    data_dir: Path, labels: Path | None = None, clock: Clock = _system_clock, ledger: str | Path | None = None
) -> tuple[ModelReport, Path]:
    """The report of the model that the last run used, on the customers of that run, and the folder of that model.

    ``ledger``: as in ``retrain``. Raises NotFound before the first run, RunLocked while one is at work, UnusableInput
    for labels that cannot be read.
    """
    _work_path(data_dir)
    judged = labels_in(labels, clock())
    with connect_work(data_dir, read_only=True) as work:
        work.execute("SET TimeZone = 'UTC'")
        used = work.execute("SELECT model_version FROM resolved_with").fetchall()
        if not used:
            raise NotFound(f"nobody has been resolved in {data_dir} yet: run `profiles run LANDING` first")
        folder = data_dir / "models" / str(used[0][0])
        model = load_model(folder)
        work.execute("CREATE TEMP TABLE clusters AS SELECT rid, hash(customer_id) AS cluster FROM membership")
        last = work.execute("SELECT warnings FROM runs ORDER BY run_seq DESC LIMIT 1").fetchall()
        said = tuple(map(str, json.loads(last[0][0] or "[]"))) if last else ()
        said = (*said, *judged.unjudged, *hide_erased(work, data_dir, ledger))
        return _findings(work, model, "clusters", Occasion(clock(), None, said), judged), folder


def standing_declaration(data_dir: Path) -> str:
    """The declaration of the model that stands, or the packaged one before the first training, as TOML."""
    return standing_or_packaged(data_dir / "models").text


def _work_path(data_dir: Path) -> Path:
    path = data_dir / "work" / "pipeline.duckdb"
    if not path.exists():
        raise NotFound(f"nothing has been taken in under {data_dir} yet: run `profiles run LANDING` first")
    return path


def _declared(given: str | Path | None, own: Model | None) -> tuple[Model, str]:
    """The declaration to learn with, and where it is from: one given by hand stays until another is."""
    if given is None and own is not None:
        return replace(own, trained=None, version="untrained"), "the standing model"
    if given is None or str(given) == PACKAGED:
        return packaged_model(), PACKAGED
    return read_declaration(Path(given)), str(given)


def _findings(work: Work, model: Model, clusters: str, occasion: Occasion, given: Labels) -> ModelReport:
    found = measure(work, model, clusters, occasion)
    known = with_those_kept(work, given)
    if not known.labels:
        return found
    counted = Counted(found.bands, found.estimate.unscored)
    return replace(
        found,
        measured=measure_labels(work, known, clusters, counted),
        compared=compare_classifiers(work, model, known),
    )
