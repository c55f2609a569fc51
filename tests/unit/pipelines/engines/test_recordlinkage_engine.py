"""The recordlinkage engine gives what the usual engine gives: candidate pairs, levels, bits and customers."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import pytest
import recordlinkage

from pipelines import train
from pipelines.cli import main
from pipelines.engines import recordlinkage_engine
from pipelines.engines.duckdb_engine import DuckDBEngine
from pipelines.engines.engine import NAMES, engine_named
from pipelines.engines.latent_class import LatentClassClassifier
from pipelines.engines.recordlinkage_engine import RecordLinkageEngine, standard_values
from pipelines.engines.recordlinkage_objects import LevelNumber, SharedKey, model_compare, model_index
from pipelines.ingest import ingest
from pipelines.progress import SilentProgress
from pipelines.resolve import resolve
from pipelines.run import Places, RunOptions, run
from pipelines.run_context import RunContext
from pipelines.work import open_work
from profile_service.contracts.channels import load_channels
from profile_service.errors import WrongUsage
from profile_service.identity.blocking_rule import BlockingRule
from profile_service.identity.model import Model, packaged_model
from profile_service.identity.model_files import standing_model
from tests.linkage_world import of_few_strangers

SAMPLE = Path(__file__).parents[4] / "data" / "sample"
PAIRS = "SELECT l, r, pattern, bits FROM scored_pairs ORDER BY l, r"
CUSTOMERS = "SELECT rid, cluster FROM new_clusters ORDER BY rid"
PATTERNS = "SELECT * FROM patterns ORDER BY pattern"


def told(engine: str, seq: int = 1) -> RunContext:
    return RunContext(seq, f"run_{seq:04d}", datetime(2026, 1, 1, tzinfo=UTC), SilentProgress(), engine)


def rows(work: duckdb.DuckDBPyConnection, query: str) -> list[tuple[Any, ...]]:
    return work.execute(query).fetchall()


@dataclass(frozen=True)
class Resolved:
    """The sample, resolved by each engine anew, each with a training of its own."""

    work: dict[str, duckdb.DuckDBPyConnection]
    model: dict[str, Model]


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Resolved]:
    works, models = {}, {}
    for name in ("duckdb", "recordlinkage"):
        folder = tmp_path_factory.mktemp(name)
        works[name] = open_work(folder)
        ingest(works[name], SAMPLE, load_channels(), told(name))
        # channels of which one holds nobody twice, so that both engines have to keep them apart
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("pipelines.resolve.packaged_model", lambda: of_few_strangers(40_000))
            resolve(works[name], folder / "models", told(name), duplicate_free={"mobile": True})
        model = standing_model(folder / "models")
        assert model is not None
        models[name] = model
    yield Resolved(works, models)
    for work in works.values():
        work.close()


@pytest.mark.parametrize("query", [PAIRS, PATTERNS, CUSTOMERS], ids=["pairs, levels and bits", "patterns", "customers"])
def test_both_engines_give_the_same(sample: Resolved, query: str) -> None:
    usual, reference = (rows(sample.work[name], query) for name in ("duckdb", "recordlinkage"))
    assert len(usual) > 1000
    assert reference == usual


def test_both_engines_train_the_same_model(sample: Resolved) -> None:
    assert sample.model["recordlinkage"].version == sample.model["duckdb"].version


def test_no_two_records_of_a_duplicate_free_channel_are_candidates(sample: Resolved) -> None:
    met = "SELECT count(*) FROM scored_pairs JOIN records a ON a.rid = l JOIN records b ON b.rid = r WHERE a.channel = "
    assert rows(sample.work["recordlinkage"], met + "b.channel AND a.channel = 'mobile'") == [(0,)]
    assert rows(sample.work["recordlinkage"], met + "'mobile' AND b.channel = 'web'")[0][0] > 0


def test_the_objects_serve_in_a_notebook_without_the_engine(sample: Resolved) -> None:
    work, model = sample.work["duckdb"], sample.model["duckdb"]
    assert model.trained is not None
    frame = standard_values(work).head(1500)
    pairs = model_index(model).index(frame)
    vectors = model_compare(model).compute(pairs, frame)
    bits = LatentClassClassifier.of(model.trained.mixture).bits(vectors)
    known = {(left, right): weight for left, right, _, weight in rows(work, PAIRS)}
    same = [(weight, known[right, left]) for (left, right), weight in bits.items() if (right, left) in known]
    assert len(same) > 300
    np.testing.assert_allclose(*np.array(same).T, rtol=1e-5)


def test_the_classifier_fits_level_numbers_to_nearly_what_the_training_fits(sample: Resolved) -> None:
    """It knows no frequencies of values, so it spreads exact agreement otherwise; the verdicts hardly differ."""
    work, model = sample.work["duckdb"], sample.model["duckdb"]
    frame = standard_values(work)
    pairs = pd.MultiIndex.from_tuples([(left, right) for left, right, _, _ in rows(work, PAIRS)])
    vectors = model_compare(model).compute(pairs, frame)
    parts = {part.name: part for part in train.parts_of(model)}
    draw = np.random.default_rng(1)
    drawn = pd.MultiIndex.from_arrays(draw.choice(frame.index.to_numpy(), (2, 30_000))).unique()
    drawn = drawn[drawn.get_level_values(0) != drawn.get_level_values(1)]
    strangers = model_compare(model).compute(drawn, frame)
    classifier = LatentClassClassifier(roles=parts, records=len(frame), random_vectors=strangers)
    links = set(classifier.fit_predict(vectors))
    usual = {(left, right) for left, right, _, bits in rows(work, PAIRS) if bits >= 0}
    assert 2 * len(links & usual) / (len(links) + len(usual)) > 0.97


RULE = BlockingRule("given and postcode", ("given_root", "postcode"))
PEOPLE = pd.DataFrame(
    {
        "given_root": ["ann", "ann", "bob", "ann", None, "bob"],
        "postcode": ["1", "1", "2", "1", "1", None],
    },
    index=list("abcdef"),
)


@pytest.mark.parametrize(
    ("cap", "pairs"), [(60, {("b", "a"), ("d", "a"), ("d", "b")}), (2, set())], ids=["under the cap", "over it"]
)
def test_records_that_agree_on_the_whole_key_are_pairs(cap: int, pairs: set[tuple[str, str]]) -> None:
    assert set(SharedKey(RULE, cap).index(PEOPLE)) == pairs


def test_two_frames_are_linked_by_the_same_rule() -> None:
    left, right = PEOPLE.iloc[:3], PEOPLE.iloc[3:]
    assert set(SharedKey(RULE, 60).index(left, right)) == {("a", "d"), ("b", "d")}
    assert set(SharedKey(RULE, 2).index(left, right)) == set()


def test_a_level_number_takes_any_mark_of_missing() -> None:
    model = packaged_model()
    comparison = next(one for one in model.comparisons if one.name == "sex")
    frame = pd.DataFrame({"sex": ["f", "f", None, float("nan"), pd.NA, "m"]}, dtype=object)
    pairs = pd.MultiIndex.from_tuples([(0, other) for other in range(1, 6)])
    assert recordlinkage.Compare([LevelNumber(comparison, model)]).compute(pairs, frame)["sex"].tolist() == [
        1,
        0,
        0,
        0,
        2,
    ]


GIVEN = ("Ada", "Grace", "Mary", "Emmy", "Lise", "Rosalind", "Dorothy", "Barbara", "Chien", "Vera")
FAMILY = ("Lovelace", "Hopper", "Somerville", "Noether", "Meitner", "Franklin", "Hodgkin", "McClintock", "Wu", "Rubin")


def land(folder: Path, people: int, start: int = 0) -> Path:
    """Each person once in the store and once on the web."""
    for channel in ("store", "web"):
        lines = [
            f"{channel}{n},{GIVEN[n]},{FAMILY[n]},{GIVEN[n].lower()}@example.org,18{n}0-0{n % 9 + 1}-01"
            for n in range(start, start + people)
        ]
        path = folder / channel / f"customers{start}.csv"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("\n".join(["source_record_id,given_name,family_name,email,birth_date", *lines]) + "\n")
    return folder


def go(places: Places, engine: str) -> tuple[str, int]:
    summary = run(places, RunOptions(engine=engine), SilentProgress())
    return summary.outcome, summary.customers


def test_a_second_landing_is_resolved_by_either_engine_after_the_other(tmp_path: Path) -> None:
    places = Places(land(tmp_path / "landing", 5), tmp_path / "data")
    assert go(places, "recordlinkage") == ("published", 5)
    assert go(places, "recordlinkage") == ("nothing new", 5)
    land(places.landing, 3, start=5)
    assert go(places, "duckdb") == ("published", 8)
    land(places.landing, 2, start=8)
    assert go(places, "recordlinkage") == ("published", 10)


def test_a_single_record_is_a_customer(tmp_path: Path) -> None:
    landing = land(tmp_path / "landing", 1)
    (landing / "web" / "customers0.csv").unlink()
    assert go(Places(landing, tmp_path / "data"), "recordlinkage") == ("published", 1)


def test_too_many_records_are_refused_before_anything_is_done(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recordlinkage_engine, "MOST_RECORDS", 9)
    places = Places(land(tmp_path / "landing", 5), tmp_path / "data")
    with pytest.raises(WrongUsage, match="up to 9 records and there are 10: use --engine duckdb"):
        go(places, "recordlinkage")
    assert go(places, "duckdb") == ("published", 5)


@pytest.mark.parametrize(("name", "said"), [("spark", "no Spark engine yet"), ("abacus", "no engine 'abacus'")])
def test_an_engine_that_is_not_there_is_refused_in_one_line(name: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(WrongUsage, match=said):
        go(Places(land(tmp_path / "landing", 1), tmp_path / "data"), name)
    assert not (tmp_path / "data").exists()


def test_the_command_line_refuses_spark_with_exit_status_2(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["run", str(tmp_path), "--data-dir", str(tmp_path / "data"), "--engine", "spark"])
    assert ended.value.code == 2
    assert capsys.readouterr().err == "profiles: this build has no Spark engine yet: use --engine duckdb\n"


def test_every_engine_of_the_contract_has_a_name() -> None:
    assert NAMES == ("duckdb", "spark", "recordlinkage")
    assert isinstance(engine_named("duckdb"), DuckDBEngine)
    assert isinstance(engine_named("recordlinkage"), RecordLinkageEngine)
