"""What people said of pairs of records when asked for labels: kept to measure by, and, if so wished, to bind."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import astuple, dataclass, replace
from datetime import datetime
from typing import Any

from profile_service.correct import Wish, judge
from profile_service.live.judge import Constraint
from profile_service.live.step import Hand
from profile_service.store.ledger import Entry, Log

LABEL = "label"
VERDICTS = ("same", "different", "unsure")


@dataclass(frozen=True)
class Label:
    """A verdict on two records, who gave it, why and when (RFC 3339, or None: when it was imported).

    ``stratum`` and ``sampling_probability``: how the pair was drawn, None where nobody drew it. ``bound``: the verdict
    is a must-link or cannot-link too.
    """

    left_channel: str
    left_id: str
    right_channel: str
    right_id: str
    verdict: str
    author: str
    reason: str | None = None
    judged_at: str | None = None
    stratum: str | None = None
    sampling_probability: float | None = None
    bound: bool = False

    @property
    def left(self) -> tuple[str, str]:
        """The key of the left record."""
        return self.left_channel, self.left_id

    @property
    def right(self) -> tuple[str, str]:
        """The key of the right record."""
        return self.right_channel, self.right_id

    @property
    def said(self) -> tuple[Any, ...]:
        """What makes two labels the same one, whichever record stands on the left."""
        return (*sorted((self.left, self.right)), self.verdict, self.author, self.reason, self.judged_at)


@dataclass(frozen=True)
class Imported:
    """Labels that were new, those known already, and how many decisions bind because of them."""

    new: int
    known: int
    bound: int


def import_labels(hand: Hand, labels: Sequence[Label], *, bind: bool) -> Imported:
    """Keep those labels that are new; ``bind`` makes them must-links and cannot-links from now on.

    All in one write. The same labels again change nothing, also where a steward has taken such a decision back since.
    Of two labels on one pair the later binds, by ``judged_at`` and then by their order. ``unsure`` binds nothing.
    """
    known = known_labels(hand.tx.log)
    wanted: dict[tuple[Any, ...], Label] = {}
    again = bound = 0
    for label in sorted(labels, key=lambda each: _moment(each.judged_at, hand.tx.now)):
        standing = wanted.get(label.said) or known.get(label.said)
        binds = bind and label.verdict != "unsure"
        if standing is not None and (standing.bound or not binds):
            again += 1
            continue
        if binds:
            left, right = sorted((label.left, label.right))
            constraint = Constraint(left, right, label.verdict)
            judge(hand, label.verdict, [constraint], Wish(label.author, label.reason or "imported label"))
            bound += 1
        wanted[label.said] = replace(label, bound=binds)
    if wanted:
        rows = [list(astuple(label)) for label in wanted.values()]
        hand.append(LABEL, {LABEL: rows}, actor=next(iter(wanted.values())).author)
    new = sum(1 for said in wanted if said not in known)
    return Imported(new, again + len(wanted) - new, bound)


def known_labels(log: Log) -> dict[tuple[Any, ...], Label]:
    """Every label ever imported, by what it says."""
    labels = (label_of(row) for _, rows in label_rows(log) for row in rows)
    return {label.said: label for label in labels}


def label_rows(log: Log) -> Iterator[tuple[Entry, list[list[Any]]]]:
    """The entries of kind ``label`` that say something, each with its rows."""
    yield from ((entry, entry.payload[LABEL]) for entry in log.said_after(kind=LABEL) if entry.payload is not None)


def label_of(row: Sequence[Any]) -> Label:
    """A label from a row of an entry."""
    return Label(*row)


def _moment(judged_at: str | None, now: datetime) -> datetime:
    return now if judged_at is None else datetime.fromisoformat(judged_at)
