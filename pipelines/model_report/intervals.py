"""Shares with 95 % intervals: of pairs that count alike or not, of all or of some, and sums and quotients of them."""

from __future__ import annotations

from collections.abc import Sequence
from math import sqrt

from pipelines.model_report.report import Interval

_CONFIDENCE = 0.95


def wilson(same: int, labelled: int) -> Interval:
    """A share of ``labelled`` pairs with Wilson's (1927) interval, which holds for few pairs and for none or all."""
    from scipy.stats import binomtest  # half a second to load: only where labels are

    limits = binomtest(same, labelled).proportion_ci(_CONFIDENCE, method="wilson")
    return Interval(same / labelled, float(limits.low), float(limits.high))


def weighed_share(pairs: Sequence[tuple[bool, float]], drawn_from: float) -> Interval:
    """The share of pairs of one person where each stands for so many (one over its sampling probability).

    Hájek's estimate with Korn and Graubard's (1998) interval: Clopper and Pearson's for as many labels as Kish's
    effective size says, for with Wilson's a single wrong pair of few, in a stratum of many, left the truth outside too
    often (8 % for 5 % of draws). It is narrowed by the part of the ``drawn_from`` pairs that was judged: who has asked
    about all of them knows.
    """
    from scipy.stats import beta

    total = sum(weight for _, weight in pairs)
    share = sum(weight for same, weight in pairs if same) / total
    worth = total**2 / sum(weight**2 for _, weight in pairs)
    hits, misses = share * worth, (1 - share) * worth
    tail = (1 - _CONFIDENCE) / 2
    one_sort = {same for same, _ in pairs}
    low = 0.0 if one_sort == {False} else float(beta.ppf(tail, hits, misses + 1))
    high = 1.0 if one_sort == {True} else float(beta.ppf(1 - tail, hits + 1, misses))
    left = sqrt(max(1.0 - len(pairs) / drawn_from, 0.0))
    return Interval(share, share - left * (share - low), share + left * (high - share))


def weighted_sum(shares: Sequence[tuple[float, Interval]]) -> Interval:
    """A sum of independent shares times their weights, with limits recovered from those of each share.

    The method of variance estimates recovery (Zou and Donner 2008); of one share with weight 1 it is that share.
    """
    value = sum(weight * share.value for weight, share in shares)
    below = sqrt(sum((weight * (share.value - share.low)) ** 2 for weight, share in shares))
    above = sqrt(sum((weight * (share.high - share.value)) ** 2 for weight, share in shares))
    return Interval(value, max(value - below, 0.0), value + above)


def share_of_first(first: Interval, second: Interval) -> Interval | None:
    """``first / (first + second)`` of two independent sums; the limits take each at the limit that matters more.

    None when both are nothing. The worse limit of one goes with the better of the other, which is on the safe side.
    """
    if first.value + second.value <= 0:
        return None

    def share(one: float, other: float) -> float:
        return one / (one + other) if one + other > 0 else 1.0

    return Interval(
        share(first.value, second.value), share(first.low, second.high), min(share(first.high, second.low), 1.0)
    )
