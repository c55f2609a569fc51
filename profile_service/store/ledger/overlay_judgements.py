"""What stewards decided since a generation was published, by the records' numbers in it."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from sqlalchemy import bindparam, select

from profile_service.store.ledger.overlay import Overlay
from profile_service.store.ledger.statement import Statement, any_of, dropping, putting
from profile_service.store.ledger.tables import OVERLAY_JUDGEMENTS

SAME, DIFFERENT, UNDONE = "same", "different", "undone"

_J = OVERLAY_JUDGEMENTS.c
_OF = Statement(
    select(_J.ref, _J.other, _J.verdict, _J.decision_id).where(
        _J.generation == bindparam("generation"), any_of(_J.ref, "refs")
    ),
    lists=("refs",),
)
_JUDGED = Statement(select(_J.ref).where(_J.generation == bindparam("generation")).distinct())
_PUT = putting(OVERLAY_JUDGEMENTS)
_DROP = dropping(OVERLAY_JUDGEMENTS, "generation", "ref")
_DROP_TO = dropping(OVERLAY_JUDGEMENTS, "generation", "other")


@dataclass(frozen=True)
class Judgement:
    """Two records (by number) and the verdict on them: ``same``, ``different``, or ``undone``.

    Undone is what ``decision_id`` said of the two, be it published or live.
    """

    ref: int
    other: int
    verdict: str
    decision_id: str


def judgements_of(overlay: Overlay, refs: Collection[int]) -> list[Judgement]:
    """Every live judgement with one of those records in it."""
    if not refs:
        return []
    rows = overlay.session.all(_OF, {"generation": overlay.run_id, "refs": list(refs)})
    return [Judgement(*row) for row in rows]


def judged_records(overlay: Overlay) -> list[int]:
    """The records that live judgements are on."""
    return [int(row[0]) for row in overlay.session.all(_JUDGED, {"generation": overlay.run_id})]


def binding(judgements: Iterable[Judgement]) -> list[Judgement]:
    """Of what was decided of each two records, what binds: the latest decision that is not undone.

    Ids of decisions are in the order of time.
    """
    said: dict[tuple[int, int], dict[str, Judgement]] = {}
    for judgement in judgements:
        left, right = sorted((judgement.ref, judgement.other))
        decisions = said.setdefault((left, right), {})
        known = decisions.get(judgement.decision_id)
        if known is None or known.verdict != UNDONE:
            decisions[judgement.decision_id] = Judgement(left, right, judgement.verdict, judgement.decision_id)
    bound = []
    for decisions in said.values():
        standing = [decision for decision in decisions.values() if decision.verdict != UNDONE]
        if standing:
            bound.append(max(standing, key=lambda decision: decision.decision_id))
    return bound


def put_judgements(overlay: Overlay, judgements: Iterable[Judgement]) -> None:
    """Keep judgements, each found from both of its records; one of the same decision on the same two is replaced."""
    rows = []
    for judgement in judgements:
        for ref, other in ((judgement.ref, judgement.other), (judgement.other, judgement.ref)):
            rows.append(vars(judgement) | {"generation": overlay.run_id, "ref": ref, "other": other})
    overlay.session.many(_PUT, rows)


def drop_judgements(overlay: Overlay, ref: int) -> None:
    """Forget every judgement on a record."""
    overlay.session.do(_DROP, {"generation": overlay.run_id, "ref": ref})
    overlay.session.do(_DROP_TO, {"generation": overlay.run_id, "other": ref})
