"""How far stewards agree with each other, and what their judgements say about the model's precision."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from zlib import crc32

from profile_service.store.ledger.vote_rows import VoteRow

SAME, DIFFERENT, UNSURE = "same", "different", "unsure"
VERDICTS = (SAME, DIFFERENT, UNSURE)
# Of pairs that one steward has judged, so many in a hundred are shown to a second one, who is not told.
SECOND_OPINIONS = 20
# Precision is told apart by weight: the queue holds the doubtful pairs, not a fair draw of all.
BANDS: tuple[tuple[float, float], ...] = ((-99.0, 0.0), (0.0, 3.0), (3.0, 6.0), (6.0, 99.0))


@dataclass(frozen=True)
class Agreement:
    """Pairs that two stewards judged, how often alike, and Cohen's kappa (1: always alike, 0: as by chance)."""

    pairs: int
    same: int
    kappa: float | None

    @property
    def share(self) -> float | None:
        """The share of pairs on which both said the same."""
        return self.same / self.pairs if self.pairs else None


@dataclass(frozen=True)
class Band:
    """Of pairs weighing ``least`` to ``most`` bits, how many were judged one person; with a 95 % Wilson interval."""

    least: float
    most: float
    judged: int
    same: int
    low: float
    high: float


@dataclass(frozen=True)
class Standing:
    """What was judged so far, by whom, and what it says."""

    judged: int
    unsure: int
    by_user: Sequence[tuple[str, int]]
    agreement: Agreement
    bands: Sequence[Band]
    disputed: Sequence[tuple[str, str]]


def pair_of(left: str, right: str) -> tuple[str, str]:
    """A pair of record names in one order."""
    return (left, right) if left <= right else (right, left)


def asked_twice(pair: tuple[str, str]) -> bool:
    """Whether a pair is one of those that a second steward is asked about too; the same for everybody."""
    return crc32("\n".join(pair).encode()) % 100 < SECOND_OPINIONS


def standing_votes(votes: Sequence[VoteRow]) -> Standing:
    """What all votes together say."""
    clear = [vote for vote in votes if vote.verdict != UNSURE]
    by_pair: dict[tuple[str, str], list[VoteRow]] = defaultdict(list)
    for vote in clear:
        by_pair[vote.left_record, vote.right_record].append(vote)
    twice = [said[:2] for said in by_pair.values() if len(said) > 1]
    return Standing(
        judged=len(by_pair),
        unsure=sum(vote.verdict == UNSURE for vote in votes),
        by_user=Counter(vote.user_name for vote in votes).most_common(),
        agreement=_agreement([(first.verdict, second.verdict) for first, second in twice]),
        bands=[band for least, most in BANDS if (band := _band(by_pair.values(), least, most)) is not None],
        disputed=[pair for pair, said in by_pair.items() if len({vote.verdict for vote in said}) > 1],
    )


def _agreement(pairs: Sequence[tuple[str, str]]) -> Agreement:
    """J. Cohen, A coefficient of agreement for nominal scales, 1960."""
    if not pairs:
        return Agreement(0, 0, None)
    same = sum(first == second for first, second in pairs)
    observed = same / len(pairs)
    firsts, seconds = (Counter(side) for side in zip(*pairs, strict=True))
    by_chance = sum(firsts[verdict] * seconds[verdict] for verdict in VERDICTS) / len(pairs) ** 2
    return Agreement(len(pairs), same, None if by_chance == 1 else (observed - by_chance) / (1 - by_chance))


def _band(pairs: Iterable[Sequence[VoteRow]], least: float, most: float) -> Band | None:
    # the first clear word on a pair counts: second opinions measure agreement
    verdicts = [said[0].verdict for said in pairs if least <= said[0].centibits / 100 < most]
    if not verdicts:
        return None
    # its import takes a good part of a second, and few ask
    from scipy.stats import binomtest

    same = verdicts.count(SAME)
    interval = binomtest(same, len(verdicts)).proportion_ci(method="wilson")
    return Band(least, most, len(verdicts), same, float(interval.low), float(interval.high))
