"""Everything that is known of one person, for that person: as JSON, every value with where it came from."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

import duckdb

from profile_service.errors import NotFound
from profile_service.live.standing import Standing
from profile_service.profile import provenance
from profile_service.state import State
from profile_service.store.ledger.audit_rows import AuditRow
from profile_service.store.schema import RECORD_FIELDS
from profile_service.store.stored import StoredRecord, further, moment_of, moment_text
from profile_service.timeline import timeline

VERSIONS = "customer_record_versions"
_PAGE = 500


def export_customer(
    state: State, customer_id: str, now: datetime, accesses: Iterable[AuditRow] = ()
) -> dict[str, Any] | None:
    """The export of a customer that stands, or ``None``.

    ``profile``: the merged profile, with where each value of it comes from. ``worth``: the traits and segments in it,
    with what each is computed for. ``records``: each as its channel sent it
    and as it was standardised. ``earlier_versions``: what those records said before. ``events``: of all channels,
    newest first. ``decisions``: what people decided of two of the records. ``former_ids``: ids that answer through this
    one. ``accesses``: who read or changed any of it, when and why.
    """
    profile = state.profile(customer_id)
    if profile is None:
        return None
    records = state.records_of(customer_id)
    return {
        "customer_id": customer_id,
        "exported_at": moment_text(now),
        "as_of": state.generation.as_of,
        "snapshot_id": state.generation.run_id,
        "profile": {**profile, "fields": provenance(records, state.generation.model)},
        "worth": _worth(state, profile),
        "records": [_record(record) for record in records],
        "earlier_versions": _versions(state, records),
        "events": _events(state, customer_id),
        "decisions": _decisions(state, records),
        "former_ids": _former_ids(state, customer_id),
        "accesses": [_access(row) for row in accesses],
    }


def _record(record: StoredRecord) -> dict[str, Any]:
    extra = record.fields.get("extra")
    return {
        "channel": record.channel,
        "source_record_id": record.source_record_id,
        "updated_at": moment_text(record.updated_at),
        "first_seen": moment_text(record.first_seen),
        "authenticated": record.authenticated,
        "as_sent": {name: record.fields[name] for name in RECORD_FIELDS if name in record.fields},
        "further": further(extra) if extra else {},
        "as_compared": {name: value for name, value in record.standard.items() if value is not None},
    }


def _worth(state: State, profile: Mapping[str, Any]) -> list[dict[str, Any]]:
    """What is computed of a customer, as declared: segments that it is in, and traits that it has."""
    traits, segments = profile.get("traits") or {}, profile.get("segments") or ()
    told = []
    for kind, name, words, _, _, currency, why in state.generation.trait_definitions if traits else ():
        value = traits.get(name) if kind == "trait" else words if name in segments else None
        if value is not None:
            told.append({"kind": kind, "name": name, "value": value, "currency": currency, "why": why})
    return told


def _versions(state: State, records: Iterable[StoredRecord]) -> list[dict[str, Any]]:
    """What the records said before, of those versions that the generation holds."""
    keys = [(record.channel, record.source_record_id) for record in records]
    names = (*RECORD_FIELDS, "extra")
    try:
        rows = state.generation.ask(
            f"""SELECT channel, source_record_id, updated_at, {", ".join(names)} FROM {VERSIONS}
            WHERE (channel, source_record_id) IN (SELECT unnest($channels), unnest($ids))
            ORDER BY channel, source_record_id, updated_at DESC NULLS LAST""",
            {"channels": [channel for channel, _ in keys], "ids": [name for _, name in keys]},
        )
    except duckdb.CatalogException as error:
        raise NotFound(
            "this generation was published without earlier versions of records: run `profiles run LANDING --rebuild`"
        ) from error
    return [
        {
            "channel": row[0],
            "source_record_id": row[1],
            "updated_at": moment_text(row[2]),
            "as_sent": {name: value for name, value in zip(names, row[3:], strict=True) if value is not None},
        }
        for row in rows
    ]


def _events(state: State, customer_id: str) -> list[Any]:
    events: list[Any] = []
    cursor = None
    while True:
        page = timeline(state, customer_id, limit=_PAGE, cursor=cursor)
        events += page.items
        cursor = page.next_cursor
        if cursor is None:
            return events


def _decisions(state: State, records: Iterable[StoredRecord]) -> list[dict[str, Any]]:
    mine = {record.ref: record.key for record in records}
    return [
        {
            "left": mine[judgement.ref],
            "right": mine[judgement.other],
            "verdict": judgement.verdict,
            "decision_id": judgement.decision_id,
        }
        for judgement in Standing(*state).judgements(list(mine))
        if judgement.ref in mine and judgement.other in mine
    ]


def _former_ids(state: State, customer_id: str) -> list[str]:
    published = state.generation.ask(
        "SELECT DISTINCT customer_id FROM customer_id_history WHERE stands_as = $id AND customer_id <> $id",
        {"id": customer_id},
    )
    found = {str(former) for (former,) in published}
    after = ""
    while page := state.overlay.customers_after(after, _PAGE):
        found |= {each.customer_id for each in page if each.stands_as == customer_id}
        after = page[-1].customer_id
    return sorted(found)


def _access(row: AuditRow) -> dict[str, Any]:
    return {
        "at": moment_text(moment_of(row.at)),
        "by": row.actor,
        "action": row.action,
        "purpose": row.purpose,
    }
