"""Must-links and cannot-links that contradict each other: of decisions on a group of records the latest stand."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

SAME, DIFFERENT = "same", "different"


@dataclass(frozen=True)
class Decision:
    """What was decided of two records, by their numbers: ``same`` or ``different``.

    Ids are in the order of time. ``names``: both records' keys, smaller first; they decide between decisions of one id.
    """

    left: int
    right: int
    verdict: str
    decision_id: str = ""
    names: tuple[str, ...] = ()


@dataclass(frozen=True)
class SetAside:
    """A decision that cannot stand beside later ones, and the ids of these: with them it would make A = B = C ≠ A."""

    decision: Decision
    against: tuple[str, ...]


def reconcile(decisions: Iterable[Decision]) -> tuple[list[Decision], list[SetAside]]:
    """Which decisions stand, and which are set aside because later ones say otherwise; one decision a pair of records.

    From the latest to the earliest, each stands that contradicts none of those before it: a must-link between groups
    that are kept apart does, and a cannot-link inside a group. Of one id, cannot-links come first: what is kept apart
    wrongly can still be joined, while a wrong merge has shown one person's data to another.
    """
    ordered = sorted(decisions, key=lambda each: each.names)
    ordered.sort(key=lambda each: (each.decision_id, each.verdict == DIFFERENT), reverse=True)
    groups = _Groups()
    standing: list[Decision] = []
    set_aside: list[SetAside] = []
    for decision in ordered:
        against = groups.objections(decision)
        if against is None:
            groups.add(decision)
            standing.append(decision)
        else:
            set_aside.append(SetAside(decision, tuple(dict.fromkeys(each.decision_id for each in against))))
    return standing, set_aside


@dataclass
class _Groups:
    """Records joined by must-links, and which groups are kept apart by what."""

    parent: dict[int, int] = field(default_factory=dict)
    apart: dict[int, dict[int, Decision]] = field(default_factory=dict)
    links: dict[int, list[Decision]] = field(default_factory=dict)

    def find(self, record: int) -> int:
        root = record
        while (above := self.parent.get(root, root)) != root:
            root = above
        while record != root:
            self.parent[record], record = root, self.parent.get(record, root)
        return root

    def objections(self, decision: Decision) -> Sequence[Decision] | None:
        """The decisions that speak against it; None where none does."""
        left, right = self.find(decision.left), self.find(decision.right)
        if decision.verdict == DIFFERENT:
            return self._chain(decision.left, decision.right) if left == right else None
        barrier = self.apart.get(left, {}).get(right)
        if barrier is None:
            return None
        mine, other = sorted((barrier.left, barrier.right), key=lambda record: self.find(record) != left)
        return [*self._chain(decision.left, mine), barrier, *self._chain(other, decision.right)]

    def add(self, decision: Decision) -> None:
        left, right = self.find(decision.left), self.find(decision.right)
        if decision.verdict == DIFFERENT:
            self.apart.setdefault(left, {}).setdefault(right, decision)
            self.apart.setdefault(right, {}).setdefault(left, decision)
            return
        for end in (decision.left, decision.right):
            self.links.setdefault(end, []).append(decision)
        if left == right:
            return
        if len(self.apart.get(left, {})) < len(self.apart.get(right, {})):
            left, right = right, left
        self.parent[right] = left
        for other, why in self.apart.pop(right, {}).items():
            del self.apart[other][right]
            self.apart.setdefault(left, {}).setdefault(other, why)
            self.apart[other].setdefault(left, why)

    def _chain(self, start: int, end: int) -> list[Decision]:
        """The must-links that lead from one record to another of its group."""
        came: dict[int, tuple[int, Decision] | None] = {start: None}
        following = deque([start])
        while following and end not in came:
            record = following.popleft()
            for link in self.links.get(record, ()):
                other = link.right if link.left == record else link.left
                if other not in came:
                    came[other] = (record, link)
                    following.append(other)
        chain = []
        step = came.get(end)
        while step is not None:
            chain.append(step[1])
            step = came[step[0]]
        return chain[::-1]
