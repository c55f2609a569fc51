"""One record, now: its standard values, its blocking keys, and its scored pairs, by the rules of the batch."""

from __future__ import annotations

from collections.abc import Sequence

from profile_service.identity.records import STANDARD_COLUMNS
from profile_service.identity.standardise import GenericValues, standardise_record
from profile_service.live.standing import Standing
from profile_service.store.stored import StoredRecord


def standard_values(record: StoredRecord, standing: Standing, generic: GenericValues) -> dict[str, str | None]:
    """The standard columns of a record as sent; all missing when its source is not authenticated."""
    if not record.authenticated:
        return dict.fromkeys(STANDARD_COLUMNS)
    read = standardise_record(record.as_raw(), standing.model, generic)
    return {column: read.values[column] for column in STANDARD_COLUMNS}


def keys_of(record: StoredRecord, standing: Standing) -> list[int]:
    """The blocking keys of a record, hashed as the generation's are."""
    if all(value is None for value in record.standard.values()):
        return []
    return standing.generation.hash_keys(record.as_standardised(standing.model))


def find_pairs(record: StoredRecord, keys: Sequence[int], standing: Standing) -> list[tuple[int, float]]:
    """(number of another record, bits) of every record that shares a live blocking key.

    A key held by more records than the model's cap, this one among them, finds nothing. Two records of a channel that
    is free of duplicates are no pair.
    """
    candidates: set[int] = set()
    for members in standing.members(keys).values():
        members.discard(record.ref)
        if len(members) < standing.model.blocking_cap:
            candidates |= members
    if not candidates:
        return []
    apart = record.channel in standing.generation.duplicate_free
    others = [
        other
        for other in standing.records(candidates).values()
        if other.authenticated and not (apart and other.channel == record.channel)
    ]
    weights = standing.generation.scales.weigh(
        record.as_standardised(standing.model), [other.standard for other in others]
    )
    return [(other.ref, bits) for other, bits in zip(others, weights, strict=True)]
