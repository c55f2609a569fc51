"""A person is forgotten: at once invisible everywhere, kept away by salted hashes, and soon gone from every file."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

from profile_service import deadline
from profile_service.correct import Wish, records_standing
from profile_service.errors import NotFound
from profile_service.labels import LABEL, label_rows
from profile_service.live.apply import apply
from profile_service.live.judge import constraints_of
from profile_service.live.step import Hand
from profile_service.privacy import Erasure, RecordKey, tokens_of
from profile_service.store.ledger import About, Entry, Log, Transaction, entry_id
from profile_service.store.ledger.call_rows import forget_calls, forget_calls_of
from profile_service.store.ledger.erasures import (
    ERASURE,
    LoggedErasure,
    adopt_salt,
    erasures_after,
    forget_answers_naming,
    records_named,
    rewrite_entry,
    suppress,
    suppression_salt,
)
from profile_service.store.stored import StoredRecord, moment_text

_DECISIONS = ("judgement", "undo")


def erase(hand: Hand, customer_id: str, wish: Wish) -> Erasure:
    """Forget a customer that stands: its records, events, consents, and what was decided or answered about it.

    Raises Refused when the id is unknown, merged away or erased. What is left in the files of the batch goes with the
    next run; ``pipelines.erase`` proves it.
    """
    records = records_standing(hand.standing, customer_id)
    keys = tuple(sorted((record.channel, record.source_record_id) for record in records))
    salt = suppression_salt(hand.tx)
    erasure = Erasure(
        erasure_id=entry_id("era_", hand.tx.seq + 1),
        customer_id=customer_id,
        salt=salt,
        tokens=tokens_of(salt, keys),
        at=hand.tx.now,
        keys=keys,
    )
    _carry(hand, erasure, wish, records)
    hand.erased.append(erasure)
    return erasure


def erase_again(hand: Hand, erasure: Erasure) -> None:
    """Forget once more whom a ledger put back from a backup does not know to be erased, by their records' tokens."""
    adopt_salt(hand.tx, erasure.salt)
    keys = _keys_of(erasure, hand.tx, hand.standing.generation.record_keys())
    found = (hand.standing.record(*key) for key in keys)
    records = [record for record in found if record is not None]
    known = replace(erasure, erasure_id=entry_id("era_", hand.tx.seq + 1), keys=keys)
    _carry(hand, known, _restored(erasure), records)


def enter_again(tx: Transaction, erasure: Erasure) -> None:
    """The same where no generation can be read that it could be applied to: the next one has folded it.

    Its entry names no record, so that a generation that is put back is searched by the tokens.
    """
    adopt_salt(tx, erasure.salt)
    keys = _keys_of(erasure, tx)
    known, wish = replace(erasure, erasure_id=entry_id("era_", tx.seq + 1), keys=()), _restored(erasure)
    about = About(customer_id=erasure.customer_id)
    suppress(tx, erasure.tokens, tx.append(ERASURE, known.payload(), about, actor=wish.actor, reason=wish.reason))
    _let_go(tx, erasure.customer_id, keys)
    # whose numbers they are cannot be told
    forget_calls(tx.session)


def _keys_of(erasure: Erasure, tx: Transaction, published: Iterable[RecordKey] = ()) -> tuple[RecordKey, ...]:
    """The records of an erasure among those published and those that the ledger names, also in decisions and labels."""
    named = {*published, *records_named(tx.session)}
    for kind in _DECISIONS:
        for entry in tx.log.said_after(kind=kind):
            for judged in constraints_of(entry.payload):
                named |= {judged.left, judged.right}
    for _, rows in label_rows(tx.log):
        named |= {key for row in rows for key in ((row[0], row[1]), (row[2], row[3]))}
    return tuple(sorted(key for key in named if erasure.holds(*key)))


def _restored(erasure: Erasure) -> Wish:
    return Wish("restore", f"erased {moment_text(erasure.at)}, before this ledger was put back")


def _carry(hand: Hand, erasure: Erasure, wish: Wish, records: Sequence[StoredRecord]) -> None:
    """Enter an erasure, and let go of what the ledger has of its records."""
    about = About(customer_id=erasure.customer_id)
    # however long it takes: refused for its time, it would be so for ever
    with deadline.lifted():
        step = hand.append(ERASURE, erasure.payload(), about, actor=wish.actor, reason=wish.reason)
        suppress(hand.tx, erasure.tokens, step.entry.seq)
        apply(step)
        _let_go(hand.tx, erasure.customer_id, erasure.keys)
        for number in sorted({value for record in records if (value := record.standard.get("phone")) is not None}):
            forget_calls_of(hand.tx.session, number)


def _let_go(tx: Transaction, customer_id: str, keys: Sequence[RecordKey]) -> None:
    """Empty what the log says of a customer and its records."""
    tx.purge(customer_id, keys)
    forget_answers_naming(tx, [customer_id])
    _forget_decisions(tx, keys)


def _forget_decisions(tx: Transaction, keys: Sequence[RecordKey]) -> None:
    """Decisions and labels name no erased record any more; what they say of other records stays."""
    gone = set(keys)
    for kind in _DECISIONS:
        for entry in tx.log.said_after(kind=kind):
            _forget_decision(tx, entry, gone)
    for entry, rows in label_rows(tx.log):
        kept = [row for row in rows if (row[0], row[1]) not in gone and (row[2], row[3]) not in gone]
        if len(kept) < len(rows):
            assert entry.payload is not None
            rewrite_entry(tx, entry.seq, {**entry.payload, LABEL: kept} if kept else None, reason=None)


def _forget_decision(tx: Transaction, entry: Entry, gone: set[RecordKey]) -> None:
    assert entry.payload is not None
    constraints = list(constraints_of(entry.payload))
    kept = [each.row() for each in constraints if each.left not in gone and each.right not in gone]
    if len(kept) < len(constraints):
        # a reason may name the person
        rewrite_entry(tx, entry.seq, {**entry.payload, "constraints": kept} if kept else None, reason=None)


def erasure_of_customer(log: Log, customer_id: str) -> dict[str, Any]:
    """How far a customer's erasure is: its receipt, or that it waits for the next run. Raises NotFound."""
    logged = next((one for one in reversed(erasures_after(log)) if one.erasure.customer_id == customer_id), None)
    if logged is None:
        raise NotFound(f"{customer_id} was never erased")
    return describe(logged)


def describe(logged: LoggedErasure) -> dict[str, Any]:
    """An erasure for an answer: ``state`` is invisible (gone from every answer) or complete (gone from every file)."""
    return {
        "erasure_id": logged.erasure.erasure_id,
        "customer_id": logged.erasure.customer_id,
        "requested_at": moment_text(logged.erasure.at),
        "records_suppressed": len(logged.erasure.tokens),
        "state": "invisible" if logged.receipt is None else "complete",
        "receipt": None if logged.receipt is None else dict(logged.receipt),
    }
