"""The report of the sample's model: its numbers add up, its page needs nothing, its files are shut."""

from __future__ import annotations

import json
import re
import shutil
import stat
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from html.parser import HTMLParser
from pathlib import Path

import duckdb
import pytest

from pipelines.labels import Labels
from pipelines.model_report import words
from pipelines.model_report.files import PAGE, remove_reports, write_report
from pipelines.model_report.labels_measured import Counted, measure_labels
from pipelines.model_report.measure import Occasion, measure
from pipelines.model_report.page import report_page
from pipelines.model_report.report import Band, Compared, Crossvalidated, Estimate, GenericValue, ModelReport
from pipelines.retrain import report_standing
from pipelines.work import connect_work
from profile_service.identity.model_files import standing_model
from profile_service.labels import Label

NOW = datetime(2026, 1, 2, 3, 4, tzinfo=UTC)


@pytest.fixture(scope="module")
def work(published: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    with connect_work(published, read_only=True) as opened:
        opened.execute("CREATE TEMP TABLE clusters AS SELECT rid, hash(customer_id) AS cluster FROM membership")
        yield opened


@pytest.fixture(scope="module")
def report(work: duckdb.DuckDBPyConnection, published: Path) -> ModelReport:
    model = standing_model(published / "models")
    assert model is not None
    found = measure(work, model, "clusters", Occasion(NOW, warnings=("<b>beware</b>",)))
    rows = work.execute(
        """SELECT a.channel, a.source_record_id, b.channel, b.source_record_id, p.bits > 2
        FROM scored_pairs p JOIN records a ON a.rid = p.l JOIN records b ON b.rid = p.r ORDER BY hash(l, r) LIMIT 60"""
    ).fetchall()
    labels = [Label(*ends, "same" if same else "different", "ann") for *ends, same in rows]
    counted = Counted(found.bands, found.estimate.unscored)
    return replace(found, measured=measure_labels(work, Labels(labels), "clusters", counted))


def number(work: duckdb.DuckDBPyConnection, query: str) -> int:
    return int(work.execute(query).fetchall()[0][0])


def test_pairs_customers_and_records_are_all_counted(report: ModelReport, work: duckdb.DuckDBPyConnection) -> None:
    assert report.candidates == number(work, "SELECT count(*) FROM scored_pairs")
    assert (report.records, report.customers) == (3000, number(work, "SELECT count(DISTINCT cluster) FROM clusters"))
    linked = number(work, "SELECT sum(n * (n - 1) // 2) FROM (SELECT count(*) AS n FROM clusters GROUP BY cluster)")
    assert report.estimate.linked == linked
    assert report.estimate.unscored == linked - sum(band.inside for band in report.bands)


def test_every_class_and_level_stands_with_its_share(report: ModelReport) -> None:
    assert report.classes[0].name == "match"
    assert sum(each.share for each in report.classes) == pytest.approx(1.0)
    for comparison in report.comparisons:
        for name in comparison.levels[0].by_class:
            assert sum(level.by_class[name] for level in comparison.levels) == pytest.approx(1.0, abs=1e-3), (
                comparison.name
            )
        exact = [level.bits for level in comparison.levels if level.kind == "exact" and level.m > 1e-6]
        if comparison.role == "together":
            assert exact == sorted(exact), "the more people hold a whole name, the less it weighs"
            assert exact[0] < 0 < exact[-1], comparison.name
        else:
            assert max(exact) > 0 > comparison.levels[-1].bits, comparison.name


def test_a_rule_s_pairs_are_those_its_keys_make(report: ModelReport, work: duckdb.DuckDBPyConnection) -> None:
    rules = {rule.name: rule for rule in report.rules}
    phones = "SELECT phone_tail, count(*) AS n FROM standardised WHERE phone_tail IS NOT NULL GROUP BY phone_tail"
    assert rules["phone"].pairs == number(work, f"SELECT sum(n * (n - 1) // 2) FROM ({phones})")
    assert rules["phone"].largest[0].holders == number(work, f"SELECT max(n) FROM ({phones})")
    assert sum(rule.alone for rule in report.rules) <= report.candidates
    for rule in report.rules:
        assert 0 <= rule.alone_same <= rule.alone <= max(rule.pairs, 0), rule.name


def test_a_capped_key_finds_nothing_and_is_counted(work: duckdb.DuckDBPyConnection, published: Path) -> None:
    model = standing_model(published / "models")
    assert model is not None
    capped = replace(model, settings={**model.settings, "blocking": {**model.settings["blocking"], "cap": 3}})
    before = {rule.name: rule for rule in measure(work, model, "clusters", Occasion(NOW)).rules}["phone"]
    after = {rule.name: rule for rule in measure(work, capped, "clusters", Occasion(NOW)).rules}["phone"]
    assert after.capped_keys > 0 == before.capped_keys
    assert after.capped_records >= 4 * after.capped_keys
    assert after.pairs < before.pairs
    assert after.alone <= after.pairs, "what shares a capped key is not found by it"


def test_the_estimates_lie_near_the_truth_of_the_sample(report: ModelReport) -> None:
    """`profiles evaluate` measures .98 and .95; the model, pair by pair, is more modest."""
    assert report.estimate.precision and report.estimate.recall and report.estimate.found_by_blocking
    assert 0.93 < report.estimate.precision < 1
    assert 0.88 < report.estimate.recall < 1
    assert report.estimate.recall < report.estimate.found_by_blocking < 1


class Parts(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))


