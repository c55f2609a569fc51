"""What was written live since the last run: an explanation from the work store, which does not know it, says so."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb

from pipelines.model_report.words import several
from pipelines.rulings import held_among
from pipelines.work import folded_seq
from profile_service.errors import NotFound
from profile_service.settings import ledger_of

if TYPE_CHECKING:
    from profile_service.live.rule import Ruling
    from profile_service.privacy import Erasure
    from profile_service.store.ledger import Entry, Log

Work = duckdb.DuckDBPyConnection
_TOLD = 5  # decisions by name; further ones by number
_HOLDERS = 3  # of a value by name
_RULED = {"generic": "is generic", "ordinary": "counts, however many share it", "counted": "is as the counts say"}
_BEARING = {"record": "record", "judgement": "decision", "undo": "undoing", "ruling": "ruling"}


@dataclass(frozen=True)
class Waiting:
    """What the ledger holds beyond the last run; ``log`` is None where there is nothing.

    ``folded``: the last entry that the run has taken in. ``erasures``: of people whom no run has forgotten yet, and
    those of which the log, put back from a backup or begun anew, does not tell any more.
    """

    folded: int = 0
    log: Log | None = None
    erasures: Sequence[Erasure] = ()

    def refuse_erased(self, name: str, keys: Collection[str]) -> None:
        """Raises NotFound where what is asked by ``name``, or a record of its customer's, ``keys``, is to be forgotten.

        Of who is not erased itself no more is said than that it has changed: not who is.
        """
        if not self.erased(name, keys):
            return
        what = f"record {name}" if ":" in name else f"customer {name}"
        own = [name] if ":" in name else []
        if self.erased(name, own) or all(self.erased(name, [key]) for key in keys):
            raise NotFound(f"{what} is erased; a run that takes that in removes it from the files, too")
        raise NotFound(
            f"nothing can be told yet of {what} as one customer: that has changed since the last run, and "
            "`profiles run LANDING` takes it in; the service knows it already"
        )

    def erased(self, name: str, keys: Collection[str]) -> bool:
        """Whether a customer of this id, or a record of these keys, is to be forgotten."""
        ends = [key.split(":", 1) for key in keys]
        return any(
            erasure.customer_id == name or any(erasure.holds(channel, own) for channel, own in ends)
            for erasure in self.erasures
        )

    def arrived(self, key: str) -> str | None:
        """Of a record that the run does not know: when it was written live, in words; None where it was not."""
        entries = self._of_record(key)
        if not entries:
            return None
        return (
            f"record {key} was written live on {entries[0].at:%Y-%m-%d at %H:%M} UTC, after the last run: "
            "`profiles run LANDING` takes it in; the service has its customer already"
        )

    def told(self, work: Work, keys: Collection[str]) -> tuple[str, ...]:
        """In words: what concerns these records, and how much else there is; empty where nothing waits."""
        return tuple(self._told(work, set(keys)))

    def _told(self, work: Work, keys: set[str]) -> Iterator[str]:
        counts = self._counts()
        if self.log is None or not counts:
            return
        decided = [entry for kind in ("judgement", "undo") for entry in self.log.said_after(self.folded, kind)]
        mine = [(entry, named) for entry in decided if (named := _pair_of(entry, keys))]
        mine.sort(key=lambda each: each[0].seq)
        for entry, named in mine[-_TOLD:]:
            yield f"not in here yet: {_decision(entry, named)}"
        if len(mine) > _TOLD:
            yield f"not in here yet: {len(mine) - _TOLD:,} earlier decisions on these customers' records"
        yield from self._rulings(work, keys)
        for key in sorted(keys):
            if written := self._of_record(key):
                yield f"not in here yet: {key} was written live on {written[-1].at:%Y-%m-%d at %H:%M} UTC"
        much = ", ".join(several(count, name) for name, count in counts.items())
        yield (
            f"this tells what the last run knew; come in live since, of anybody: {much}; the service knows that "
            "already, and `profiles run LANDING` takes it in"
        )

    def _rulings(self, work: Work, keys: set[str]) -> Iterator[str]:
        """The last ruling on each value that one of these records holds."""
        if self.log is None:
            return
        from profile_service.live.rule import ruling_of, rulings_after

        last: dict[tuple[str, str], tuple[Entry, Ruling]] = {}
        for entry in rulings_after(self.log, self.folded):
            ruling = ruling_of(entry)
            last[ruling.field, ruling.value] = entry, ruling
        for about, holders in held_among(work, last, keys).items():
            yield f"not in here yet: {_ruled(*last[about], holders)}"

    def _counts(self) -> dict[str, int]:
        if self.log is None:
            return {}
        counted = {name: self.log.count_after(self.folded, kind) for kind, name in _BEARING.items()}
        return {name: count for name, count in counted.items() if count}

    def _of_record(self, key: str) -> list[Entry]:
        if self.log is None:
            return []
        channel, _, source_record_id = key.partition(":")
        entries = self.log.entries_of_record(channel, source_record_id)
        return [entry for entry in entries if entry.seq > self.folded and entry.kind == "record" and entry.payload]


NOTHING = Waiting()


@contextmanager
def waiting_since(work: Work, data_dir: Path, ledger: str | Path | None) -> Iterator[Waiting]:
    """What waits for the next run, while the ``with`` lasts: all that ``work`` has not taken in.

    ``ledger``: as in ``waiting_after``, and so is what it raises.
    """
    with waiting_after(folded_seq(work), data_dir, ledger) as waiting:
        yield waiting


@contextmanager
def waiting_after(folded: int, data_dir: Path, ledger: str | Path | None) -> Iterator[Waiting]:
    """What waits, while the ``with`` lasts, for a run that comes after one that took in all up to entry ``folded``.

    ``ledger``: its path or URL, None for the one that lies in ``data_dir`` by default. Raises LedgerUnavailable where
    it cannot be read: nobody could say then whether somebody is erased.
    """
    where = ledger_of(data_dir, ledger)
    if where is None:
        yield NOTHING
        return
    from pipelines.erase import due_erasures
    from profile_service.store.forgotten import place_of, untold
    from profile_service.store.ledger import Ledger, Log

    opened = Ledger.open(where)
    try:
        with opened.snapshot() as session:
            log = Log(session)
            erasures = [*due_erasures(log, folded), *untold(place_of(where, data_dir), log)]
            yield Waiting(folded, log if log.last_seq() > folded else None, erasures)
    finally:
        opened.close()


def _pair_of(entry: Entry, keys: set[str]) -> tuple[str, str, str] | None:
    """Of a decision's constraints the one that says most of these records: both keys and the verdict."""
    from profile_service.live.judge import constraints_of

    found = None
    for constraint in constraints_of(entry.payload):
        left, right = ":".join(constraint.left), ":".join(constraint.right)
        if left in keys and right in keys:
            return left, right, constraint.verdict
        if left in keys or right in keys:
            found = left, right, constraint.verdict
    return found


def _decision(entry: Entry, named: tuple[str, str, str]) -> str:
    left, right, verdict = named
    why = entry.reason or "no reason given"
    if entry.kind == "undo":
        return f"{entry.actor} took back on {entry.at:%Y-%m-%d} that {left} and {right} are {verdict} ({why})"
    return f"{entry.actor} decided on {entry.at:%Y-%m-%d}: {verdict}, {left} and {right} ({why})"


def _ruled(entry: Entry, ruling: Ruling, holders: Sequence[str]) -> str:
    held = ", ".join(holders[:_HOLDERS]) + (f" and {len(holders) - _HOLDERS:,} more" if holders[_HOLDERS:] else "")
    return (
        f"{entry.actor} ruled on {entry.at:%Y-%m-%d} that {ruling.field} {ruling.value} {_RULED[ruling.verdict]} "
        f"({entry.reason or 'no reason given'}); here it stands in {held}"
    )
