"""What applying one entry of the log may use: the state it meets, the transaction it writes in, and new ids."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from profile_service.errors import PromiseBroken
from profile_service.identity.ids import IdSource
from profile_service.live.standing import Standing
from profile_service.privacy import Erasure
from profile_service.store.ledger import NOTHING, About, Entry, OverlayWriter, Transaction
from profile_service.store.serving import ServingGeneration

APPLIED = "applied:"


@dataclass(frozen=True)
class Step:
    """One entry on its way into the overlay of one generation."""

    entry: Entry
    standing: Standing
    overlay: OverlayWriter
    tx: Transaction
    ids: IdSource


class Hand:
    """What one write may do while it holds the ledger's lock: append entries and have them applied.

    ``erased``: whom it has erased.
    """

    def __init__(self, tx: Transaction, generation: ServingGeneration, ids: IdSource) -> None:
        self.tx = tx
        self.generation = generation
        self._ids = ids
        self.erased: list[Erasure] = []

    @cached_property
    def overlay(self) -> OverlayWriter:
        """The overlay of the generation that stands."""
        return OverlayWriter(self.tx, self.generation.run_id, self.generation.ledger_seq)

    @cached_property
    def standing(self) -> Standing:
        """The generation with its overlay, as this write has left it so far."""
        return Standing(self.generation, self.overlay)

    def append(
        self,
        kind: str,
        payload: Mapping[str, Any],
        about: About = NOTHING,
        *,
        actor: str,
        reason: str | None = None,
    ) -> Step:
        """Add an entry to the log; answers the step by which it is to be applied (``apply.apply``)."""
        seq = self.tx.append(kind, payload, about, actor=actor, reason=reason)
        return self.step(Entry(seq, kind, self.tx.now, actor, about, payload, reason))

    def step(self, entry: Entry) -> Step:
        """The step for an entry that is in the log."""
        if entry.payload is None and entry.kind != "erasure":
            raise PromiseBroken(f"entry {entry.seq} is emptied: there is nothing to apply")
        return Step(entry, self.standing, self.overlay, self.tx, self._ids)

    def note_applied(self) -> None:
        """Keep up to which entry the log is in this generation's overlay."""
        self.tx.set_meta(APPLIED + self.generation.run_id, str(self.tx.seq))
