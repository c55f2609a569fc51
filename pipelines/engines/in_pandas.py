"""What a run resolved, as pandas has it: for notebooks and for classifiers that learn from labels."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

import duckdb
import pandas as pd

from pipelines.engines.recordlinkage_engine import MOST_RECORDS, standard_values
from pipelines.work import connect_work
from profile_service.errors import NotFound, WrongUsage
from profile_service.identity.model import Model
from profile_service.identity.model_files import standing_model

Work = duckdb.DuckDBPyConnection


def named_records(work: Work, only: Collection[str] | None = None) -> pd.DataFrame:
    """The standard values of records, a row under its name ``channel:source_record_id``, in order of names.

    Of every record, or ``only`` of those of these names that are there.
    """
    some = "" if only is None else "WHERE name IN (SELECT unnest($only::VARCHAR[]))"
    given = {} if only is None else {"only": sorted(only)}
    query = f"SELECT rid, channel || ':' || source_record_id AS name FROM records {some}"
    names = dict(work.execute(query, given).fetchall())
    frame = standard_values(work, None if only is None else list(names))
    frame.index = pd.Index([names[rid] for rid in frame.index], name="record")
    return frame.sort_index()


def resolved_records(data_dir: Path) -> tuple[pd.DataFrame, Model]:
    """The records of a data directory as they are compared, and the model that stands.

    Raises NotFound before the first run, WrongUsage for more records than pandas should hold, RunLocked during a run.
    """
    model = standing_model(data_dir / "models")
    if model is None or not (data_dir / "work" / "pipeline.duckdb").exists():
        raise NotFound(f"no run has resolved anything in {data_dir} yet: run `profiles run LANDING` first")
    with connect_work(data_dir, read_only=True) as work:
        counted = work.execute("SELECT count(*) FROM records").fetchone()
        if counted and counted[0] > MOST_RECORDS:
            raise WrongUsage(f"pandas is for up to {MOST_RECORDS:,} records here, and there are {counted[0]:,}")
        return named_records(work), model
