"""Of decisions that contradict each other the latest stand, in whatever order they are read."""

from __future__ import annotations

from itertools import combinations

from hypothesis import given, settings
from hypothesis import strategies as st

from profile_service.identity.judgements import DIFFERENT, SAME, Decision, reconcile

PAIRS = list(combinations(range(6), 2))
VERDICTS = st.tuples(st.sampled_from([SAME, DIFFERENT]), st.integers(0, 9))
decisions = st.dictionaries(st.sampled_from(PAIRS), VERDICTS).map(
    lambda said: [
        Decision(left, right, verdict, f"jdg_{number:03}", (f"a{left}", f"a{right}"))
        for (left, right), (verdict, number) in said.items()
    ]
)


def groups(standing: list[Decision]) -> list[set[int]]:
    """The records that must-links join."""
    found = [{record} for record in range(6)]
    for each in standing:
        if each.verdict == SAME:
            one = next(group for group in found if each.left in group)
            other = next(group for group in found if each.right in group)
            if one is not other:
                found.remove(other)
                one |= other
    return found


def contradictory(standing: list[Decision]) -> bool:
    joined = groups(standing)
    return any(
        each.verdict == DIFFERENT and any({each.left, each.right} <= group for group in joined) for each in standing
    )


@given(decisions)
def test_what_stands_contradicts_nothing_and_nothing_is_lost(said: list[Decision]) -> None:
    standing, set_aside = reconcile(said)
    assert not contradictory(standing)
    assert sorted([*standing, *(each.decision for each in set_aside)], key=said.index) == said


@given(decisions)
def test_each_that_is_set_aside_contradicts_just_the_later_ones_it_names(said: list[Decision]) -> None:
    standing, set_aside = reconcile(said)
    for each in set_aside:
        named = [one for one in standing if one.decision_id in each.against]
        assert {one.decision_id for one in named} == set(each.against)
        assert all(one.decision_id >= each.decision.decision_id for one in named)
        assert contradictory([*named, each.decision])


@given(decisions, st.randoms(use_true_random=False))
@settings(max_examples=50)
def test_the_order_of_reading_says_nothing(said: list[Decision], random: object) -> None:
    shuffled = list(said)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert set(reconcile(shuffled)[0]) == set(reconcile(said)[0])


@given(decisions)
@settings(max_examples=50)
def test_a_group_of_records_is_judged_alike_alone_and_among_all(said: list[Decision]) -> None:
    """A live answer looks only at what hangs together by must-links."""
    joined = groups([each for each in said if each.verdict == SAME])
    for group in joined:
        inside = [each for each in said if {each.left, each.right} <= group]
        assert set(reconcile(inside)[0]) == {each for each in reconcile(said)[0] if each in inside}
