"""A generation and what lies over it, read as one: records, blocking keys, pairs and judgements as they stand now."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from functools import cached_property
from typing import Any

import orjson

from profile_service.identity.judgements import Decision, SetAside, reconcile
from profile_service.identity.model import Model
from profile_service.store.former import FormerId
from profile_service.store.ledger import Overlay
from profile_service.store.ledger.overlay import ERASED
from profile_service.store.ledger.overlay_former import former_ids
from profile_service.store.ledger.overlay_judgements import Judgement, binding, judged_records, judgements_of
from profile_service.store.serving import ServingGeneration
from profile_service.store.stored import RecordHead, StoredRecord


def decision(judgement: Judgement, heads: Mapping[int, RecordHead]) -> Decision:
    """A judgement as the batch reads it: what stands must not depend on where it is asked."""
    ends = sorted((heads[ref].channel, heads[ref].source_record_id) for ref in (judgement.ref, judgement.other))
    left, right = sorted((judgement.ref, judgement.other))
    return Decision(left, right, judgement.verdict, judgement.decision_id, (*ends[0], *ends[1]))


class Standing:
    """Reads for one entry; inside a write transaction ``overlay`` is its writer, so that it sees what is written."""

    def __init__(self, generation: ServingGeneration, overlay: Overlay) -> None:
        self.generation = generation
        self.overlay = overlay
        # of the events about to be applied, those (channel, event_id) that the generation holds already
        self.published_events: set[tuple[str, str]] = set()

    @cached_property
    def model(self) -> Model:
        """The model that the generation was resolved with."""
        return self.generation.model

    def record(self, channel: str, source_record_id: str) -> StoredRecord | None:
        """The record of that key, unless its customer is erased."""
        found = self.overlay.record(channel, source_record_id)
        if found is None:
            return self.generation.record(channel, source_record_id)
        return None if found.customer_id in self._erased([found]) else found

    def records(self, refs: Collection[int]) -> dict[int, StoredRecord]:
        """Those records by number, without the ones of erased customers."""
        here = {record.ref: record for record in self.overlay.records(refs)}
        erased = self._erased(here.values())
        found = {ref: record for ref, record in here.items() if record.customer_id not in erased}
        published = [ref for ref in refs if ref >= 0 and ref not in here]
        if published:
            found |= {record.ref: record for record in self.generation.records(published)}
        return found

    def heads(self, refs: Collection[int]) -> dict[int, RecordHead]:
        """Key and customer of those records by number, without the ones of erased customers."""
        here = {head.ref: head for head in self.overlay.heads(refs)}
        states = self.overlay.covered({head.customer_id for head in here.values()})
        found = {ref: head for ref, head in here.items() if states.get(head.customer_id) != ERASED}
        published = [ref for ref in refs if ref >= 0 and ref not in here]
        return found | {head.ref: head for head in self.generation.heads(published)}

    def records_of(self, customer_id: str) -> list[StoredRecord]:
        """Every record that is the customer's now."""
        published = {record.ref: record for record in self.generation.records_of(customer_id)}
        moved = self.overlay.owners(list(published))
        here = [record for ref, record in published.items() if ref not in moved]
        return [*here, *self.overlay.records_of(customer_id)]

    def members(self, keys: Sequence[int]) -> dict[int, set[int]]:
        """For each blocking key the records that hold it now; of a key far beyond the model's cap not all."""
        published = self.generation.key_members(keys)
        revised = self.overlay.revised({ref for refs in published.values() for ref in refs})
        members = {key: set(refs) - revised for key, refs in published.items()}
        for key, refs in self.overlay.key_members(keys).items():
            members.setdefault(key, set()).update(refs)
        return members

    def pairs(self, refs: Collection[int]) -> dict[int, dict[int, float]]:
        """For each of those records its scored pairs: the other record's number and the match weight in bits.

        A pair is void once either record has other values than when it was scored.
        """
        published = {ref: self.generation.pairs_of(ref) for ref in refs if ref >= 0}
        ends = {other for pairs in published.values() for other, _ in pairs} | set(published)
        revised = self.overlay.revised(ends)
        found: dict[int, dict[int, float]] = {}
        for ref in refs:
            own = published.get(ref, ()) if ref not in revised else ()
            found[ref] = {other: bits for other, bits in own if other not in revised}
        for ref, other, bits in self.overlay.pairs_of_all(refs):
            found[ref][other] = bits
        return found

    def judgements(self, refs: Collection[int]) -> list[Judgement]:
        """What stewards decided of pairs with one of those records in them, as it binds now."""
        published = self.generation.judgements_of(refs)
        return binding([*(Judgement(*row) for row in published), *judgements_of(self.overlay, refs)])

    def contradictions(self) -> list[SetAside]:
        """Decisions that later ones contradict, the latest first."""
        refs = {*self.generation.judgements, *judged_records(self.overlay)}
        judged = self.judgements(refs) if refs else []
        heads = self.heads({end for each in judged for end in (each.ref, each.other)})
        there = [each for each in judged if each.ref in heads and each.other in heads]
        return reconcile(decision(each, heads) for each in there)[1]

    def former_ids(self, refs: Collection[int]) -> list[FormerId]:
        """The ids that those records had until they were merged away, and that answer through another one still."""
        known = [*self.generation.former_ids(refs), *former_ids(self.overlay, refs)]
        free = {customer_id: self._answers(customer_id) for customer_id in {each.customer_id for each in known}}
        return [each for each in known if free[each.customer_id]]

    def _answers(self, customer_id: str) -> bool:
        """Whether an id was merged away, and whoever it leads to stands."""
        retired = self.retired(customer_id)
        while retired is not None and retired[1] is not None:
            stands_as = retired[1]
            retired = self.retired(stands_as)
            if retired is None:
                return self.document(stands_as) is not None
        return False

    def holders(self, identifier_type: str, value: str) -> list[str]:
        """The customers that carry an identifier now."""
        published = self.generation.holders(identifier_type, value)
        covered = self.overlay.covered(published)
        here = [customer_id for customer_id in published if customer_id not in covered]
        return sorted({*here, *self.overlay.holders(identifier_type, value)})

    def document(self, customer_id: str) -> bytes | None:
        """The profile document of a customer that stands."""
        here = self.overlay.customer(customer_id)
        return self.generation.document(customer_id) if here is None else here.document

    def profile(self, customer_id: str) -> dict[str, Any] | None:
        """The same, read; the caller's own to change."""
        here = self.overlay.customer(customer_id)
        if here is None:
            return self.generation.profile(customer_id)
        return None if here.document is None else orjson.loads(here.document)

    def retired(self, customer_id: str) -> tuple[str, str | None] | None:
        """(event, the id that stands instead) of an id that was given and stands no more."""
        found = self.overlay.customer(customer_id)
        if found is not None:
            return self.overlay.retired(customer_id)
        return self.generation.retired(customer_id)

    def _erased(self, records: Collection[StoredRecord]) -> set[str]:
        # an erased record says nothing: only such ones need be asked about
        bare = {record.customer_id for record in records if not record.fields and not record.authenticated}
        states = self.overlay.covered(bare)
        return {customer_id for customer_id, state in states.items() if state == ERASED}
