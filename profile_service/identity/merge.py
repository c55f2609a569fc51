"""One customer's records become one golden record that knows where each of its values came from."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from profile_service.identity.records import RawRecord
from profile_service.identity.survivorship import (
    SHOW,
    STRATEGIES,
    Candidate,
    SurvivorshipRule,
    survivorship_from,
    tidy,
)

__all__ = ["Evidence", "GoldenValue", "RunnerUp", "SurvivorshipRule", "golden_record", "survivorship_from"]

RUNNERS_UP = 3


@dataclass(frozen=True)
class Evidence:
    """A record as sent and, by standard column, as standardised.

    A junk or generic value is ``None`` there; a column that is not there at all has not been judged.
    """

    record: RawRecord
    standard: Mapping[str, str | None]


@dataclass(frozen=True)
class RunnerUp:
    """A value that did not win, and the best record that gave it."""

    value: str
    channel: str
    source_record_id: str
    records: int


@dataclass(frozen=True)
class GoldenValue:
    """A value of the golden record: who said it when, which rule decided, among how many.

    ``decided_by`` is ``only_value`` (one record spoke), ``agreed`` (all spoke alike), the strategy that told the
    winner from the best other value, or ``record_order`` when none did.
    """

    field: str
    value: str
    channel: str
    source_record_id: str
    updated_at: datetime | None
    decided_by: str
    records: int
    values: int
    runners_up: tuple[RunnerUp, ...]


def golden_record(records: Sequence[Evidence], rules: Mapping[str, SurvivorshipRule]) -> dict[str, GoldenValue]:
    """The golden value of each field that any record can fill; the order of ``records`` never matters."""
    ordered = sorted(records, key=lambda evidence: (evidence.record.channel, evidence.record.source_record_id))
    recency = _recency(ordered)
    golden: dict[str, GoldenValue] = {}
    for rule in rules.values():
        golden |= _survivors(ordered, rule, recency)
    return golden


def _recency(ordered: Sequence[Evidence]) -> list[int]:
    """For each record how many moments are newer than its own; one without a moment comes after all."""
    times = sorted({e.record.updated_at for e in ordered if e.record.updated_at is not None}, reverse=True)
    place: dict[datetime | None, int] = {moment: number for number, moment in enumerate(times)}
    return [place.get(each.record.updated_at, len(times)) for each in ordered]


def _survivors(ordered: Sequence[Evidence], rule: SurvivorshipRule, recency: Sequence[int]) -> dict[str, GoldenValue]:
    candidates = _candidates(ordered, rule, recency)
    if not candidates:
        return {}
    best: dict[tuple[str | None, ...], tuple[tuple[int, ...], Candidate]] = {}
    # of one offer there is nothing to weigh
    weighed = [STRATEGIES[name].python for name in rule.order] if len(candidates) > 1 else []
    for candidate in candidates:
        key = (*(weigh(candidate, rule) for weigh in weighed), candidate.position)
        if candidate.identity not in best or key < best[candidate.identity][0]:
            best[candidate.identity] = (key, candidate)
    ranking = sorted(best.values(), key=lambda entry: entry[0])
    winner = ranking[0][1]
    source = ordered[winner.position]
    decided_by = _decided_by([key for key, _ in ranking], rule, len(candidates))
    return {
        name: GoldenValue(
            field=name,
            value=value,
            channel=source.record.channel,
            source_record_id=source.record.source_record_id,
            updated_at=source.record.updated_at,
            decided_by=decided_by,
            records=len(candidates),
            values=len(ranking),
            runners_up=tuple(
                RunnerUp(
                    loser.shown[name],
                    loser.channel,
                    ordered[loser.position].record.source_record_id,
                    loser.times,
                )
                for _, loser in ranking[1 : 1 + RUNNERS_UP]
                if name in loser.shown
            ),
        )
        for name, value in winner.shown.items()
    }


def _candidates(ordered: Sequence[Evidence], rule: SurvivorshipRule, recency: Sequence[int]) -> list[Candidate]:
    offers = []
    for position, evidence in enumerate(ordered):
        sent = {
            name: value
            for name in rule.fields
            if (value := evidence.record.value(name)) is not None
            and not (name in rule.readable and name in evidence.standard and evidence.standard[name] is None)
        }
        if sent:
            offers.append((position, evidence, sent, _identity(rule, sent, evidence.standard)))
    counts = Counter(identity for *_, identity in offers)
    return [
        Candidate(
            channel=evidence.record.channel,
            source_record_id=evidence.record.source_record_id,
            position=position,
            recent=recency[position],
            shown={name: _shown(rule, name, value, evidence) for name, value in sent.items()},
            standard=evidence.standard.get(rule.fields[0]),
            text=evidence.standard.get(rule.fields[0]) or sent.get(rule.fields[0]) or "",
            identity=identity,
            same_value=evidence.standard.get(rule.same) if rule.same else None,
            times=counts[identity],
        )
        for position, evidence, sent, identity in offers
    ]


def _shown(rule: SurvivorshipRule, name: str, value: str, evidence: Evidence) -> str:
    way, _ = SHOW[rule.show.get(name, "sent")]
    return way(value, evidence.standard.get(name))


def _identity(
    rule: SurvivorshipRule, sent: Mapping[str, str], standard: Mapping[str, str | None]
) -> tuple[str | None, ...]:
    if rule.same and standard.get(rule.same) is not None:
        return (standard[rule.same],)
    whole = bool(rule.needs) and all(need in sent for need in rule.needs)
    return tuple(
        (standard.get(name) or tidy(sent[name]).lower()) if name in sent and (name in rule.needs or not whole) else None
        for name in rule.fields
    )


def _decided_by(keys: Sequence[tuple[int, ...]], rule: SurvivorshipRule, records: int) -> str:
    if len(keys) == 1:
        return "only_value" if records == 1 else "agreed"
    for name, ours, theirs in zip(rule.order, keys[0], keys[1], strict=False):
        if ours != theirs:
            return name
    return "record_order"
