"""What stands for the length of one request: a generation and, laid over it, what the ledger has made of it since."""

from __future__ import annotations

from typing import Any, NamedTuple

import orjson

from profile_service.store.ledger import Overlay
from profile_service.store.serving import ServingGeneration
from profile_service.store.stored import StoredRecord


class State(NamedTuple):
    """A generation and the overlay on that very generation; every answer is the overlay's where it has one."""

    generation: ServingGeneration
    overlay: Overlay

    def profile(self, customer_id: str) -> dict[str, Any] | None:
        """The profile document of a customer that stands; the caller's own to change."""
        over = self.overlay.customer(customer_id)
        if over is None:
            return self.generation.profile(customer_id)
        return None if over.document is None else orjson.loads(over.document)

    def holders(self, identifier_type: str, value: str) -> list[str]:
        """The customers who stand and carry an identifier, by its standard form, in order."""
        published = self.generation.holders(identifier_type, value)
        if self.overlay.bare:
            return published
        here = self.overlay.holders(identifier_type, value)
        if not published:
            return sorted(here)
        covered = self.overlay.covered(published)
        return sorted({*here, *(customer for customer in published if customer not in covered)})

    def record(self, channel: str, source_record_id: str) -> StoredRecord | None:
        """A current record by its key; none of a customer who was erased."""
        found = self.overlay.record(channel, source_record_id) or self.generation.record(channel, source_record_id)
        if found is None or self.overlay.retired(found.customer_id) is not None:
            return None
        return found

    def records_of(self, customer_id: str) -> list[StoredRecord]:
        """All records of a customer that stands, in order of channel and id."""
        over = self.overlay.customer(customer_id)
        if over is None:
            found = self.generation.records_of(customer_id)
        elif over.document is None:
            found = []
        else:
            here = self.overlay.records_of(customer_id)
            published = self.generation.records_of(customer_id)
            moved = self.overlay.owners([record.ref for record in published])
            found = [*here, *(record for record in published if record.ref not in moved)]
        return sorted(found, key=lambda record: (record.channel, record.source_record_id))
