"""Labels drawn by strata measure the customers without bias: exported, judged by the truth, and read back."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path
from statistics import mean, stdev

import duckdb
import pytest

from pipelines.label_file import export_pairs
from pipelines.labels import Labels, labels_in
from pipelines.model_report.classifiers import compare_classifiers
from pipelines.model_report.labels_measured import Counted, measure_labels
from pipelines.model_report.measure import Occasion, measure
from pipelines.model_report.report import LEAST_OF_EACH, Measured
from pipelines.model_report.words import compared_on
from pipelines.work import connect_work
from profile_service.identity.model_files import standing_model
from tests.linkage_world import SAMPLE
from tests.unit.pipelines.model_report.test_model_report import NOW

DRAWS = 30
TRUTH = f"(SELECT channel || ':' || source_record_id AS name, person_id FROM '{SAMPLE / 'truth.csv'}')"


@pytest.fixture(scope="module")
def work(published: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    with connect_work(published, read_only=True) as opened:
        opened.execute("CREATE TEMP TABLE clusters AS SELECT rid, hash(customer_id) AS cluster FROM membership")
        opened.execute(
            f"""CREATE TEMP TABLE persons AS SELECT rid, name, person_id FROM {TRUTH}
            JOIN records ON channel || ':' || source_record_id = name"""
        )
        yield opened


@pytest.fixture(scope="module")
def counted(work: duckdb.DuckDBPyConnection, published: Path) -> Counted:
    model = standing_model(published / "models")
    assert model is not None
    found = measure(work, model, "clusters", Occasion(NOW))
    return Counted(found.bands, found.estimate.unscored)


@pytest.fixture(scope="module")
def persons(work: duckdb.DuckDBPyConnection) -> dict[str, str]:
    return dict(work.execute("SELECT name, person_id FROM persons").fetchall())


def judged(path: Path, data_dir: Path, persons: dict[str, str], seed: int, pairs: int = 150) -> list[dict[str, str]]:
    """Pairs exported and judged by the truth."""
    export_pairs(path, data_dir, pairs, seed)
    with path.open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    for row in rows:
        left, right = (persons[f"{row[f'{side}_channel']}:{row[f'{side}_id']}"] for side in ("left", "right"))
        row["verdict"] = "same" if left == right else "different"
    return rows


def labels_of(path: Path, rows: list[dict[str, str]]) -> Labels:
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    return labels_in(path, NOW)


def test_drawn_labels_measure_without_bias_and_their_interval_covers(
    work: duckdb.DuckDBPyConnection, published: Path, persons: dict[str, str], counted: Counted, tmp_path: Path
) -> None:
    found: list[Measured] = []
    for seed in range(DRAWS):
        rows = judged(tmp_path / f"{seed}.csv", published, persons, seed)
        found.append(measure_labels(work, labels_of(tmp_path / f"{seed}.csv", rows), "clusters", counted))
    linked, right = work.execute(
        """SELECT count(*), count(*) FILTER (p.person_id = q.person_id) FROM clusters a JOIN clusters b
        ON a.cluster = b.cluster AND a.rid < b.rid JOIN persons p ON p.rid = a.rid JOIN persons q ON q.rid = b.rid"""
    ).fetchall()[0]
    (apart,) = work.execute(
        """SELECT count(*) FROM scored_pairs s JOIN clusters a ON a.rid = s.l JOIN clusters b ON b.rid = s.r
        JOIN persons p ON p.rid = s.l JOIN persons q ON q.rid = s.r
        WHERE a.cluster <> b.cluster AND s.bits > -6 AND p.person_id = q.person_id"""
    ).fetchall()[0]
    for what, true in (("precision", right / linked), ("recall", right / (right + apart))):
        intervals = [getattr(each, what) for each in found]
        values = [interval.value for interval in intervals]
        assert abs(mean(values) - true) < 3 * stdev(values) / DRAWS**0.5, f"{what} is biased"
        covered = sum(each.low <= true <= each.high for each in intervals)
        assert covered >= 0.9 * DRAWS, f"the interval of {what} holds it in {covered} of {DRAWS} draws"
    assert all(each.drawn == 150 and each.precision_covers == pytest.approx(1.0) for each in found)


def test_a_retrained_model_is_measured_on_the_labels_of_the_one_before(
    work: duckdb.DuckDBPyConnection, published: Path, persons: dict[str, str], counted: Counted, tmp_path: Path
) -> None:
    """Everyone on their own: nothing is linked, and of the pairs kept apart many are one person."""
    known = labels_of(tmp_path / "a.csv", judged(tmp_path / "a.csv", published, persons, 1))
    work.execute("CREATE OR REPLACE TEMP TABLE alone AS SELECT rid, rid AS cluster FROM records")
    found = measure_labels(work, known, "alone", counted)
    assert found.precision is None
    assert found.recall is not None
    assert found.recall.value == 0


def test_classifiers_are_measured_beside_the_model_once_there_are_enough_labels(
    work: duckdb.DuckDBPyConnection, published: Path, persons: dict[str, str], tmp_path: Path
) -> None:
    model = standing_model(published / "models")
    assert model is not None
    path = tmp_path / "judge.csv"
    rows = judged(path, published, persons, 1, pairs=300)
    compared = compare_classifiers(work, model, labels_of(path, rows))
    assert (compared.same + compared.different, compared.weighed, compared.missing) == (300, True, (0, 0))
    assert [one.classifier for one in compared.classifiers] == [
        "the model, without labels", "logistic regression", "naive Bayes", "support vector machine",
    ]  # fmt: skip
    assert min(one.f1 for one in compared.classifiers) > 0.8
    again = compare_classifiers(work, model, labels_of(path, [{**row, "sampling_probability": ""} for row in rows]))
    assert not again.weighed
    assert again.classifiers[0].precision < compared.classifiers[0].precision, "doubtful pairs are asked about most"
    few = [row for row in rows if row["verdict"] == "same"][: LEAST_OF_EACH - 3]
    lacking = compare_classifiers(work, model, labels_of(path, few))
    assert (lacking.classifiers, lacking.missing) == ((), (3, LEAST_OF_EACH))
    assert "3 of one person and 50 of two are missing" in compared_on(lacking)
