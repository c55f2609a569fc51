"""A channel's record is taken in now: its version judged, its pairs found, its customer made or extended."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from profile_service.errors import PromiseBroken
from profile_service.live.events import summary_of
from profile_service.live.recluster import Reclustered, recluster
from profile_service.live.resolve import find_pairs, keys_of, standard_values
from profile_service.live.rule import generic_by_then
from profile_service.live.step import Step
from profile_service.live.versions import consent_after, judge_version
from profile_service.store.stored import EventSummary, StoredRecord, moment_of


@dataclass(frozen=True)
class RecordTaken:
    """What became of a record: ``outcome`` is accepted, unchanged or superseded; whose it is; what else changed."""

    customer_id: str
    outcome: str
    known: bool
    customers: Reclustered = field(default_factory=Reclustered)


def apply_record(step: Step) -> RecordTaken:
    """Apply an entry of kind ``record``: payload ``fields``, ``updated_at`` (RFC 3339), ``authenticated``."""
    sent = _as_sent(step)
    known = step.standing.record(sent.channel, sent.source_record_id)
    if known is None:
        return _resolve(step, replace(sent, events=_waiting(step, sent)), None)
    verdict = judge_version(known, sent)
    if verdict == "unchanged":
        return RecordTaken(known.customer_id, verdict, known=True)
    before = known.consent if sent.authenticated and known.authenticated else None
    consent = consent_after(before, sent.fields, sent.updated_at)
    # when they were first seen is what somebody vouches for, too
    telling = [each for each in (known, sent) if each.authenticated or not (known.authenticated or sent.authenticated)]
    first_seen = min((each.first_seen for each in telling if each.first_seen is not None), default=None)
    if verdict == "superseded":
        if not sent.authenticated:
            # a claim that nobody vouches for says nothing beside one that somebody does
            consent = known.consent
        if (consent, first_seen) != (known.consent, known.first_seen):
            step.overlay.move_record(replace(known, consent=consent, first_seen=first_seen))
            return RecordTaken(known.customer_id, verdict, True, recluster(step, (), [known.customer_id]))
        return RecordTaken(known.customer_id, verdict, known=True)
    merged = replace(
        sent,
        ref=known.ref,
        customer_id=known.customer_id,
        first_seen=first_seen,
        consent=consent,
        events=known.events,
        statements=known.statements,
    )
    return _resolve(step, merged, known)


def _as_sent(step: Step) -> StoredRecord:
    entry, payload = step.entry, step.entry.payload
    if payload is None or entry.about.channel is None or entry.about.source_record_id is None:
        raise PromiseBroken(f"entry {entry.seq} is no record")
    fields: Mapping[str, str] = payload["fields"]
    updated_at = moment_of(payload["updated_at"])
    return StoredRecord(
        ref=-entry.seq,
        channel=entry.about.channel,
        source_record_id=entry.about.source_record_id,
        customer_id="",
        fields=fields,
        standard={},
        updated_at=updated_at,
        first_seen=updated_at,
        consent=consent_after(None, fields, updated_at),
        authenticated=bool(payload["authenticated"]),
    )


def _resolve(step: Step, record: StoredRecord, known: StoredRecord | None) -> RecordTaken:
    """Let ``record`` stand in place of ``known``, with its pairs, and cluster what hangs together with either."""
    record = replace(record, standard=standard_values(record, step.standing, generic_by_then(step)))
    if known is not None and known.standard == record.standard:
        step.overlay.move_record(record)
        done = recluster(step, (), [record.customer_id])
        return RecordTaken(record.customer_id, "accepted", True, done)
    seeds = {record.ref}
    if known is not None:
        seeds |= step.standing.pairs([known.ref])[known.ref].keys()
        step.overlay.drop_pairs(known.ref)
    keys = keys_of(record, step.standing)
    step.overlay.put_record(record, keys)
    pairs = find_pairs(record, keys, step.standing)
    step.overlay.put_pairs((record.ref, other, bits) for other, bits in pairs)
    done = recluster(step, seeds, [record.customer_id] if record.customer_id else [])
    standing = step.overlay.owners([record.ref])
    return RecordTaken(standing[record.ref], "accepted", known is not None, done)


def _waiting(step: Step, record: StoredRecord) -> EventSummary | None:
    """The events that came before their record."""
    published = step.standing.generation.orphan_events(record.channel, record.source_record_id)
    # in a replay the log beyond this entry is yet to come
    kept = step.overlay.events_of([(record.channel, record.source_record_id)])
    live = [event for event in kept if event.seq < step.entry.seq]
    known = step.standing.generation.known_events([(event.channel, event.event_id) for event in live])
    summary = published
    for event in live:
        if (event.channel, event.event_id) not in known:
            summary = summary_of(event, summary)
    return summary
