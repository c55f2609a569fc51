"""How a customer came about, merge by merge, and whom it nearly is: the nearest other customers and what lacks."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from pipelines.explain import Link, Work, open_explained, resolved_model, unvouched
from pipelines.refused import no_record, refused_since
from pipelines.waiting import NOTHING, Waiting, waiting_since
from profile_service.errors import NotFound, WrongUsage
from profile_service.identity.cluster import Judged, Pairs, bounds_of, cluster_with_history, counted
from profile_service.identity.ids import PREFIX
from profile_service.identity.mixture import LOG2
from profile_service.identity.model import Model

_NEAREST = 3


@dataclass(frozen=True)
class Step:
    """One merge: the records of both groups and the average bits over all pairs across them; None for a must-link.

    ``strongest``: the strongest scored pair across; None where there is none.
    """

    step: int
    left: tuple[str, ...]
    right: tuple[str, ...]
    bits: float | None
    strongest: Link | None


@dataclass(frozen=True)
class Near:
    """Another customer: the average bits over all pairs across, how many of these are scored, how many bits lack.

    ``short_bits`` is what the average lacks to the stop; 0 or less where only ``kept_apart_by`` (weight, cannot-link
    or channel: both hold a record of one duplicate-free channel) keeps them two.
    """

    customer_id: str
    records: tuple[str, ...]
    bits: float
    short_bits: float
    pairs: int
    scored: int
    kept_apart_by: str
    strongest: Link


@dataclass(frozen=True)
class Nearness:
    """How near two customers are, None when no pair of their records was weighed, and what was written live since."""

    near: Near | None
    waiting: tuple[str, ...] = ()


@dataclass(frozen=True)
class CustomerExplanation:
    """How ``customer_id`` came about and who comes nearest, nearest first; ``asked``: the record or id asked about.

    ``unvouched``: why those of its records are not compared for which nobody vouches. ``refused``: of which of its
    records a row was refused since they stand as they do, and why. ``waiting``: what was written live since the run
    that this is told from.
    """

    asked: str
    customer_id: str
    records: tuple[str, ...]
    steps: tuple[Step, ...]
    nearest: tuple[Near, ...]
    stop_bits: float
    model_version: str
    unvouched: tuple[str, ...] = ()
    refused: tuple[str, ...] = ()
    waiting: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Member:
    rid: int
    key: str
    customer_id: str
    apart: int
    place: int
    vouched: bool


def explain_customer(asked: str, data_dir: Path, ledger: str | Path | None = None) -> CustomerExplanation:
    """Explain a customer by its id, former ids too, or by one of its records (``channel:source_record_id``).

    ``ledger``: as in ``explain.explain``. Raises WrongUsage for a name that is neither, NotFound for one that is not
    there or erased, RunLocked while a run is at work.
    """
    with open_explained(data_dir) as work, waiting_since(work, data_dir, ledger) as waiting:
        model = resolved_model(work, data_dir)
        customer_id = standing_customer(work, asked, waiting)
        members = _members(work, [customer_id])
        keys = [member.key for member in members]
        waiting.refuse_erased(asked, keys)
        near = (each for each in _nearest(work, model, members) if not waiting.erased(each.customer_id, each.records))
        return CustomerExplanation(
            asked=asked,
            customer_id=customer_id,
            records=tuple(keys),
            steps=tuple(_steps(work, model, members)),
            nearest=tuple(near)[:_NEAREST],
            stop_bits=bounds_of(model).stop / LOG2,
            model_version=model.version,
            unvouched=tuple(unvouched([member.key]) for member in members if not member.vouched),
            refused=refused_since(work, keys),
            waiting=waiting.told(work, keys),
        )


def nearness(left: str, right: str, data_dir: Path, ledger: str | Path | None = None) -> Nearness:
    """How near customer ``right`` is to customer ``left``.

    Raises as ``explain_customer``, and WrongUsage when both are one customer.
    """
    with open_explained(data_dir) as work, waiting_since(work, data_dir, ledger) as waiting:
        model = resolved_model(work, data_dir)
        one, other = (standing_customer(work, asked, waiting) for asked in (left, right))
        if one == other:
            raise WrongUsage(f"{left} and {right} are one customer, {one}: `profiles explain {one}` says how")
        members, others = _members(work, [one]), _members(work, [other])
        keys = [member.key for member in (*members, *others)]
        for asked, theirs in ((left, members), (right, others)):
            waiting.refuse_erased(asked, [member.key for member in theirs])
        found = _nearest(work, model, members)
        return Nearness(next((near for near in found if near.customer_id == other), None), waiting.told(work, keys))


def standing_customer(work: Work, asked: str, waiting: Waiting = NOTHING) -> str:
    """The customer that a record or an id, also a former one, belongs to today. Raises NotFound where there is none."""
    waiting.refuse_erased(asked, [asked] if ":" in asked else [])
    if asked.startswith(PREFIX):
        rows = work.execute("SELECT stands_as FROM customer_ids WHERE customer_id = ?", [asked]).fetchall()
        if not rows:
            raise NotFound(f"no customer {asked} was ever published here")
        if rows[0][0] is None:
            raise NotFound(f"customer {asked} is erased")
        return str(rows[0][0])
    channel, colon, source_record_id = asked.partition(":")
    if not (channel and colon and source_record_id):
        raise WrongUsage(f"{asked!r} names no record and no customer: write channel:id or an id that begins {PREFIX}")
    rows = work.execute(
        """SELECT customer_id FROM records JOIN membership USING (rid)
        WHERE channel = ? AND source_record_id = ?""",
        [channel, source_record_id],
    ).fetchall()
    if not rows:
        raise no_record(work, asked, waiting)
    return str(rows[0][0])


def _members(work: Work, customers: Sequence[str]) -> list[_Member]:
    rows = work.execute(
        """SELECT rid, r.channel || ':' || r.source_record_id, m.customer_id, coalesce(s.apart, 0),
            hash(r.channel, r.source_record_id), r.authenticated IS NOT FALSE
        FROM membership m JOIN records r USING (rid) JOIN standardised s USING (rid)
        WHERE m.customer_id IN (SELECT unnest($customers::VARCHAR[])) ORDER BY 2""",
        {"customers": list(customers)},
    ).fetchall()
    return [_Member(*row) for row in rows]


def _steps(work: Work, model: Model, members: Sequence[_Member]) -> Iterator[Step]:
    """The merges inside a customer, one at a time.

    Average linkage of its own records alone: whom a group joins depends on nobody who stays outside.
    """
    rids = {member.rid: place for place, member in enumerate(members)}
    rows = work.execute(
        """SELECT l, r, bits FROM scored_pairs
        WHERE l IN (SELECT unnest($rids::INTEGER[])) AND r IN (SELECT unnest($rids::INTEGER[]))""",
        {"rids": list(rids)},
    ).fetchall()
    bits = {(min(rids[left], rids[right]), max(rids[left], rids[right])): float(weight) for left, right, weight in rows}
    pairs = Pairs(
        len(members),
        np.array([left for left, _ in bits], dtype=np.int64),
        np.array([right for _, right in bits], dtype=np.int64),
        np.array(list(bits.values()), dtype=np.float64) * LOG2,
    )
    same, different = (_judged(work, verdict, rids) for verdict in ("same", "different"))
    masks = np.array([1 << (member.apart - 1) if member.apart else 0 for member in members], dtype=np.int64)
    order = np.argsort(np.argsort(np.array([member.place for member in members], dtype=np.uint64))).astype(np.int64)
    merges = cluster_with_history(pairs, bounds_of(model), Judged(same, different, masks), order).merges
    joined = zip(
        merges.left.tolist(), merges.right.tolist(), merges.average.tolist(), merges.round.tolist(), strict=True
    )
    groups = {place: {place} for place in range(len(members))}
    for number, (left, right, average, round_) in enumerate(sorted(joined, key=_one_at_a_time), start=1):
        one, other = groups[left], groups[right]
        across = {ends: weight for ends, weight in bits.items() if _across(ends, one, other)}
        best = max(across, key=lambda ends: (across[ends], ends)) if across else None
        yield Step(
            step=number,
            left=tuple(members[place].key for place in sorted(one)),
            right=tuple(members[place].key for place in sorted(other)),
            bits=average / LOG2 if round_ else None,
            strongest=Link(members[best[0]].key, members[best[1]].key, across[best]) if best else None,
        )
        one |= other
        groups.update(dict.fromkeys(other, one))


def _one_at_a_time(merge: tuple[int, int, float, int]) -> tuple[bool, float, int]:
    """Must-links first, then the largest average; of equal ones what merged in an earlier round."""
    _, _, average, round_ = merge
    return (True, -average, round_) if round_ else (False, 0.0, 0)


def _across(ends: tuple[int, int], one: set[int], other: set[int]) -> bool:
    left, right = ends
    return (left in one and right in other) or (left in other and right in one)


def _judged(work: Work, verdict: str, rids: Mapping[int, int]) -> Any:
    rows = work.execute("SELECT l, r FROM obeyed WHERE verdict = ?", [verdict]).fetchall()
    ends = [(rids[left], rids[right]) for left, right in rows if left in rids and right in rids]
    return np.array(ends, dtype=np.int64).reshape(-1, 2)


def _nearest(work: Work, model: Model, members: Sequence[_Member]) -> Iterable[Near]:
    """Every other customer with a scored pair across, the nearest first."""
    mine = {member.rid: member for member in members}
    rows = work.execute(
        """SELECT l, r, bits, false FROM scored_pairs WHERE l IN (SELECT unnest($rids::INTEGER[]))
        UNION ALL SELECT r, l, bits, true FROM scored_pairs WHERE r IN (SELECT unnest($rids::INTEGER[]))""",
        {"rids": list(mine)},
    ).fetchall()
    beyond = [(here, there, float(bits)) for here, there, bits, _ in rows if there not in mine]
    customer_of = dict(
        work.execute(
            "SELECT rid, customer_id FROM membership WHERE rid IN (SELECT unnest($rids::INTEGER[]))",
            {"rids": [there for _, there, _ in beyond]},
        ).fetchall()
    )
    theirs: dict[str, list[_Member]] = {}
    for member in _members(work, sorted(set(customer_of.values()))):
        theirs.setdefault(member.customer_id, []).append(member)
    across: dict[str, list[tuple[int, int, float]]] = {}
    for here, there, bits in beyond:
        across.setdefault(customer_of[there], []).append((here, there, bits))
    verdicts = {(left, right): verdict for left, right, verdict in work.execute("FROM obeyed").fetchall()}
    found = [_near(model, mine, theirs[other], scored, verdicts) for other, scored in across.items()]
    return sorted(found, key=lambda near: (near.short_bits, near.customer_id))


def _near(
    model: Model,
    mine: Mapping[int, _Member],
    theirs: Sequence[_Member],
    scored: Sequence[tuple[int, int, float]],
    verdicts: Mapping[tuple[int, int], str],
) -> Near:
    bounds = bounds_of(model)
    log_odds = np.array([bits for *_, bits in scored], dtype=np.float64) * LOG2
    pairs = len(mine) * len(theirs)
    average = float((counted(log_odds, bounds).sum() + bounds.absent * (pairs - len(scored))) / pairs)
    names = {**{rid: member.key for rid, member in mine.items()}, **{member.rid: member.key for member in theirs}}
    here, there, best = max(scored, key=lambda pair: (pair[2], names[pair[0]], names[pair[1]]))
    return Near(
        customer_id=theirs[0].customer_id,
        records=tuple(member.key for member in theirs),
        bits=average / LOG2,
        short_bits=(bounds.stop - average) / LOG2,
        pairs=pairs,
        scored=len(scored),
        kept_apart_by=_kept_apart_by(mine.values(), theirs, verdicts),
        strongest=Link(names[here], names[there], best),
    )


def _kept_apart_by(mine: Iterable[_Member], theirs: Sequence[_Member], verdicts: Mapping[tuple[int, int], str]) -> str:
    mine = list(mine)
    ends = ((min(one.rid, other.rid), max(one.rid, other.rid)) for one in mine for other in theirs)
    if any(verdicts.get(pair) == "different" for pair in ends):
        return "cannot-link"
    if {member.apart for member in mine if member.apart} & {member.apart for member in theirs}:
        return "channel"
    return "weight"
