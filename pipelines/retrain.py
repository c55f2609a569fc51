"""A new model version from the records at hand, which the next run resolves everyone with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from pipelines.disk import disk_errors_named
from pipelines.lock import RunLock
from pipelines.progress import Progress
from pipelines.resolve import learn_model
from pipelines.run_context import RunContext
from pipelines.work import open_work
from profile_service.errors import NotFound
from profile_service.identity.model import standing_model

Clock = Callable[[], datetime]


@dataclass(frozen=True)
class Training:
    """A trained model: its version, the one it follows, records learned from, pairs of each class it expects."""

    model_version: str
    follows: str | None
    records: int
    expected_pairs: dict[str, float]
    warnings: list[str]


def _system_clock() -> datetime:
    return datetime.now(UTC)


def retrain(data_dir: Path, progress: Progress, clock: Clock = _system_clock) -> Training:
    """Learn a model from every record in the work store and let it stand; the work store itself is left as it was.

    Raises NotFound before the first run, RunLocked while a run is at work, UnusableInput where there is no record.
    """
    if not (data_dir / "work" / "pipeline.duckdb").exists():
        raise NotFound(f"nothing has been taken in under {data_dir} yet: run `profiles run LANDING` first")
    with disk_errors_named(data_dir), RunLock(data_dir, clock()) as lock, open_work(data_dir) as work:
        now = clock()
        context = RunContext(0, f"train_{now:%Y%m%dT%H%M%SZ}", now, progress)
        lock.name_run(context.run_id)
        follows = standing_model(data_dir / "models")
        work.execute("BEGIN")
        model, warnings = learn_model(work, data_dir / "models", context)
        work.execute("ROLLBACK")
    assert model.trained is not None
    facts = model.trained.facts
    return Training(
        model.version, follows.version if follows else None, facts["records"], dict(facts["expected_pairs"]), warnings
    )
