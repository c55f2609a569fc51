"""The mixture finds again what made the data, and is safe where there is little of it."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from pipelines.fit import Evidence, Prior, fit_mixture
from pipelines.suspect import suspicious_fit
from profile_service.identity.mixture import CLASSES, SAME_PERSON, Floats, Mixture, Part, nameless_at_one_place
from profile_service.identity.model import packaged_model

KINDS = ("missing", "exact", "near", "differ")
PARTS = tuple(
    Part(name, role, KINDS, (False, False, name == "email", False))
    for name, role in (
        ("given_name", "given"),
        ("family_name", "family"),
        ("birth_date", "birth"),
        ("email", "contact"),
        ("phone", "contact"),
        ("street", "place"),
    )
)
# How two records of one person and two strangers agree: exact, near, differ.
MATCH = {
    "given_name": (0.8, 0.15, 0.05),
    "family_name": (0.85, 0.1, 0.05),
    "birth_date": (0.9, 0.05, 0.05),
    "email": (0.5, 0.1, 0.4),
    "phone": (0.7, 0.05, 0.25),
    "street": (0.75, 0.1, 0.15),
}
STRANGERS = {
    "given_name": (0.01, 0.02, 0.97),
    "family_name": (0.003, 0.01, 0.987),
    "birth_date": (0.0001, 0.02, 0.9799),
    "email": (1e-6, 0.002, 0.997999),
    "phone": (1e-6, 0.0001, 0.999899),
    "street": (0.0001, 0.001, 0.9989),
}
HOUSEHOLD = STRANGERS | {"family_name": (0.8, 0.05, 0.15), "phone": (0.3, 0.0, 0.7), "street": (0.9, 0.05, 0.05)}


def drawn(random: np.random.Generator, table: dict[str, tuple[float, ...]], pairs: int, filled: float) -> Floats:
    """Level numbers of pairs of one class, shape (pairs, comparisons); a value is there with chance ``filled``."""
    columns = [
        random.choice([1, 2, 3], size=pairs, p=np.array(table[part.name]) / sum(table[part.name])) for part in PARTS
    ]
    levels = np.stack(columns, axis=1)
    spoken = random.random(levels.shape) < filled
    result: Floats = np.where(spoken, levels, 0)
    return result


def evidence(records: int, matches: int, housemates: int, *, filled: float = 0.8, strangers: int = 4000) -> Evidence:
    """What candidates of a world with so many pairs of each kind look like; some strangers are candidates too."""
    random = np.random.default_rng(3)
    levels = np.concatenate(
        [
            drawn(random, MATCH, matches, filled),
            drawn(random, HOUSEHOLD, housemates, filled),
            drawn(random, STRANGERS, strangers, filled),
        ]
    ).astype(np.int64)
    patterns, counts = np.unique(levels, axis=0, return_counts=True)
    tables = tuple(np.array((0.0, *STRANGERS[part.name])) for part in PARTS)
    itself = tuple(np.array([0.0, 1.0, 0.0, 0.0]) for _ in PARTS)
    return Evidence(
        parts=PARTS,
        levels=patterns,
        counts=counts.astype(np.float64),
        random=tables,
        itself=itself,
        speaking=np.full(len(PARTS), filled * filled),
        records=records,
    )


def prior(records: int) -> Prior:
    """The packaged one."""
    return Prior.from_settings(packaged_model().settings["mixture"], records)


def expected_pairs(found: Evidence, *, iterations: int = 60) -> dict[str, float]:
    """Pairs of each class by the fit."""
    mixture = fit_mixture(found, prior(found.records), iterations=iterations)
    assert mixture.shares.sum() == pytest.approx(1.0)
    assert (mixture.shares >= 0).all()
    for table in mixture.probability:
        assert table[:, 0].sum() == 0  # missing has no chance in any class: it says nothing
        assert table.sum(axis=1) == pytest.approx(np.ones(len(CLASSES)))
    return {name: float(share * found.all_pairs) for name, share in zip(CLASSES, mixture.shares, strict=True)}


@pytest.mark.parametrize(
    ("records", "matches", "housemates"),
    [(3000, 2500, 600), (3000, 600, 2500), (20_000, 9000, 3000), (20_000, 300, 300)],
)
def test_the_pairs_of_one_person_are_counted_without_labels(records: int, matches: int, housemates: int) -> None:
    pairs = expected_pairs(evidence(records, matches, housemates))
    same = sum(pairs[CLASSES[place]] for place in SAME_PERSON)
    assert same == pytest.approx(matches, rel=0.15)
    # housemates of whom little is known look like strangers, the more so the more strangers there are
    assert 0.3 * housemates < pairs["household"] < 1.1 * housemates


def test_what_the_classes_say_of_a_level_is_what_made_the_data() -> None:
    mixture = fit_mixture(evidence(20_000, 9000, 3000), prior(20_000), iterations=60)
    for part, table in zip(mixture.parts, mixture.probability, strict=True):
        assert table[CLASSES.index("match"), 1:] == pytest.approx(np.array(MATCH[part.name]), abs=0.06)


def test_a_fit_tells_the_classes_apart() -> None:
    mixture = fit_mixture(evidence(3000, 2500, 600), prior(3000), iterations=60)
    one_person = np.array([[1, 1, 1, 1, 1, 1], [1, 1, 1, 0, 0, 3], [2, 1, 1, 0, 1, 0], [1, 3, 1, 1, 0, 0]])
    others = np.array([[3, 1, 3, 0, 1, 1], [3, 1, 3, 3, 3, 1], [1, 3, 3, 3, 3, 3], [3, 3, 3, 3, 3, 3]])
    assert (mixture.log_odds(one_person) > 0).all()
    assert (mixture.log_odds(others) < 0).all()


def test_how_many_strangers_are_candidates_hardly_matters() -> None:
    few, many = (expected_pairs(evidence(20_000, 5000, 2000, strangers=n)) for n in (100, 40_000))
    for name in ("match", "household"):
        assert few[name] == pytest.approx(many[name], rel=0.05)


@pytest.mark.parametrize(("matches", "housemates"), [(60, 10), (10, 5), (0, 0), (2, 60)])
def test_a_hundred_records_do_not_collapse(matches: int, housemates: int) -> None:
    found = evidence(100, matches, housemates, strangers=100)
    mixture = fit_mixture(found, prior(100), iterations=60)
    sure = np.array([[1, 1, 1, 1, 1, 1], [1, 1, 1, 0, 1, 0]])
    never = np.array([[3, 3, 3, 3, 3, 3], [3, 1, 3, 0, 1, 1]])
    assert (mixture.log_odds(sure) > 3).all()
    assert (mixture.log_odds(never) < 0).all()


def test_a_rare_birth_date_that_strangers_share_weighs_what_it_does_by_the_count() -> None:
    """Of few records most have a birth date to themselves, so the prior expects too much agreement on these."""
    kinds = ("missing", "exact", "exact", "near", "differ")
    birth = Part("birth_date", "birth", kinds, (False, False, False, False, False))
    found = evidence(5000, 1500, 0, strangers=0)
    # nine in ten of the pairs agree on a date of many records, one in thirty on one that no more than two records have
    levels, counts = found.levels.repeat(30, axis=0), found.counts.repeat(30) / 30
    agreed = levels[:, 2] == 1
    levels[:, 2] += (levels[:, 2] > 1).astype(int)
    rare = agreed & (np.arange(len(levels)) % 30 == 0)
    levels[rare, 2] = 2
    speaking = found.speaking[2] * found.all_pairs
    strangers = 150 / speaking
    u = np.array([0.0, 1e-5, strangers, 0.02, 0.98])
    random = u.copy()
    random[1] += counts[levels[:, 2] == 1].sum() / speaking
    random[2] += counts[rare].sum() / speaking
    binned = replace(
        found,
        parts=(*PARTS[:2], birth, *PARTS[3:]),
        levels=levels,
        counts=counts,
        random=(*found.random[:2], random, *found.random[3:]),
        itself=(*found.itself[:2], np.array([0.0, 0.3, 0.7, 0.0, 0.0]), *found.itself[3:]),
    )
    rest = fit_mixture(binned, prior(5000), iterations=60).probability[2][-1]
    assert np.log2(rest[2] / strangers) == pytest.approx(0.0, abs=1.0)


def test_no_iteration_leaves_the_packaged_parameters() -> None:
    found = evidence(3000, 2500, 600)
    packaged = fit_mixture(found, prior(3000), iterations=0)
    other = fit_mixture(replace(found, counts=found.counts * 3), prior(3000), iterations=0)
    assert np.array_equal(packaged.shares, other.shares)
    settings = packaged_model().settings["mixture"]
    for table in packaged.probability:
        match = table[CLASSES.index("match"), 1:]
        assert match == pytest.approx([settings["exact"], settings["near"], settings["differ"]])


def test_no_pair_at_all_can_be_fitted() -> None:
    nothing = replace(
        evidence(50, 1, 0, strangers=1), levels=np.zeros((0, len(PARTS)), dtype=np.int64), counts=np.zeros(0)
    )
    assert expected_pairs(nothing)["rest"] == pytest.approx(nothing.all_pairs, rel=0.01)


@pytest.mark.parametrize(("records", "weight"), [(10, 50), (2000, 200), (10**6, 1000)])
def test_the_prior_weighs_a_share_of_the_records_within_bounds(records: int, weight: float) -> None:
    assert prior(records).weight == weight


def test_where_no_name_is_known_a_place_alone_makes_nobody_the_same() -> None:
    found = evidence(2000, 900, 300)
    bounded, free = (
        fit_mixture(found, replace(prior(2000), place_alone=bound), iterations=60) for bound in (-1.5, None)
    )
    given, family, birth, _, phone, street = range(len(PARTS))
    levels = np.zeros((5, len(PARTS)), dtype=np.int64)
    levels[:, street] = 1
    levels[1, phone] = 1  # what is somebody's own agrees as well
    levels[2, birth] = 3  # differs, which is no agreement
    levels[3, given] = 1
    levels[4, family] = 3
    odds = bounded.log_odds(levels)
    assert odds[0] == pytest.approx(-1.5)
    assert odds[2] <= -1.5
    assert odds[[1, 3, 4]] == pytest.approx(free.log_odds(levels)[[1, 3, 4]])
    assert free.log_odds(levels)[0] > -1.5, "or the bound would bind nothing"
    again = Mixture.from_table(json.loads(json.dumps(bounded.as_table())))
    assert again.log_odds(levels) == pytest.approx(odds)
    assert Mixture.from_table({**bounded.as_table(), "place_alone": None}).place_alone is None


@pytest.mark.parametrize(
    ("role", "alone"),
    [("further", True), ("naming", True), ("place", True), ("birth", False), ("contact", False), ("identifier", False)],
)
def test_nameless_people_at_one_place_are_told_apart_by_what_is_somebody_s_own(role: str, alone: bool) -> None:
    parts = (*PARTS[:2], PARTS[-1], Part("asked", role, KINDS, (False,) * 4))
    levels = np.array([[0, 0, 1, agrees] for agrees in (1, 2)], dtype=np.int64)
    assert nameless_at_one_place(parts, levels).tolist() == [alone, alone]


def test_a_good_fit_raises_no_suspicion() -> None:
    found = evidence(3000, 2500, 600)
    mixture = fit_mixture(found, prior(3000), iterations=60)
    assert suspicious_fit(found, prior(3000), mixture, 60) == []


def test_an_identifier_that_strangers_share_is_suspicious() -> None:
    found = evidence(3000, 2500, 600)
    shared = tuple(
        np.array([0.0, 0.4, 0.0, 0.6]) if part.name == "phone" else table
        for part, table in zip(found.parts, found.random, strict=True)
    )
    found = replace(found, random=shared)
    mixture = fit_mixture(found, prior(3000), iterations=60)
    warnings = suspicious_fit(found, prior(3000), mixture, 60)
    assert any("phone" in warning for warning in warnings)
