"""A missing value is no evidence: it moves no score, and a field nobody filled might as well not be there."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from profile_service.identity.compare import compare_pair
from profile_service.identity.records import STANDARD_COLUMNS, StandardisedRecord
from profile_service.identity.score import score_pair
from profile_service.identity.standardise import standardise_record
from tests.linkage_world import Learned, raw, without

QUICK = settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow])
# What goes missing together: a comparison and all the columns its levels read.
COLUMNS = {
    "given_name": ("given_name", "given_fixed", "given_root", "given_roots", "given_sound"),
    "family_name": ("family_name", "family_fixed", "family_sound"),
    "birth_date": ("birth_date",),
    "email": ("email", "email_local"),
    "phone": ("phone", "phone_tail"),
    "street": ("street", "street_number", "street_name"),
    "postcode": ("postcode",),
    "loyalty_id": ("loyalty_id",),
}


def any_levels(learned: Learned) -> st.SearchStrategy[tuple[int, ...]]:
    """Level numbers of a pair, whatever they are."""
    model = learned.model
    assert model.trained is not None
    taking_part = model.trained.facts["comparisons"]
    return st.tuples(
        *(
            st.integers(0, radix - 1) if comparison.name in taking_part else st.just(0)
            for comparison, radix in zip(model.comparisons, model.radices, strict=True)
        )
    )


def two_records(learned: Learned) -> st.SearchStrategy[tuple[StandardisedRecord, StandardisedRecord]]:
    """Two standardised records of the sample; the second is often a copy of the first in part."""

    def mixed(left: int, right: int, taken: list[bool]) -> tuple[StandardisedRecord, StandardisedRecord]:
        one, other = (standardise_record(learned.records[at], learned.model, {}) for at in (left, right))
        from_left = dict(zip(COLUMNS, taken, strict=True))
        texts = dict(other.values)
        bins = dict(other.bins)
        for name, columns in COLUMNS.items():
            for column in columns if from_left[name] else ():
                texts[column] = one[column]
                bins |= {column: one.bins[column]} if column in bins else {}
        return one, replace(other, values=texts, bins=bins)

    place = st.integers(0, len(learned.records) - 1)
    return st.builds(mixed, place, place, st.lists(st.booleans(), min_size=len(COLUMNS), max_size=len(COLUMNS)))


@QUICK
@given(data=st.data(), place=st.integers(0, 100))
def test_a_missing_comparison_scores_as_if_it_did_not_exist(learned: Learned, data: st.DataObject, place: int) -> None:
    model = learned.model
    place %= len(model.comparisons)
    levels = list(data.draw(any_levels(learned)))
    levels[place] = 0
    score = score_pair(tuple(levels), model)
    less = score_pair(tuple(levels[:place] + levels[place + 1 :]), without(model, model.comparisons[place].name))
    assert score.bits == pytest.approx(less.bits, abs=1e-9)
    assert [part.comparison for part in score.contributions] == [part.comparison for part in less.contributions]
    assert model.comparisons[place].name not in [part.comparison for part in score.contributions]


@QUICK
@given(data=st.data())
def test_contributions_and_the_weight_of_silence_add_up(learned: Learned, data: st.DataObject) -> None:
    levels = data.draw(any_levels(learned))
    score = score_pair(levels, learned.model)
    silence = score_pair((0,) * len(levels), learned.model)
    assert silence.contributions == ()
    assert silence.bits + sum(part.bits for part in score.contributions) == pytest.approx(score.bits, abs=1e-6)
    assert score.probability == pytest.approx(1 / (1 + 2 ** -max(-500, min(500, score.bits))))


@QUICK
@given(data=st.data(), name=st.sampled_from(sorted(COLUMNS)), sides=st.sampled_from(["left", "right", "both"]))
def test_a_value_missing_on_any_side_is_level_missing_and_weighs_nothing(
    learned: Learned, data: st.DataObject, name: str, sides: str
) -> None:
    model = learned.model
    left, right = data.draw(two_records(learned))
    place = [comparison.name for comparison in model.comparisons].index(name)
    gone = dict.fromkeys(COLUMNS[name])
    if sides != "right":
        left = replace(left, values={**left.values, **gone})
    if sides != "left":
        right = replace(right, values={**right.values, **gone})
    levels = compare_pair(left, right, model)
    assert levels[place] == 0
    one_sided = compare_pair(replace(left, values={**left.values, **gone}), right, model)
    if sides == "left":
        assert one_sided == levels  # what only one side says is never read
    assert name not in [part.comparison for part in score_pair(levels, model).contributions]


@QUICK
@given(data=st.data())
def test_no_comparison_and_no_score_cares_which_record_is_on_the_left(learned: Learned, data: st.DataObject) -> None:
    left, right = data.draw(two_records(learned))
    assert compare_pair(left, right, learned.model) == compare_pair(right, left, learned.model)


def test_one_initial_that_mailboxes_completed_as_two_names_agrees_alike_from_either_side(learned: Learned) -> None:
    model = learned.model
    assert model.trained is not None
    counts = model.trained.frequencies["given_fixed"].counts
    often, never = max(counts, key=lambda name: counts[name]), "jorgelina"
    assert model.bin_of("given_fixed", often) < model.bin_of("given_fixed", never)
    empty = standardise_record(raw(), model, {})
    sides = []
    for name in (often, never):
        bins = {**empty.bins, "given_fixed": model.bin_of("given_fixed", name)}
        sides.append(replace(empty, values={**empty.values, "given_name": "j", "given_fixed": name}, bins=bins))
    levels = compare_pair(sides[0], sides[1], model)
    assert levels == compare_pair(sides[1], sides[0], model)
    assert levels == compare_pair(sides[0], sides[0], model), "two who may be one person meet in the commoner name"


@QUICK
@given(data=st.data())
def test_a_packed_pattern_unpacks_to_its_levels(learned: Learned, data: st.DataObject) -> None:
    model = learned.model
    levels = data.draw(any_levels(learned))
    pattern = model.pack(levels)
    assert model.unpack(pattern) == levels
    assert 0 <= pattern < 2**63
    names = model.level_names(levels)
    assert all(
        (names[c.name] == "missing") == (number == 0) for c, number in zip(model.comparisons, levels, strict=True)
    )


def test_two_records_that_say_nothing_weigh_what_any_two_records_do(learned: Learned) -> None:
    empty = standardise_record(raw(), learned.model, {})
    assert set(empty.values) == set(STANDARD_COLUMNS)
    assert set(empty.values.values()) == {None}
    levels = compare_pair(empty, empty, learned.model)
    assert set(levels) == {0}
    assert score_pair(levels, learned.model).bits < -8
