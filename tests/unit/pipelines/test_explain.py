"""Why two records are one customer: the strongest path between them, and how it is drawn."""

import math
from itertools import pairwise, permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.explain import Link, strongest_path
from pipelines.waterfall import bar, probability

ENDS = ("a", "b", "c", "d", "e")


def weakest(path: tuple[Link, ...]) -> float:
    return min((link.bits for link in path), default=-math.inf)


def by_trying_every_way(links: list[Link]) -> float:
    """The best weakest link from a to b over all ways through the others."""
    bits: dict[tuple[str, str], float] = {}
    for link in links:
        for ends in ((link.left, link.right), (link.right, link.left)):
            bits[ends] = max(bits.get(ends, -math.inf), link.bits)
    best = -math.inf
    for length in range(len(ENDS) - 1):
        for between in permutations(ENDS[2:], length):
            way = ["a", *between, "b"]
            best = max(best, min(bits.get(step, -math.inf) for step in pairwise(way)))
    return best


some_links = st.lists(
    st.builds(
        lambda ends, bits: Link(*ends, float(bits)),
        st.sampled_from([(x, y) for x in ENDS for y in ENDS if x < y]),
        st.integers(-5, 20),
    ),
    max_size=12,
)


@given(some_links)
def test_no_other_way_has_a_stronger_weakest_link(links: list[Link]) -> None:
    assert weakest(strongest_path("a", "b", links)) == by_trying_every_way(links)


@given(some_links)
def test_a_path_leads_from_the_one_record_to_the_other(links: list[Link]) -> None:
    path = strongest_path("a", "b", links)
    if path:
        assert (path[0].left, path[-1].right) == ("a", "b")
        assert all(one.right == other.left for one, other in pairwise(path))


@pytest.mark.parametrize(
    ("bits", "drawn"),
    [
        (0.0, "      ┃      "),
        (0.6, "      ┃█     "),
        (-0.6, "     █┃      "),
        (8.0, "      ┃███   "),
        (-16.0, "██████┃      "),
        (99.0, "      ┃██████"),
    ],
)
def test_a_bar_is_as_long_as_its_bits_and_ends_at_its_half(bits: float, drawn: str) -> None:
    assert bar(bits).plain == drawn


@pytest.mark.parametrize(
    ("share", "told"),
    [(0.9998379884, "0.9998380"), (2.0**-28, "below 0.0000001"), (1 - 2.0**-28, "above 0.9999999"), (0.5, "0.5000000")],
)
def test_a_probability_is_never_told_as_nothing_or_certainty(share: float, told: str) -> None:
    assert probability(share) == told
