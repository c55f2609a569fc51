"""Recordlinkage's supervised classifiers beside the model, on the labels at hand, once there are enough of them."""

from __future__ import annotations

from collections.abc import Mapping

import duckdb

from pipelines.labels import Labels
from pipelines.model_report.labels_measured import Told, agreed
from pipelines.model_report.report import Compared
from profile_service.identity.model import Model

Work = duckdb.DuckDBPyConnection
_Pairs = Mapping[tuple[str, str], Told]


def compare_classifiers(work: Work, model: Model, known: Labels) -> Compared:
    """Precision and recall of the model and of each classifier, on pairs it has not learned from.

    On the labels that were drawn, each weighed by one over its sampling probability, where they are enough; else on
    all, each counting once. Only where there are enough are pandas, scikit-learn and recordlinkage loaded: seconds.
    """
    told = _there(work, agreed(known.labels))
    drawn = {pair: one for pair, one in told.items() if one.chance is not None}
    weighed = not any(_tally(drawn).missing)
    chosen = drawn if weighed else told
    tally = _tally(chosen)
    if any(tally.missing):
        return tally
    from pipelines.engines.in_pandas import named_records
    from pipelines.engines.supervised import crossvalidated, labelled_vectors

    records = named_records(work, {name for pair in chosen for name in pair})
    vectors, same = labelled_vectors(model, records, [(*pair, one.same) for pair, one in chosen.items()])
    weights = [1 / one.chance if weighed and one.chance else 1.0 for one in chosen.values()]
    return Compared(tally.same, tally.different, weighed, crossvalidated(model, vectors, same, weights))


def _tally(told: _Pairs) -> Compared:
    same = sum(one.same for one in told.values())
    return Compared(same, len(told) - same, False)


def _there(work: Work, told: _Pairs) -> _Pairs:
    """Those pairs of which both records stand."""
    rows = work.execute(
        """SELECT name FROM (SELECT channel || ':' || source_record_id AS name FROM records
            SEMI JOIN standardised USING (rid))
        WHERE name IN (SELECT unnest($names::VARCHAR[]))""",
        {"names": sorted({name for pair in told for name in pair})},
    ).fetchall()
    names = {name for (name,) in rows}
    return {pair: one for pair, one in told.items() if names.issuperset(pair)}