def test_the_page_needs_no_script_and_no_network(report: ModelReport) -> None:
    page = report_page(report)
    parts = Parts()
    parts.feed(page)
    tags = [tag for tag, _ in parts.tags]
    assert not {"script", "link", "iframe", "img", "object"} & set(tags)
    assert tags.count("svg") == 3
    for tag, attributes in parts.tags:
        for name, value in attributes.items():
            assert not name.startswith("on"), f"{tag} {name}"
            if name in ("href", "src", "xlink:href", "action"):
                assert (value or "").startswith("#"), f"{tag} {name}={value}"
    assert not re.search(r"@import|url\((?!#)", page)


def test_pictures_have_the_page_s_colours_light_and_dark(report: ModelReport) -> None:
    pictures = re.findall(r"<svg .*?</svg>", report_page(report), flags=re.DOTALL)
    for picture in pictures:
        assert "var(--ink-2)" in picture
        assert not re.search(r"#0102|<metadata|DejaVu", picture)
    assert "prefers-color-scheme: dark" in report_page(report)


def test_values_are_told_as_they_are_and_never_as_markup(report: ModelReport) -> None:
    odd = replace(report, generic=(GenericValue("email", "<script>alert(1)</script>", 40, 30),), generic_total=1)
    page = report_page(odd)
    assert "<script>" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert "&lt;b&gt;beware&lt;/b&gt;" in page


def test_classifiers_stand_beside_the_model_on_the_page_in_the_text_and_in_the_numbers(
    report: ModelReport, tmp_path: Path
) -> None:
    ours, rival = Crossvalidated("the model", 0.98, 0.96, 130), Crossvalidated("naive Bayes", 0.5, 1.0, 130)
    write_report(replace(report, compared=Compared(70, 60, True, (ours, rival))), tmp_path, page=True)
    for name in ("report.txt", "report.html"):
        said = " ".join((tmp_path / name).read_text().split())
        assert "70 labelled pairs of one person and 60 of two, each counting by one over" in said
        assert re.search(r"naive Bayes\D*50\.0 %\D*100 %\D*66\.7 %", said), name
    numbers = json.loads((tmp_path / "report.json").read_text())["compared"]["classifiers"]
    assert [(each["classifier"], round(each["f1"], 3)) for each in numbers] == [
        ("the model", 0.97), ("naive Bayes", 0.667),
    ]  # fmt: skip
    write_report(replace(report, compared=Compared(70, 8, False)), tmp_path, page=True)
    for name in ("report.txt", "report.html"):
        said = " ".join((tmp_path / name).read_text().split())
        assert "0 of one person and 42 of two are missing" in said
        assert "naive Bayes" not in said


def test_a_report_of_nobody_can_be_drawn(report: ModelReport) -> None:
    nobody = replace(report, bands=(), cluster_sizes=(), rules=(), generic=(), measured=None)
    assert "Candidate pairs by match weight" not in report_page(nobody)
    assert report_page(replace(report, bands=(Band(3, 1, 0, 0.9, 0.0),)))


