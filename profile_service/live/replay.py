"""The log is brought onto a generation that has not folded all of it, and then that generation is the one to serve."""

from __future__ import annotations

import time
from collections.abc import Collection

import orjson

from profile_service.identity.ids import IdSource
from profile_service.live.apply import apply
from profile_service.live.step import APPLIED, Hand
from profile_service.store.ledger import CURRENT, Ledger, OverlayWriter, Transaction
from profile_service.store.serving import ServingGeneration

OVERLAYS = "overlays"
_KEPT = 2  # overlays: the current one and, for requests under way, the one before
_PAGE = 20  # entries read at once
# Seconds that one turn may hold the write lock; longer ones only while others write faster than turns apply.
_TURN, _LONGEST_TURN = 0.05, 2.0
# Seconds between two turns: long enough that whoever waits to write notices.
_PAUSE = 0.005


def bring(ledger: Ledger, generation: ServingGeneration, ids: IdSource) -> int:
    """Apply every entry that the generation does not hold and make it the current one; answers how many there were.

    Any number of processes may do so at once, and it may be broken off anywhere: how far the log is applied is kept
    with what was applied. It comes to its end however much is written meanwhile: turns grow until they gain on it.
    """
    applied, turn, behind = 0, _TURN, -1
    while True:
        with ledger.write() as tx:
            hand = Hand(tx, generation, ids)
            tx.skip_to(generation.ledger_seq)
            count, done = _apply_some(hand, time.monotonic() + turn)
            applied += count
            left = tx.seq - done
            if not left:
                _answer_for_given_ids(hand)
                hand.note_applied()
                _make_current(tx, hand)
                return applied
            tx.set_meta(APPLIED + generation.run_id, str(done))
        if 0 <= behind <= left:
            turn = min(2 * turn, _LONGEST_TURN)
        behind = left
        time.sleep(_PAUSE)
        if ledger.log().meta(CURRENT) == generation.run_id:
            # another process has come to the end
            return applied


def drop_unread(ledger: Ledger, there: Collection[str]) -> None:
    """Let go of what lies over generations that are not ``there`` any more, as in a ledger put back from a backup."""
    log = ledger.log()
    if set(orjson.loads(log.meta(OVERLAYS) or "[]")) <= {*there, log.meta(CURRENT)}:
        return
    with ledger.write() as tx:
        known = orjson.loads(tx.log.meta(OVERLAYS) or "[]")
        kept = [run_id for run_id in known if run_id in there or run_id == tx.log.meta(CURRENT)]
        for run_id in set(known) - set(kept):
            drop_overlay(tx, run_id)
        tx.set_meta(OVERLAYS, orjson.dumps(kept).decode())


def drop_overlay(tx: Transaction, run_id: str) -> None:
    """Forget all that lies over a generation, and how far the log is applied to it."""
    OverlayWriter(tx, run_id, 0).drop_generation(run_id)
    # should a backup bring that generation back, the whole log is applied to it again
    tx.set_meta(APPLIED + run_id, "0")


def _apply_some(hand: Hand, until: float) -> tuple[int, int]:
    """Apply entries until that moment (of the monotonic clock); answers how many, and the number of the last one."""
    log, generation = hand.tx.log, hand.generation
    done = max(int(log.meta(APPLIED + generation.run_id) or 0), generation.ledger_seq)
    applied = 0
    while entries := log.entries_after(done, _PAGE):
        events = [entry for entry in entries if entry.kind == "event" and entry.payload is not None]
        keys = [(entry.about.channel or "", (entry.payload or {})["event_id"]) for entry in events]
        hand.standing.published_events = generation.known_events(keys)
        for entry in entries:
            if entry.payload is not None or entry.kind == "erasure":
                apply(hand.step(entry))
        applied += len(entries)
        done = entries[-1].seq
        if time.monotonic() >= until:
            return applied, done
    return applied, hand.tx.seq


def _answer_for_given_ids(hand: Hand) -> None:
    """An id that was given on the former generation and is needed no more answers through its record's customer."""
    given = hand.tx.log.given_after(hand.generation.ledger_seq)
    covered = hand.overlay.covered([customer_id for _, _, customer_id in given])
    for channel, source_record_id, customer_id in given:
        if customer_id in covered or hand.generation.document(customer_id) or hand.generation.retired(customer_id):
            continue
        record = hand.standing.record(channel, source_record_id)
        if record is not None:
            hand.overlay.retire_customer(customer_id, "merged_into", record.customer_id, hand.tx.seq)


def _make_current(tx: Transaction, hand: Hand) -> None:
    run_id = hand.generation.run_id
    known = [name for name in orjson.loads(tx.log.meta(OVERLAYS) or "[]") if name != run_id]
    for stale in known[: max(len(known) + 1 - _KEPT, 0)]:
        drop_overlay(tx, stale)
    tx.set_meta(OVERLAYS, orjson.dumps([*known[-(_KEPT - 1) :], run_id]).decode())
    tx.set_meta(CURRENT, run_id)
