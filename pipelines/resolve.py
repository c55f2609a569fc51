"""Records become clusters: the linking stages in order, for everyone or for what changed and what that touches."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb

from pipelines import block, cluster, generic, read, standardise, train
from pipelines.engines.engine import engine_named
from pipelines.revise import resolve_changed
from pipelines.suspect import suspicious_clusters
from profile_service.identity.model import Model, packaged_model, save_model, standing_model

if TYPE_CHECKING:
    from pipelines.run_context import RunContext

Work = duckdb.DuckDBPyConnection


@dataclass(frozen=True)
class Resolution:
    """What the linking stages did: counts by name, and warnings for people."""

    model_version: str
    trained: bool
    counts: dict[str, int] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)


def resolve(
    work: Work, models: Path, run: RunContext, *, rebuild: bool = False, duplicate_free: Collection[str] = ()
) -> Resolution:
    """Bring ``standardised``, ``scored_pairs`` and ``patterns`` up to date and make ``touched`` and ``new_clusters``.

    Reads ``changed_records(rid)``. Everyone is resolved on the first run, on ``rebuild`` and when another model stands
    than the one the tables were made with; otherwise only what changed and what it touches, where the engine can.
    Raises ``WrongUsage`` when the run's engine is not made for so many records.
    """
    engine = engine_named(run.engine)
    engine.accept(_scalar(work, "SELECT count(*) FROM records"))
    standing = standing_model(models)
    model = standing or packaged_model()
    _make_tables(work, duplicate_free)
    cluster.read_judgements(work)
    used = work.execute("SELECT model_version FROM resolved_with").fetchone()
    if rebuild or not engine.incremental or used is None or used[0] != model.version:
        return _resolve_everyone(work, models, run, model)
    return Resolution(model.version, False, resolve_changed(work, run, model))


def _make_tables(work: Work, duplicate_free: Collection[str]) -> None:
    work.execute("CREATE TABLE IF NOT EXISTS resolved_with (model_version VARCHAR)")
    work.execute("CREATE TABLE IF NOT EXISTS withheld (rid INTEGER, field VARCHAR, value VARCHAR)")
    work.execute(
        """CREATE TABLE IF NOT EXISTS generic_values
        (field VARCHAR, value VARCHAR, holders BIGINT, distinct_family_names BIGINT)"""
    )
    work.execute("CREATE TABLE IF NOT EXISTS duplicate_free (channel VARCHAR, number UTINYINT)")
    known = {channel for (channel,) in work.execute("SELECT channel FROM duplicate_free").fetchall()}
    for channel in sorted(set(duplicate_free) - known):
        work.execute(
            "INSERT INTO duplicate_free SELECT $channel, count(*) + 1 FROM duplicate_free", {"channel": channel}
        )


def _resolve_everyone(work: Work, models: Path, run: RunContext, model: Model) -> Resolution:
    learning = model.trained is None
    engine = engine_named(run.engine)
    with run.progress.stage("standardise") as stage:
        for table in ("standardised", "withheld", "generic_values", "scored_pairs", "patterns", "resolved_with"):
            work.execute(f"DELETE FROM {table}" if table != "standardised" else "DROP TABLE IF EXISTS standardised")
        if learning:
            model = read.read_and_learn(work, "records", model)
            thresholds = generic.generic_thresholds(work, model, "fresh_standardised")
            model = _with(model, generic_threshold=thresholds)
        else:
            read.read_with(work, "records", model)
        generic.generic_among(work, model, "fresh_standardised")
        work.execute("INSERT INTO generic_values SELECT * FROM generic_now")
        generic.withhold(work, model, "fresh_standardised")
        work.execute(f"CREATE TABLE standardised ({standardise.standardised_columns(model)})")
        standardise.store(work, model)
        work.execute("DROP TABLE fresh_standardised")
        if learning:
            facts = {"comparisons": train.taking_part(work, model), "too_wide": block.too_wide(work, model)}
            model = _with(model, facts=facts)
            stage.note(f"{len(facts['comparisons'])} of {len(model.comparisons)} comparisons take part")
    with run.progress.stage("block") as stage:
        pairs = engine.block_all(work, model)
        stage.note(f"{pairs:,} candidate pairs")
    with run.progress.stage("compare"):
        engine.compare_pairs(work, model, "candidates", "compared")
        work.execute("DROP TABLE candidates")
    warnings: list[str] = []
    if learning:
        with run.progress.stage("train"):
            model, warnings = train.learn(work, model, "compared")
            model = save_model(model, models, run.now.strftime("%Y%m%dT%H%M%S"))
    with run.progress.stage("score"):
        engine.score_pairs(work, model, "compared")
        work.execute("DROP TABLE compared")
    with run.progress.stage("cluster"):
        work.execute("CREATE OR REPLACE TEMP TABLE touched AS SELECT rid FROM standardised")
        clusters = cluster.cluster_touched(work, model, everyone=True)
        warnings += suspicious_clusters(work, model)
        work.execute("INSERT INTO resolved_with VALUES ($version)", {"version": model.version})
    records = _scalar(work, "SELECT count(*) FROM standardised")
    counts = {"standardised": records, "candidate_pairs": pairs, "clusters": clusters, "touched": records}
    return Resolution(model.version, learning, counts, warnings)


def _with(model: Model, **changes: object) -> Model:
    assert model.trained is not None
    return replace(model, trained=replace(model.trained, **changes))  # type: ignore[arg-type]


def _scalar(work: Work, query: str) -> int:
    row = work.execute(query).fetchone()
    assert row is not None
    return int(row[0])
