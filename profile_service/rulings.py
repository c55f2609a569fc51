"""The switch on shared values: which say nothing of who somebody is, and what a steward rules on one."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from profile_service.correct import Wish
from profile_service.errors import Refused
from profile_service.identity.model import Model
from profile_service.identity.records import RawRecord
from profile_service.identity.rulings import COUNTED, VERDICTS, is_generic
from profile_service.identity.standardise import standardise_record
from profile_service.live.apply import apply
from profile_service.live.rule import RULING, RULING_PREFIX, Ruling, ruling_id, ruling_of, rulings_after
from profile_service.live.step import Hand
from profile_service.lookup import standard_value
from profile_service.pages import Page, cursor_after, key_after
from profile_service.state import State
from profile_service.store.ledger import Entry, Log, Transaction
from profile_service.store.ledger.erasures import rewrite_entry
from profile_service.store.schema import IDENTIFIER_FIELDS
from profile_service.store.stored import moment_text

NAME = "name_pair"
_ENOUGH = 1000  # records that are looked at to know that somebody holds a value


@dataclass(frozen=True)
class Ruled:
    """A ruling that was just given: what stood on the value before it, and what the value is from the next run on."""

    ruling_id: str
    field: str
    verdict: str
    before: str
    generic: bool

    def document(self) -> dict[str, Any]:
        """For an answer: without the value, for answers are kept."""
        return {
            "ruling_id": self.ruling_id,
            "field": self.field,
            "verdict": self.verdict,
            "before": self.before,
            "generic": self.generic,
            "takes_effect": "with the next run",
        }

    def told(self, wish: Wish) -> dict[str, Any]:
        """For the audit trail."""
        return {"ruling_id": self.ruling_id, "field": self.field, "verdict": self.verdict, "reason": wish.reason}


def rule(hand: Hand, ruling: Ruling, wish: Wish, seen: str | None = None) -> Ruled:
    """Rule on a value that somebody holds, in its standard form.

    ``seen``: the ruling that whoever rules has seen standing on it, empty for none; None: whatever stands. Raises
    Refused for a verdict that is none or stands already, a value that nobody holds, and one ruled on meanwhile.
    """
    if ruling.verdict not in VERDICTS:
        raise Refused("invalid-request", f"a verdict is {', '.join(VERDICTS[:-1])} or {VERDICTS[-1]}")
    state = State(hand.generation, hand.overlay)
    said = [entry for entry in rulings_after(hand.tx.log) if _is_on(entry, ruling)]
    last = said[-1] if said else None
    if seen is not None and seen != (ruling_id(last.seq) if last else ""):
        by = f"{last.actor} ruled it {ruling_of(last).verdict}" if last else "the ruling on it was taken away"
        raise Refused("conflict", f"{by} meanwhile: look again, then decide")
    before = ruling_of(last).verdict if last else COUNTED
    if before == ruling.verdict:
        stands = "no ruling stands on this value" if before == COUNTED else f"it is ruled {before} already"
        raise Refused("conflict", stands)
    if not said and not is_held(state, ruling.field, ruling.value):
        raise Refused("conflict", "nobody holds this value: there is nothing to rule on")
    payload = {"field": ruling.field, "value": ruling.value, "verdict": ruling.verdict}
    step = hand.append(RULING, payload, actor=wish.actor, reason=wish.reason)
    apply(step)
    counted = hand.generation.shared.by_count(ruling.field, ruling.value)
    return Ruled(ruling_id(step.entry.seq), ruling.field, ruling.verdict, before, is_generic(counted, ruling.verdict))


def undo_ruling(hand: Hand, which: str, wish: Wish) -> Ruled:
    """Let what stood before a ruling stand again, by another ruling. Raises Refused where it is not the last word."""
    entry = _entry(hand.tx.log, which)
    ruling = ruling_of(entry)
    said = [each for each in rulings_after(hand.tx.log) if _is_on(each, ruling)]
    if said[-1].seq != entry.seq:
        raise Refused("conflict", f"{said[-1].actor} has ruled on this value since: undo that ruling first")
    before = ruling_of(said[-2]).verdict if len(said) > 1 else COUNTED
    return rule(hand, Ruling(ruling.field, ruling.value, before), wish)


def read_value(state: State, field: str, text: str) -> str:
    """The standard form of a value of ``field`` as anybody may write it, or as the list shows it.

    Raises Refused for a field that cannot be shared by the model, and for a value that cannot be read.
    """
    model = state.generation.model
    columns = model.settings["generic"]["columns"]
    if field not in columns:
        raise Refused("invalid-request", f"field: a ruling is on a value of {', '.join(columns[:-1])} or {columns[-1]}")
    if not text.isprintable():
        raise Refused("invalid-request", "value: it holds characters that no value has")
    if state.generation.shared.is_generic(field, text) or _holders(state, field, text):
        return text
    value = _standard(field, text, model)
    if value is None:
        raise Refused("invalid-request", f"value: this cannot be read as a value of {field}")
    return value


def _standard(field: str, text: str, model: Model) -> str | None:
    if field in IDENTIFIER_FIELDS:
        return standard_value(field, text, model)
    fields: dict[str, str | None] = {field: text}
    if field == NAME:
        given, _, family = text.strip().rpartition(" ")
        fields = {"given_name": given, "family_name": family}
    return standardise_record(RawRecord("", "", fields), model, {}).values[field]


def is_held(state: State, field: str, value: str) -> bool:
    """Whether a record that is not erased holds a value, published or live."""
    if state.generation.shared.is_generic(field, value):
        return True
    if field in IDENTIFIER_FIELDS and state.holders(field, value):
        return True
    return any(state.record(channel, name) is not None for channel, name in _holders(state, field, value, _ENOUGH))


def _holders(state: State, field: str, value: str, most: int = 1) -> list[tuple[str, str]]:
    """Up to ``most`` published records that hold a value which is not held back."""
    held = f"standard_{field} = $value"
    if field == NAME:
        given, family = "standard_given_name", "standard_family_name"
        held = f"($value = {given} || ' ' || {family} OR $value = {family} || ' ' || {given})"
    return (
        state.generation.warehouse()
        .execute(
            f"SELECT channel, source_record_id FROM customer_records WHERE {held} LIMIT $most",
            {"value": value, "most": most},
        )
        .fetchall()
    )


def shared_values(state: State, log: Log) -> list[dict[str, Any]]:
    """Every value that is held back or ruled on: what would join most records first.

    ``generic``: as published. ``counted``: as the counts alone say. ``ruling``: the last word of a steward, which
    ``waits`` for the next run when it came in after the last.
    """
    rows = state.generation.warehouse().execute(_LISTED).fetchall()
    found = {(field, value): _listed(field, value, *rest) for field, value, *rest in rows}
    for entry in rulings_after(log, state.generation.ledger_seq):
        ruling = ruling_of(entry)
        about = (ruling.field, ruling.value)
        if about not in found:
            holders = len(_holders(state, *about, _ENOUGH))
            found[about] = _listed(*about, holders, *_NOT_COUNTED, None)
        said = (ruling.verdict, entry.actor, entry.reason, entry.at, ruling_id(entry.seq))
        found[about]["ruling"] = _told(said, waits=True)
    return sorted(found.values(), key=_order)


_LISTED = """
    SELECT field, value, coalesce(g.holders, r.holders), coalesce(g.distinct_family_names, r.distinct_family_names),
           coalesce(g.allowed, r.allowed), g.customers, g.since::VARCHAR, coalesce(r.counted, g.field IS NOT NULL),
           verdict, author, reason, ruled_at, ruling_id
    FROM generic_values g FULL JOIN generic_rulings r USING (field, value)"""


# Of a value that no run has counted: families, allowed, customers, since, and what the counts say.
_NOT_COUNTED = (None, None, None, None, False)


def _told(said: Sequence[Any], *, waits: bool) -> dict[str, Any]:
    """The last word of a steward as the list shows it; ``said``: verdict, author, reason, moment and id."""
    verdict, author, reason, at, which = said
    return {
        "ruling_id": which,
        "verdict": verdict,
        "by": author,
        "reason": reason,
        "at": moment_text(at),
        "waits": waits,
    }


def _listed(field: str, value: str, *facts: Any) -> dict[str, Any]:
    holders, families, allowed, customers, since, counted, verdict, *said = facts
    return {
        "field": field,
        "value": value,
        "generic": is_generic(counted, verdict),
        "counted": counted,
        "holders": holders,
        "distinct_family_names": families,
        "allowed": allowed,
        "customers": customers,
        "since": since,
        "ruling": None if verdict is None else _told((verdict, *said), waits=False),
    }


def _order(item: Mapping[str, Any]) -> tuple[Any, ...]:
    return (-(item["holders"] or 0), item["field"], item["value"])


def shared_page(state: State, log: Log, limit: int, cursor: str | None = None) -> Page:
    """A page of ``shared_values``."""
    # a place and no value: cursors stand in addresses
    (first,) = key_after(cursor, int) or (0,)
    items = shared_values(state, log)
    end = max(first, 0) + limit
    return Page(items[max(first, 0) : end], cursor_after((end,)) if len(items) > end else None)


def forget_rulings(tx: Transaction, kept: Collection[tuple[str, str]], until: int) -> None:
    """Empty the rulings up to entry ``until`` on values, as (field, value), that are not among those kept."""
    for entry in list(rulings_after(tx.log)):
        ruling = ruling_of(entry)
        if entry.seq <= until and (ruling.field, ruling.value) not in kept:
            # a reason may name the person
            rewrite_entry(tx, entry.seq, None, reason=None)


def _is_on(entry: Entry, ruling: Ruling) -> bool:
    about = ruling_of(entry)
    return (about.field, about.value) == (ruling.field, ruling.value)


def _entry(log: Log, which: str) -> Entry:
    entry = log.said_as(which, RULING_PREFIX, RULING)
    if entry is None:
        raise Refused("unknown-judgement", "no such ruling was made, or nobody holds its value any more")
    return entry