def test_labels_that_all_bind_leave_no_band_to_draw(report: ModelReport, tmp_path: Path) -> None:
    assert report.measured is not None
    unlabelled = tuple(replace(band, labelled=0, same=0, share=None) for band in report.measured.bands)
    page = report_page(replace(report, measured=replace(report.measured, bands=unlabelled, binding=3)))
    assert "3 labels bind the clusters" in page
    assert page.count("<svg") == 2, "scores and sizes, for no band has a label to stand beside its weight"


def test_where_nothing_is_linked_there_is_no_precision_of_all(report: ModelReport, tmp_path: Path) -> None:
    nobody = replace(report, bands=(), measured=None, estimate=Estimate(0, 0, 0.0, 0.0, 0.0))
    write_report(nobody, tmp_path, page=True)
    for name in ("report.txt", "report.html"):
        assert words.NOTHING_TO_JUDGE in " ".join((tmp_path / name).read_text().split()), name
    assert (tmp_path / "report.html").read_text().count('<div class="tile"><b>–</b>') == 2
    told = json.loads((tmp_path / "report.json").read_text())["estimate"]
    assert (told["precision"], told["recall"], told["found_by_blocking"]) == (None, None, None)


def test_files_are_shut_to_others_and_say_the_same(report: ModelReport, tmp_path: Path) -> None:
    folder = tmp_path / "model"
    folder.mkdir()
    read = write_report(report, folder, page=True)
    assert read == folder / PAGE
    assert {path.name for path in folder.iterdir()} == {"report.json", "report.txt", "report.html"}
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {0o600}
    numbers = json.loads((folder / "report.json").read_text())
    text = (folder / "report.txt").read_text()
    assert numbers["estimate"]["precision"] == report.estimate.precision
    assert report.model_version in text
    assert max(map(len, text.splitlines())) <= 110
    assert write_report(report, folder, page=False) == folder / "report.txt"
    assert not (folder / PAGE).exists(), "a page of other numbers would lie"
    remove_reports(tmp_path)
    assert not list(folder.iterdir())


def test_the_standing_model_is_reported_without_learning(published: Path, tmp_path: Path) -> None:
    data = shutil.copytree(published, tmp_path / "data", symlinks=True)
    labels = tmp_path / "labels.csv"
    labels.write_text("left_channel,left_id,right_channel,right_id,verdict\nmobile,M00000539,web,W00000152,same\n")
    report, folder = report_standing(data, labels)
    assert folder.name == report.model_version == standing_model(data / "models").version  # type: ignore[union-attr]
    assert report.measured is not None
    assert report.measured.labels == 1


def test_the_text_cuts_no_figure_and_no_heading_off_however_long_a_key_is(report: ModelReport, tmp_path: Path) -> None:
    long = tuple(replace(each, value="verylongfamilyname " * 4) for each in report.rules[0].largest)
    rules = (*(replace(rule, largest=long, pairs=1_234_567) for rule in report.rules[:3]), *report.rules[3:])
    write_report(replace(report, rules=rules), tmp_path, page=False)
    text = (tmp_path / "report.txt").read_text()
    said = text[text.index("\nblocking rule ") + 1 :]
    assert "keys capped" in said.splitlines()[0]
    assert said.count("1.23 million") == 3
    assert "…" not in text


def test_a_level_that_no_pair_is_on_is_not_told(report: ModelReport) -> None:
    city = next(each for each in report.comparisons if each.name == "city")
    unmet = replace(city.levels[0], u=1.0002e-9, m=5.8e-5)
    assert not words.met(unmet)
    assert words.met(replace(unmet, m=0.4))
    assert words.met(replace(unmet, u=1e-7))


@pytest.mark.parametrize(
    ("share", "short", "long"),
    [
        (1e-9, "1:1G", "1 in 1.00 billion"),
        (1e-12, "1:1T", "1 in 1.00 trillion"),
        (1e-14, "1:100T", "1 in 100 trillion"),
    ],
)
def test_a_chance_is_told_however_small(share: float, short: str, long: str) -> None:
    assert words.short_chance(share) == short
    assert words.chance(share) == long


def test_a_warning_shows_what_to_type_as_code(report: ModelReport) -> None:
    page = report_page(replace(report, warnings=("<x> is odd: `profiles run LANDING --rebuild` reads anew",)))
    assert "&lt;x&gt; is odd: <code>profiles run LANDING --rebuild</code> reads anew" in page
