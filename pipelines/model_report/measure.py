"""A report is measured: from the model, and from what the work store holds once everyone is resolved with it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

import duckdb

from pipelines.model_report.report import Band, ClusterSize, Estimate, GenericValue, ModelReport
from pipelines.model_report.rules import DrawnPairs, count_keys, rule_yields
from pipelines.model_report.weights import class_shares, comparison_weights, silent_comparisons
from pipelines.placeholders import placeholders
from pipelines.work import whole_number
from profile_service.identity.cluster import bounds_of
from profile_service.identity.mixture import LOG2
from profile_service.identity.model import Model

Work = duckdb.DuckDBPyConnection
_MOST_GENERIC = 100
# Weights beyond these are shown with them: nothing is in doubt there.
_LEAST_BITS, _MOST_BITS = -30, 40
_SAME = "1 / (1 + pow(2, -p.bits::DOUBLE))"


@dataclass(frozen=True)
class Occasion:
    """What a report says of the training itself: when it was, the model before, and what looked wrong."""

    made_at: datetime
    follows: str | None = None
    warnings: tuple[str, ...] = ()


def measure(work: Work, model: Model, clusters: str, occasion: Occasion) -> ModelReport:
    """The report of a trained model on the records in ``standardised``, whose pairs are scored with it.

    ``clusters``: a relation ``(rid, cluster)`` of everyone. Reads only; makes and drops temporary tables. Raises
    ValueError for a model that is not trained.
    """
    if model.trained is None:
        raise ValueError("an untrained model has nothing to report")
    bands = tuple(_bands(work, clusters))
    sizes = tuple(_cluster_sizes(work, clusters))
    keys = count_keys(work, model)
    drawn = DrawnPairs(work, model, keys)
    work.execute("DROP TABLE temp.capped_keys")
    return ModelReport(
        model_version=model.version,
        model_name=model.name,
        follows=occasion.follows,
        made_at=occasion.made_at.strftime("%Y-%m-%d %H:%M UTC"),
        learned_from=int(model.trained.facts["records"]),
        records=sum(size.records * size.customers for size in sizes),
        customers=sum(size.customers for size in sizes),
        candidates=sum(band.inside + band.across for band in bands),
        warnings=occasion.warnings,
        anchors=str(model.trained.facts.get("anchors", {}).get("said", "")),
        classes=class_shares(model.trained),
        comparisons=tuple(comparison_weights(model, model.trained)),
        silent=silent_comparisons(model),
        rules=tuple(rule_yields(model, keys, drawn)),
        cap=model.blocking_cap,
        generic=tuple(_generic_values(work)),
        generic_total=whole_number(work, "SELECT count(*) FROM generic_values"),
        bands=bands,
        grey_zone=model.clustering.borderline_bits,
        stop_bits=bounds_of(model).stop / LOG2,
        cluster_sizes=sizes,
        estimate=_estimate(bands, sizes, drawn.never_met()),
        placeholders=placeholders(work),
    )


def _bands(work: Work, clusters: str) -> Iterator[Band]:
    """Every scored pair by its weight in whole bits, and by whether its records are one customer."""
    rows = work.execute(
        f"""SELECT greatest({_LEAST_BITS}, least({_MOST_BITS}, floor(p.bits)))::INTEGER AS band,
            count(*) FILTER (a.cluster = b.cluster), count(*) FILTER (a.cluster <> b.cluster),
            coalesce(sum({_SAME}) FILTER (a.cluster = b.cluster), 0),
            coalesce(sum({_SAME}) FILTER (a.cluster <> b.cluster), 0)
        FROM scored_pairs p JOIN {clusters} a ON a.rid = p.l JOIN {clusters} b ON b.rid = p.r
        GROUP BY band ORDER BY band"""
    ).fetchall()
    yield from (Band(*row) for row in rows)


def _cluster_sizes(work: Work, clusters: str) -> Iterator[ClusterSize]:
    rows = work.execute(
        f"SELECT n, count(*) FROM (SELECT count(*) AS n FROM {clusters} GROUP BY cluster) GROUP BY n ORDER BY n"
    ).fetchall()
    yield from (ClusterSize(*row) for row in rows)


def _generic_values(work: Work) -> Iterator[GenericValue]:
    """The most shared ones, but none that a steward ruled on and that nobody holds who is not hidden."""
    rows = work.execute(
        f"""SELECT field, value, holders, distinct_family_names FROM generic_values
        WHERE (field, value) NOT IN (
            SELECT (field, value) FROM withheld GROUP BY field, value HAVING bool_and(rid IN (FROM hidden_records)))
        ORDER BY holders DESC, field, value LIMIT {_MOST_GENERIC}"""
    ).fetchall()
    yield from (GenericValue(*row) for row in rows)


def _estimate(bands: tuple[Band, ...], sizes: tuple[ClusterSize, ...], never_met: float) -> Estimate:
    scored = sum(band.inside for band in bands)
    same = sum(band.inside_same for band in bands)
    linked = sum(size.customers * size.records * (size.records - 1) // 2 for size in sizes)
    # pairs that a cluster holds without a score: at the rate of those with one
    together = same * linked / scored if scored else float(linked)
    # of what the rules missed clusters have brought some together all the same
    missed = max(never_met - (together - same), 0.0)
    return Estimate(linked, linked - scored, together, sum(band.across_same for band in bands), missed)
