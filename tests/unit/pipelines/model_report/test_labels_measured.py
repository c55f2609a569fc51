"""Precision and recall measured on labels: whichever pairs were asked about, bands of weight count by their pairs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from math import isclose

import duckdb
import pytest
from scipy.stats import binomtest

from pipelines.labels import Labels
from pipelines.model_report import words
from pipelines.model_report.intervals import share_of_first, weighed_share, weighted_sum, wilson
from pipelines.model_report.labels_measured import Counted, measure_labels
from pipelines.model_report.report import Band, Interval, Measured
from profile_service.labels import Label

# Ten pairs of records 2n and 2n + 1: five linked at +8, two linked at +1, two apart at +1, one apart at -12.
BITS = [8.5] * 5 + [1.5] * 4 + [-12.5]
LINKED = [True] * 7 + [False] * 3


@pytest.fixture
def work() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as made:
        made.execute(
            """CREATE TABLE records AS
            SELECT i::INTEGER AS rid, 'web' AS channel, i::VARCHAR AS source_record_id FROM range(22) t(i)"""
        )
        made.execute("CREATE TABLE scored_pairs (l INTEGER, r INTEGER, pattern BIGINT, bits FLOAT)")
        made.execute("CREATE TABLE obeyed (l INTEGER, r INTEGER, verdict VARCHAR)")
        made.execute("CREATE TABLE clusters AS SELECT rid, rid AS cluster FROM records")
        for place, (bits, linked) in enumerate(zip(BITS, LINKED, strict=True)):
            made.execute("INSERT INTO scored_pairs VALUES (?, ?, 1, ?)", [2 * place, 2 * place + 1, bits])
            if linked:
                made.execute("UPDATE clusters SET cluster = ? WHERE rid = ?", [2 * place, 2 * place + 1])
        made.execute("UPDATE clusters SET cluster = 20 WHERE rid = 21")  # linked by others, never scored
        yield made


COUNTED = Counted([Band(-13, 0, 1, 0.0, 0.1), Band(1, 2, 2, 1.5, 1.0), Band(8, 5, 0, 4.9, 0.0)], unscored=1)


def pair(left: str, right: str, verdict: str) -> Label:
    return Label(*left.split(":"), *right.split(":"), verdict, "ann")


def label(place: int, verdict: str, stratum: str | None = None, chance: float | None = None) -> Label:
    plain = pair(f"web:{2 * place + 1}", f"web:{2 * place}", verdict)
    return replace(plain, stratum=stratum, sampling_probability=chance)


def measured(work: duckdb.DuckDBPyConnection, *labels: Label, **strata: float) -> Measured:
    return measure_labels(work, Labels(labels, strata), "clusters", COUNTED)


def test_one_band_measures_as_wilson_does(work: duckdb.DuckDBPyConnection) -> None:
    found = measured(work, label(0, "same"), label(1, "same"), label(2, "different"))
    assert found.precision == pytest.approx(wilson(2, 3))
    assert found.precision_covers == pytest.approx(5 / 8)


def test_a_band_counts_by_its_pairs_not_by_its_labels(work: duckdb.DuckDBPyConnection) -> None:
    """Two doubtful pairs judged of two, one sure pair of five: the sure band weighs five sevenths."""
    found = measured(work, label(0, "same"), label(5, "different"), label(6, "different"))
    assert found.precision is not None
    assert found.precision.value == pytest.approx(5 / 7)
    assert found.precision_covers == pytest.approx(7 / 8)


def test_recall_is_of_the_pairs_weighed(work: duckdb.DuckDBPyConnection) -> None:
    found = measured(work, label(0, "same"), label(5, "same"), label(7, "same"), label(8, "different"))
    assert found.recall is not None
    assert found.recall.value == pytest.approx(7 / 8), "seven linked; of the two apart one is expected to be the same"
    assert found.recall.low < found.recall.value < found.recall.high


def test_what_binds_the_clusters_says_nothing_of_them(work: duckdb.DuckDBPyConnection) -> None:
    work.execute("INSERT INTO obeyed VALUES (0, 1, 'same')")
    found = measured(work, label(0, "same"), label(7, "different"))
    assert (found.binding, found.precision) == (1, None)
    assert sum(band.labelled for band in found.bands) == 2


def test_labels_of_all_sorts_are_told_apart(work: duckdb.DuckDBPyConnection) -> None:
    found = measured(
        work,
        label(0, "same"),
        pair("web:0", "web:1", "different"),  # contradicts the first, the other way round
        label(1, "unsure"),
        pair("web:0", "shop:1", "same"),  # not there
        pair("web:0", "web:5", "same"),  # no rule found it
        pair("web:20", "web:21", "same"),  # linked without a score
    )
    assert (found.labels, found.contradicted, found.unsure, found.unknown, found.never_met) == (6, 1, 1, 1, 1)
    assert words.asides(found) == [
        "1 label names a record that is not there",
        "1 pair has labels that contradict each other and count for nothing",
        "1 label is of a pair of one person that no blocking rule found",
    ]
    several = words.asides(replace(found, unknown=2, contradicted=1_200, never_met=0, binding=3, undrawn=1))
    assert several == [
        "1 label says not how it was drawn, beside others that do, and counts in the bands below alone",
        "3 labels bind the clusters as judgements and count in the bands below alone",
        "2 labels name a record that is not there",
        "1,200 pairs have labels that contradict each other and count for nothing",
    ]
    assert words.labels_told(replace(found, labels=1, same=1)).startswith("1 label: 1 pair of one person, ")
    assert words.labels_told(found).startswith("6 labels: ")
    assert words.counted_by(replace(found, drawn=1)).startswith("1 label counts by one over its sampling probability")
    assert words.counted_by(replace(found, drawn=2)).startswith("2 labels count by one over their sampling")
    assert found.precision == pytest.approx(wilson(1, 1))
    assert found.precision_covers == pytest.approx(1 / 8)


def test_drawn_labels_count_by_how_they_were_drawn_and_others_beside_them_in_the_bands_alone(
    work: duckdb.DuckDBPyConnection,
) -> None:
    """One of the five sure pairs drawn, both doubtful ones: 5 x 1 + 1 + 0 of 7."""
    drawn = (label(0, "same", "sure", 0.2), label(5, "same", "doubt", 1.0), label(6, "different", "doubt", 1.0))
    found = measured(work, *drawn, label(1, "different"))
    assert found.precision is not None
    assert found.precision.value == pytest.approx(6 / 7)
    assert (found.drawn, found.undrawn, found.precision_covers) == (3, 1, pytest.approx(7 / 8))
    assert sum(band.labelled for band in found.bands) == 4


def test_in_a_band_too_a_drawn_label_counts_for_the_pairs_it_stands_for(work: duckdb.DuckDBPyConnection) -> None:
    found = measured(work, label(5, "different", "linked", 1.0), label(7, "same", "apart", 0.25))
    (share,) = (band.share for band in found.bands if band.labelled)
    assert share is not None
    assert share.value == pytest.approx(4 / 5)


def test_a_stratum_of_which_half_is_judged_counts_in_full(work: duckdb.DuckDBPyConnection) -> None:
    """Two of five sure pairs were drawn and one is judged; the file says how many pairs there are."""
    drawn = (label(0, "same", "sure", 0.4), label(5, "different", "doubt", 1.0), label(6, "different", "doubt", 1.0))
    found = measured(work, *drawn, sure=5.0, doubt=2.0)
    assert found.precision is not None
    assert found.precision.value == pytest.approx(5 / 7)


def test_a_stratum_that_was_judged_whole_is_known(work: duckdb.DuckDBPyConnection) -> None:
    found = measured(work, label(5, "same", "doubt", 1.0), label(6, "different", "doubt", 1.0))
    assert found.precision == pytest.approx(Interval(0.5, 0.5, 0.5))


def test_a_stratum_is_split_by_what_is_one_customer_now(work: duckdb.DuckDBPyConnection) -> None:
    """Drawn when all four doubtful pairs were apart; two of them are linked since."""
    found = measured(
        work, *(label(place, "same", "doubt", 1.0) for place in (5, 6, 7)), label(8, "different", "doubt", 1)
    )
    assert found.precision == pytest.approx(Interval(1.0, 1.0, 1.0))
    assert found.recall is not None
    assert found.recall.value == pytest.approx(2 / 3)


@pytest.mark.parametrize(("same", "labelled"), [(0, 1), (1, 1), (2, 3), (0, 40), (40, 40), (17, 40)])
def test_drawn_pairs_that_count_alike_have_clopper_and_pearson_s_interval(same: int, labelled: int) -> None:
    """Of so many pairs that those judged hardly matter."""
    limits = binomtest(same, labelled).proportion_ci(0.95, method="exact")
    found = weighed_share([(True, 4.0)] * same + [(False, 4.0)] * (labelled - same), 1e12)
    assert (found.low, found.high) == pytest.approx((limits.low, limits.high), abs=1e-9)


def test_pairs_that_count_unlike_tell_less() -> None:
    alike = weighed_share([(True, 4.0)] * 6 + [(False, 4.0)] * 2, 1e12)
    unlike = weighed_share([(True, 4.0)] * 5 + [(True, 40.0), (False, 4.0), (False, 4.0)], 1e12)
    assert unlike.value == pytest.approx(60 / 68)
    assert unlike.high - unlike.low > alike.high - alike.low


def test_a_sum_of_one_share_is_that_share() -> None:
    assert weighted_sum([(1.0, wilson(3, 9))]) == pytest.approx(wilson(3, 9))


def test_a_sum_is_surer_than_its_parts() -> None:
    one = wilson(50, 100)
    both = weighted_sum([(0.5, one), (0.5, one)])
    assert isclose(both.value, 0.5)
    assert both.high - both.low < one.high - one.low


def test_a_share_of_nothing_is_none() -> None:
    nothing = Interval(0.0, 0.0, 0.0)
    assert share_of_first(nothing, nothing) is None
    assert share_of_first(Interval(3.0, 2.0, 4.0), Interval(1.0, 0.0, 2.0)) == Interval(0.75, 0.5, 1.0)


@pytest.mark.parametrize(
    "labels",
    [
        (label(0, "unsure"),),
        (pair("web:0", "web:nobody", "same"),),
        (label(0, "same"), replace(label(0, "different"), author="bob")),
    ],
    ids=["unsure", "unknown", "contradicted"],
)
def test_labels_that_measure_nothing_are_told_so(work: duckdb.DuckDBPyConnection, labels: tuple[Label, ...]) -> None:
    assert words.unmeasured(measured(work, *labels)).startswith("Nothing is measured by")
    assert words.unmeasured(measured(work, *labels, label(1, "same"))) == ""
