"""Records become clusters: the linking stages in order, for everyone or for what changed and what that touches."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb

from pipelines import block, cluster, generic, mailbox, read, standardise, train
from pipelines.declared import declare_duplicate_free
from pipelines.engines.boosted import load_ahead
from pipelines.engines.engine import Engine, engine_named
from pipelines.placeholders import enter_placeholders, forget_placeholders
from pipelines.revise import resolve_changed
from pipelines.rulings import drop_forsaken_rulings, keep_since, make_ruled_anew
from pipelines.suspect import suspicious_clusters, suspicious_participation
from pipelines.whole_name import enter_whole_names, learn_crowded
from pipelines.work import MEMORY_A_RECORD, give_memory, whole_number
from profile_service.errors import UnusableInput
from profile_service.identity.compare import takes_part
from profile_service.identity.model import Model, packaged_model
from profile_service.identity.model_files import model_stands, save_model, standing_model
from profile_service.identity.rules import reading_rules

if TYPE_CHECKING:
    from pipelines.run_context import RunContext

Work = duckdb.DuckDBPyConnection
_OUTGROWN = 10


@dataclass(frozen=True)
class Resolution:
    """What the linking stages did and with which model: counts, warnings, and whether it was trained here."""

    model: Model
    trained: bool
    counts: dict[str, int] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)

    @property
    def model_version(self) -> str:
        """The version of that model."""
        return self.model.version


def expect(models: Path, records: int) -> None:
    """Begin to load what a training on so many records will need, where no model stands."""
    if not model_stands(models):
        load_ahead(records)


def resolve(
    work: Work,
    models: Path,
    run: RunContext,
    *,
    rebuild: bool = False,
    duplicate_free: Mapping[str, bool] | None = None,
) -> Resolution:
    """Bring ``standardised``, ``scored_pairs`` and ``patterns`` up to date and make temp tables for identify.

    Reads ``changed_records(rid)`` and, if an erasure made it, ``gone_records(rid)``. Everyone is resolved on the first
    run, on ``rebuild``, when another model stands than the one the tables were made with and when a channel is declared
    ``duplicate_free`` anew or no longer; otherwise only what changed and what it touches, where the engine can.
    Raises ``WrongUsage`` when the run's engine is not made for so many records.
    """
    engine = engine_named(run.engine)
    engine.accept(whole_number(work, "SELECT count(*) FROM records"))
    standing = standing_model(models)
    model = standing or packaged_model()
    _make_tables(work)
    work.execute("CREATE TEMP TABLE IF NOT EXISTS gone_records (rid INTEGER)")
    make_ruled_anew(work)
    work.execute("CREATE OR REPLACE TEMP TABLE flipped (field VARCHAR, value VARCHAR, generic BOOLEAN)")
    rebuild |= declare_duplicate_free(work, duplicate_free) | _without_history(work)
    contradictions = cluster.read_judgements(work)
    used = work.execute("SELECT model_version FROM resolved_with").fetchone()
    if rebuild or not engine.incremental or used is None or used[0] != model.version:
        done = _resolve_everyone(work, models, run, model, engine)
        _let_go(work, run, done.model)
        return replace(done, warnings=[*done.warnings, *contradictions])
    counts = resolve_changed(work, run, model) | _further_counts(work, model)
    _let_go(work, run, model)
    warnings = [*_outgrown(work, model), *_read_otherwise(work), *suspicious_participation(model), *contradictions]
    return Resolution(model, False, counts, warnings)


def _let_go(work: Work, run: RunContext, model: Model) -> None:
    """What the run was told is done."""
    drop_forsaken_rulings(work, model)
    keep_since(work, run.now)
    for table in ("gone_records", "ruled_anew"):
        work.execute(f"DROP TABLE {table}")


def _outgrown(work: Work, model: Model) -> list[str]:
    """Whether there are so many more records than the model was trained on that another training is due."""
    learned_from = model.trained.facts.get("records", 0) if model.trained else 0
    records = whole_number(work, "SELECT count(*) FROM records")
    if records < _OUTGROWN * learned_from:
        return []
    return [
        f"the model learned from {learned_from:,} records and there are {records:,} now: `profiles train` learns anew, "
        "`profiles run LANDING --dry-run` then shows whom it would merge or split"
    ]


def _read_otherwise(work: Work) -> list[str]:
    """Whether records that stand were read with other rules than new ones are: those of another version."""
    if work.execute("SELECT rules FROM resolved_with").fetchall() == [(reading_rules(),)]:
        return []
    return [
        "the rules that values are read with are others than when everyone was last resolved, and old records keep "
        "what was read: `profiles run LANDING --rebuild` reads all anew, and with --dry-run shows whom it would merge "
        "or split"
    ]


def _make_tables(work: Work) -> None:
    work.execute("CREATE TABLE IF NOT EXISTS resolved_with (model_version VARCHAR, rules VARCHAR)")
    # a store made before rules were told apart
    work.execute("ALTER TABLE resolved_with ADD COLUMN IF NOT EXISTS rules VARCHAR")
    work.execute("CREATE TABLE IF NOT EXISTS withheld (rid INTEGER, field VARCHAR, value VARCHAR)")
    work.execute(
        """CREATE TABLE IF NOT EXISTS generic_values
        (field VARCHAR, value VARCHAR, holders BIGINT, distinct_family_names BIGINT)"""
    )


def _without_history(work: Work) -> bool:
    """Whether the work store was made before clustering kept how it came about."""
    if work.execute("SELECT 1 FROM merges LIMIT 1").fetchall():
        return False
    several = "SELECT 1 FROM membership GROUP BY customer_id HAVING count(*) > 1 LIMIT 1"
    return bool(work.execute(several).fetchall())


def learn_model(work: Work, models: Path, run: RunContext, declared: Model) -> tuple[Model, list[str]]:
    """Train a declared model on the records at hand and store it as the one that stands; answers warnings with it.

    Makes the tables that go before clustering anew, so that the caller may resolve with them or roll them back; of
    them ``standardised`` is a temporary one, which ``standardise.keep`` keeps.
    Raises ``UnusableInput`` when there is no record to learn from.
    """
    if not whole_number(work, "SELECT count(*) FROM records"):
        raise UnusableInput("there is no record to learn a model from: run `profiles run LANDING` first")
    engine = engine_named(run.engine)
    model, _ = _compare_everyone(work, run, declared, engine)
    return _learn(work, models, run, model, engine)


def _learn(work: Work, models: Path, run: RunContext, model: Model, engine: Engine) -> tuple[Model, list[str]]:
    with run.progress.stage("train") as stage:
        model, warnings = train.learn(work, model, "compared", engine)
        if model.trained is not None and (said := model.trained.facts["anchors"]["said"]):
            stage.note(said)
        warnings += suspicious_participation(model)
        return save_model(model, models, run.now.strftime("%Y%m%dT%H%M%S")), warnings


def _resolve_everyone(work: Work, models: Path, run: RunContext, model: Model, engine: Engine) -> Resolution:
    records = whole_number(work, "SELECT count(*) FROM records")
    learning = model.trained is None
    if learning and not records:
        return _nobody(work, model)
    model, pairs = _compare_everyone(work, run, model, engine)
    warnings = suspicious_participation(model)
    if learning:
        model, warnings = _learn(work, models, run, model, engine)
    clusters, suspicious = link_everyone(work, run, model, engine)
    warnings += suspicious
    with run.progress.stage("keep"):
        standardise.keep(work)
    used = {"version": model.version, "rules": reading_rules()}
    work.execute("INSERT INTO resolved_with VALUES ($version, $rules)", used)
    counts = {"standardised": records, "candidate_pairs": pairs, "clusters": clusters, "touched": records}
    return Resolution(model, learning, counts | _further_counts(work, model), warnings)


def link_everyone(work: Work, run: RunContext, model: Model, engine: Engine) -> tuple[int, list[str]]:
    """Score and cluster what ``compared`` holds: everyone; answers the number of clusters and what looks wrong.

    Makes ``touched``, ``revised`` and ``new_clusters`` of everyone; ``compared`` is dropped.
    """
    with run.progress.stage("score"):
        engine.score_pairs(work, model, "compared")
        work.execute("DROP TABLE compared")
    with run.progress.stage("cluster"):
        work.execute("CREATE OR REPLACE TEMP TABLE touched AS SELECT rid FROM standardised")
        work.execute("CREATE OR REPLACE TEMP TABLE revised AS SELECT rid FROM standardised")
        clusters = cluster.cluster_touched(work, model, everyone=True)
        return clusters, suspicious_clusters(work, model)


def _further_counts(work: Work, model: Model) -> dict[str, int]:
    """Generic values, and whether the model has learned from ids (1 or 0)."""
    generic_values = whole_number(work, "SELECT count(*) FROM generic_values")
    anchored = model.trained is not None and model.trained.mixture.anchors is not None
    return {"generic_values": generic_values, "anchored": int(anchored)}


def _nobody(work: Work, model: Model) -> Resolution:
    """Nothing to learn from and nobody to resolve: the next landing is the first."""
    work.execute(f"CREATE TABLE IF NOT EXISTS standardised ({standardise.standardised_columns(model)})")
    for table in ("touched", "revised"):
        work.execute(f"CREATE OR REPLACE TEMP TABLE {table} (rid INTEGER)")
    work.execute("CREATE OR REPLACE TEMP TABLE new_clusters (rid INTEGER, cluster INTEGER)")
    return Resolution(model, False, {"standardised": 0, "candidate_pairs": 0, "clusters": 0, "touched": 0})


def _compare_everyone(work: Work, run: RunContext, model: Model, engine: Engine) -> tuple[Model, int]:
    """Make ``standardised`` and ``compared(l, r, pattern)`` anew; an untrained model learns words and values from it.

    For an untrained one random pairs are compared, too, see ``train.draw_pairs``. Answers the model and the number of
    candidate pairs.
    """
    learning = model.trained is None
    if learning:
        load_ahead(whole_number(work, "SELECT count(*) FROM records"))
    with run.progress.stage("standardise") as stage:
        # records are put together of ten dictionaries at once, of which none can be spilled meanwhile
        give_memory(work, 1_000)
        model = _standardise_everyone(work, run, model)
        # the rest is for arrays of pairs, which are numpy's
        give_memory(work, MEMORY_A_RECORD)
        taking = [comparison for comparison in model.comparisons if takes_part(comparison, model)]
        stage.note(f"{len(taking)} of {len(model.comparisons)} comparisons take part")
        generic_values = work.execute("SELECT field, count(*) FROM generic_values GROUP BY field ORDER BY field")
        if shared := ", ".join(f"{count:,} of {field}" for field, count in generic_values.fetchall()):
            stage.note(f"shared by too many, so not compared: {shared}")
    with run.progress.stage("block") as stage:
        if learning:
            assert model.trained is not None
            model = _with(model, facts={**model.trained.facts, "too_wide": engine.too_wide(work, model)})
        pairs = engine.block_all(work, model)
        stage.note(f"{pairs:,} candidate pairs")
    with run.progress.stage("compare"):
        compared = {"candidates": "compared"}
        if learning:
            compared |= train.draw_pairs(work, model)
        engine.compare_pairs(work, model, compared)
        for table in compared:
            work.execute(f"DROP TABLE {table}")
    return model, pairs


def _standardise_everyone(work: Work, run: RunContext, model: Model) -> Model:
    learning = model.trained is None
    for table in ("withheld", "generic_values", "ruled_values", "scored_pairs", "patterns", "resolved_with"):
        work.execute(f"DELETE FROM {table}")
    for table in ("standardised", block.KEYS):
        work.execute(f"DROP TABLE IF EXISTS {table}")
    rows = read.lines_in_order(work, read.vouched(work))
    if learning:
        model = read.read_and_learn(work, rows, model)
    else:
        read.read_values(work, rows, model)
    forget_placeholders(work)
    enter_placeholders(work, run.run_seq)
    generic.find_holders(work, model, rows)
    if learning:
        model = _with(model, generic_threshold=generic.generic_thresholds(work, model))
    generic.withhold_from_everyone(work, model)
    work.execute(f"CREATE TEMP TABLE standardised ({standardise.standardised_columns(model)})")
    read.put_together(work, rows, model, "standardised")
    mailbox.read_mailboxes(work, model, "standardised")
    if learning:
        model = _with(model, crowded=learn_crowded(work, model))
    enter_whole_names(work, model, "standardised")
    if learning:
        model = _with(model, facts={"comparisons": train.taking_part(work, model)})
    return model


def _with(model: Model, **changes: object) -> Model:
    assert model.trained is not None
    return replace(model, trained=replace(model.trained, **changes))  # type: ignore[arg-type]
